//! Every route of the Beacon API, asked of a core that has a short chain: status, encoding, shape.

mod dialects;
mod forks;
mod refusals;

use std::collections::BTreeSet;
use std::sync::{LazyLock, Mutex, MutexGuard};

use lockin::api::{ContentType, Method, Request, Response};
use lockin::node::rest;
use lockin::ssz::Ssz;
use lockin::types::{ForkName, SignedBeaconBlock};
use serde_json::{Value, json};

use super::node::lab::{Lab, config};

/// A chain of 34 slots, altair from epoch 1 on and finalized up to epoch 2, one node with 16 validators.
static LAB: LazyLock<Mutex<Lab>> = LazyLock::new(|| {
    let mut lab = Lab::new(config(Some(1)), 1, 16);
    lab.run_to_end_of(34);
    Mutex::new(lab)
});

fn lab() -> MutexGuard<'static, Lab> {
    LAB.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn request(method: Method, target: &str, body: Option<&Value>) -> Request {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = if method == Method::Get { Request::get(path) } else { Request::post(path) };
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        request = request.with_query(name, value);
    }
    match body {
        Some(body) => request.with_json(body),
        None => request,
    }
}

fn get(target: &str) -> Response {
    lab().ask(0, &request(Method::Get, target, None))
}

fn post(target: &str, body: &Value) -> Response {
    lab().ask(0, &request(Method::Post, target, Some(body)).with_version("altair"))
}

fn body(response: &Response) -> Value {
    serde_json::from_slice(&response.body).unwrap_or(Value::Null)
}

fn message(response: &Response) -> String {
    let body = body(response);
    assert_eq!(body["code"], response.status, "{body}");
    body["message"].as_str().expect("a message").to_string()
}

/// `[status] target -> keys of the document` of GETs that must work.
const GETS: &[(&str, &[&str])] = &[
    ("/eth/v1/node/version", &["data"]),
    ("/eth/v2/node/version", &["data"]),
    ("/eth/v1/node/identity", &["data"]),
    ("/eth/v1/node/peers?state=connected&direction=inbound,outbound", &["meta", "data"]),
    ("/eth/v1/node/peer_count", &["data"]),
    ("/eth/v1/node/syncing", &["data"]),
    ("/eth/v1/beacon/genesis", &["data"]),
    ("/eth/v1/beacon/states/head/root", STATE),
    ("/eth/v1/beacon/states/genesis/root", STATE),
    ("/eth/v1/beacon/states/finalized/root", STATE),
    ("/eth/v1/beacon/states/justified/root", STATE),
    ("/eth/v1/beacon/states/20/fork", STATE),
    ("/eth/v1/beacon/states/head/finality_checkpoints", STATE),
    ("/eth/v1/beacon/states/head/committees", STATE),
    ("/eth/v1/beacon/states/head/committees?epoch=3&slot=25&index=0", STATE),
    ("/eth/v1/beacon/states/head/sync_committees", STATE),
    ("/eth/v1/beacon/states/head/randao?epoch=2", STATE),
    ("/eth/v1/beacon/states/head/validators?id=0,3&status=active", STATE),
    ("/eth/v1/beacon/states/head/validators/5", STATE),
    ("/eth/v1/beacon/states/head/validator_balances?id=1", STATE),
    ("/eth/v1/beacon/headers", STATE),
    ("/eth/v1/beacon/headers?slot=7", STATE),
    ("/eth/v1/beacon/headers/head", STATE),
    ("/eth/v1/beacon/headers/genesis", STATE),
    ("/eth/v1/beacon/blocks/head", &["data"]),
    ("/eth/v2/beacon/blocks/head", VERSIONED_STATE),
    ("/eth/v1/beacon/blocks/9/root", STATE),
    ("/eth/v1/beacon/blocks/head/attestations", STATE),
    ("/eth/v2/beacon/blocks/head/attestations", VERSIONED_STATE),
    ("/eth/v1/beacon/pool/attestations", &["data"]),
    ("/eth/v2/beacon/pool/attestations?slot=34&committee_index=0", &["version", "data"]),
    ("/eth/v1/beacon/pool/attester_slashings", &["data"]),
    ("/eth/v2/beacon/pool/attester_slashings", &["version", "data"]),
    ("/eth/v1/beacon/pool/proposer_slashings", &["data"]),
    ("/eth/v1/beacon/pool/voluntary_exits", &["data"]),
    ("/eth/v1/validator/duties/proposer/3", DUTIES),
    ("/eth/v2/validator/duties/proposer/3", DUTIES),
    ("/eth/v1/validator/attestation_data?slot=34&committee_index=0", &["data"]),
    ("/eth/v1/config/spec", &["data"]),
    ("/eth/v1/config/fork_schedule", &["data"]),
    ("/eth/v1/config/deposit_contract", &["data"]),
    ("/eth/v2/debug/beacon/states/head", VERSIONED_STATE),
    ("/eth/v1/debug/beacon/heads", &["data"]),
    ("/eth/v2/debug/beacon/heads", &["data"]),
    ("/eth/v1/debug/fork_choice", &["justified_checkpoint", "finalized_checkpoint", "fork_choice_nodes", "extra_data"]),
];
const STATE: &[&str] = &["execution_optimistic", "finalized", "data"];
const VERSIONED_STATE: &[&str] = &["version", "execution_optimistic", "finalized", "data"];
const DUTIES: &[&str] = &["dependent_root", "execution_optimistic", "data"];

