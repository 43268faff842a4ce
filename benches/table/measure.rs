//! The rows of the table.

use super::{FORK, mirror};
use lockin::{
    spec,
    ssz::{Root, Ssz},
    types::{BeaconState, ChainConfig, SignedBeaconBlock, Slot},
};
use std::{
    fs,
    hint::black_box,
    path::Path,
    time::{Duration, Instant},
};

/// Times of each figure; the best counts.
const TIMES: usize = 7;

/// The best time of `work` on what `make` gives, which itself is not timed.
fn best<I, O>(make: impl Fn() -> I, mut work: impl FnMut(&mut I) -> O) -> Duration {
    let timed = |_| {
        let mut input = make();
        let start = Instant::now();
        let output = black_box(work(&mut input));
        let time = start.elapsed();
        drop((input, output));
        time
    };
    (0..TIMES).map(timed).min().expect("several times")
}

fn milliseconds(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64() * 1000.0)
}

/// Peak resident memory of this process so far, in MB.
fn peak_memory() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.map_or_else(|| "unknown".to_owned(), |kilobytes| format!("{} MB", kilobytes / 1024))
}

/// What is measured, and the figure.
type Rows = Vec<(&'static str, String)>;

/// Every row.
pub fn measure(cfg: &ChainConfig, dir: &Path) -> Rows {
    let shape = cfg.shape(FORK);
    let bytes = fs::read(dir.join("state.ssz")).expect("the prepared state");
    let block = fs::read(dir.join("block.ssz")).expect("the prepared block");
    let block = SignedBeaconBlock::decode(shape, &block).expect("a block");
    let decode = || BeaconState::decode(shape, &bytes).expect("a state");
    let mut rows = Rows::new();

    rows.push(("decode", milliseconds(best(|| (), |()| decode()))));
    let cold_root = best(decode, |state| state.hash_tree_root(shape));

    // From here on one state, with what it keeps, as in a running node.
    let state = decode();
    let root = state.hash_tree_root(shape);
    state_rows(cfg, &state, block.message.slot, &mut rows);
    let after_block = block_rows(cfg, &state, &block, &mut rows);
    epoch_rows(cfg, &after_block, &mut rows);
    drop((state, after_block));
    rows.push(("peak memory", peak_memory()));

    rows.push(("cold root", milliseconds(cold_root)));
    let (their_time, their_root) = mirror::cold_root(cfg.preset.name, &bytes, TIMES);
    assert_eq!(root.0, their_root, "the roots of two implementations");
    rows.push(("cold root by libssz", milliseconds(their_time)));
    // Once more, after the other: whoever is second finds the processor warm.
    let again = best(decode, |state| state.hash_tree_root(shape)).min(cold_root);
    rows.push(("cold root, times that of libssz", format!("{:.2}", again.as_secs_f64() / their_time.as_secs_f64())));
    rows
}

/// The state on its own; `next` is the slot after its own.
fn state_rows(cfg: &ChainConfig, state: &BeaconState, next: Slot, rows: &mut Rows) {
    let shape = cfg.shape(FORK);
    rows.push(("encode", milliseconds(best(|| (), |()| state.encode(shape)))));
    rows.push(("clone", milliseconds(best(|| (), |()| state.clone()))));
    let changed = |state: &mut BeaconState| {
        assert!(state.balances.set(state.balances.len() / 2, 1) && state.block_roots.set(7, Root::ZERO));
        state.hash_tree_root(shape)
    };
    rows.push(("root after a changed balance and block root", milliseconds(best(|| state.clone(), changed))));
    let empty_slot = |state: &mut BeaconState| spec::process_slots(cfg, state, next).expect("a slot");
    rows.push(("empty slot", milliseconds(best(|| state.clone(), empty_slot))));
}

/// The block on the state; returns the state after it.
fn block_rows(cfg: &ChainConfig, state: &BeaconState, block: &SignedBeaconBlock, rows: &mut Rows) -> BeaconState {
    let shape = cfg.shape(FORK);
    let mut at_block = state.clone();
    spec::process_slots(cfg, &mut at_block, block.message.slot).expect("a slot");
    let apply = |state: &mut BeaconState| {
        let mut sets = vec![spec::block_signature_set(cfg, state, block).expect("a proposer")];
        spec::process_block(cfg, state, &block.message, &mut spec::Signatures::Collect(&mut sets)).expect("valid");
        let processed = Instant::now();
        assert!(lockin::crypto::verify_sets(&sets), "the signatures are valid");
        let verified = processed.elapsed();
        assert_eq!(state.hash_tree_root(shape), block.message.state_root);
        verified
    };
    let start = Instant::now();
    let mut first = at_block.clone();
    apply(&mut first);
    rows.push(("block, first of its epoch and signers", milliseconds(start.elapsed())));
    // What is remembered beside the state, as if another block of the epoch had come before.
    at_block.cache = first.cache.clone();
    drop(first);
    let mut verified = Duration::MAX;
    let whole = best(|| at_block.clone(), |state| verified = verified.min(apply(state)));
    rows.push(("block: 8 full aggregates, sync aggregate", milliseconds(whole)));
    rows.push(("  of that its signatures, one batch", milliseconds(verified)));
    apply(&mut at_block);
    at_block
}

/// The end of the epoch in whose last slot `state` is.
fn epoch_rows(cfg: &ChainConfig, state: &BeaconState, rows: &mut Rows) {
    let shape = cfg.shape(FORK);
    let epoch = |state: &mut BeaconState| spec::epochs::process_epoch(cfg, state).expect("an epoch");
    rows.push(("epoch", milliseconds(best(|| state.clone(), epoch))));
    spec::process_slots(cfg, &mut state.clone(), state.slot + 1).expect("an epoch's end");
    let root_after = |state: &mut BeaconState| {
        epoch(state);
        let start = Instant::now();
        black_box(state.hash_tree_root(shape));
        start.elapsed()
    };
    let mut root_time = Duration::MAX;
    best(|| state.clone(), |state| root_time = root_time.min(root_after(state)));
    rows.push(("root after the epoch", milliseconds(root_time)));
}
