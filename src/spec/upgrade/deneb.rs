//! The upgrade to deneb.

use super::set_fork;
use crate::{
    spec::Error,
    types::{BeaconState, ChainConfig, ForkName},
};

/// Turns a capella state at the first slot of an epoch into a deneb state (deneb/fork.md, `upgrade_to_deneb`).
///
/// # Errors
/// None; the type is that of every upgrade.
pub fn upgrade_to_deneb(cfg: &ChainConfig, state: &mut BeaconState) -> Result<(), Error> {
    set_fork(cfg, state, ForkName::Deneb);
    state.latest_execution_payload_header.blob_gas_used = 0;
    state.latest_execution_payload_header.excess_blob_gas = 0;
    Ok(())
}
