//! Random chains through every fork: valid by our own rules, and by those of another implementation, which is asked for the
//! root after each block (`tests/oracle/run`).

mod chain;
mod keys;
mod operations;
mod peer;
mod tally;

use chain::RandomChain;
use lockin::ssz::{Json, Ssz};
use lockin::types::{BeaconState, ForkName};
use lockin::witness;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use tally::Tally;

/// Slots of a chain after its last fork began, in epochs.
const TAIL: u64 = 6;

/// What a chain must try, and to some effect.
const KINDS: [&str; 12] = [
    "attestations",
    "attester slashings",
    "consolidation requests",
    "credential changes",
    "deposit requests",
    "deposits",
    "exit requests",
    "partial withdrawal requests",
    "proposer slashings",
    "switches to compounding",
    "voluntary exits",
    "withdrawals",
];

/// Where two JSON values part first, as a path, with both sides.
fn first_difference(path: &str, ours: &Value, theirs: &Value) -> Option<String> {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => a.iter().find_map(|(key, value)| {
            first_difference(&format!("{path}.{key}"), value, b.get(key).unwrap_or(&Value::Null))
        }),
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().find_map(|(i, (a, b))| first_difference(&format!("{path}[{i}]"), a, b))
        }
        (Value::Array(a), Value::Array(b)) => Some(format!("{path}: {} elements, the oracle has {}", a.len(), b.len())),
        _ if ours == theirs => None,
        _ => Some(format!("{path}: {ours}, the oracle has {theirs}")),
    }
}

/// Runs chains until `blocks` blocks are made; `see` gets each chain after each block, and whether it is a chain's first.
fn run(seed: u64, blocks: usize, mut see: impl FnMut(&RandomChain, bool)) -> Tally {
    let mut tally = Tally::default();
    let mut made = 0;
    for seed in seed.. {
        let mut chain = RandomChain::new(seed);
        let end = chain.cfg.start_slot(chain.cfg.fork_epoch(ForkName::Fulu) + TAIL);
        let mut first = true;
        while chain.state.slot < end {
            if made == blocks {
                return tally;
            }
            chain.next_block();
            see(&chain, first);
            tally.count(&chain);
            (first, made) = (false, made + 1);
        }
    }
    tally
}

/// Ours alone: every block that is made passes the whole transition, and ssz_rs agrees on the state's root.
#[test]
fn random_chains_are_valid_through_all_forks() {
    let mut forks = BTreeMap::<ForkName, usize>::new();
    let tally = run(1, 220, |chain, _| {
        let shape = chain.cfg.shape_at_slot(chain.state.slot);
        *forks.entry(shape.fork).or_default() += 1;
        if chain.state.slot.is_multiple_of(5) {
            witness::check("BeaconState", shape, &chain.state).unwrap_or_else(|error| panic!("{error}"));
        }
    });
    println!("blocks by fork: {forks:?}; effective operations in them: {tally}");
    assert_eq!(forks.len(), ForkName::ALL.len(), "a fork without a block: {forks:?}");
    for kind in KINDS {
        assert!(tally.of(kind).effective > 0, "no {kind} changed anything: {tally}");
    }
    for kind in ["exit requests", "partial withdrawal requests", "switches to compounding", "consolidation requests"] {
        assert!(tally.of(kind).effective < tally.of(kind).all, "no {kind} were passed over: {tally}");
    }
}

/// The command reads such a chain from files, and prints the roots that its blocks carry.
#[test]
fn replay_follows_a_chain_through_all_forks() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut chain = RandomChain::new(7);
    let path = |name: &str| dir.path().join(name);
    fs::write(path("config.yaml"), chain.cfg.to_yaml()).expect("writes");
    fs::write(path("pre.ssz"), chain.genesis.encode(chain.cfg.shape(ForkName::Phase0))).expect("writes");
    let mut expected = String::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockin"));
    command.args(["replay", "--cross-check", "--config"]).arg(path("config.yaml")).arg("--pre").arg(path("pre.ssz"));
    while chain.cfg.fork_at_slot(chain.state.slot) < ForkName::Fulu {
        chain.next_block();
        let block = chain.block.as_ref().expect("a block was made");
        let slot = block.message.slot;
        let file = path(&format!("block-{slot}.ssz"));
        fs::write(&file, block.encode(chain.cfg.shape_at_slot(slot))).expect("writes");
        command.arg(file);
        expected += &format!("{slot} {}\n", block.message.state_root);
    }
    let output = command.output().expect("runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}

#[test]
#[ignore = "needs @lodestar/state-transition from npm: tests/oracle/run"]
fn the_oracle_agrees() {
    let number = |name: &str, default| std::env::var(name).map_or(default, |text| text.parse().expect("a number"));
    let (blocks, seed) = (number("LOCKIN_ORACLE_BLOCKS", 2000), number("LOCKIN_ORACLE_SEED", 1));
    let mut oracle = peer::Oracle::start();
    let mut forks = BTreeMap::<ForkName, usize>::new();
    let tally = run(seed, blocks as usize, |chain, first| {
        let shape = chain.cfg.shape_at_slot(chain.state.slot);
        *forks.entry(shape.fork).or_default() += 1;
        if first {
            oracle.begin(&chain.cfg.to_yaml(), &chain.genesis.encode(chain.cfg.shape(ForkName::Phase0)));
        }
        let block = chain.block.as_ref().expect("a block was made");
        let place = format!("seed {}, slot {}, {}", chain.seed, chain.state.slot, shape.fork);
        let root = oracle
            .block(&block.encode(shape))
            .unwrap_or_else(|error| panic!("{place}: the oracle refuses the block: {error}"));
        if root != chain.state.hash_tree_root(shape) {
            let theirs = BeaconState::decode(shape, &oracle.state()).expect("the oracle's state");
            let difference = first_difference("state", &chain.state.to_json(shape), &theirs.to_json(shape));
            panic!("{place}: {}", difference.unwrap_or_else(|| "the same fields, but another root".into()));
        }
    });
    println!("{blocks} blocks from seed {seed} on, 0 differences; by fork: {forks:?}");
    println!("operations that changed the state, of all: {tally}");
}
