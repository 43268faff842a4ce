//! What starts afresh with an epoch or a period: votes, slashings, RANDAO mixes, historical roots, participation.

use crate::{
    spec::{
        Error,
        accessors::{fork_of, get_current_epoch, get_randao_mix},
        math,
    },
    ssz::{List, Ssz},
    types::{BeaconState, ChainConfig, Epoch, HistoricalBatch, HistoricalSummary},
};

fn next_epoch(cfg: &ChainConfig, state: &BeaconState) -> Result<Epoch, Error> {
    math::add("next epoch", get_current_epoch(cfg, state), 1)
}

/// Drops the votes of a voting period that ends (phase0/beacon-chain.md, `process_eth1_data_reset`).
///
/// # Errors
/// If the next epoch is beyond 64 bits.
pub fn process_eth1_data_reset(cfg: &ChainConfig, state: &mut BeaconState) -> Result<(), Error> {
    if next_epoch(cfg, state)?.is_multiple_of(cfg.preset.epochs_per_eth1_voting_period) {
        state.eth1_data_votes.clear();
    }
    Ok(())
}

/// Makes room for the slashings of the next epoch (phase0/beacon-chain.md, `process_slashings_reset`).
///
/// # Errors
/// If the state keeps fewer epochs than its preset says.
pub fn process_slashings_reset(cfg: &ChainConfig, state: &mut BeaconState) -> Result<(), Error> {
    let index = next_epoch(cfg, state)? % cfg.preset.epochs_per_slashings_vector;
    let missing = Error::IndexOutOfRange { list: "slashings", index, len: state.slashings.len() as u64 };
    let sum = *state.slashings.get(index as usize).ok_or_else(|| missing.clone())?;
    // A list that stays the same keeps its root.
    if sum == 0 || state.slashings.set(index as usize, 0) { Ok(()) } else { Err(missing) }
}

/// Starts the next epoch's RANDAO mix from the current one (phase0/beacon-chain.md, `process_randao_mixes_reset`).
///
/// # Errors
/// If the state keeps fewer epochs than its preset says.
pub fn process_randao_mixes_reset(cfg: &ChainConfig, state: &mut BeaconState) -> Result<(), Error> {
    let index = next_epoch(cfg, state)? % cfg.preset.epochs_per_historical_vector;
    let mix = get_randao_mix(cfg, state, get_current_epoch(cfg, state))?;
    let missing = Error::IndexOutOfRange { list: "randao_mixes", index, len: state.randao_mixes.len() as u64 };
    if state.randao_mixes.set(index as usize, mix) { Ok(()) } else { Err(missing) }
}

/// Whether the epoch that ends is the last one whose roots the state still keeps in full.
fn ends_historical_period(cfg: &ChainConfig, state: &BeaconState) -> Result<bool, Error> {
    let p = cfg.preset;
    Ok(next_epoch(cfg, state)?.is_multiple_of((p.slots_per_historical_root / p.slots_per_epoch).max(1)))
}

/// Accumulates the roots of a historical period that ends (phase0/beacon-chain.md, `process_historical_roots_update`).
///
/// # Errors
/// If the accumulator is full.
pub fn process_historical_roots_update(cfg: &ChainConfig, state: &mut BeaconState) -> Result<(), Error> {
    if !ends_historical_period(cfg, state)? {
        return Ok(());
    }
    let shape = cfg.shape(fork_of(cfg, state));
    if state.historical_roots.is_full(shape) {
        return Err(Error::ListFull { list: "historical_roots", len: state.historical_roots.len() as u64 });
    }
    let batch = HistoricalBatch { block_roots: state.block_roots.clone(), state_roots: state.state_roots.clone() };
    state.historical_roots.push(batch.hash_tree_root(shape));
    Ok(())
}

/// Accumulates the roots of a historical period that ends, blocks and states apart (capella/beacon-chain.md,
/// `process_historical_summaries_update`).
///
/// # Errors
/// If the accumulator is full.
pub fn process_historical_summaries_update(cfg: &ChainConfig, state: &mut BeaconState) -> Result<(), Error> {
    if !ends_historical_period(cfg, state)? {
        return Ok(());
    }
    let shape = cfg.shape(fork_of(cfg, state));
    if state.historical_summaries.is_full(shape) {
        return Err(Error::ListFull { list: "historical_summaries", len: state.historical_summaries.len() as u64 });
    }
    state.historical_summaries.push(HistoricalSummary {
        block_summary_root: state.block_roots.hash_tree_root(shape),
        state_summary_root: state.state_roots.hash_tree_root(shape),
    });
    Ok(())
}

/// Makes the current epoch's attestations the previous one's (phase0/beacon-chain.md,
/// `process_participation_record_updates`).
///
/// # Errors
/// None; the type is that of every step.
pub fn process_participation_record_updates(_: &ChainConfig, state: &mut BeaconState) -> Result<(), Error> {
    state.previous_epoch_attestations = std::mem::take(&mut state.current_epoch_attestations);
    Ok(())
}

/// Makes the current epoch's participation the previous one's (altair/beacon-chain.md,
/// `process_participation_flag_updates`).
///
/// # Errors
/// None; the type is that of every step.
pub fn process_participation_flag_updates(_: &ChainConfig, state: &mut BeaconState) -> Result<(), Error> {
    let none = List::repeat(0, state.validators.len());
    state.previous_epoch_participation = std::mem::replace(&mut state.current_epoch_participation, none);
    Ok(())
}
