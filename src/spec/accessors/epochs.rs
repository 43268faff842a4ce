//! Slots, epochs and times.

use crate::{
    spec::{Error, math},
    types::{BeaconState, ChainConfig, Epoch, ForkName, Slot, constants::GENESIS_SLOT},
};

/// The fork whose rules a state at its slot follows.
pub fn fork_of(cfg: &ChainConfig, state: &BeaconState) -> ForkName {
    cfg.fork_at_slot(state.slot)
}

/// The epoch of `slot` (phase0/beacon-chain.md, `compute_epoch_at_slot`).
pub fn compute_epoch_at_slot(cfg: &ChainConfig, slot: Slot) -> Epoch {
    slot / cfg.preset.slots_per_epoch
}

/// The first slot of `epoch` (phase0/beacon-chain.md, `compute_start_slot_at_epoch`).
///
/// # Errors
/// If that slot is beyond 64 bits.
pub fn compute_start_slot_at_epoch(cfg: &ChainConfig, epoch: Epoch) -> Result<Slot, Error> {
    math::mul("start slot of an epoch", epoch, cfg.preset.slots_per_epoch)
}

/// When activations and exits begun in `epoch` take effect (phase0/beacon-chain.md, `compute_activation_exit_epoch`).
///
/// # Errors
/// If that epoch is beyond 64 bits.
pub fn compute_activation_exit_epoch(cfg: &ChainConfig, epoch: Epoch) -> Result<Epoch, Error> {
    math::add(
        "activation or exit epoch",
        math::add("activation or exit epoch", epoch, 1)?,
        cfg.preset.max_seed_lookahead,
    )
}

/// When `slot` begins, in seconds since the Unix epoch (phase0/beacon-chain.md, `compute_time_at_slot`).
///
/// # Errors
/// If the time is beyond 64 bits.
pub fn compute_time_at_slot(cfg: &ChainConfig, state: &BeaconState, slot: Slot) -> Result<u64, Error> {
    let slots_since_genesis = slot - GENESIS_SLOT;
    let ms = math::mul("time at slot", slots_since_genesis, cfg.slot_duration_ms)?;
    math::add("time at slot", state.genesis_time, ms / 1000)
}

/// The epoch that `state` is in (phase0/beacon-chain.md, `get_current_epoch`).
pub fn get_current_epoch(cfg: &ChainConfig, state: &BeaconState) -> Epoch {
    compute_epoch_at_slot(cfg, state.slot)
}

/// The epoch before that, or the genesis epoch (phase0/beacon-chain.md, `get_previous_epoch`).
pub fn get_previous_epoch(cfg: &ChainConfig, state: &BeaconState) -> Epoch {
    get_current_epoch(cfg, state).saturating_sub(1)
}

/// Fails unless `epoch` is the previous or the current one of `state`.
pub(crate) fn check_recent_epoch(cfg: &ChainConfig, state: &BeaconState, epoch: Epoch) -> Result<(), Error> {
    let (previous, current) = (get_previous_epoch(cfg, state), get_current_epoch(cfg, state));
    if epoch == previous || epoch == current { Ok(()) } else { Err(Error::EpochNotRecent { epoch, previous, current }) }
}
