//! Who attested, and whether two votes contradict each other.

use crate::{
    crypto::SignatureSet,
    spec::{
        Error, Signatures,
        accessors::{
            committee_of, compute_epoch_at_slot, compute_signing_root, fork_of, get_beacon_committee, get_domain,
            get_shuffling, get_validator,
        },
    },
    ssz::BitVector,
    types::{
        Attestation, AttestationData, BeaconState, ChainConfig, CommitteeIndex, IndexedAttestation, ValidatorIndex,
        constants::DOMAIN_BEACON_ATTESTER, limits::MaxCommitteesPerSlot,
    },
};

/// Whether the two votes break a rule of Casper FFG (phase0/beacon-chain.md, `is_slashable_attestation_data`).
pub fn is_slashable_attestation_data(data_1: &AttestationData, data_2: &AttestationData) -> bool {
    let double_vote = data_1 != data_2 && data_1.target.epoch == data_2.target.epoch;
    let surround_vote = data_1.source.epoch < data_2.source.epoch && data_2.target.epoch < data_1.target.epoch;
    double_vote || surround_vote
}

/// Whether the attestation has sorted, unique, known attesters and their signature (phase0/beacon-chain.md,
/// `is_valid_indexed_attestation`).
pub fn is_valid_indexed_attestation(cfg: &ChainConfig, state: &BeaconState, indexed: &IndexedAttestation) -> bool {
    check_indexed_attestation(cfg, state, indexed, &mut Signatures::Verify).is_ok()
}

/// As [`is_valid_indexed_attestation`], with a reason and with the signature checked as `sigs` says.
///
/// # Errors
/// [`Error::InvalidAttesters`], [`Error::UnknownValidator`] or [`Error::InvalidSignature`].
pub fn check_indexed_attestation(
    cfg: &ChainConfig,
    state: &BeaconState,
    indexed: &IndexedAttestation,
    sigs: &mut Signatures<'_>,
) -> Result<(), Error> {
    let indices = &indexed.attesting_indices;
    let slot = indexed.data.slot;
    if indices.is_empty() {
        return Err(Error::InvalidAttesters { slot, why: "there are none" });
    }
    if !indices.iter().zip(indices.iter().skip(1)).all(|(a, b)| a < b) {
        return Err(Error::InvalidAttesters { slot, why: "they are not sorted and unique" });
    }
    for &index in indices {
        get_validator(state, index)?;
    }
    sigs.check("attestation", || indexed_attestation_signature_set(cfg, state, indexed))
}

/// The signature of an indexed attestation, ready to be checked.
///
/// # Errors
/// If an attester is unknown.
pub fn indexed_attestation_signature_set(
    cfg: &ChainConfig,
    state: &BeaconState,
    indexed: &IndexedAttestation,
) -> Result<SignatureSet, Error> {
    let pubkeys =
        indexed.attesting_indices.iter().map(|&i| Ok(get_validator(state, i)?.pubkey)).collect::<Result<_, Error>>()?;
    let domain = get_domain(cfg, state, DOMAIN_BEACON_ATTESTER, Some(indexed.data.target.epoch));
    let message = compute_signing_root(&indexed.data, cfg.shape(fork_of(cfg, state)), domain);
    Ok(SignatureSet { pubkeys, message, signature: indexed.signature })
}

/// The committees that `committee_bits` stand for, in ascending order (electra/beacon-chain.md,
/// `get_committee_indices`).
pub fn get_committee_indices(committee_bits: &BitVector<MaxCommitteesPerSlot>) -> Vec<CommitteeIndex> {
    committee_bits.ones().map(|index| index as CommitteeIndex).collect()
}

/// The attesters of an attestation, in ascending order (`get_attesting_indices` of phase0/beacon-chain.md; of
/// electra/beacon-chain.md for an attestation of its form, whatever the state's fork: at the boundary, votes of both
/// forms are about states of both forks).
///
/// # Errors
/// If its slot has no such committees, or the bits are not one for each member.
pub fn get_attesting_indices(
    cfg: &ChainConfig,
    state: &BeaconState,
    attestation: &Attestation,
) -> Result<Vec<ValidatorIndex>, Error> {
    let (data, bits) = (&attestation.data, &attestation.aggregation_bits);
    // Absent before electra.
    if attestation.committee_bits.is_empty() {
        return attesting_indices(cfg, state, data, bits.len(), bits.ones());
    }
    let shuffling = get_shuffling(cfg, state, compute_epoch_at_slot(cfg, data.slot))?;
    let mut members = Vec::with_capacity(bits.len());
    for index in get_committee_indices(&attestation.committee_bits) {
        members.extend_from_slice(committee_of(cfg, &shuffling, data.slot, index)?);
    }
    if bits.len() != members.len() {
        let (slot, index) = (data.slot, data.index);
        return Err(Error::AggregationBitsLength { slot, index, bits: bits.len(), members: members.len() });
    }
    let mut indices: Vec<_> = bits.ones().map(|i| members[i]).collect();
    indices.sort_unstable();
    Ok(indices)
}

/// Fails unless an attestation of electra is of committees of its slot, and by somebody of each: the part of
/// `process_attestation` of electra/beacon-chain.md that is about committees.
pub(crate) fn check_committees(cfg: &ChainConfig, state: &BeaconState, attestation: &Attestation) -> Result<(), Error> {
    let data = &attestation.data;
    let invalid = |why| Err(Error::AttestationCommittees { slot: data.slot, why });
    if data.index != 0 {
        return invalid("the index of its data is not 0");
    }
    if attestation.committee_bits.none() {
        return invalid("there are none");
    }
    let shuffling = get_shuffling(cfg, state, compute_epoch_at_slot(cfg, data.slot))?;
    let mut offset = 0;
    for index in get_committee_indices(&attestation.committee_bits) {
        let end = offset + committee_of(cfg, &shuffling, data.slot, index)?.len();
        if !(offset..end).any(|bit| attestation.aggregation_bits.get(bit)) {
            return invalid("nobody of one of them attests");
        }
        offset = end;
    }
    Ok(())
}

/// The members of the committee of `data` at the positions `ones` out of `bits` many, in ascending order.
pub(crate) fn attesting_indices(
    cfg: &ChainConfig,
    state: &BeaconState,
    data: &AttestationData,
    bits: usize,
    ones: impl Iterator<Item = usize>,
) -> Result<Vec<ValidatorIndex>, Error> {
    let committee = get_beacon_committee(cfg, state, data.slot, data.index)?;
    if bits != committee.len() {
        let (slot, index) = (data.slot, data.index);
        return Err(Error::AggregationBitsLength { slot, index, bits, members: committee.len() });
    }
    let mut indices: Vec<_> = ones.map(|i| committee[i]).collect();
    indices.sort_unstable();
    Ok(indices)
}

/// The attestation with its attesters named (phase0/beacon-chain.md, `get_indexed_attestation`).
///
/// # Errors
/// As [`get_attesting_indices`].
pub fn get_indexed_attestation(
    cfg: &ChainConfig,
    state: &BeaconState,
    attestation: &Attestation,
) -> Result<IndexedAttestation, Error> {
    Ok(IndexedAttestation {
        attesting_indices: get_attesting_indices(cfg, state, attestation)?.into(),
        data: attestation.data,
        signature: attestation.signature,
    })
}
