//! Attesting and aggregating.

use crate::{
    crypto::{self, SecretKey},
    spec::{
        Error,
        accessors::{
            compute_epoch_at_slot, compute_signing_root, compute_start_slot_at_epoch, get_beacon_committee,
            get_block_root, get_current_epoch, get_domain,
        },
        math,
    },
    ssz::{Root, sha256},
    types::{
        AggregateAndProof, Attestation, AttestationData, BeaconState, BlsSignature, ChainConfig, Checkpoint,
        CommitteeIndex, Slot, ValidatorIndex,
        constants::{
            DOMAIN_AGGREGATE_AND_PROOF, DOMAIN_BEACON_ATTESTER, DOMAIN_SELECTION_PROOF,
            TARGET_AGGREGATORS_PER_COMMITTEE,
        },
    },
};

/// The vote of committee `index` at the slot of `head_state`: the state of the head block, advanced to that slot
/// (phase0/validator.md, "Attestation data").
///
/// # Errors
/// If the state does not keep the epoch's first block root.
pub fn get_attestation_data(
    cfg: &ChainConfig,
    head_state: &BeaconState,
    head_root: Root,
    index: CommitteeIndex,
) -> Result<AttestationData, Error> {
    let epoch = get_current_epoch(cfg, head_state);
    let at_start = compute_start_slot_at_epoch(cfg, epoch)? == head_state.slot;
    let root = if at_start { head_root } else { get_block_root(cfg, head_state, epoch)? };
    Ok(AttestationData {
        slot: head_state.slot,
        index,
        beacon_block_root: head_root,
        source: head_state.current_justified_checkpoint,
        target: Checkpoint { epoch, root },
    })
}

/// A validator's signature of its vote (phase0/validator.md, `get_attestation_signature`).
pub fn get_attestation_signature(
    cfg: &ChainConfig,
    state: &BeaconState,
    attestation_data: &AttestationData,
    privkey: &SecretKey,
) -> BlsSignature {
    let domain = get_domain(cfg, state, DOMAIN_BEACON_ATTESTER, Some(attestation_data.target.epoch));
    privkey.sign(&compute_signing_root(attestation_data, cfg.shape_at_slot(attestation_data.slot), domain))
}

/// A validator's signature of a slot, which says whether it aggregates (phase0/validator.md, `get_slot_signature`).
pub fn get_slot_signature(cfg: &ChainConfig, state: &BeaconState, slot: Slot, privkey: &SecretKey) -> BlsSignature {
    let domain = get_domain(cfg, state, DOMAIN_SELECTION_PROOF, Some(compute_epoch_at_slot(cfg, slot)));
    privkey.sign(&compute_signing_root(&slot, cfg.shape_at_slot(slot), domain))
}

/// Whether the validator with this slot signature aggregates for its committee (phase0/validator.md, `is_aggregator`).
///
/// # Errors
/// If the slot has no such committee.
pub fn is_aggregator(
    cfg: &ChainConfig,
    state: &BeaconState,
    slot: Slot,
    index: CommitteeIndex,
    slot_signature: &BlsSignature,
) -> Result<bool, Error> {
    let committee = get_beacon_committee(cfg, state, slot, index)?;
    Ok(is_aggregator_of(committee.len() as u64, slot_signature))
}

/// As [`is_aggregator`], for whoever knows the length of the committee but not the state.
pub fn is_aggregator_of(committee_length: u64, slot_signature: &BlsSignature) -> bool {
    let modulo = (committee_length / TARGET_AGGREGATORS_PER_COMMITTEE).max(1);
    math::bytes_to_uint64(&sha256(&slot_signature.0)).is_multiple_of(modulo)
}

/// The signatures of `attestations` in one (phase0/validator.md, `get_aggregate_signature`).
///
/// # Errors
/// If there are none, or one is no signature.
pub fn get_aggregate_signature(attestations: &[Attestation]) -> Result<BlsSignature, Error> {
    let signatures: Vec<_> = attestations.iter().map(|a| a.signature).collect();
    aggregate_signatures(&signatures)
}

pub(super) fn aggregate_signatures(signatures: &[BlsSignature]) -> Result<BlsSignature, Error> {
    crypto::aggregate(signatures)
        .map_err(|error| Error::AggregateSignatures { count: signatures.len(), why: error.to_string() })
}

/// An aggregate with the proof that the validator was selected to make it (phase0/validator.md,
/// `get_aggregate_and_proof`).
pub fn get_aggregate_and_proof(
    cfg: &ChainConfig,
    state: &BeaconState,
    aggregator_index: ValidatorIndex,
    aggregate: Attestation,
    privkey: &SecretKey,
) -> AggregateAndProof {
    let selection_proof = get_slot_signature(cfg, state, aggregate.data.slot, privkey);
    AggregateAndProof { aggregator_index, aggregate, selection_proof }
}

/// The aggregator's signature of that (phase0/validator.md, `get_aggregate_and_proof_signature`).
pub fn get_aggregate_and_proof_signature(
    cfg: &ChainConfig,
    state: &BeaconState,
    aggregate_and_proof: &AggregateAndProof,
    privkey: &SecretKey,
) -> BlsSignature {
    let slot = aggregate_and_proof.aggregate.data.slot;
    let domain = get_domain(cfg, state, DOMAIN_AGGREGATE_AND_PROOF, Some(compute_epoch_at_slot(cfg, slot)));
    privkey.sign(&compute_signing_root(aggregate_and_proof, cfg.shape_at_slot(slot), domain))
}
