//! The upgrade to altair.

use super::set_fork;
use crate::{
    spec::{
        Error,
        accessors::{add_flag, get_attestation_participation_flag_indices, get_next_sync_committee},
        epochs::pending_attesting_indices,
    },
    types::{BeaconState, ChainConfig, ForkName, PendingAttestation},
};

/// Turns a phase0 state at the first slot of an epoch into an altair state (altair/fork.md, `upgrade_to_altair`).
///
/// # Errors
/// If a pending attestation does not fit the state or no sync committee can be drawn.
pub fn upgrade_to_altair(cfg: &ChainConfig, state: &mut BeaconState) -> Result<(), Error> {
    let validators = state.validators.len();
    set_fork(cfg, state, ForkName::Altair);
    let pending = std::mem::take(&mut state.previous_epoch_attestations);
    state.current_epoch_attestations.clear();
    state.previous_epoch_participation = vec![0; validators].into();
    state.current_epoch_participation = vec![0; validators].into();
    state.inactivity_scores = vec![0; validators].into();
    translate_participation(cfg, state, &pending.to_vec())?;
    // The same committee serves in the period of the fork and in the next one.
    state.current_sync_committee = get_next_sync_committee(cfg, state)?;
    state.next_sync_committee = state.current_sync_committee.clone();
    Ok(())
}

/// Gives the attesters of phase0's pending attestations the flags of altair (altair/fork.md,
/// `translate_participation`).
///
/// # Errors
/// If an attestation does not fit the state.
pub fn translate_participation(
    cfg: &ChainConfig,
    state: &mut BeaconState,
    pending_attestations: &[PendingAttestation],
) -> Result<(), Error> {
    let mut participation = state.previous_epoch_participation.to_vec();
    for attestation in pending_attestations {
        let flag_indices =
            get_attestation_participation_flag_indices(cfg, state, &attestation.data, attestation.inclusion_delay)?;
        for index in pending_attesting_indices(cfg, state, attestation)? {
            let unknown = Error::UnknownValidator { index, count: participation.len() as u64 };
            let flags = participation.get_mut(index as usize).ok_or(unknown)?;
            *flags = flag_indices.iter().fold(*flags, |flags, flag_index| add_flag(flags, *flag_index));
        }
    }
    state.previous_epoch_participation = participation.into();
    Ok(())
}
