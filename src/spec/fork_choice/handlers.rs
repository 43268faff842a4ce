//! Time passes, attestations and slashings arrive.

use super::store::{LatestMessage, get_current_slot, get_current_store_epoch};
use super::tree::get_checkpoint_block;
use super::{Error, Store};
use crate::spec::{get_indexed_attestation, is_slashable_attestation_data, is_valid_indexed_attestation};
use crate::ssz::Root;
use crate::types::{
    Attestation, AttestationData, AttesterSlashing, BeaconBlock, ChainConfig, IndexedAttestation, ValidatorIndex,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Spec `on_tick`: it is now `time`, Unix time in seconds.
pub fn on_tick(cfg: &ChainConfig, store: &mut Store, time: u64) {
    on_tick_ms(cfg, store, time.saturating_mul(1000));
}

/// Spec `on_tick`, by a clock in milliseconds. A time before the last one is ignored.
pub fn on_tick_ms(cfg: &ChainConfig, store: &mut Store, time_ms: u64) {
    if time_ms < store.time_ms {
        return;
    }
    let (previous_slot, previous_epoch) = (get_current_slot(cfg, store), get_current_store_epoch(cfg, store));
    store.time_ms = time_ms;
    if get_current_slot(cfg, store) == previous_slot {
        return;
    }
    if store.proposer_boost_root != Root::default() {
        store.proposer_boost_root = Root::default();
        store.touch();
    }
    let epoch = get_current_store_epoch(cfg, store);
    if epoch > previous_epoch {
        let (justified, finalized) = (store.unrealized_justified_checkpoint, store.unrealized_finalized_checkpoint);
        store.update_checkpoints(justified, finalized);
        // Older targets come at most in blocks, rarely; their states are computed again then.
        let justified = store.justified_checkpoint;
        store
            .checkpoint_states
            .retain(|(at, root), _| at.saturating_add(1) >= epoch || (*at, *root) == (justified.epoch, justified.root));
        store.touch();
    }
}

/// Spec `on_attestation`, with the signature. `is_from_block`: it was included in a block, so may be of any age.
///
/// # Errors
/// The attestation is for unknown blocks, early or late (perhaps valid at another time), or invalid.
pub fn on_attestation(
    cfg: &ChainConfig,
    store: &mut Store,
    attestation: &Attestation,
    is_from_block: bool,
) -> Result<(), Error> {
    let indexed = indexed_attestation(cfg, store, attestation, is_from_block)?;
    let target_state = store.checkpoint_state(cfg, &indexed.data.target)?;
    if !is_valid_indexed_attestation(cfg, &target_state, &indexed) {
        return Err(Error::InvalidIndexedAttestation);
    }
    update_latest_messages(store, &indexed.data, indexed.attesting_indices.iter().copied());
    Ok(())
}

/// Spec `on_attestation`, for one whose committee and signature the caller has checked against the target's state.
///
/// # Errors
/// As [`on_attestation`], but for the signature.
pub fn on_attestation_verified(
    cfg: &ChainConfig,
    store: &mut Store,
    data: &AttestationData,
    attesting_indices: &[ValidatorIndex],
    is_from_block: bool,
) -> Result<(), Error> {
    validate_on_attestation(cfg, store, data, is_from_block)?;
    update_latest_messages(store, data, attesting_indices.iter().copied());
    Ok(())
}

/// The attestations and attester slashings of an imported block, as spec `on_attestation` and `on_attester_slashing`
/// would take them; those the fork choice has no use for are passed over.
///
/// Their signatures were checked by the state transition, against the same committees and keys if the target is on the
/// block's own chain; an attestation with another target is verified again.
pub fn on_block_operations(cfg: &ChainConfig, store: &mut Store, root: &Root, block: &BeaconBlock) {
    for attestation in block.body.attestations.iter() {
        let target = &attestation.data.target;
        let own_chain =
            get_checkpoint_block(cfg, store, root, target.epoch).is_ok_and(|checkpoint| checkpoint == target.root);
        // A refusal here is the attestation's fate, not the block's.
        if !own_chain {
            let _ = on_attestation(cfg, store, attestation, true);
        } else if let Ok(indexed) = indexed_attestation(cfg, store, attestation, true) {
            update_latest_messages(store, &indexed.data, indexed.attesting_indices.iter().copied());
        }
    }
    for slashing in block.body.attester_slashings.iter() {
        let _ = on_attester_slashing_verified(store, slashing);
    }
}

/// Spec `on_attester_slashing`, with the signatures.
///
/// # Errors
/// The two are not slashable, or one of them is invalid.
pub fn on_attester_slashing(
    cfg: &ChainConfig,
    store: &mut Store,
    attester_slashing: &AttesterSlashing,
) -> Result<(), Error> {
    let root = store.justified_checkpoint.root;
    let state = store.state(&root).ok_or(Error::Missing(root))?;
    for attestation in [&attester_slashing.attestation_1, &attester_slashing.attestation_2] {
        if !is_valid_indexed_attestation(cfg, state, attestation) {
            return Err(Error::InvalidIndexedAttestation);
        }
    }
    on_attester_slashing_verified(store, attester_slashing)
}

/// Spec `on_attester_slashing`, for one whose indices and signatures the caller has checked.
///
/// # Errors
/// The two are not slashable.
pub fn on_attester_slashing_verified(store: &mut Store, slashing: &AttesterSlashing) -> Result<(), Error> {
    let (one, two) = (&slashing.attestation_1, &slashing.attestation_2);
    if !is_slashable_attestation_data(&one.data, &two.data) {
        return Err(Error::NotSlashable);
    }
    let first: BTreeSet<ValidatorIndex> = one.attesting_indices.iter().copied().collect();
    store.equivocating_indices.extend(two.attesting_indices.iter().filter(|index| first.contains(index)));
    store.touch();
    Ok(())
}

/// Everything of spec `on_attestation` up to the signature. Keeps the state of the target.
fn indexed_attestation(
    cfg: &ChainConfig,
    store: &mut Store,
    attestation: &Attestation,
    is_from_block: bool,
) -> Result<IndexedAttestation, Error> {
    validate_on_attestation(cfg, store, &attestation.data, is_from_block)?;
    let target = &attestation.data.target;
    let target_state = store.checkpoint_state(cfg, target)?;
    let indexed = get_indexed_attestation(cfg, &target_state, attestation)?;
    store_target_checkpoint_state(cfg, store, target, target_state);
    Ok(indexed)
}

/// Spec `store_target_checkpoint_state`, for recent targets; older ones are rare and computed again when needed.
fn store_target_checkpoint_state(
    cfg: &ChainConfig,
    store: &mut Store,
    target: &crate::types::Checkpoint,
    state: Arc<crate::types::BeaconState>,
) {
    if target.epoch.saturating_add(1) >= get_current_store_epoch(cfg, store) {
        store.checkpoint_states.entry((target.epoch, target.root)).or_insert(state);
    }
}

/// Spec `validate_on_attestation`, with `validate_target_epoch_against_current_time`.
fn validate_on_attestation(
    cfg: &ChainConfig,
    store: &Store,
    data: &AttestationData,
    is_from_block: bool,
) -> Result<(), Error> {
    let target = &data.target;
    let current = get_current_store_epoch(cfg, store);
    if !is_from_block && target.epoch != current && target.epoch != current.saturating_sub(1) {
        return Err(Error::TargetEpoch { target: target.epoch, current });
    }
    if target.epoch != cfg.epoch_of(data.slot) {
        return Err(Error::TargetSlot { slot: data.slot, target: target.epoch });
    }
    if !store.contains(&target.root) {
        return Err(Error::UnknownBlock(target.root));
    }
    let block = store.node(&data.beacon_block_root).ok_or(Error::UnknownBlock(data.beacon_block_root))?;
    if block.slot > data.slot {
        return Err(Error::VoteForFuture { slot: data.slot, block: block.slot });
    }
    let checkpoint = get_checkpoint_block(cfg, store, &block.root, target.epoch)?;
    if target.root != checkpoint {
        return Err(Error::TargetMismatch { target: target.root, checkpoint });
    }
    let current = get_current_slot(cfg, store);
    if current <= data.slot {
        return Err(Error::TooEarly { slot: data.slot, current });
    }
    Ok(())
}

/// Spec `update_latest_messages`.
fn update_latest_messages(
    store: &mut Store,
    data: &AttestationData,
    attesting_indices: impl Iterator<Item = ValidatorIndex>,
) {
    let node = store.tree.position(&data.beacon_block_root);
    let mut changed = false;
    for index in attesting_indices {
        let Ok(at) = usize::try_from(index) else { continue };
        if store.equivocating_indices.contains(&index) {
            continue;
        }
        if store.latest_messages.len() <= at {
            store.latest_messages.resize(at + 1, None);
        }
        let message = &mut store.latest_messages[at];
        if message.is_none_or(|message| data.target.epoch > message.epoch) {
            changed |= message.and_then(|message| message.node) != node;
            *message = Some(LatestMessage { epoch: data.target.epoch, node });
        }
    }
    if changed {
        store.touch();
    }
}
