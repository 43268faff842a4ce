//! Other clients' validators, as they really ask: the requests of Lodestar 1.5.1 and of Prysm 7.0.0's REST provider, and
//! what each reads of the answers.

use lockin::api::{BlindedBeaconBlock, Body, ContentType, Method, Request, Response, SignedBlindedBeaconBlock};
use lockin::crypto::SecretKey;
use lockin::engine::Script;
use lockin::genesis::interop_key;
use lockin::spec::{compute_domain, compute_signing_root};
use lockin::ssz::{Bytes, Json, Shape, Ssz};
use lockin::time::VIRTUAL_START_MS;
use lockin::types::constants::{DOMAIN_BEACON_PROPOSER, DOMAIN_RANDAO};
use lockin::types::{BlsSignature, DomainType, ForkName, SignedBeaconBlock};
use serde_json::{Value, json};

use super::{body, message, request};
use crate::node::lab::{Lab, config, forked};

fn ask(lab: &Lab, target: &str) -> Response {
    lab.ask(0, &request(Method::Get, target, None))
}

fn ask_body(lab: &Lab, target: &str) -> Value {
    let response = ask(lab, target);
    assert_eq!(response.status, 200, "{target}: {}", String::from_utf8_lossy(&response.body));
    body(&response)
}

fn sign<T: Ssz>(lab: &Lab, key: &SecretKey, object: &T, shape: Shape, domain: DomainType) -> BlsSignature {
    let root = Some(lab.genesis.genesis_validators_root);
    let domain = compute_domain(&lab.cfg, domain, Some(lab.cfg.fork_version(shape.fork)), root);
    key.sign(&compute_signing_root(object, shape, domain))
}

/// The proposer of a slot, and its reveal.
fn proposer(lab: &Lab, slot: u64) -> (SecretKey, BlsSignature) {
    let (epoch, shape) = (lab.cfg.epoch_of(slot), lab.cfg.shape_at_slot(slot));
    let duties = ask_body(lab, &format!("/eth/v1/validator/duties/proposer/{epoch}"));
    let duty = &duties["data"][(slot % lab.cfg.preset.slots_per_epoch) as usize];
    assert_eq!(duty["slot"], slot.to_string());
    let index = duty["validator_index"].as_str().and_then(|index| index.parse().ok()).expect("an index");
    let key = interop_key(index).secret;
    let reveal = sign(lab, &key, &epoch, shape, DOMAIN_RANDAO);
    (key, reveal)
}

fn head_root(lab: &Lab) -> Value {
    ask_body(lab, "/eth/v1/beacon/headers/head")["data"]["root"].clone()
}

#[test]
fn lodestar_makes_a_phase0_block_by_the_first_version_with_text_as_graffiti() {
    let mut lab = Lab::new(config(None), 1, 16);
    lab.run_to_end_of(2);
    let (key, reveal) = proposer(&lab, 3);
    let shape = lab.cfg.shape(ForkName::Phase0);
    let target = |graffiti: &str| format!("/eth/v1/validator/blocks/3?randao_reveal={reveal}&graffiti={graffiti}");
    let answer = ask_body(&lab, &target(""));
    assert_eq!(answer["block_value"], "0", "it reads this as a number");
    assert_eq!(answer["data"]["body"]["graffiti"], format!("0x{}", "00".repeat(32)));
    for (sent, kept) in [("hello", "hello"), ("0x68656c6c6f", "hello"), (&"x".repeat(32), &"x".repeat(32))] {
        let mut expected = Bytes::<32>::default();
        expected.0[..kept.len()].copy_from_slice(kept.as_bytes());
        let answer = ask_body(&lab, &target(sent));
        assert_eq!(answer["data"]["body"]["graffiti"], expected.to_string(), "{sent}");
    }
    for wrong in ["x".repeat(33), "0x6".into(), format!("0x{}", "00".repeat(33))] {
        assert!(message(&ask(&lab, &target(&wrong))).contains("at most 32 bytes"), "{wrong}");
    }

    // and publishes it by the first version, without naming the fork
    let block = lockin::types::BeaconBlock::from_json(shape, &answer["data"]).expect("a block");
    let signature = sign(&lab, &key, &block, shape, DOMAIN_BEACON_PROPOSER);
    let root = block.hash_tree_root(shape);
    let signed = SignedBeaconBlock { message: block, signature }.to_json(shape);
    let published = lab.ask(0, &request(Method::Post, "/eth/v1/beacon/blocks", Some(&signed)));
    assert_eq!(published.status, 202, "its slot has not begun: {}", String::from_utf8_lossy(&published.body));
    lab.run_to_end_of(3);
    assert_eq!(head_root(&lab), root.to_string());
}