#[test]
fn every_get_answers_with_the_standards_document() {
    for (target, keys) in GETS {
        let response = get(target);
        assert_eq!(response.status, 200, "{target}: {}", String::from_utf8_lossy(&response.body));
        assert_eq!(response.content_type, ContentType::Json, "{target}");
        let body = body(&response);
        let found: Vec<&str> = body.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(&found, keys, "{target}");
        let version = body.get("version").and_then(Value::as_str);
        if version.is_some() {
            assert_eq!(response.consensus_version.as_deref(), version, "{target}");
        }
    }
}

/// POSTs that must work, with what they send.
fn posts() -> Vec<(&'static str, Value)> {
    let subscription = json!([{ "validator_index": "1", "committee_index": "0", "committees_at_slot": "1", "slot": "40",
        "is_aggregator": true }]);
    let sync = json!([{ "validator_index": "1", "sync_committee_indices": ["0", "31"], "until_epoch": "9" }]);
    let (address, key, signature) = ("0x".to_string() + &"11".repeat(20), "22".repeat(48), "33".repeat(96));
    let registration = json!([{ "message": { "fee_recipient": address, "gas_limit": "1", "timestamp": "2",
        "pubkey": format!("0x{key}") }, "signature": format!("0x{signature}") }]);
    vec![
        ("/eth/v1/beacon/states/head/validators", json!({ "ids": ["1"], "statuses": ["active_ongoing"] })),
        ("/eth/v1/beacon/states/head/validators", json!({})),
        ("/eth/v1/beacon/states/head/validators", json!({ "ids": null, "statuses": [] })),
        ("/eth/v1/beacon/states/head/validator_balances", json!(["0", "15"])),
        ("/eth/v1/beacon/states/head/validator_identities", json!(["0"])),
        ("/eth/v1/beacon/pool/attestations", json!([])),
        ("/eth/v2/beacon/pool/attestations", json!([])),
        ("/eth/v1/beacon/pool/sync_committees", json!([])),
        ("/eth/v1/validator/duties/attester/4", json!(["0", "1"])),
        ("/eth/v1/validator/duties/sync/3", json!(["0", "1"])),
        ("/eth/v1/validator/aggregate_and_proofs", json!([])),
        ("/eth/v2/validator/aggregate_and_proofs", json!([])),
        ("/eth/v1/validator/contribution_and_proofs", json!([])),
        ("/eth/v1/validator/beacon_committee_subscriptions", subscription),
        ("/eth/v1/validator/sync_committee_subscriptions", sync),
        ("/eth/v1/validator/prepare_beacon_proposer", json!([{ "validator_index": "1", "fee_recipient": address }])),
        ("/eth/v1/validator/register_validator", registration),
        ("/eth/v1/validator/liveness/3", json!(["0", "5"])),
    ]
}

