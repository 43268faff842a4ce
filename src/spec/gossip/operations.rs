//! Exits, slashings and changes of withdrawal credentials: judged by the head's state in the present epoch.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::time::current_slot;
use super::{Fault, Seen, View, check_signatures, ignore_unless, reject_unless, state_of, unseen, validator};
use crate::crypto::SignatureSet;
use crate::spec::blocks::voluntary_exit_domain;
use crate::spec::{
    compute_domain, compute_signing_root, get_domain, indexed_attestation_signature_set, is_active_validator,
    is_slashable_attestation_data, is_slashable_validator,
};
use crate::ssz::sha256;
use crate::types::constants::{
    BLS_WITHDRAWAL_PREFIX, DOMAIN_BEACON_PROPOSER, DOMAIN_BLS_TO_EXECUTION_CHANGE, FAR_FUTURE_EPOCH,
};
use crate::types::{
    AttesterSlashing, BeaconState, IndexedAttestation, ProposerSlashing, SignedBlsToExecutionChange,
    SignedVoluntaryExit, ValidatorIndex,
};

/// The head's state in the present epoch.
fn present_state<V: View + ?Sized>(view: &V) -> Result<Arc<BeaconState>, Fault> {
    let cfg = view.cfg();
    state_of(view.head_state_at(cfg.start_slot(cfg.epoch_of(current_slot(view)))))
}

/// Whether a voluntary exit is forwarded (phase0/p2p-interface.md, deneb/p2p-interface.md,
/// `validate_voluntary_exit_gossip`).
///
/// # Errors
/// Why not.
pub fn validate_voluntary_exit_gossip<V: View + ?Sized>(
    view: &V,
    seen: &Seen,
    signed_voluntary_exit: &SignedVoluntaryExit,
) -> Result<(), Fault> {
    let cfg = view.cfg();
    let exit = &signed_voluntary_exit.message;
    let index = exit.validator_index;
    unseen(!seen.has_exit(index), "already seen voluntary exit for this validator")?;
    // Without blocks nobody joins and nobody who leaves comes back: what the head knows saves computing another state.
    let known = validator(view.head_state(), index).ok_or(Fault::Reject("validator index out of range"))?;
    let is_leaving = "validator has already initiated exit";
    let has_left = known.exit_epoch <= cfg.epoch_of(view.head_state().slot);
    reject_unless(!has_left, "validator is not active")?;
    reject_unless(known.exit_epoch == FAR_FUTURE_EPOCH, is_leaving)?;

    let state = present_state(view)?;
    let epoch = cfg.epoch_of(state.slot);
    let validator = validator(&state, index).ok_or(Fault::Reject("validator index out of range"))?;
    reject_unless(is_active_validator(validator, epoch), "validator is not active")?;
    reject_unless(validator.exit_epoch == FAR_FUTURE_EPOCH, is_leaving)?;
    reject_unless(epoch >= exit.epoch, "voluntary exit epoch is in the future")?;
    let old_enough = validator.activation_epoch.checked_add(cfg.shard_committee_period).is_some_and(|may| may <= epoch);
    reject_unless(old_enough, "validator has not been active long enough")?;
    let domain = voluntary_exit_domain(cfg, &state, exit.epoch);
    let message = compute_signing_root(exit, cfg.shape_at_slot(state.slot), domain);
    let signature = signed_voluntary_exit.signature;
    let set = SignatureSet { pubkeys: vec![validator.pubkey], message, signature };
    check_signatures(&[(set, "invalid voluntary exit signature")])
}

/// Whether a proposer slashing is forwarded (phase0/p2p-interface.md, `validate_proposer_slashing_gossip`).
///
/// # Errors
/// Why not.
pub fn validate_proposer_slashing_gossip<V: View + ?Sized>(
    view: &V,
    seen: &Seen,
    proposer_slashing: &ProposerSlashing,
) -> Result<(), Fault> {
    let cfg = view.cfg();
    let signed = [&proposer_slashing.signed_header_1, &proposer_slashing.signed_header_2];
    let [header_1, header_2] = signed.map(|signed| &signed.message);
    let index = header_1.proposer_index;
    unseen(!seen.has_proposer_slashing(index), "already seen proposer slashing for this proposer")?;
    reject_unless(header_1.slot == header_2.slot, "header slots do not match")?;
    reject_unless(index == header_2.proposer_index, "header proposer indices do not match")?;
    reject_unless(header_1 != header_2, "headers are not different")?;
    let known = validator(view.head_state(), index).ok_or(Fault::Reject("proposer index out of range"))?;
    reject_unless(!known.slashed, "proposer is not slashable")?;

    let state = present_state(view)?;
    let proposer = validator(&state, index).ok_or(Fault::Reject("proposer index out of range"))?;
    let slashable = is_slashable_validator(proposer, cfg.epoch_of(state.slot));
    reject_unless(slashable, "proposer is not slashable")?;
    let sets = signed.map(|signed| {
        let domain = get_domain(cfg, &state, DOMAIN_BEACON_PROPOSER, Some(cfg.epoch_of(signed.message.slot)));
        let message = compute_signing_root(&signed.message, cfg.shape_at_slot(state.slot), domain);
        let set = SignatureSet { pubkeys: vec![proposer.pubkey], message, signature: signed.signature };
        (set, "invalid proposer slashing signature")
    });
    check_signatures(&sets)
}

