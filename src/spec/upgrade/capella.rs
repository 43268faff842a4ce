//! The upgrade to capella.

use super::set_fork;
use crate::{
    spec::Error,
    types::{BeaconState, ChainConfig, ForkName, Root},
};

/// Turns a bellatrix state at the first slot of an epoch into a capella state (capella/fork.md, `upgrade_to_capella`).
///
/// # Errors
/// None; the type is that of every upgrade.
pub fn upgrade_to_capella(cfg: &ChainConfig, state: &mut BeaconState) -> Result<(), Error> {
    set_fork(cfg, state, ForkName::Capella);
    state.latest_execution_payload_header.withdrawals_root = Root::default();
    state.next_withdrawal_index = 0;
    state.next_withdrawal_validator_index = 0;
    state.historical_summaries.clear();
    Ok(())
}