#[test]
fn every_post_takes_what_the_standard_says() {
    for (target, sent) in posts() {
        let response = post(target, &sent);
        assert_eq!(response.status, 200, "{target}: {}", String::from_utf8_lossy(&response.body));
    }
    let live = body(&post("/eth/v1/validator/liveness/3", &json!(["0", "5"])));
    assert_eq!(live["data"][1], json!({ "index": "5", "is_live": true }));
    let duties = body(&post("/eth/v1/validator/duties/attester/4", &json!(["0", "1"])));
    assert_eq!(duties["data"].as_array().expect("duties").len(), 2);
    assert!(duties["dependent_root"].is_string());
}

/// Routes that the tables above leave to tests of their own, some in `forks`.
const ELSEWHERE: &[&str] = &[
    "/eth/v1/beacon/states/{state_id}/pending_deposits",
    "/eth/v1/beacon/states/{state_id}/pending_partial_withdrawals",
    "/eth/v1/beacon/states/{state_id}/pending_consolidations",
    "/eth/v1/beacon/states/{state_id}/proposer_lookahead",
    "/eth/v1/builder/states/{state_id}/expected_withdrawals",
    "/eth/v1/beacon/blobs/{block_id}",
    "/eth/v1/beacon/blob_sidecars/{block_id}",
    "/eth/v1/debug/beacon/data_column_sidecars/{block_id}",
    "/eth/v1/beacon/pool/bls_to_execution_changes",
    "/eth/v1/node/health",
    "/eth/v1/node/peers/{peer_id}",
    "/metrics",
    "/eth/v1/events",
    "/eth/v1/beacon/blocks",
    "/eth/v2/beacon/blocks",
    "/eth/v1/beacon/pool/attester_slashings",
    "/eth/v2/beacon/pool/attester_slashings",
    "/eth/v1/beacon/pool/proposer_slashings",
    "/eth/v1/beacon/pool/voluntary_exits",
    "/eth/v1/validator/beacon_committee_selections",
    "/eth/v1/validator/sync_committee_selections",
    "/eth/v1/beacon/blinded_blocks",
    "/eth/v2/beacon/blinded_blocks",
    "/eth/v1/beacon/blinded_blocks/{block_id}",
    "/eth/v1/validator/blocks/{slot}",
    "/eth/v1/validator/blinded_blocks/{slot}",
    "/eth/v2/validator/blocks/{slot}",
    "/eth/v3/validator/blocks/{slot}",
    "/eth/v1/validator/aggregate_attestation",
    "/eth/v2/validator/aggregate_attestation",
    "/eth/v1/validator/sync_committee_contribution",
];

#[test]
fn no_route_is_left_out() {
    let asked = |method: Method, targets: Vec<&'static str>| -> BTreeSet<&'static str> {
        let found = targets.into_iter().filter_map(|target| {
            let path = target.split('?').next().unwrap_or(target);
            match rest::find(Some(method), path) {
                rest::Found::Route(route, _) => Some(route.pattern),
                _ => None,
            }
        });
        found.collect()
    };
    let gets = asked(Method::Get, GETS.iter().map(|(target, _)| *target).collect());
    let posts = asked(Method::Post, posts().iter().map(|(target, _)| *target).collect());
    for route in rest::routes() {
        let table = if route.method == Method::Get { &gets } else { &posts };
        let covered = table.contains(route.pattern) || ELSEWHERE.contains(&route.pattern);
        assert!(covered, "{} {} is asked by no test", route.method, route.pattern);
    }
}