#[test]
fn prysm_reads_a_block_of_any_fork_by_its_headers_alone() {
    for altair in [None, Some(0)] {
        let mut lab = Lab::new(config(altair), 1, 16);
        lab.run_to_end_of(1);
        let (_, reveal) = proposer(&lab, 2);
        let target = format!("/eth/v3/validator/blocks/2?randao_reveal={reveal}&graffiti=0x6162");
        let answer = lab.ask(0, &request(Method::Get, &target, None).accepting_ssz());
        let fork = if altair.is_some() { "altair" } else { "phase0" };
        assert_eq!((answer.status, answer.content_type), (200, ContentType::Ssz));
        assert_eq!(answer.consensus_version.as_deref(), Some(fork));
        assert_eq!(answer.header("Eth-Execution-Payload-Blinded"), Some("false"));

        // votes go to the second version, in any fork
        let none = request(Method::Post, "/eth/v2/beacon/pool/attestations", Some(&json!([]))).with_version(fork);
        assert_eq!(lab.ask(0, &none).status, 200);
    }
}

#[test]
fn what_an_early_clock_asks_at_the_turn_of_an_epoch_is_answered() {
    let mut lab = Lab::new(config(Some(0)), 1, 16);
    lab.run_to_end_of(7);
    // The clock is a millisecond before epoch 1, so that a caller may already be in it and want the next one's duties.
    assert_eq!(ask(&lab, "/eth/v1/validator/duties/proposer/2").status, 200);
    let indices = json!(["0", "1"]);
    let attesters = request(Method::Post, "/eth/v1/validator/duties/attester/2", Some(&indices));
    assert_eq!(body(&lab.ask(0, &attesters))["data"].as_array().map(Vec::len), Some(2));
    assert!(message(&ask(&lab, "/eth/v1/validator/duties/proposer/3")).contains("too far ahead"));
    // The first request of a slot brings the slot's tick along.
    let start = lab.cfg.slot_clock(lab.genesis.genesis_time).start_of(16);
    let late = Request::get("/eth/v1/validator/duties/proposer/3");
    lab.with(0, |core, _| {
        assert_eq!(core.chain().current_slot(), 7);
        let lockin::node::Handled::Now(answer) = core.handle(&late, start) else { panic!("duties are never late") };
        assert_eq!((answer.status, core.chain().current_slot()), (200, 16));
    });
}

/// A chain in deneb whose every block has a blob.
fn with_blobs() -> Lab {
    let forks: Vec<_> = ForkName::ALL.into_iter().skip(1).zip(1..5).collect();
    let script = Script::from_yaml("script", "blobs: { every: 1, per_block: 1 }").expect("a script");
    let mut lab = Lab::scripted(VIRTUAL_START_MS, forked(&forks), 1, 16, &script);
    lab.run_to_end_of(33);
    assert_eq!(lab.undone, []);
    lab
}

