//! Sync committee duties of altair.

use std::collections::BTreeSet;

use super::aggregation::aggregate_signatures;
/// The signature of nobody.
pub use crate::crypto::G2_POINT_AT_INFINITY;
use crate::{
    crypto::SecretKey,
    spec::{
        Error,
        accessors::{
            compute_epoch_at_slot, compute_signing_root, get_current_epoch, get_domain, get_validator, signing_root_of,
        },
        math,
    },
    ssz::{BitVector, Preset, Root, sha256},
    types::{
        BeaconBlock, BeaconState, BlsPubkey, BlsSignature, ChainConfig, ContributionAndProof, Epoch, Slot,
        SyncAggregate, SyncAggregatorSelectionData, SyncCommittee, SyncCommitteeContribution, SyncCommitteeMessage,
        ValidatorIndex,
        constants::{
            DOMAIN_CONTRIBUTION_AND_PROOF, DOMAIN_SYNC_COMMITTEE, DOMAIN_SYNC_COMMITTEE_SELECTION_PROOF,
            SYNC_COMMITTEE_SUBNET_COUNT, TARGET_AGGREGATORS_PER_SYNC_SUBCOMMITTEE,
        },
    },
};

/// The sync committee period of `epoch` (altair/validator.md, `compute_sync_committee_period`).
pub fn compute_sync_committee_period(cfg: &ChainConfig, epoch: Epoch) -> u64 {
    epoch / cfg.preset.epochs_per_sync_committee_period
}

/// The sync committee of `epoch`, in the current or next period.
///
/// # Errors
/// If `epoch` is in another period.
pub fn get_sync_committee_at_epoch<'a>(
    cfg: &ChainConfig,
    state: &'a BeaconState,
    epoch: Epoch,
) -> Result<&'a SyncCommittee, Error> {
    let period = compute_sync_committee_period(cfg, epoch);
    let current = compute_sync_committee_period(cfg, get_current_epoch(cfg, state));
    if period == current {
        Ok(&state.current_sync_committee)
    } else if Some(period) == current.checked_add(1) {
        Ok(&state.next_sync_committee)
    } else {
        Err(Error::SyncCommitteePeriod { period, current })
    }
}

/// Whether the validator is in the sync committee of `epoch`, in the current or next period (altair/validator.md,
/// `is_assigned_to_sync_committee`).
///
/// # Errors
/// If `epoch` is in another period or the validator is unknown.
pub fn is_assigned_to_sync_committee(
    cfg: &ChainConfig,
    state: &BeaconState,
    epoch: Epoch,
    validator_index: ValidatorIndex,
) -> Result<bool, Error> {
    let committee = get_sync_committee_at_epoch(cfg, state, epoch)?;
    let pubkey = get_validator(state, validator_index)?.pubkey;
    Ok(committee.pubkeys.iter().any(|member| *member == pubkey))
}

/// The sync committee whose messages of the state's slot count: those of an epoch's last slot go into the next one, so
/// they are the next period's at the end of a period.
fn sync_committee_of_next_slot<'a>(cfg: &ChainConfig, state: &'a BeaconState) -> Result<&'a SyncCommittee, Error> {
    get_sync_committee_at_epoch(cfg, state, compute_epoch_at_slot(cfg, math::add("next slot", state.slot, 1)?))
}

/// Members of a sync subcommittee.
pub fn sync_subcommittee_size(preset: &Preset) -> u64 {
    preset.sync_committee_size / SYNC_COMMITTEE_SUBNET_COUNT
}

/// The subnets on which the validator's sync committee messages go (altair/validator.md,
/// `compute_subnets_for_sync_committee`).
///
/// # Errors
/// If the validator is unknown.
pub fn compute_subnets_for_sync_committee(
    cfg: &ChainConfig,
    state: &BeaconState,
    validator_index: ValidatorIndex,
) -> Result<BTreeSet<u64>, Error> {
    let committee = sync_committee_of_next_slot(cfg, state)?;
    let pubkey = get_validator(state, validator_index)?.pubkey;
    let positions = (0..).zip(&committee.pubkeys).filter(|(_, member)| **member == pubkey).map(|(i, _)| i);
    Ok(positions.map(|position: u64| position / sync_subcommittee_size(cfg.preset).max(1)).collect())
}

/// The members of a sync subcommittee whose messages of the state's slot count (altair/p2p-interface.md,
/// `get_sync_subcommittee_pubkeys`).
///
/// # Errors
/// If there is no such subcommittee.
pub fn get_sync_subcommittee_pubkeys(
    cfg: &ChainConfig,
    state: &BeaconState,
    subcommittee_index: u64,
) -> Result<Vec<BlsPubkey>, Error> {
    let missing = Error::IndexOutOfRange {
        list: "sync subcommittees",
        index: subcommittee_index,
        len: SYNC_COMMITTEE_SUBNET_COUNT,
    };
    if subcommittee_index >= SYNC_COMMITTEE_SUBNET_COUNT {
        return Err(missing);
    }
    let size = sync_subcommittee_size(cfg.preset) as usize;
    let start = size * subcommittee_index as usize;
    let members: Vec<BlsPubkey> =
        sync_committee_of_next_slot(cfg, state)?.pubkeys.iter().skip(start).take(size).copied().collect();
    if members.len() == size { Ok(members) } else { Err(missing) }
}

