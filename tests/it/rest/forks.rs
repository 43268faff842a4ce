//! What the Beacon API says in the forks after altair, of a chain that crosses them all, and of one whose engine hesitates.

use std::sync::{LazyLock, Mutex, MutexGuard};

use lockin::api::{Method, Request, Response, SignedBlockContents};
use lockin::engine::Script;
use lockin::ssz::{Json, Ssz};
use lockin::time::VIRTUAL_START_MS;
use lockin::types::{BeaconState, BlobSidecar, ForkName};
use serde_json::{Value, json};

use super::{body, message, request};
use crate::node::lab::{Lab, forked};

/// One fork an epoch from altair in epoch 1 on; the merge is in bellatrix.
fn one_an_epoch() -> Vec<(ForkName, u64)> {
    ForkName::ALL.into_iter().skip(1).zip(1..).collect()
}

fn script(text: &str) -> Script {
    Script::from_yaml("script", text).expect("a script")
}

/// The last slot of the chain below.
const LAST: u64 = 53;

/// A chain through every fork, one node with 16 validators, a blob in every fifth block.
static LAB: LazyLock<Mutex<Lab>> = LazyLock::new(|| {
    let script = script("blobs: { every: 5, per_block: 1 }");
    let mut lab = Lab::scripted(VIRTUAL_START_MS, forked(&one_an_epoch()), 1, 16, &script);
    lab.run_to_end_of(LAST);
    Mutex::new(lab)
});

fn lab() -> MutexGuard<'static, Lab> {
    LAB.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn get(lab: &Lab, target: &str) -> Response {
    lab.ask(0, &request(Method::Get, target, None))
}

fn get_body(lab: &Lab, target: &str) -> Value {
    let response = get(lab, target);
    assert_eq!(response.status, 200, "{target}: {}", String::from_utf8_lossy(&response.body));
    body(&response)
}

/// A slot in the middle of each fork's epoch.
fn slot_of(fork: ForkName) -> u64 {
    let epoch = ForkName::ALL.iter().position(|it| *it == fork).expect("a fork") as u64;
    8 * epoch + 4
}

#[test]
fn every_fork_is_crossed_without_a_slot_missed_and_answers_name_it() {
    let lab = lab();
    assert_eq!(lab.undone, [], "every duty was done");
    let head = get_body(&lab, "/eth/v1/beacon/headers/head");
    assert_eq!(head["data"]["header"]["message"]["slot"], LAST.to_string());
    assert_eq!(head["execution_optimistic"], false);
    for slot in 1..=LAST {
        let block = get(&lab, &format!("/eth/v2/beacon/blocks/{slot}"));
        assert_eq!(block.status, 200, "slot {slot} has no block");
        let fork = lab.cfg.fork_at_slot(slot);
        assert_eq!(block.consensus_version.as_deref(), Some(fork.name()));
        let document = body(&block);
        assert_eq!(document["version"], fork.name());
        let fields = &document["data"]["message"]["body"];
        for (field, since) in [
            ("sync_aggregate", ForkName::Altair),
            ("execution_payload", ForkName::Bellatrix),
            ("bls_to_execution_changes", ForkName::Capella),
            ("blob_kzg_commitments", ForkName::Deneb),
            ("execution_requests", ForkName::Electra),
        ] {
            assert_eq!(fields.get(field).is_some(), fork >= since, "{field} in slot {slot}");
        }
    }
    for fork in ForkName::ALL {
        let state = get(&lab, &format!("/eth/v2/debug/beacon/states/{}", slot_of(fork)));
        assert_eq!(state.consensus_version.as_deref(), Some(fork.name()));
        let shape = lab.cfg.shape(fork);
        let state = BeaconState::from_json(shape, &body(&state)["data"]).expect("a state");
        let root = get_body(&lab, &format!("/eth/v1/beacon/states/{}/root", slot_of(fork)));
        assert_eq!(root["data"]["root"], state.hash_tree_root(shape).to_string(), "{fork}");
    }
    let finalized = get_body(&lab, "/eth/v1/beacon/states/head/finality_checkpoints");
    assert_eq!(finalized["data"]["finalized"]["epoch"], "4");
}