#[test]
fn a_client_that_wants_blinded_blocks_gets_our_own_and_may_hand_them_back() {
    let mut lab = with_blobs();
    for (slot, ssz) in [(34, true), (35, false)] {
        let shape = lab.cfg.shape(ForkName::Deneb);
        let (key, reveal) = proposer(&lab, slot);
        let target = format!("/eth/v1/validator/blinded_blocks/{slot}?randao_reveal={reveal}&graffiti=");
        let mut wanted = request(Method::Get, &target, None);
        if ssz {
            wanted = wanted.accepting_ssz();
        }
        let answer = lab.ask(0, &wanted);
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        assert_eq!(answer.consensus_version.as_deref(), Some("deneb"));
        let blinded = if ssz {
            BlindedBeaconBlock::decode(shape, &answer.body).expect("a blinded block")
        } else {
            let document = body(&answer);
            assert!(document["block_value"].is_string() && document["version"] == "deneb");
            BlindedBeaconBlock::from_json(shape, &document["data"]).expect("a blinded block")
        };
        assert_eq!(blinded.body.blob_kzg_commitments.len(), 1);
        let signature = sign(&lab, &key, &blinded, shape, DOMAIN_BEACON_PROPOSER);
        let signed = SignedBlindedBeaconBlock { message: blinded, signature };

        let path = format!("/eth/v{}/beacon/blinded_blocks", if ssz { 2 } else { 1 });
        let publish = |signed: &SignedBlindedBeaconBlock| match ssz {
            true => Request::post(&*path).with_ssz("deneb", signed.encode(shape)),
            false => Request::post(&*path).with_json(&signed.to_json(shape)).with_version("deneb"),
        };
        let mut unknown = signed.clone();
        unknown.message.state_root = Bytes([1; 32]);
        assert!(message(&lab.ask(0, &publish(&unknown))).contains("was not made by this node"));
        let published = lab.ask(0, &publish(&signed));
        assert_eq!(published.status, 202, "its slot has not begun: {}", String::from_utf8_lossy(&published.body));
        lab.run_to_end_of(slot);
        assert_eq!(head_root(&lab), signed.message.hash_tree_root(shape).to_string());
        let again = lab.ask(0, &publish(&signed));
        assert_eq!(again.status, 200, "{}", String::from_utf8_lossy(&again.body));
        // the blob that stayed here went out with it
        let sidecars = ask_body(&lab, &format!("/eth/v1/beacon/blob_sidecars/{slot}"));
        assert_eq!(sidecars["data"].as_array().map(Vec::len), Some(1));
        // and the block is told blinded as it was signed
        let told = lab.ask(0, &Request::get(format!("/eth/v1/beacon/blinded_blocks/{slot}")).accepting_ssz());
        assert_eq!(SignedBlindedBeaconBlock::decode(shape, &told.body).expect("a block"), signed);
    }
}

#[test]
fn blinded_blocks_keep_their_roots_in_every_fork_that_has_them() {
    let lab = with_blobs();
    for slot in [4, 12, 20, 28, 33] {
        let shape = lab.cfg.shape_at_slot(slot);
        let document = ask_body(&lab, &format!("/eth/v1/beacon/blinded_blocks/{slot}"));
        assert_eq!(document["version"], shape.fork.name());
        let fields = &document["data"]["message"]["body"];
        assert!(fields.get("execution_payload").is_none(), "{}", shape.fork);
        let root = ask_body(&lab, &format!("/eth/v1/beacon/blocks/{slot}/root"));
        let found = match shape.fork < ForkName::Bellatrix {
            true => {
                assert!(fields.get("execution_payload_header").is_none());
                SignedBeaconBlock::from_json(shape, &document["data"]).expect("a block").message.hash_tree_root(shape)
            }
            false => {
                let block = SignedBlindedBeaconBlock::from_json(shape, &document["data"]).expect("a block");
                block.message.hash_tree_root(shape)
            }
        };
        assert_eq!(root["data"]["root"], found.to_string(), "{}", shape.fork);
    }
    let (_, reveal) = proposer(&lab, 34);
    let first = ask(&lab, &format!("/eth/v1/validator/blocks/34?randao_reveal={reveal}"));
    assert!(message(&first).contains("only /eth/v2"));
    let early = Request { body: Body::Empty, ..Request::post("/eth/v2/beacon/blinded_blocks").with_version("altair") };
    assert!(message(&lab.ask(0, &early)).contains("SignedBeaconBlock"));
}
