//! Upgrades of the state from one fork to the next.
//!
//! A new fork adds its file here and its line to [`upgrade_at_epoch_start`].

mod altair;

pub use altair::{translate_participation, upgrade_to_altair};

use crate::{
    spec::{Error, accessors::get_current_epoch},
    types::{BeaconState, ChainConfig, ForkName, constants::GENESIS_EPOCH},
};

/// Makes every upgrade that falls on the epoch the state has just entered (the end of `process_slots`, as each fork's
/// fork.md says). Upgrades at genesis are part of the genesis state.
///
/// # Errors
/// As the upgrade.
pub fn upgrade_at_epoch_start(cfg: &ChainConfig, state: &mut BeaconState) -> Result<(), Error> {
    let epoch = get_current_epoch(cfg, state);
    if epoch > GENESIS_EPOCH && epoch == cfg.fork_epoch(ForkName::Altair) {
        upgrade_to_altair(cfg, state)?;
    }
    Ok(())
}