#[test]
fn what_waits_in_a_state_is_told_from_the_fork_on_that_has_it() {
    let lab = lab();
    for (name, since) in [
        ("pending_deposits", ForkName::Electra),
        ("pending_partial_withdrawals", ForkName::Electra),
        ("pending_consolidations", ForkName::Electra),
        ("proposer_lookahead", ForkName::Fulu),
    ] {
        for fork in ForkName::ALL {
            let target = format!("/eth/v1/beacon/states/{}/{name}", slot_of(fork));
            let response = get(&lab, &target);
            if fork < since {
                assert_eq!(response.status, 400, "{target}");
                assert!(message(&response).contains(since.name()));
                continue;
            }
            assert_eq!(response.status, 200, "{target}");
            assert_eq!(response.consensus_version.as_deref(), Some(fork.name()));
            let keys: Vec<_> = body(&response).as_object().expect("an object").keys().cloned().collect();
            assert_eq!(keys, ["version", "execution_optimistic", "finalized", "data"]);
        }
    }
    let lookahead = get_body(&lab, "/eth/v1/beacon/states/head/proposer_lookahead");
    let lookahead = lookahead["data"].as_array().expect("an array").clone();
    assert_eq!(lookahead.len(), 16, "two epochs");
    let duties = get_body(&lab, "/eth/v2/validator/duties/proposer/7");
    let proposers: Vec<Value> =
        duties["data"].as_array().expect("duties").iter().map(|duty| duty["validator_index"].clone()).collect();
    assert_eq!(proposers, lookahead[8..], "the next epoch's proposers are known");
    let ssz = lab.ask(0, &Request::get("/eth/v1/beacon/states/head/proposer_lookahead").accepting_ssz());
    assert_eq!(ssz.body.len(), 16 * 8);

    let expected = get_body(&lab, "/eth/v1/builder/states/head/expected_withdrawals");
    assert!(expected["data"].is_array());
    let early = get(&lab, "/eth/v1/builder/states/12/expected_withdrawals");
    assert!(message(&early).contains("no withdrawals"));
    let far = get(&lab, "/eth/v1/builder/states/head/expected_withdrawals?proposal_slot=9999");
    assert!(message(&far).contains("accepted"));
}

/// The first slot of a fork whose block has blobs.
fn slot_with_blobs(lab: &Lab, fork: ForkName) -> u64 {
    let epoch = lab.cfg.fork_epoch(fork);
    let last = (8 * epoch + 7).min(LAST);
    let has_blobs = |slot: &u64| {
        let block = get_body(lab, &format!("/eth/v2/beacon/blocks/{slot}"));
        !block["data"]["message"]["body"]["blob_kzg_commitments"].as_array().expect("a list").is_empty()
    };
    (8 * epoch..=last).find(has_blobs).expect("a block with blobs")
}

#[test]
fn blobs_are_served_by_sidecar_by_column_and_whole() {
    let lab = lab();
    for fork in [ForkName::Deneb, ForkName::Electra, ForkName::Fulu] {
        let slot = slot_with_blobs(&lab, fork);
        let blobs = get_body(&lab, &format!("/eth/v1/beacon/blobs/{slot}"));
        let blob = blobs["data"][0].as_str().expect("a blob").to_string();
        assert_eq!(blob.len(), 2 + 2 * 131_072, "{fork}");
        let none = format!("/eth/v1/beacon/blobs/{slot}?versioned_hashes=0x{}", "01".repeat(32));
        assert_eq!(get_body(&lab, &none)["data"], json!([]));
        let sidecars = get(&lab, &format!("/eth/v1/beacon/blob_sidecars/{slot}?indices=0"));
        let columns = get(&lab, &format!("/eth/v1/debug/beacon/data_column_sidecars/{slot}?indices=0,1"));
        let (served, refused) = if fork < ForkName::Fulu { (sidecars, columns) } else { (columns, sidecars) };
        assert_eq!((served.status, refused.status), (200, 400), "{fork}");
        assert_eq!(served.consensus_version.as_deref(), Some(fork.name()));
        let first = &body(&served)["data"][0];
        assert_eq!(first["index"], "0");
        if fork < ForkName::Fulu {
            assert_eq!(first["blob"], blob);
        } else {
            let cell = first["column"][0].as_str().expect("a cell");
            assert!(blob.starts_with(cell), "the first column holds the beginning of the blob");
        }
    }
    assert!(message(&get(&lab, "/eth/v1/beacon/blobs/12")).contains("accepted: deneb"));
}

