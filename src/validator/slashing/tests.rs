//! Slashing protection as its users see it.

use super::*;
use crate::ssz::Bytes;
use proptest::prelude::*;
use serde_json::json;

const GVR: Root = Bytes([7; 32]);

fn key(number: u8) -> BlsPubkey {
    Bytes([number; 48])
}

fn root(number: u8) -> Root {
    Bytes([number; 32])
}

fn attestation(pubkey: u8, source_epoch: u64, target_epoch: u64, signing_root: u8) -> AttestationRequest {
    AttestationRequest { pubkey: key(pubkey), source_epoch, target_epoch, signing_root: root(signing_root) }
}

#[test]
fn blocks_only_go_forward_except_the_very_same() {
    let mut protection = SlashingProtection::in_memory(GVR);
    protection.allow_block(key(1), 5, root(1)).unwrap();
    protection.allow_block(key(1), 5, root(1)).unwrap();
    assert_eq!(protection.allow_block(key(1), 5, root(2)), Err(Refusal::BlockNotNewer { slot: 5, last: 5 }));
    assert_eq!(protection.allow_block(key(1), 4, root(1)), Err(Refusal::BlockNotNewer { slot: 4, last: 5 }));
    protection.allow_block(key(2), 4, root(1)).unwrap();
    protection.allow_block(key(1), 6, root(1)).unwrap();
}

#[test]
fn double_and_surround_votes_are_refused() {
    let mut protection = SlashingProtection::in_memory(GVR);
    let mut ask = |source, target, root| protection.allow_attestation(attestation(1, source, target, root));
    ask(2, 3, 1).unwrap();
    ask(2, 3, 1).unwrap();
    assert_eq!(ask(2, 3, 2), Err(Refusal::TargetNotNewer { target_epoch: 3, last: 3 }));
    assert_eq!(ask(1, 4, 1), Err(Refusal::SourceBefore { source_epoch: 1, last: 2 }));
    assert_eq!(ask(5, 4, 1), Err(Refusal::SourceAfterTarget { source_epoch: 5, target_epoch: 4 }));
    ask(3, 9, 1).unwrap();
    assert_eq!(ask(4, 8, 1), Err(Refusal::TargetNotNewer { target_epoch: 8, last: 9 }));
}

#[test]
fn a_batch_is_judged_as_if_in_sequence() {
    let mut protection = SlashingProtection::in_memory(GVR);
    let batch = [attestation(1, 0, 1, 1), attestation(2, 0, 1, 1), attestation(1, 0, 1, 2), attestation(1, 0, 1, 1)];
    let answers = protection.allow_attestations(&batch);
    assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, false, true]);
}

#[test]
fn memory_survives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    {
        let mut protection = SlashingProtection::open(folder.path(), GVR).unwrap();
        protection.allow_block(key(1), 5, root(1)).unwrap();
        protection.allow_attestation(attestation(1, 2, 3, 1)).unwrap();
    }
    let mut protection = SlashingProtection::open(folder.path(), GVR).unwrap();
    assert!(protection.allow_block(key(1), 5, root(2)).is_err());
    protection.allow_block(key(1), 5, root(1)).unwrap();
    assert!(protection.allow_attestation(attestation(1, 2, 3, 2)).is_err());
    protection.allow_attestation(attestation(1, 2, 3, 1)).unwrap();
}

#[test]
fn a_long_life_does_not_grow_the_file_without_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("slashing-protection.log");
    let mut protection = SlashingProtection::open(folder.path(), GVR).unwrap();
    let batch = |epoch| (0..200).map(|key| attestation(key, epoch, epoch + 1, 1)).collect::<Vec<_>>();
    let mut largest = 0;
    for epoch in 0..80 {
        assert!(protection.allow_attestations(&batch(epoch)).iter().all(Result::is_ok));
        largest = largest.max(std::fs::metadata(&path).unwrap().len());
    }
    assert!(largest < 1_200_000, "{largest}");
    drop(protection);
    let mut protection = SlashingProtection::open(folder.path(), GVR).unwrap();
    assert!(protection.allow_attestations(&batch(79)).iter().all(Result::is_ok), "the last ones may be repeated");
    assert!(protection.allow_attestations(&batch(78)).iter().all(Result::is_err));
}

