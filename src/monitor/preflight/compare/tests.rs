use super::*;
use crate::ssz::{Bytes, Fork, Preset};
use serde_json::json;

fn network(fork: Fork) -> ChainConfig {
    let mut cfg = ChainConfig::lockin(Preset::minimal());
    cfg.slot_duration_ms = 2000;
    cfg.start_at(fork);
    cfg
}

/// What a node serves that is configured as planned.
fn served(cfg: &ChainConfig) -> BTreeMap<String, Value> {
    cfg.entries().into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect()
}

/// The names of what differs when these values are served in place of the planned ones; null is absent.
fn differing(cfg: &ChainConfig, other: &[(&str, Value)]) -> Vec<String> {
    let mut values = served(cfg);
    for (name, value) in other {
        values.remove(*name);
        if !value.is_null() {
            values.insert((*name).to_owned(), value.clone());
        }
    }
    spec(cfg, &values).into_iter().map(|it| format!("{} {} {}", it.what, it.planned, it.has)).collect()
}

#[test]
fn a_value_that_changes_consensus_is_named_with_both_values() {
    let cfg = network(Fork::Altair);
    assert_eq!(differing(&cfg, &[]), [""; 0]);
    assert_eq!(differing(&cfg, &[("BASE_REWARD_FACTOR", json!("32"))]), ["BASE_REWARD_FACTOR 64 32"]);
    assert_eq!(differing(&cfg, &[("ALTAIR_FORK_EPOCH", json!(1))]), ["ALTAIR_FORK_EPOCH 0 1"]);
    assert_eq!(differing(&cfg, &[("PRESET_BASE", json!("mainnet"))]), ["PRESET_BASE minimal mainnet"]);
    let scheduled = differing(&cfg, &[("BELLATRIX_FORK_EPOCH", json!("144896"))]);
    assert_eq!(scheduled, ["BELLATRIX_FORK_EPOCH 18446744073709551615 144896"]);
}

#[test]
fn absent_values_other_spellings_and_other_notations_are_no_difference() {
    let cfg = network(Fork::Altair);
    let same = [
        ("BASE_REWARD_FACTOR", json!(64)),
        ("SLOTS_PER_EPOCH", json!("0x08")),
        ("SHUFFLE_ROUND_COUNT", Value::Null),
        ("ALTAIR_FORK_VERSION", json!("0x200010C1")),
        ("BELLATRIX_FORK_EPOCH", json!("Infinity")),
        ("CAPELLA_FORK_EPOCH", json!(9_007_199_254_740_991u64)),
        ("DENEB_FORK_EPOCH", Value::Null),
        ("PRESET_BASE", json!("of-my-own")),
        ("MAX_DEPOSITS", json!({ "not": "a number" })),
        ("MAX_ATTESTATIONS", json!("many")),
    ];
    assert_eq!(differing(&cfg, &same), [""; 0]);
    let lower = served(&cfg).into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect();
    assert_eq!(spec(&cfg, &lower), []);
    assert_eq!(spec(&cfg, &BTreeMap::new()), []);
}

#[test]
fn what_a_client_has_built_in_for_other_years_and_networks_is_no_difference() {
    // Limits of the wire, names, forks that this network never reaches, rules that it has left behind.
    let cfg = network(Fork::Altair);
    let other = [
        ("CONFIG_NAME", json!("mainnet")),
        ("MAX_BLOBS_PER_BLOCK", json!("4")),
        ("MAX_BLOB_COMMITMENTS_PER_BLOCK", json!("16")),
        ("FULU_FORK_VERSION", json!("0x06000000")),
        ("GLOAS_FORK_EPOCH", json!("0")),
        ("PROPOSER_REWARD_QUOTIENT", json!("1")),
        ("DEPOSIT_CHAIN_ID", json!("1")),
        ("TERMINAL_TOTAL_DIFFICULTY", json!("0")),
        ("DOMAIN_DEPOSIT", json!("3")),
        ("MAX_REQUEST_BLOCKS", json!("512")),
    ];
    assert_eq!(differing(&cfg, &other), [""; 0]);
    let deneb = network(Fork::Deneb);
    let differs = differing(&deneb, &[("MAX_BLOB_COMMITMENTS_PER_BLOCK", json!("16"))]);
    assert_eq!(differs, ["MAX_BLOB_COMMITMENTS_PER_BLOCK 4096 16"]);
}

#[test]
fn either_name_of_the_slot_time_will_do() {
    let cfg = network(Fork::Phase0);
    let (ms, seconds) = ("SLOT_DURATION_MS", "SECONDS_PER_SLOT");
    assert_eq!(differing(&cfg, &[(ms, json!("12000"))]), [""; 0]);
    assert_eq!(differing(&cfg, &[(seconds, json!("12"))]), [""; 0]);
    assert_eq!(differing(&cfg, &[(ms, Value::Null), (seconds, Value::Null)]), [""; 0]);
    let differs = ["SLOT_DURATION_MS 2000 ms 12000 ms"];
    assert_eq!(differing(&cfg, &[(ms, Value::Null), (seconds, json!("12"))]), differs);
    assert_eq!(differing(&cfg, &[(ms, json!("12000")), (seconds, json!("12"))]), differs);
    // Which of two that contradict each other counts is not known: a remark.
    let remark = |ms_value: Value, seconds_value: Value| {
        let values = [(ms, ms_value), (seconds, seconds_value)].map(|(name, value)| (name.to_owned(), value));
        two_slot_times(&cfg, &values.into())
    };
    assert_eq!(remark(json!("2000"), json!("2")), None);
    assert_eq!(remark(json!("2000"), Value::Null), None);
    let says = "SLOT_DURATION_MS is 2000, but SECONDS_PER_SLOT is 12";
    assert_eq!(remark(json!("2000"), json!("12")).as_deref(), Some(says));
}

