//! The upgrade to fulu.

use super::set_fork;
use crate::{
    spec::{Error, accessors::initialize_proposer_lookahead},
    types::{BeaconState, ChainConfig, ForkName},
};

/// Turns an electra state at the first slot of an epoch into a fulu state (fulu/fork.md, `upgrade_to_fulu`).
///
/// # Errors
/// If no proposer can be drawn.
pub fn upgrade_to_fulu(cfg: &ChainConfig, state: &mut BeaconState) -> Result<(), Error> {
    state.proposer_lookahead = initialize_proposer_lookahead(cfg, state)?.into();
    set_fork(cfg, state, ForkName::Fulu);
    Ok(())
}
