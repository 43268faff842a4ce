//! Upgrades of the state from one fork to the next.
//!
//! A new fork adds its file here and its line to [`upgrade_to`].

mod altair;
mod bellatrix;
mod capella;
mod deneb;
mod electra;
mod fulu;

pub use altair::{translate_participation, upgrade_to_altair};
pub use bellatrix::upgrade_to_bellatrix;
pub use capella::upgrade_to_capella;
pub use deneb::upgrade_to_deneb;
pub(crate) use electra::initialize_balance_queues;
pub use electra::upgrade_to_electra;
pub use fulu::upgrade_to_fulu;

use crate::{
    spec::{Error, accessors::get_current_epoch},
    types::{
        BeaconState, ChainConfig, Fork, ForkName,
        constants::{FAR_FUTURE_EPOCH, GENESIS_EPOCH},
    },
};

/// Makes every upgrade that falls on the epoch the state has just entered, in order of the forks (the end of
/// `process_slots`, as each fork's fork.md says). Upgrades at genesis are part of the genesis state.
///
/// # Errors
/// As the upgrade.
pub fn upgrade_at_epoch_start(cfg: &ChainConfig, state: &mut BeaconState) -> Result<(), Error> {
    let epoch = get_current_epoch(cfg, state);
    if epoch == GENESIS_EPOCH {
        return Ok(());
    }
    for fork in ForkName::ALL.into_iter().filter(|fork| cfg.fork_epoch(*fork) == epoch) {
        upgrade_to(cfg, state, fork)?;
    }
    Ok(())
}

/// Makes the upgrade from the fork before `fork`, by the rules of `fork` even if the next upgrade follows at once; none
/// leads to phase0.
///
/// # Errors
/// As the upgrade.
pub fn upgrade_to(cfg: &ChainConfig, state: &mut BeaconState, fork: ForkName) -> Result<(), Error> {
    let cfg = &without_forks_after(cfg, fork);
    match fork {
        ForkName::Phase0 => Ok(()),
        ForkName::Altair => upgrade_to_altair(cfg, state),
        ForkName::Bellatrix => upgrade_to_bellatrix(cfg, state),
        ForkName::Capella => upgrade_to_capella(cfg, state),
        ForkName::Deneb => upgrade_to_deneb(cfg, state),
        ForkName::Electra => upgrade_to_electra(cfg, state),
        ForkName::Fulu => upgrade_to_fulu(cfg, state),
    }
}

/// `cfg` with no fork scheduled after `last`.
fn without_forks_after(cfg: &ChainConfig, last: ForkName) -> ChainConfig {
    let mut cfg = cfg.clone();
    for later in ForkName::ALL.into_iter().filter(|fork| *fork > last) {
        cfg.set_fork_epoch(later, FAR_FUTURE_EPOCH);
    }
    cfg
}

/// Names the fork in the state.
fn set_fork(cfg: &ChainConfig, state: &mut BeaconState, fork: ForkName) {
    state.fork = Fork {
        previous_version: state.fork.current_version,
        current_version: cfg.fork_version(fork),
        epoch: get_current_epoch(cfg, state),
    };
}
