//! Attesters whose votes contradict each other.

use std::collections::BTreeSet;

use crate::{
    spec::{
        Error, Signatures,
        accessors::{
            check_indexed_attestation, get_current_epoch, get_validator, is_slashable_attestation_data,
            is_slashable_validator,
        },
        mutators::slash_validator,
    },
    types::{AttesterSlashing, BeaconState, ChainConfig},
};

/// Slashes those who signed both attestations (phase0/beacon-chain.md, `process_attester_slashing`).
///
/// # Errors
/// If the votes don't contradict each other, one of them is invalid, or nobody can be slashed for them.
pub fn process_attester_slashing(
    cfg: &ChainConfig,
    state: &mut BeaconState,
    attester_slashing: &AttesterSlashing,
    sigs: &mut Signatures<'_>,
) -> Result<(), Error> {
    let (first, second) = (&attester_slashing.attestation_1, &attester_slashing.attestation_2);
    if !is_slashable_attestation_data(&first.data, &second.data) {
        return Err(Error::AttesterSlashing { why: "the votes don't contradict each other" });
    }
    check_indexed_attestation(cfg, state, first, sigs)?;
    check_indexed_attestation(cfg, state, second, sigs)?;

    let seconds: BTreeSet<_> = second.attesting_indices.iter().collect();
    let epoch = get_current_epoch(cfg, state);
    let mut slashed_any = false;
    // The first attestation's indices were just checked to be sorted and unique.
    for &index in first.attesting_indices.iter().filter(|index| seconds.contains(index)) {
        if is_slashable_validator(get_validator(state, index)?, epoch) {
            slash_validator(cfg, state, index, None)?;
            slashed_any = true;
        }
    }
    if slashed_any { Ok(()) } else { Err(Error::AttesterSlashing { why: "nobody who signed both can be slashed" }) }
}