#[test]
fn votes_take_the_form_of_their_fork() {
    let lab = lab();
    let pool = get(&lab, &format!("/eth/v2/beacon/pool/attestations?slot={LAST}"));
    assert_eq!(pool.consensus_version.as_deref(), Some("fulu"));
    let attestation = &body(&pool)["data"][0];
    assert_eq!(attestation["data"]["index"], "0");
    assert!(attestation["committee_bits"].is_string());

    let data = get_body(&lab, &format!("/eth/v1/validator/attestation_data?slot={LAST}&committee_index=0"));
    assert_eq!(data["data"]["index"], "0");
    let shape = lab.cfg.shape(ForkName::Fulu);
    let root = lockin::types::AttestationData::from_json(shape, &data["data"]).expect("data").hash_tree_root(shape);
    let target = |version: &str| {
        format!(
            "/eth/{version}/validator/aggregate_attestation?attestation_data_root={root}&slot={LAST}&committee_index=0"
        )
    };
    let aggregate = get(&lab, &target("v2"));
    assert_eq!((aggregate.status, aggregate.consensus_version.as_deref()), (200, Some("fulu")));
    assert_eq!(body(&aggregate)["data"]["committee_bits"], "0x01");
    assert!(message(&get(&lab, &target("v1"))).contains("/eth/v2"));
    let single = json!([{ "committee_index": "0", "attester_index": "1", "data": data["data"],
        "signature": format!("0x{}", "11".repeat(96)) }]);
    for (path, version, why) in [
        ("/eth/v2/beacon/pool/attestations", "fulu", "refused"),
        ("/eth/v1/beacon/pool/attestations", "fulu", "/eth/v2"),
        ("/eth/v2/beacon/pool/attestations", "deneb", "refused"),
    ] {
        let answer = lab.ask(0, &request(Method::Post, path, Some(&single)).with_version(version));
        assert!(answer.status == 400 && message(&answer).contains(why), "{path} {version}: {}", message(&answer));
    }
    // One for a block that is still to come is kept until it is there: delivered.
    let mut early = single;
    early[0]["data"]["beacon_block_root"] = json!(format!("0x{}", "77".repeat(32)));
    let path = "/eth/v2/beacon/pool/attestations";
    let answer = lab.ask(0, &request(Method::Post, path, Some(&early)).with_version("fulu"));
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
}

#[test]
fn a_block_is_built_with_its_payload_and_published_with_its_blobs() {
    let lab = lab();
    let reveal = format!("0x{}", "c0".to_string() + &"00".repeat(95));
    let target = format!("/eth/v3/validator/blocks/{}?randao_reveal={reveal}", LAST + 1);
    let response = get(&lab, &target);
    assert_eq!(response.status, 200, "{}", String::from_utf8_lossy(&response.body));
    assert_eq!(response.header("eth-execution-payload-blinded"), Some("false"));
    let contents = &body(&response)["data"];
    assert_eq!(contents["block"]["slot"], (LAST + 1).to_string());
    assert_eq!(contents["block"]["body"]["execution_payload"]["fee_recipient"], format!("0x{}", "00".repeat(20)));
    assert!(contents["kzg_proofs"].is_array() && contents["blobs"].is_array());

    // a known block is in order; one without the envelope, or without its blobs, is not
    let slot = slot_with_blobs(&lab, ForkName::Deneb);
    let known = lab.ask(0, &Request::get(format!("/eth/v2/beacon/blocks/{slot}")).accepting_ssz());
    let shape = lab.cfg.shape(ForkName::Deneb);
    let signed_block = lockin::types::SignedBeaconBlock::decode(shape, &known.body).expect("a block");
    let sidecar = &get_body(&lab, &format!("/eth/v1/beacon/blob_sidecars/{slot}"))["data"][0];
    let sidecar = BlobSidecar::from_json(shape, sidecar).expect("a sidecar");
    let (kzg_proofs, blobs) = (vec![sidecar.kzg_proof].into(), vec![sidecar.blob].into());
    let bare = SignedBlockContents::from(signed_block.clone());
    let contents = SignedBlockContents { signed_block, kzg_proofs, blobs };
    for path in ["/eth/v1/beacon/blocks", "/eth/v2/beacon/blocks"] {
        let again = lab.ask(0, &Request::post(path).with_ssz("deneb", contents.to_ssz(shape)));
        assert_eq!(again.status, 200, "{}", String::from_utf8_lossy(&again.body));
        let again = lab.ask(0, &Request::post(path).with_json(&contents.to_value(shape)).with_version("deneb"));
        assert_eq!(again.status, 200, "{}", String::from_utf8_lossy(&again.body));
        let alone = lab.ask(0, &Request::post(path).with_ssz("deneb", known.body.clone()));
        assert!(message(&alone).contains("no SignedBlockContents of deneb"));
        let bare = lab.ask(0, &Request::post(path).with_ssz("deneb", bare.to_ssz(shape)));
        assert!(message(&bare).contains("0 blobs for 1 commitments"), "{}", message(&bare));
    }
}

