//! Who attested, and whether two votes contradict each other.

use crate::{
    crypto::SignatureSet,
    spec::{
        Error, Signatures,
        accessors::{compute_signing_root, fork_of, get_beacon_committee, get_domain, get_validator},
    },
    types::{
        Attestation, AttestationData, BeaconState, ChainConfig, IndexedAttestation, ValidatorIndex,
        constants::DOMAIN_BEACON_ATTESTER,
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

/// The attesters of an attestation, in ascending order (phase0/beacon-chain.md, `get_attesting_indices`).
///
/// # Errors
/// If its slot has no such committee, or the bits are not one for each member.
pub fn get_attesting_indices(
    cfg: &ChainConfig,
    state: &BeaconState,
    attestation: &Attestation,
) -> Result<Vec<ValidatorIndex>, Error> {
    let data = &attestation.data;
    attesting_indices(cfg, state, data, attestation.aggregation_bits.len(), attestation.aggregation_bits.ones())
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
