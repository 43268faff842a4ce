//! The proposers that fulu draws an epoch ahead.

use crate::{
    spec::{
        Error,
        accessors::{get_beacon_proposer_indices, get_current_epoch},
        math,
    },
    types::{BeaconState, ChainConfig, ValidatorIndex},
};

/// Drops the proposers of the epoch that ends and draws those of the first epoch that has none
/// (fulu/beacon-chain.md, `process_proposer_lookahead`).
///
/// # Errors
/// If nobody can be drawn.
pub fn process_proposer_lookahead(cfg: &ChainConfig, state: &mut BeaconState) -> Result<(), Error> {
    let ahead = math::add("epoch of the lookahead", cfg.preset.min_seed_lookahead, 1)?;
    let epoch = math::add("epoch of the lookahead", get_current_epoch(cfg, state), ahead)?;
    let last = get_beacon_proposer_indices(cfg, state, epoch)?;
    let kept = state.proposer_lookahead.iter().skip(cfg.preset.slots_per_epoch as usize).copied();
    state.proposer_lookahead = kept.chain(last).collect::<Vec<ValidatorIndex>>().into();
    Ok(())
}
