//! Rotation of the sync committees.

use crate::{
    spec::{
        Error,
        accessors::{get_current_epoch, get_next_sync_committee},
        math,
    },
    types::{BeaconState, ChainConfig},
};

/// At the end of a period, makes the next sync committee the current one and draws a new one
/// (altair/beacon-chain.md, `process_sync_committee_updates`).
///
/// # Errors
/// If nobody can be drawn.
pub fn process_sync_committee_updates(cfg: &ChainConfig, state: &mut BeaconState) -> Result<(), Error> {
    let next_epoch = math::add("next epoch", get_current_epoch(cfg, state), 1)?;
    if next_epoch.is_multiple_of(cfg.preset.epochs_per_sync_committee_period) {
        let next = get_next_sync_committee(cfg, state)?;
        state.current_sync_committee = std::mem::replace(&mut state.next_sync_committee, next);
    }
    Ok(())
}