/// Those whom both attestations name.
pub(super) fn slashable_indices(slashing: &AttesterSlashing) -> BTreeSet<ValidatorIndex> {
    let first: BTreeSet<ValidatorIndex> = slashing.attestation_1.attesting_indices.iter().copied().collect();
    slashing.attestation_2.attesting_indices.iter().copied().filter(|index| first.contains(index)).collect()
}

/// Whether an attester slashing is forwarded (phase0/p2p-interface.md, `validate_attester_slashing_gossip`).
///
/// # Errors
/// Why not.
pub fn validate_attester_slashing_gossip<V: View + ?Sized>(
    view: &V,
    seen: &Seen,
    attester_slashing: &AttesterSlashing,
) -> Result<(), Fault> {
    let cfg = view.cfg();
    let (first, second) = (&attester_slashing.attestation_1, &attester_slashing.attestation_2);
    let slashable = slashable_indices(attester_slashing);
    let new = slashable.iter().any(|index| !seen.has_attester_slashing(*index));
    unseen(new, "all attester slashing indices already seen")?;
    let contradict = is_slashable_attestation_data(&first.data, &second.data);
    reject_unless(contradict, "attestation data is not slashable")?;
    let head = view.head_state();
    let known = |attestation: &IndexedAttestation| {
        attestation.attesting_indices.iter().all(|index| validator(head, *index).is_some())
    };
    reject_unless(known(first), "validator index out of range in indexed attestation 1")?;
    reject_unless(is_sorted(first), "invalid indexed attestation 1")?;
    reject_unless(known(second), "validator index out of range in indexed attestation 2")?;
    reject_unless(is_sorted(second), "invalid indexed attestation 2")?;
    let of_use = slashable.iter().any(|index| validator(head, *index).is_some_and(|validator| !validator.slashed));
    reject_unless(of_use, "no slashable validators in intersection")?;

    let state = present_state(view)?;
    let epoch = cfg.epoch_of(state.slot);
    let is_slashable = |index: &ValidatorIndex| {
        validator(&state, *index).is_some_and(|validator| is_slashable_validator(validator, epoch))
    };
    reject_unless(slashable.iter().any(is_slashable), "no slashable validators in intersection")?;
    let set = |attestation| {
        indexed_attestation_signature_set(cfg, &state, attestation)
            .map_err(|error| Fault::Unavailable(error.to_string()))
    };
    check_signatures(&[(set(first)?, "invalid indexed attestation 1"), (set(second)?, "invalid indexed attestation 2")])
}

/// What `is_valid_indexed_attestation` asks beside the signature.
fn is_sorted(attestation: &IndexedAttestation) -> bool {
    let indices = &attestation.attesting_indices;
    !indices.is_empty() && indices.iter().zip(indices.iter().skip(1)).all(|(a, b)| a < b)
}

/// Whether a change of withdrawal credentials is forwarded (capella/p2p-interface.md,
/// `validate_bls_to_execution_change_gossip`).
///
/// # Errors
/// Why not.
pub fn validate_bls_to_execution_change_gossip<V: View + ?Sized>(
    view: &V,
    seen: &Seen,
    signed_bls_to_execution_change: &SignedBlsToExecutionChange,
) -> Result<(), Fault> {
    let cfg = view.cfg();
    let change = &signed_bls_to_execution_change.message;
    let index = change.validator_index;
    let epoch = cfg.epoch_of(current_slot(view));
    ignore_unless(epoch >= cfg.capella_fork_epoch, "current epoch is pre-capella")?;
    let first = !seen.has_bls_to_execution_change(index);
    unseen(first, "already seen BLS to execution change for this validator")?;
    let state = view.head_state();
    let validator = validator(state, index).ok_or(Fault::Reject("validator index out of range"))?;
    let credentials = &validator.withdrawal_credentials.0;
    let is_bls = credentials[0] == BLS_WITHDRAWAL_PREFIX;
    reject_unless(is_bls, "validator does not have BLS withdrawal credentials")?;
    let own = credentials[1..] == sha256(&change.from_bls_pubkey.0).0[1..];
    reject_unless(own, "pubkey does not match validator withdrawal credentials")?;
    let domain = compute_domain(cfg, DOMAIN_BLS_TO_EXECUTION_CHANGE, None, Some(state.genesis_validators_root));
    let message = compute_signing_root(change, cfg.shape_at_slot(state.slot), domain);
    let signature = signed_bls_to_execution_change.signature;
    let set = SignatureSet { pubkeys: vec![change.from_bls_pubkey], message, signature };
    check_signatures(&[(set, "invalid BLS to execution change signature")])
}