#[test]
fn the_pool_of_credential_changes_takes_and_refuses() {
    let lab = lab();
    let path = "/eth/v1/beacon/pool/bls_to_execution_changes";
    assert_eq!(get_body(&lab, path), json!({ "data": [] }));
    let change = json!([{ "message": { "validator_index": "1", "from_bls_pubkey": format!("0x{}", "22".repeat(48)),
        "to_execution_address": format!("0x{}", "33".repeat(20)) }, "signature": format!("0x{}", "11".repeat(96)) }]);
    let refused = lab.ask(0, &request(Method::Post, path, Some(&change)));
    assert_eq!((refused.status, body(&refused)["failures"][0]["index"].as_u64()), (400, Some(0)));
    assert_eq!(lab.ask(0, &request(Method::Post, path, Some(&json!([])))).status, 200);
}

#[test]
fn the_spec_tells_the_blob_schedule_as_a_list() {
    let mut cfg = forked(&one_an_epoch());
    cfg.set("BLOB_SCHEDULE", "[{EPOCH: 7, MAX_BLOBS_PER_BLOCK: 12}]").expect("a schedule");
    let lab = Lab::new(cfg, 1, 16);
    let spec = get_body(&lab, "/eth/v1/config/spec");
    assert_eq!(spec["data"]["BLOB_SCHEDULE"], json!([{ "EPOCH": "7", "MAX_BLOBS_PER_BLOCK": "12" }]));
    assert_eq!(spec["data"]["FULU_FORK_EPOCH"], "6");
    assert_eq!(spec["data"]["DOMAIN_BLS_TO_EXECUTION_CHANGE"], "0x0a000000");
}

#[test]
fn a_head_that_the_engine_has_not_judged_is_optimistic_and_nothing_is_made_on_it() {
    let forks: Vec<_> = one_an_epoch().into_iter().take(3).collect();
    let script = script("verdicts: [{ slots: 26-, answer: SYNCING }]");
    let mut lab = Lab::scripted(VIRTUAL_START_MS, forked(&forks), 1, 16, &script);
    lab.run_to_end_of(25);
    let syncing = |lab: &Lab| get_body(lab, "/eth/v1/node/syncing")["data"].clone();
    assert_eq!(syncing(&lab)["is_optimistic"], false);
    assert_eq!(get(&lab, "/eth/v1/node/health").status, 200);

    lab.run_to_end_of(28);
    let head = get_body(&lab, "/eth/v1/beacon/headers/head");
    assert_eq!(head["data"]["header"]["message"]["slot"], "26", "nobody builds on it");
    assert_eq!(head["execution_optimistic"], true);
    assert_eq!(syncing(&lab)["is_optimistic"], true);
    assert_eq!(syncing(&lab)["el_offline"], false);
    assert_eq!(get(&lab, "/eth/v1/node/health").status, 206);
    for target in ["/eth/v1/beacon/states/head/root", "/eth/v2/beacon/blocks/26", "/eth/v1/beacon/blocks/head/root"] {
        assert_eq!(get_body(&lab, target)["execution_optimistic"], true, "{target}");
    }
    assert_eq!(get_body(&lab, "/eth/v2/beacon/blocks/25")["execution_optimistic"], false);
    let heads = get_body(&lab, "/eth/v2/debug/beacon/heads");
    assert_eq!(heads["data"][0]["execution_optimistic"], true);
    let nodes = get_body(&lab, "/eth/v1/debug/fork_choice");
    let node = nodes["fork_choice_nodes"].as_array().expect("nodes").last().expect("one").clone();
    assert_eq!(node["validity"], "optimistic");
    assert_ne!(node["execution_block_hash"], format!("0x{}", "00".repeat(32)));
    let reveal = format!("0x{}", "c0".to_string() + &"00".repeat(95));
    for target in [
        "/eth/v1/validator/attestation_data?slot=28&committee_index=0".to_string(),
        format!("/eth/v3/validator/blocks/29?randao_reveal={reveal}"),
    ] {
        assert_eq!(get(&lab, &target).status, 503, "{target}");
    }
}

#[test]
fn an_engine_that_is_silent_is_told() {
    let forks: Vec<_> = one_an_epoch().into_iter().take(3).collect();
    let script = script("verdicts: [{ slots: 26-, answer: timeout }]");
    let mut lab = Lab::scripted(VIRTUAL_START_MS, forked(&forks), 1, 16, &script);
    lab.run_to_end_of(27);
    let syncing = get_body(&lab, "/eth/v1/node/syncing");
    assert_eq!(syncing["data"]["el_offline"], true);
    assert_eq!(get(&lab, "/eth/v1/node/health").status, 206);
}
