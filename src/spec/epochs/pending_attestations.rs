//! The attestations that phase0 keeps in the state: which of them voted for what the chain became.

use crate::{
    spec::{
        Error,
        accessors::{
            ValidatorSet, attesting_indices, check_recent_epoch, get_block_root, get_block_root_at_slot,
            get_current_epoch, get_total_balance, get_validator,
        },
    },
    types::{BeaconState, ChainConfig, Epoch, Gwei, PendingAttestation},
};

/// The attestations of `epoch`, whose source was right when they came (phase0/beacon-chain.md,
/// `get_matching_source_attestations`).
///
/// # Errors
/// If `epoch` is neither the previous nor the current one.
pub fn get_matching_source_attestations<'a>(
    cfg: &ChainConfig,
    state: &'a BeaconState,
    epoch: Epoch,
) -> Result<Vec<&'a PendingAttestation>, Error> {
    check_recent_epoch(cfg, state, epoch)?;
    let current = epoch == get_current_epoch(cfg, state);
    let list = if current { &state.current_epoch_attestations } else { &state.previous_epoch_attestations };
    Ok(list.iter().collect())
}

/// Those with the right target, too (phase0/beacon-chain.md, `get_matching_target_attestations`).
///
/// # Errors
/// As [`get_matching_source_attestations`], or if the target's block root is out of reach.
pub fn get_matching_target_attestations<'a>(
    cfg: &ChainConfig,
    state: &'a BeaconState,
    epoch: Epoch,
) -> Result<Vec<&'a PendingAttestation>, Error> {
    let mut attestations = get_matching_source_attestations(cfg, state, epoch)?;
    if !attestations.is_empty() {
        let target = get_block_root(cfg, state, epoch)?;
        attestations.retain(|a| a.data.target.root == target);
    }
    Ok(attestations)
}

/// Those with the right head, too (phase0/beacon-chain.md, `get_matching_head_attestations`).
///
/// # Errors
/// As [`get_matching_target_attestations`], or if a head's block root is out of reach.
pub fn get_matching_head_attestations<'a>(
    cfg: &ChainConfig,
    state: &'a BeaconState,
    epoch: Epoch,
) -> Result<Vec<&'a PendingAttestation>, Error> {
    let mut matching = Vec::new();
    for attestation in get_matching_target_attestations(cfg, state, epoch)? {
        if attestation.data.beacon_block_root == get_block_root_at_slot(cfg, state, attestation.data.slot)? {
            matching.push(attestation);
        }
    }
    Ok(matching)
}

/// The unslashed validators who made any of `attestations` (phase0/beacon-chain.md,
/// `get_unslashed_attesting_indices`).
///
/// # Errors
/// If an attestation is not of a committee.
pub fn get_unslashed_attesting_indices(
    cfg: &ChainConfig,
    state: &BeaconState,
    attestations: &[&PendingAttestation],
) -> Result<ValidatorSet, Error> {
    let mut set = ValidatorSet::of_registry(state.validators.len());
    for attestation in attestations {
        for index in pending_attesting_indices(cfg, state, attestation)? {
            if !get_validator(state, index)?.slashed {
                set.insert(index);
            }
        }
    }
    Ok(set)
}

/// `get_attesting_indices` of a pending attestation.
pub(crate) fn pending_attesting_indices(
    cfg: &ChainConfig,
    state: &BeaconState,
    attestation: &PendingAttestation,
) -> Result<Vec<u64>, Error> {
    let bits = &attestation.aggregation_bits;
    attesting_indices(cfg, state, &attestation.data, bits.len(), bits.ones())
}

/// The effective balances of those who made any of `attestations` together, in Gwei (phase0/beacon-chain.md,
/// `get_attesting_balance`).
///
/// # Errors
/// As [`get_unslashed_attesting_indices`].
pub fn get_attesting_balance(
    cfg: &ChainConfig,
    state: &BeaconState,
    attestations: &[&PendingAttestation],
) -> Result<Gwei, Error> {
    get_total_balance(cfg, state, get_unslashed_attesting_indices(cfg, state, attestations)?.iter())
}
