//! Justification and finalization.

use crate::{
    spec::{
        Error,
        accessors::{
            fork_of, get_block_root, get_current_epoch, get_previous_epoch, get_total_active_balance,
            get_unslashed_participating_indices, total_balance_of_set,
        },
        epochs::{get_attesting_balance, get_matching_target_attestations},
        math,
    },
    types::{
        BeaconState, ChainConfig, Checkpoint, Epoch, ForkName, Gwei,
        constants::{GENESIS_EPOCH, JUSTIFICATION_BITS_LENGTH, TIMELY_TARGET_FLAG_INDEX},
    },
};

/// Weighs the target votes of the last two epochs (`process_justification_and_finalization` of
/// phase0/beacon-chain.md; of altair/beacon-chain.md from then on).
///
/// # Errors
/// If a pending attestation or the participation does not fit the state.
pub fn process_justification_and_finalization(cfg: &ChainConfig, state: &mut BeaconState) -> Result<(), Error> {
    // The first checkpoints have a zero root that must stay.
    if get_current_epoch(cfg, state) <= GENESIS_EPOCH + 1 {
        return Ok(());
    }
    let total_active_balance = get_total_active_balance(cfg, state)?;
    let previous = target_balance(cfg, state, get_previous_epoch(cfg, state))?;
    let current = target_balance(cfg, state, get_current_epoch(cfg, state))?;
    weigh_justification_and_finalization(cfg, state, total_active_balance, previous, current)
}

/// The effective balances of the unslashed validators who voted for the target of `epoch`, in Gwei.
fn target_balance(cfg: &ChainConfig, state: &BeaconState, epoch: Epoch) -> Result<Gwei, Error> {
    match fork_of(cfg, state) {
        ForkName::Phase0 => {
            let attestations = get_matching_target_attestations(cfg, state, epoch)?;
            get_attesting_balance(cfg, state, &attestations)
        }
        _ => {
            let set = get_unslashed_participating_indices(cfg, state, TIMELY_TARGET_FLAG_INDEX, epoch)?;
            total_balance_of_set(cfg, state, &set)
        }
    }
}

/// Justifies what two thirds voted for and finalizes what that confirms (phase0/beacon-chain.md,
/// `weigh_justification_and_finalization`). Balances in Gwei.
///
/// # Errors
/// If a balance is beyond 64 bits threefold, or a checkpoint's block root is out of reach.
pub fn weigh_justification_and_finalization(
    cfg: &ChainConfig,
    state: &mut BeaconState,
    total_active_balance: Gwei,
    previous_epoch_target_balance: Gwei,
    current_epoch_target_balance: Gwei,
) -> Result<(), Error> {
    let previous_epoch = get_previous_epoch(cfg, state);
    let current_epoch = get_current_epoch(cfg, state);
    let old_previous_justified = state.previous_justified_checkpoint;
    let old_current_justified = state.current_justified_checkpoint;

    state.previous_justified_checkpoint = state.current_justified_checkpoint;
    let bits = &mut state.justification_bits;
    for i in (1..JUSTIFICATION_BITS_LENGTH as usize).rev() {
        bits.set(i, bits.get(i - 1));
    }
    bits.set(0, false);
    for (bit, epoch, balance) in
        [(1, previous_epoch, previous_epoch_target_balance), (0, current_epoch, current_epoch_target_balance)]
    {
        if math::mul("target balance", balance, 3)? >= math::mul("total active balance", total_active_balance, 2)? {
            state.current_justified_checkpoint = Checkpoint { epoch, root: get_block_root(cfg, state, epoch)? };
            state.justification_bits.set(bit, true);
        }
    }

    let justified = |mut range: std::ops::Range<usize>| range.all(|i| state.justification_bits.get(i));
    let is_source =
        |checkpoint: Checkpoint, epochs_ago| checkpoint.epoch.checked_add(epochs_ago) == Some(current_epoch);
    let mut finalized = state.finalized_checkpoint;
    // The bits count epochs back from the current one; the later rules win.
    if justified(1..4) && is_source(old_previous_justified, 3) {
        finalized = old_previous_justified;
    }
    if justified(1..3) && is_source(old_previous_justified, 2) {
        finalized = old_previous_justified;
    }
    if justified(0..3) && is_source(old_current_justified, 2) {
        finalized = old_current_justified;
    }
    if justified(0..2) && is_source(old_current_justified, 1) {
        finalized = old_current_justified;
    }
    state.finalized_checkpoint = finalized;
    Ok(())
}
