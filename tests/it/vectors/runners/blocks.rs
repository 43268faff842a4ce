//! Runners of whole blocks and slots: `sanity`, `finality`, `random`, `transition`.

use super::super::case::Case;
use super::super::compare;
use super::unknown_handler;
use lockin::spec::{Error, Signatures, process_block, process_slots, state_transition};
use lockin::ssz::{Fork, Ssz};
use lockin::types::{BeaconState, ChainConfig, SignedBeaconBlock};

pub fn sanity(case: &Case) -> Result<(), String> {
    match case.id.handler.as_str() {
        "blocks" => blocks(case),
        "slots" => slots(case),
        _ => Err(unknown_handler(case)),
    }
}

/// `finality` and `random`, whose handlers are called like them.
pub fn blocks_only(case: &Case) -> Result<(), String> {
    if case.id.handler == case.id.runner { blocks(case) } else { Err(unknown_handler(case)) }
}

fn slots(case: &Case) -> Result<(), String> {
    let count: u64 = case.yaml("slots.yaml")?;
    let mut state: BeaconState = case.ssz("pre")?;
    let expected: Option<BeaconState> = case.optional_ssz("post")?;
    let slot = state.slot + count;
    let outcome = process_slots(&case.config()?, &mut state, slot).map(|()| state);
    compare::outcome(case.shape()?, expected.as_ref(), outcome)
}

fn blocks(case: &Case) -> Result<(), String> {
    let cfg = case.config()?;
    let shape = case.shape()?;
    let blocks = (0..case.meta()?.blocks_count)
        .map(|index| case.ssz(&format!("blocks_{index}")))
        .collect::<Result<Vec<SignedBeaconBlock>, String>>()?;
    let outcome = apply(case, &cfg, case.ssz("pre")?, &blocks)?;
    compare::outcome(shape, case.optional_ssz("post")?.as_ref(), outcome)
}

pub fn transition(case: &Case) -> Result<(), String> {
    if case.id.handler != "core" {
        return Err(unknown_handler(case));
    }
    let meta = case.meta()?;
    let post_fork: Fork =
        meta.post_fork.ok_or("meta.yaml has no post_fork")?.parse().map_err(|error| format!("post_fork: {error}"))?;
    let pre_fork = post_fork.previous().ok_or("no fork comes before post_fork")?;
    let cfg = case.config_with(post_fork, meta.fork_epoch.ok_or("meta.yaml has no fork_epoch")?)?;
    let blocks = (0..meta.blocks_count)
        .map(|index| {
            let before = meta.fork_block.is_some_and(|last| index <= last);
            case.ssz_in(&format!("blocks_{index}"), cfg.shape(if before { pre_fork } else { post_fork }))
        })
        .collect::<Result<Vec<SignedBeaconBlock>, String>>()?;
    let pre = case.ssz_in("pre", cfg.shape(pre_fork))?;
    let shape = cfg.shape(post_fork);
    let expected: BeaconState = case.ssz_in("post", shape)?;
    let outcome = apply(case, &cfg, pre, &blocks)?;
    compare::outcome(shape, Some(&expected), outcome)
}

/// Applies the blocks in order; the inner result is the spec's verdict on them.
fn apply(
    case: &Case,
    cfg: &ChainConfig,
    mut state: BeaconState,
    blocks: &[SignedBeaconBlock],
) -> Result<Result<BeaconState, Error>, String> {
    let trust = case.meta()?.ignores_signatures();
    for block in blocks {
        let applied = if trust {
            unsigned_transition(cfg, &mut state, block)
        } else {
            state_transition(cfg, &mut state, block, true)
        };
        if let Err(error) = applied {
            return Ok(Err(error));
        }
    }
    Ok(Ok(state))
}

/// `state_transition` with signatures ignored.
fn unsigned_transition(cfg: &ChainConfig, state: &mut BeaconState, signed: &SignedBeaconBlock) -> Result<(), Error> {
    let block = &signed.message;
    process_slots(cfg, state, block.slot)?;
    process_block(cfg, state, block, &mut Signatures::Trust)?;
    let found = state.hash_tree_root(cfg.shape_at_slot(block.slot));
    if found == block.state_root {
        Ok(())
    } else {
        Err(Error::StateRoot { slot: block.slot, claimed: block.state_root, found })
    }
}
