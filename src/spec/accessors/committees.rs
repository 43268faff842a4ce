//! Beacon committees.

use std::{ops::Range, sync::Arc};

use crate::{
    spec::{
        Error,
        accessors::{
            compute_epoch_at_slot, compute_shuffled_index, get_active_validator_indices, get_current_epoch,
            get_previous_epoch, get_seed, is_active_validator, shuffle_list,
        },
        math,
    },
    ssz::Root,
    types::{
        BeaconState, ChainConfig, CommitteeIndex, Epoch, Shuffling, Slot, ValidatorIndex,
        constants::DOMAIN_BEACON_ATTESTER,
    },
};

/// Committee `index` of `count` out of the shuffled `indices` (phase0/beacon-chain.md, `compute_committee`).
///
/// # Errors
/// If `index` is not below `count`.
pub fn compute_committee(
    cfg: &ChainConfig,
    indices: &[ValidatorIndex],
    seed: &Root,
    index: u64,
    count: u64,
) -> Result<Vec<ValidatorIndex>, Error> {
    let range = committee_range(indices.len(), index, count)?;
    let total = indices.len() as u64;
    range.map(|i| Ok(indices[compute_shuffled_index(cfg, i as u64, total, seed)? as usize])).collect()
}

/// How many committees each slot of `epoch` has (phase0/beacon-chain.md, `get_committee_count_per_slot`).
pub fn get_committee_count_per_slot(cfg: &ChainConfig, state: &BeaconState, epoch: Epoch) -> u64 {
    let remembered = get_seed(cfg, state, epoch, DOMAIN_BEACON_ATTESTER).ok().and_then(|seed| {
        let known = is_settled(cfg, state, epoch).then(|| state.cache.shuffling(epoch, &seed)).flatten();
        known.map(|shuffling| shuffling.active.len())
    });
    let active =
        remembered.unwrap_or_else(|| state.validators.iter().filter(|v| is_active_validator(v, epoch)).count());
    committees_per_slot(cfg, active)
}

/// The committee `index` of `slot` (phase0/beacon-chain.md, `get_beacon_committee`).
///
/// # Errors
/// If the slot has no such committee, or its epoch is near the end of 64 bits.
pub fn get_beacon_committee(
    cfg: &ChainConfig,
    state: &BeaconState,
    slot: Slot,
    index: CommitteeIndex,
) -> Result<Vec<ValidatorIndex>, Error> {
    let shuffling = get_shuffling(cfg, state, compute_epoch_at_slot(cfg, slot))?;
    Ok(committee_of(cfg, &shuffling, slot, index)?.to_vec())
}

/// The committee `index` of `slot` within the shuffling of its epoch.
pub(crate) fn committee_of<'a>(
    cfg: &ChainConfig,
    shuffling: &'a Shuffling,
    slot: Slot,
    index: CommitteeIndex,
) -> Result<&'a [ValidatorIndex], Error> {
    let slots = cfg.preset.slots_per_epoch;
    let per_slot = committees_per_slot(cfg, shuffling.active.len());
    if index >= per_slot {
        return Err(Error::UnknownCommittee { slot, index, count: per_slot });
    }
    let in_epoch = math::add("committee of the epoch", (slot % slots) * per_slot, index)?;
    let range = committee_range(shuffling.shuffled.len(), in_epoch, per_slot * slots)?;
    Ok(&shuffling.shuffled[range])
}

/// The shuffling of `epoch`: remembered beside the state where it can't change any more, made anew otherwise.
///
/// # Errors
/// If `epoch` is near the end of 64 bits.
pub fn get_shuffling(cfg: &ChainConfig, state: &BeaconState, epoch: Epoch) -> Result<Arc<Shuffling>, Error> {
    let seed = get_seed(cfg, state, epoch, DOMAIN_BEACON_ATTESTER)?;
    let settled = is_settled(cfg, state, epoch);
    if let Some(known) = settled.then(|| state.cache.shuffling(epoch, &seed)).flatten() {
        return Ok(known);
    }
    let active = get_active_validator_indices(state, epoch);
    let shuffled = shuffle_list(cfg, active.clone(), &seed);
    let shuffling = Arc::new(Shuffling { epoch, seed, active, shuffled });
    if settled {
        state.cache.remember_shuffling(Arc::clone(&shuffling));
    }
    Ok(shuffling)
}

/// Whether who is active in `epoch` is beyond change: entries and exits take effect after the seed's lookahead.
fn is_settled(cfg: &ChainConfig, state: &BeaconState, epoch: Epoch) -> bool {
    let last = get_current_epoch(cfg, state).saturating_add(cfg.preset.max_seed_lookahead.min(1));
    (get_previous_epoch(cfg, state)..=last).contains(&epoch)
}

fn committees_per_slot(cfg: &ChainConfig, active: usize) -> u64 {
    let p = cfg.preset;
    (active as u64 / p.slots_per_epoch / p.target_committee_size).min(p.max_committees_per_slot).max(1)
}

fn committee_range(len: usize, index: u64, count: u64) -> Result<Range<usize>, Error> {
    if index >= count {
        return Err(Error::IndexOutOfRange { list: "committees of the epoch", index, len: count });
    }
    let bound = |i: u64| (len as u128 * u128::from(i) / u128::from(count)) as usize;
    Ok(bound(index)..bound(index + 1))
}
