//! Block roots, RANDAO mixes and the seeds made of them.

use crate::{
    spec::{Error, accessors::compute_start_slot_at_epoch, math},
    ssz::{Root, sha256},
    types::{BeaconState, ChainConfig, DomainType, Epoch, Slot},
};

/// The root of the block at the start of a recent `epoch` (phase0/beacon-chain.md, `get_block_root`).
///
/// # Errors
/// If that slot is not in the past of `state`, or too far in it.
pub fn get_block_root(cfg: &ChainConfig, state: &BeaconState, epoch: Epoch) -> Result<Root, Error> {
    get_block_root_at_slot(cfg, state, compute_start_slot_at_epoch(cfg, epoch)?)
}

/// The root of the latest block at a recent `slot` (phase0/beacon-chain.md, `get_block_root_at_slot`).
///
/// # Errors
/// If `slot` is not in the past of `state`, or too far in it.
pub fn get_block_root_at_slot(cfg: &ChainConfig, state: &BeaconState, slot: Slot) -> Result<Root, Error> {
    let limit = cfg.preset.slots_per_historical_root;
    let not_kept = Error::SlotNotInHistory { slot, state_slot: state.slot, limit };
    if slot >= state.slot || state.slot - slot > limit {
        return Err(not_kept);
    }
    state.block_roots.get((slot % limit) as usize).copied().ok_or(not_kept)
}

/// The RANDAO mix of a recent `epoch` (phase0/beacon-chain.md, `get_randao_mix`).
///
/// # Errors
/// If the state holds fewer mixes than its preset says.
pub fn get_randao_mix(cfg: &ChainConfig, state: &BeaconState, epoch: Epoch) -> Result<Root, Error> {
    let index = epoch % cfg.preset.epochs_per_historical_vector;
    state.randao_mixes.get(index as usize).copied().ok_or(Error::IndexOutOfRange {
        list: "randao_mixes",
        index,
        len: state.randao_mixes.len() as u64,
    })
}

/// The seed of `epoch` for `domain_type` (phase0/beacon-chain.md, `get_seed`).
///
/// # Errors
/// If `epoch` is near the end of 64 bits.
pub fn get_seed(cfg: &ChainConfig, state: &BeaconState, epoch: Epoch, domain_type: DomainType) -> Result<Root, Error> {
    let p = cfg.preset;
    let beyond = math::add("epoch of a seed", epoch, p.epochs_per_historical_vector)?;
    let lookahead = math::add("epoch of a seed", p.min_seed_lookahead, 1)?;
    let mix = get_randao_mix(cfg, state, math::sub("epoch of a seed", beyond, lookahead)?)?;
    let mut input = [0; 44];
    input[..4].copy_from_slice(&domain_type.0);
    input[4..12].copy_from_slice(&epoch.to_le_bytes());
    input[12..].copy_from_slice(&mix.0);
    Ok(sha256(&input))
}