/// A member's signature of the head block (altair/validator.md, `get_sync_committee_message`).
pub fn get_sync_committee_message(
    cfg: &ChainConfig,
    state: &BeaconState,
    block_root: Root,
    validator_index: ValidatorIndex,
    privkey: &SecretKey,
) -> SyncCommitteeMessage {
    let domain = get_domain(cfg, state, DOMAIN_SYNC_COMMITTEE, None);
    let signature = privkey.sign(&signing_root_of(block_root, domain));
    SyncCommitteeMessage { slot: state.slot, beacon_block_root: block_root, validator_index, signature }
}

/// A member's signature that says whether it aggregates (altair/validator.md, `get_sync_committee_selection_proof`).
pub fn get_sync_committee_selection_proof(
    cfg: &ChainConfig,
    state: &BeaconState,
    slot: Slot,
    subcommittee_index: u64,
    privkey: &SecretKey,
) -> BlsSignature {
    let epoch = compute_epoch_at_slot(cfg, slot);
    let domain = get_domain(cfg, state, DOMAIN_SYNC_COMMITTEE_SELECTION_PROOF, Some(epoch));
    let data = SyncAggregatorSelectionData { slot, subcommittee_index };
    privkey.sign(&compute_signing_root(&data, cfg.shape_at_slot(slot), domain))
}

/// Whether the member with this selection proof aggregates (altair/validator.md, `is_sync_committee_aggregator`).
pub fn is_sync_committee_aggregator(cfg: &ChainConfig, signature: &BlsSignature) -> bool {
    let modulo = (sync_subcommittee_size(cfg.preset) / TARGET_AGGREGATORS_PER_SYNC_SUBCOMMITTEE).max(1);
    math::bytes_to_uint64(&sha256(&signature.0)).is_multiple_of(modulo)
}

/// A contribution with the proof that the member was selected to make it (altair/validator.md,
/// `get_contribution_and_proof`).
pub fn get_contribution_and_proof(
    cfg: &ChainConfig,
    state: &BeaconState,
    aggregator_index: ValidatorIndex,
    contribution: SyncCommitteeContribution,
    privkey: &SecretKey,
) -> ContributionAndProof {
    let (slot, subcommittee_index) = (contribution.slot, contribution.subcommittee_index);
    let selection_proof = get_sync_committee_selection_proof(cfg, state, slot, subcommittee_index, privkey);
    ContributionAndProof { aggregator_index, contribution, selection_proof }
}

/// The aggregator's signature of that (altair/validator.md, `get_contribution_and_proof_signature`).
pub fn get_contribution_and_proof_signature(
    cfg: &ChainConfig,
    state: &BeaconState,
    contribution_and_proof: &ContributionAndProof,
    privkey: &SecretKey,
) -> BlsSignature {
    let slot = contribution_and_proof.contribution.slot;
    let epoch = compute_epoch_at_slot(cfg, slot);
    let domain = get_domain(cfg, state, DOMAIN_CONTRIBUTION_AND_PROOF, Some(epoch));
    privkey.sign(&compute_signing_root(contribution_and_proof, cfg.shape_at_slot(slot), domain))
}

/// Puts the sync aggregate of `contributions`, one a subcommittee at most, into the block (altair/validator.md,
/// `process_sync_committee_contributions`). Without any, the aggregate is nobody's.
///
/// # Errors
/// If a contribution is of no subcommittee or its signature is none.
pub fn process_sync_committee_contributions(
    cfg: &ChainConfig,
    block: &mut BeaconBlock,
    contributions: &[SyncCommitteeContribution],
) -> Result<(), Error> {
    let mut sync_committee_bits = BitVector::with_len(cfg.preset.sync_committee_size as usize);
    let mut signatures = Vec::with_capacity(contributions.len());
    for contribution in contributions {
        let index = contribution.subcommittee_index;
        if index >= SYNC_COMMITTEE_SUBNET_COUNT {
            let len = SYNC_COMMITTEE_SUBNET_COUNT;
            return Err(Error::IndexOutOfRange { list: "sync subcommittees", index, len });
        }
        let start = (sync_subcommittee_size(cfg.preset) * index) as usize;
        for position in contribution.aggregation_bits.ones() {
            sync_committee_bits.set(start + position, true);
        }
        signatures.push(contribution.signature);
    }
    let sync_committee_signature =
        if signatures.is_empty() { G2_POINT_AT_INFINITY } else { aggregate_signatures(&signatures)? };
    block.body.sync_aggregate = SyncAggregate { sync_committee_bits, sync_committee_signature };
    Ok(())
}