#[test]
fn blob_limits_are_compared_by_what_holds() {
    let mut cfg = network(Fork::Electra);
    cfg.set_fork_epoch(Fork::Fulu, 2);
    cfg.blob_schedule = vec![BlobParameters { epoch: 9, max_blobs_per_block: 12 }];
    let schedule = |value: Value| differing(&cfg, &[("BLOB_SCHEDULE", value)]);
    let entry = |epoch: Value, most: Value| json!({ "EPOCH": epoch, "MAX_BLOBS_PER_BLOCK": most });
    assert_eq!(schedule(json!([entry(json!("9"), json!("12"))])), [""; 0]);
    // The limit of electra said aloud, and an entry that never comes.
    let more = json!([
        entry(json!(0), json!(9)),
        entry(json!(9), json!(12)),
        entry(json!("18446744073709551615"), json!("99"))
    ]);
    assert_eq!(schedule(more), [""; 0]);
    assert_eq!(schedule(json!("[]")), [""; 0]);
    let planned = "BLOB_SCHEDULE 9 from epoch 0, 12 from epoch 9";
    assert_eq!(schedule(json!([])), [format!("{planned} 9 from epoch 0")]);
    let late = schedule(json!([entry(json!(10), json!(12))]));
    assert_eq!(late, [format!("{planned} 9 from epoch 0, 12 from epoch 10")]);
}

fn fork_entry(version: Bytes<4>, epoch: u64) -> dto::Fork {
    dto::Fork { previous_version: version, current_version: version, epoch }
}

#[test]
fn a_schedule_may_list_more_or_less_but_nothing_else() {
    let mut cfg = network(Fork::Altair);
    cfg.set_fork_epoch(Fork::Bellatrix, 3);
    let version = |fork| cfg.fork_version(fork);
    let planned = [fork_entry(version(Fork::Altair), 0), fork_entry(version(Fork::Bellatrix), 3)];
    assert_eq!(schedule(&cfg, &planned), []);
    assert_eq!(schedule(&cfg, &[]), []);
    // One version again for a change of limits, and a fork of other networks that never comes.
    let more = [planned[1].clone(), fork_entry(version(Fork::Bellatrix), 7), fork_entry(Bytes([9; 4]), u64::MAX)];
    assert_eq!(schedule(&cfg, &more), []);
    let told = |forks: &[dto::Fork]| {
        let found = schedule(&cfg, forks);
        found.into_iter().map(|it| format!("{}: {}, not {}", it.what, it.has, it.planned)).collect::<Vec<_>>()
    };
    assert_eq!(told(&[fork_entry(version(Fork::Bellatrix), 4)]), ["fork_schedule, bellatrix: epoch 4, not epoch 3"]);
    assert_eq!(told(&[fork_entry(version(Fork::Capella), 5)]), ["fork_schedule, capella: epoch 5, not never"]);
    let foreign = format!("fork_schedule, epoch 3: 0x03000000, not {} (bellatrix)", version(Fork::Bellatrix));
    assert_eq!(told(&[fork_entry(Bytes([3, 0, 0, 0]), 3)]), [foreign]);
}

#[test]
fn a_fork_to_come_that_a_node_names_nowhere_is_lacking() {
    let mut cfg = network(Fork::Altair);
    cfg.set_fork_epoch(Fork::Bellatrix, 3);
    let old = [fork_entry(cfg.fork_version(Fork::Altair), 0)];
    let nothing = BTreeMap::new();
    assert_eq!(unknown_forks(&cfg, &old, &nothing), ["the fork bellatrix of epoch 3"]);
    assert_eq!(unknown_forks(&cfg, &old, &served(&cfg)), [""; 0]);
    assert_eq!(unknown_forks(&cfg, &[], &nothing), [""; 0]);
}

#[test]
fn another_genesis_is_named() {
    let cfg = network(Fork::Altair);
    let state =
        crate::genesis::genesis_state(&cfg, Fork::Altair, crate::genesis::Convention::Genesis, 1_700_000_000, 4);
    let planned = Genesis::of(&cfg, &state.unwrap());
    let same = dto::Genesis {
        genesis_time: 1_700_000_000,
        genesis_validators_root: planned.validators_root,
        genesis_fork_version: cfg.genesis_fork_version,
    };
    assert_eq!(genesis(&cfg, &planned, &same), []);
    let by_state = dto::Genesis { genesis_fork_version: cfg.altair_fork_version, ..same.clone() };
    assert_eq!(genesis(&cfg, &planned, &by_state), []);
    let other =
        dto::Genesis { genesis_time: 1, genesis_validators_root: Bytes([1; 32]), genesis_fork_version: Bytes([1; 4]) };
    let found = genesis(&cfg, &planned, &other);
    let names: Vec<_> = found.iter().map(|it| it.what.as_str()).collect();
    assert_eq!(names, ["genesis_validators_root", "genesis_time", "genesis_fork_version"]);
    assert_eq!(block_root(&planned, planned.block_root.unwrap()), []);
    assert_eq!(block_root(&planned, Bytes([1; 32])).len(), 1);
    assert_eq!(state_root(&planned, planned.state_root.unwrap()), []);
    let told = Genesis::told(planned.time, planned.validators_root, None, None);
    assert_eq!((block_root(&told, Root::ZERO), state_root(&told, Root::ZERO)), (vec![], vec![]));
    assert_eq!(state_root(&planned, Bytes([1; 32])).len(), 1);
}
