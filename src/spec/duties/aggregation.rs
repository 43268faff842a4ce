//! Attesting and aggregating.

use std::collections::BTreeMap;

use crate::{
    crypto::{self, SecretKey},
    spec::{
        Error,
        accessors::{
            compute_epoch_at_slot, compute_signing_root, compute_start_slot_at_epoch, fork_of, get_beacon_committee,
            get_block_root, get_committee_indices, get_current_epoch, get_domain,
        },
        math,
    },
    ssz::{BitList, BitVector, Root, sha256},
    types::{
        AggregateAndProof, Attestation, AttestationData, BeaconState, BlsSignature, ChainConfig, Checkpoint,
        CommitteeIndex, ForkName, SingleAttestation, Slot, ValidatorIndex,
        constants::{
            DOMAIN_AGGREGATE_AND_PROOF, DOMAIN_BEACON_ATTESTER, DOMAIN_SELECTION_PROOF,
            TARGET_AGGREGATORS_PER_COMMITTEE,
        },
    },
};

/// The vote of committee `index` at the slot of `head_state`: the state of the head block, advanced to that slot
/// (phase0/validator.md, "Attestation data"). Since electra votes of all committees are the same: their index is 0
/// (electra/validator.md, "Construct attestation").
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
        index: if fork_of(cfg, head_state) < ForkName::Electra { index } else { 0 },
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

/// A vote that travels alone, as an aggregate of this one vote (electra/validator.md, "Construct aggregate").
///
/// # Errors
/// If its slot has no such committee, or the attester is not of it.
pub fn attestation_of_single(
    cfg: &ChainConfig,
    state: &BeaconState,
    single: &SingleAttestation,
) -> Result<Attestation, Error> {
    let SingleAttestation { committee_index, attester_index, data, signature } = *single;
    let committee = get_beacon_committee(cfg, state, data.slot, committee_index)?;
    let Some(position) = committee.iter().position(|member| *member == attester_index) else {
        return Err(Error::InvalidAttesters { slot: data.slot, why: "the attester is not of the committee" });
    };
    let mut aggregation_bits = BitList::with_len(committee.len());
    aggregation_bits.set(position, true);
    let mut committee_bits = BitVector::with_len(cfg.preset.max_committees_per_slot as usize);
    committee_bits.set(committee_index as usize, true);
    Ok(Attestation { aggregation_bits, data, signature, committee_bits })
}

/// One attestation out of aggregates of single committees, which vote for the same and are all of different ones
/// (electra/validator.md, `compute_on_chain_aggregate`).
///
/// # Errors
/// If there are none, one is of no or several committees or of the same one as another, they vote for different things,
/// or a signature is none.
pub fn compute_on_chain_aggregate(network_aggregates: &[Attestation]) -> Result<Attestation, Error> {
    let mut by_committee = BTreeMap::new();
    for aggregate in network_aggregates {
        let invalid = |why| Err(Error::AttestationCommittees { slot: aggregate.data.slot, why });
        let &[committee] = get_committee_indices(&aggregate.committee_bits).as_slice() else {
            return invalid("an aggregate is not of one committee");
        };
        if aggregate.data != network_aggregates[0].data {
            return invalid("the aggregates vote for different things");
        }
        if by_committee.insert(committee, aggregate).is_some() {
            return invalid("two aggregates are of one committee");
        }
    }
    let signatures: Vec<BlsSignature> = by_committee.values().map(|aggregate| aggregate.signature).collect();
    let signature = aggregate_signatures(&signatures)?;
    let bits = by_committee.values().flat_map(|aggregate| aggregate.aggregation_bits.iter());
    let first = &network_aggregates[0];
    let mut committee_bits = first.committee_bits.clone();
    by_committee.keys().for_each(|committee| committee_bits.set(*committee as usize, true));
    Ok(Attestation { aggregation_bits: bits.collect(), data: first.data, signature, committee_bits })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssz::Bytes;

    #[test]
    fn small_committees_aggregate_together_and_large_ones_draw() {
        let signatures: Vec<BlsSignature> = (0..=255).map(|i| Bytes([i; 96])).collect();
        let drawn = |length| signatures.iter().filter(|signature| is_aggregator_of(length, signature)).count();
        assert_eq!([drawn(0), drawn(1), drawn(31)], [256; 3]);
        // About one in eight of a committee of 128.
        assert!((16..=48).contains(&drawn(128)), "{}", drawn(128));
    }

    fn aggregate(committee: usize, bits: &[bool]) -> Attestation {
        let mut bytes = [0; 32];
        bytes[31] = committee as u8 + 1;
        let privkey = SecretKey::from_bytes(&bytes).unwrap();
        let mut committee_bits = BitVector::with_len(4);
        committee_bits.set(committee, true);
        Attestation {
            aggregation_bits: bits.iter().copied().collect(),
            signature: privkey.sign(&Root::ZERO),
            committee_bits,
            ..Attestation::default()
        }
    }

    #[test]
    fn aggregates_of_committees_unite_in_the_order_of_the_committees() {
        let (one, three) = (aggregate(1, &[true, false]), aggregate(3, &[false, true, true]));
        let united = compute_on_chain_aggregate(&[three.clone(), one.clone()]).unwrap();
        assert_eq!(get_committee_indices(&united.committee_bits), [1, 3]);
        assert_eq!(united.aggregation_bits.iter().collect::<Vec<_>>(), [true, false, false, true, true]);
        assert_eq!(united.signature, aggregate_signatures(&[one.signature, three.signature]).unwrap());

        let mut other_vote = three.clone();
        other_vote.data.slot = 1;
        let mut of_two = three.clone();
        of_two.committee_bits.set(0, true);
        let bad: [&[Attestation]; 5] =
            [&[], &[one.clone(), one.clone()], &[one.clone(), other_vote], &[one, of_two], &[Attestation::default()]];
        for (index, aggregates) in bad.into_iter().enumerate() {
            assert!(compute_on_chain_aggregate(aggregates).is_err(), "{index}");
        }
    }
}