#[test]
fn export_then_import_refuses_the_same_things() {
    let mut old = SlashingProtection::in_memory(GVR);
    old.allow_block(key(1), 5, root(1)).unwrap();
    old.allow_attestation(attestation(2, 2, 3, 1)).unwrap();
    let mut new = SlashingProtection::in_memory(GVR);
    assert_eq!(new.import(&old.export()).unwrap(), 2);
    assert_eq!(new.export(), old.export());
    assert!(new.allow_block(key(1), 5, root(2)).is_err());
    new.allow_block(key(1), 5, root(1)).unwrap();
    assert!(new.allow_attestation(attestation(2, 1, 4, 2)).is_err());
}

fn interchange(gvr: Root, version: &str, data: serde_json::Value) -> String {
    json!({"metadata": {"interchange_format_version": version, "genesis_validators_root": gvr}, "data": data})
        .to_string()
}

#[test]
fn import_minifies_slashable_and_senseless_history() {
    let mut protection = SlashingProtection::in_memory(GVR);
    let data = json!([
        {"pubkey": key(1), "signed_blocks": [{"slot": "9", "signing_root": root(1)}], "signed_attestations": [
            {"source_epoch": "5", "target_epoch": "2"}, {"source_epoch": "1", "target_epoch": "7", "signing_root": root(1)}]},
        {"pubkey": key(1), "signed_blocks": [{"slot": "9", "signing_root": root(2)}, {"slot": "3"}], "signed_attestations": []},
    ]);
    assert_eq!(protection.import(&interchange(GVR, "5", data)).unwrap(), 1);
    assert!(protection.allow_block(key(1), 9, root(1)).is_err(), "which block it was is unknown");
    assert!(protection.allow_block(key(1), 9, root(2)).is_err());
    protection.allow_block(key(1), 10, root(1)).unwrap();
    assert!(protection.allow_attestation(attestation(1, 4, 8, 1)).is_err());
    assert!(protection.allow_attestation(attestation(1, 1, 7, 1)).is_err());
    protection.allow_attestation(attestation(1, 5, 8, 1)).unwrap();
}

#[test]
fn import_refuses_what_is_not_for_this_network() {
    let mut protection = SlashingProtection::in_memory(GVR);
    let nothing = json!([]);
    let other = protection.import(&interchange(root(1), "5", nothing.clone()));
    assert!(matches!(other, Err(InterchangeError::OtherNetwork { .. })));
    assert_eq!(protection.import(&interchange(GVR, "4", nothing)), Err(InterchangeError::Version("4".into())));
    assert!(matches!(protection.import("[]"), Err(InterchangeError::Malformed(_))));
}

/// The official cases of eth-clients/slashing-protection-interchange-tests, from a folder of their JSON files.
#[test]
#[ignore = "needs EIP3076_TESTS=FOLDER, the `tests/generated` folder of slashing-protection-interchange-tests"]
fn official_interchange_cases() {
    let folder = std::env::var("EIP3076_TESTS").expect("EIP3076_TESTS names a folder");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        official_case(&serde_json::from_str(&text).unwrap());
        count += 1;
    }
    assert!(count >= 30, "only {count} cases");
}