#[test]
fn what_is_finalized_is_said_to_be() {
    for (target, finalized) in [
        ("/eth/v1/beacon/headers/3", true),
        ("/eth/v1/beacon/headers/finalized", true),
        ("/eth/v1/beacon/states/finalized/root", true),
        ("/eth/v2/beacon/blocks/genesis", true),
        ("/eth/v1/beacon/headers/head", false),
        ("/eth/v1/beacon/states/justified/root", false),
        ("/eth/v1/beacon/headers", false),
    ] {
        assert_eq!(body(&get(target))["finalized"], finalized, "{target}");
    }
    let checkpoints = body(&get("/eth/v1/beacon/states/head/finality_checkpoints"));
    assert_eq!(checkpoints["data"]["finalized"]["epoch"], "2");
    let header = body(&get("/eth/v1/beacon/headers/finalized"));
    assert_eq!(checkpoints["data"]["finalized"]["root"], header["data"]["root"]);
}

#[test]
fn blocks_and_states_come_as_ssz_too_and_agree_with_json() {
    let lab = lab();
    let shape = lab.cfg.shape(ForkName::Altair);
    let block = lab.ask(0, &Request::get("/eth/v2/beacon/blocks/head").accepting_ssz());
    assert_eq!((block.status, block.content_type), (200, ContentType::Ssz));
    assert_eq!(block.consensus_version.as_deref(), Some("altair"));
    let decoded = SignedBeaconBlock::decode(shape, &block.body).expect("a block");
    let header: Value = body(&lab.ask(0, &Request::get("/eth/v1/beacon/headers/head")));
    assert_eq!(header["data"]["root"], decoded.message.hash_tree_root(shape).to_string());
    assert_eq!(header["data"]["header"]["message"]["state_root"], decoded.message.state_root.to_string());
    assert_eq!(header["data"]["canonical"], true);
    let state = lab.ask(0, &Request::get("/eth/v2/debug/beacon/states/head").accepting_ssz());
    let state = lab.cfg.decode_state(&state.body).expect("a state");
    let root: Value = body(&lab.ask(0, &Request::get("/eth/v1/beacon/states/head/root")));
    assert_eq!(root["data"]["root"], state.hash_tree_root(shape).to_string());
    let old = lab.ask(0, &Request::get("/eth/v2/beacon/blocks/3").accepting_ssz());
    assert_eq!(old.consensus_version.as_deref(), Some("phase0"));
    let old: Value = body(&lab.ask(0, &Request::get("/eth/v2/beacon/blocks/3")));
    assert!(old["data"]["message"]["body"].get("sync_aggregate").is_none(), "no absent field leaks");
    let balances = lab.ask(0, &Request::get("/eth/v1/beacon/states/head/validator_balances").accepting_ssz());
    assert_eq!(balances.body.len(), 16 * 16);
}

#[test]
fn blocks_are_produced_and_a_known_one_is_published_again_without_harm() {
    let lab = lab();
    let reveal = format!("0x{}", "c0".to_string() + &"00".repeat(95));
    let target =
        format!("/eth/v3/validator/blocks/35?randao_reveal={reveal}&builder_boost_factor=18446744073709551615");
    let response = lab.ask(0, &request(Method::Get, &target, None));
    assert_eq!(response.status, 200, "{}", String::from_utf8_lossy(&response.body));
    assert_eq!(response.header("eth-execution-payload-blinded"), Some("false"));
    let document = body(&response);
    assert_eq!(document["data"]["slot"], "35");
    assert_eq!(document["execution_payload_blinded"], false);
    let v2 = lab.ask(0, &request(Method::Get, &target.replace("v3", "v2"), None));
    assert_eq!(body(&v2)["data"], document["data"]);
    for wrong in ["35", "35?randao_reveal=0x12", "99?randao_reveal=", "x?randao_reveal=0x"] {
        let target = format!("/eth/v3/validator/blocks/{wrong}");
        assert_eq!(lab.ask(0, &request(Method::Get, &target, None)).status, 400, "{target}");
    }
    let known = lab.ask(0, &Request::get("/eth/v2/beacon/blocks/head").accepting_ssz()).body;
    for path in ["/eth/v1/beacon/blocks", "/eth/v2/beacon/blocks"] {
        let again = lab.ask(0, &Request::post(path).with_ssz("altair", known.clone()));
        assert_eq!(again.status, 200, "{}", String::from_utf8_lossy(&again.body));
        let wrong_fork = lab.ask(0, &Request::post(path).with_ssz("phase0", known.clone()));
        assert!(message(&wrong_fork).contains("is of altair"));
        let level = Request::post(path).with_ssz("altair", known.clone()).with_query("broadcast_validation", "none");
        assert!(message(&lab.ask(0, &level)).contains("consensus_and_equivocation"));
    }
    let mut forged = SignedBeaconBlock::decode(lab.cfg.shape(ForkName::Altair), &known).expect("a block");
    forged.message.state_root = Default::default();
    let bytes = forged.encode(lab.cfg.shape(ForkName::Altair));
    let refused = lab.ask(0, &Request::post("/eth/v2/beacon/blocks").with_ssz("altair", bytes));
    assert!(message(&refused).contains("was not broadcast"));
}

