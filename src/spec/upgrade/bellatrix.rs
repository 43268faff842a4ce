//! The upgrade to bellatrix.

use super::set_fork;
use crate::{
    spec::Error,
    types::{BeaconState, ChainConfig, ExecutionPayloadHeader, ForkName},
};

/// Turns an altair state at the first slot of an epoch into a bellatrix state (bellatrix/fork.md,
/// `upgrade_to_bellatrix`).
///
/// # Errors
/// None; the type is that of every upgrade.
pub fn upgrade_to_bellatrix(cfg: &ChainConfig, state: &mut BeaconState) -> Result<(), Error> {
    set_fork(cfg, state, ForkName::Bellatrix);
    state.latest_execution_payload_header = ExecutionPayloadHeader::default();
    Ok(())
}