fn official_case(case: &serde_json::Value) {
    let field = |value: &serde_json::Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let name = field(case, "name");
    let mut protection = SlashingProtection::in_memory(field(case, "genesis_validators_root").parse().unwrap());
    for step in case["steps"].as_array().unwrap() {
        let imported = protection.import(&step["interchange"].to_string());
        assert_eq!(imported.is_ok(), step["should_succeed"] == json!(true), "{name}: {imported:?}");
        for block in step["blocks"].as_array().unwrap() {
            let (pubkey, slot) = (field(block, "pubkey").parse().unwrap(), field(block, "slot").parse().unwrap());
            let answer = protection.allow_block(pubkey, slot, field(block, "signing_root").parse().unwrap_or_default());
            assert!(within_bounds(block, answer.is_ok()), "{name}: {block}: {answer:?}");
        }
        for it in step["attestations"].as_array().unwrap() {
            let answer = protection.allow_attestation(AttestationRequest {
                pubkey: field(it, "pubkey").parse().unwrap(),
                source_epoch: field(it, "source_epoch").parse().unwrap(),
                target_epoch: field(it, "target_epoch").parse().unwrap(),
                signing_root: field(it, "signing_root").parse().unwrap_or_default(),
            });
            assert!(within_bounds(it, answer.is_ok()), "{name}: {it}: {answer:?}");
        }
    }
}

/// What the minimal strategy must allow is allowed, what even the complete one must refuse is refused. In between lies
/// repeating the very last message, which we allow.
fn within_bounds(ask: &serde_json::Value, allowed: bool) -> bool {
    let flag = |name: &str| ask[name] == json!(true);
    if allowed { flag("should_succeed") || flag("should_succeed_complete") } else { !flag("should_succeed") }
}

#[derive(Clone, Debug)]
enum Ask {
    Block {
        slot: u64,
        root: u8,
    },
    Attestation {
        source: u64,
        target: u64,
        root: u8,
    },
    /// kill -9 in the middle of a write: reopen with this many bytes of a next record.
    Restart {
        torn: usize,
    },
}

fn asks() -> impl Strategy<Value = Vec<Ask>> {
    let ask = prop_oneof![
        4 => (0..8u64, 0..3u8).prop_map(|(slot, root)| Ask::Block { slot, root }),
        8 => (0..8u64, 0..8u64, 0..3u8).prop_map(|(source, target, root)| Ask::Attestation { source, target, root }),
        1 => (0..40usize).prop_map(|torn| Ask::Restart { torn }),
    ];
    proptest::collection::vec(ask, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_sequence_of_requests_and_crashes_signs_anything_slashable(asks in asks()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("slashing-protection.log");
        let mut protection = SlashingProtection::open(folder.path(), GVR).unwrap();
        let (mut blocks, mut votes) = (Vec::new(), Vec::new());
        for ask in asks {
            match ask {
                Ask::Block { slot, root: r } => {
                    if protection.allow_block(key(1), slot, root(r)).is_ok() {
                        blocks.push((slot, r));
                    }
                }
                Ask::Attestation { source, target, root: r } => {
                    if protection.allow_attestation(attestation(1, source, target, r)).is_ok() {
                        votes.push((source, target, r));
                    }
                }
                Ask::Restart { torn } => {
                    drop(protection);
                    let mut bytes = std::fs::read(&path).unwrap();
                    let from = bytes.len().saturating_sub(60);
                    bytes.extend_from_within(from..(from + torn).min(bytes.len()));
                    std::fs::write(&path, bytes).unwrap();
                    protection = SlashingProtection::open(folder.path(), GVR).unwrap();
                }
            }
        }
        for (i, (slot, r)) in blocks.iter().enumerate() {
            prop_assert!(blocks[..i].iter().all(|(other, o)| slot != other || r == o), "double block: {blocks:?}");
        }
        for (i, a) in votes.iter().enumerate() {
            prop_assert!(a.0 <= a.1);
            for b in &votes[..i] {
                prop_assert!(a.1 != b.1 || a == b, "double vote: {votes:?}");
                let surrounds = |outer: &(u64, u64, u8), inner: &(u64, u64, u8)| outer.0 < inner.0 && inner.1 < outer.1;
                prop_assert!(!surrounds(a, b), "surround: {votes:?}");
                prop_assert!(!surrounds(b, a), "surround: {votes:?}");
            }
        }
    }
}