#[test]
fn aggregates_and_contributions_are_served_or_404() {
    let lab = lab();
    let data = body(&lab.ask(0, &Request::get("/eth/v1/beacon/pool/attestations").with_query("slot", 34)));
    let attestation: &Value = &data["data"][0];
    let shape = lab.cfg.shape(ForkName::Altair);
    let one = <lockin::types::Attestation as lockin::ssz::Json>::from_json(shape, attestation).expect("an attestation");
    let root = one.data.hash_tree_root(shape);
    for version in ["v1", "v2"] {
        let target = format!(
            "/eth/{version}/validator/aggregate_attestation?attestation_data_root={root}&slot=34&committee_index=0"
        );
        let response = lab.ask(0, &request(Method::Get, &target, None));
        assert_eq!(response.status, 200, "{target}: {}", String::from_utf8_lossy(&response.body));
        assert_eq!(body(&response)["data"]["data"], attestation["data"]);
        let none = target.replace(&root.to_string(), &format!("0x{}", "00".repeat(32)));
        assert_eq!(lab.ask(0, &request(Method::Get, &none, None)).status, 404);
    }
    let mut single = one.clone();
    let votes: Vec<usize> = one.aggregation_bits.ones().collect();
    votes[1..].iter().for_each(|vote| single.aggregation_bits.set(*vote, false));
    let single = lockin::ssz::Json::to_json(&single, shape);
    let submitted = request(Method::Post, "/eth/v2/beacon/pool/attestations", Some(&json!([single, {}])));
    let response = lab.ask(0, &submitted.with_version("altair"));
    let failures = &body(&response)["failures"];
    assert_eq!(failures.as_array().expect("failures").len(), 1, "a known vote is no failure: {failures}");
    assert_eq!(failures[0]["index"], 1);
    let head = one.data.beacon_block_root;
    let target = "/eth/v1/validator/sync_committee_contribution?slot=34&subcommittee_index=";
    let ask = |rest: String| lab.ask(0, &request(Method::Get, &format!("{target}{rest}"), None));
    let found = ask(format!("1&beacon_block_root={head}"));
    assert_eq!(found.status, 200, "{}", String::from_utf8_lossy(&found.body));
    assert_eq!(body(&found)["data"]["subcommittee_index"], "1");
    assert_eq!(ask(format!("1&beacon_block_root=0x{}", "11".repeat(32))).status, 404);
    assert_eq!(ask(format!("4&beacon_block_root={head}")).status, 400);
}

#[test]
fn health_and_metrics_tell_of_the_chain() {
    let lab = lab();
    assert_eq!(lab.ask(0, &Request::get("/eth/v1/node/health")).status, 200);
    let response = lab.ask(0, &Request::get("/metrics"));
    assert_eq!((response.status, response.content_type), (200, ContentType::Text));
    let text = String::from_utf8(response.body).expect("text");
    for line in [
        "beacon_head_slot 34",
        "beacon_slot 34",
        "beacon_current_justified_epoch 3",
        "beacon_finalized_epoch 2",
        "beacon_current_active_validators 16",
        "beacon_previous_live_validators 16",
        "beacon_reorgs_total 0",
        "libp2p_peers 0",
        "validator_count{state=\"active_ongoing\"} 16",
        "lockin_foreign_peers_total 0",
        "lockin_overlapping_merges_refused_total 0",
        "process_resident_memory_bytes 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing in:\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
}
