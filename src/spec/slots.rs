//! From slot to slot: the state transition function and its outer loop.

use crate::{
    crypto::{self, SignatureSet},
    spec::{
        Error, Signatures,
        accessors::{compute_epoch_at_slot, compute_signing_root, get_domain, get_validator},
        blocks::{describe_signature, process_block},
        epochs::process_epoch,
        math,
        upgrade::upgrade_at_epoch_start,
    },
    ssz::Ssz,
    types::{BeaconState, ChainConfig, SignedBeaconBlock, Slot, constants::DOMAIN_BEACON_PROPOSER},
};

/// Applies a block, empty slots before it included (phase0/beacon-chain.md, `state_transition`).
///
/// `validate_result` is the spec's: without it, the proposer's signature and the state root are not looked at. All
/// other signatures are checked either way, in one batch. The time this takes grows with the distance between the
/// state and the block: the caller refuses blocks from the far future first.
///
/// # Errors
/// Whatever makes the block invalid; `state` is then of no use any more.
pub fn state_transition(
    cfg: &ChainConfig,
    state: &mut BeaconState,
    signed_block: &SignedBeaconBlock,
    validate_result: bool,
) -> Result<(), Error> {
    let block = &signed_block.message;
    process_slots(cfg, state, block.slot)?;
    let mut sets = Vec::new();
    if validate_result {
        sets.push(block_signature_set(cfg, state, signed_block)?);
    }
    process_block(cfg, state, block, &mut Signatures::Collect(&mut sets))?;
    if !crypto::verify_sets(&sets) {
        return Err(wrong_signature(signed_block, &sets, validate_result));
    }
    if validate_result {
        let found = state.hash_tree_root(cfg.shape_at_slot(state.slot));
        if found != block.state_root {
            return Err(Error::StateRoot { slot: block.slot, claimed: block.state_root, found });
        }
    }
    Ok(())
}

/// Names the first wrong signature of a batch that failed.
fn wrong_signature(signed_block: &SignedBeaconBlock, sets: &[SignatureSet], with_proposer: bool) -> Error {
    let wrong = sets.iter().position(|set| !crypto::verify_sets(std::slice::from_ref(set)));
    let what = match (wrong, with_proposer) {
        (Some(0), true) => "block",
        (Some(i), true) => describe_signature(&signed_block.message.body, i - 1),
        (Some(i), false) => describe_signature(&signed_block.message.body, i),
        (None, _) => "batch",
    };
    Error::InvalidSignature { what }
}

/// Whether the proposer signed the block (phase0/beacon-chain.md, `verify_block_signature`). The state is the one of
/// the block's slot.
///
/// # Errors
/// If the proposer is unknown.
pub fn verify_block_signature(
    cfg: &ChainConfig,
    state: &BeaconState,
    signed_block: &SignedBeaconBlock,
) -> Result<bool, Error> {
    Ok(crypto::verify_sets(&[block_signature_set(cfg, state, signed_block)?]))
}

/// The proposer's signature on a block, ready to be checked. The state is one of the block's epoch.
///
/// # Errors
/// If the proposer is unknown.
pub fn block_signature_set(
    cfg: &ChainConfig,
    state: &BeaconState,
    signed_block: &SignedBeaconBlock,
) -> Result<SignatureSet, Error> {
    let block = &signed_block.message;
    let proposer = get_validator(state, block.proposer_index)?;
    let domain = get_domain(cfg, state, DOMAIN_BEACON_PROPOSER, Some(compute_epoch_at_slot(cfg, block.slot)));
    let message = compute_signing_root(block, cfg.shape_at_slot(block.slot), domain);
    Ok(SignatureSet { pubkeys: vec![proposer.pubkey], message, signature: signed_block.signature })
}

/// Advances the state through empty slots up to `slot` (phase0/beacon-chain.md, `process_slots`), and through the
/// upgrades that fall on epoch starts between.
///
/// # Errors
/// If the state is at `slot` or later, or an epoch's processing fails.
pub fn process_slots(cfg: &ChainConfig, state: &mut BeaconState, slot: Slot) -> Result<(), Error> {
    if state.slot >= slot {
        return Err(Error::SlotNotAhead { slot, state_slot: state.slot });
    }
    while state.slot < slot {
        process_slot(cfg, state)?;
        let next = math::add("slot", state.slot, 1)?;
        let epoch_starts = next.is_multiple_of(cfg.preset.slots_per_epoch);
        if epoch_starts {
            process_epoch(cfg, state)?;
        }
        state.slot = next;
        if epoch_starts {
            upgrade_at_epoch_start(cfg, state)?;
        }
    }
    Ok(())
}

/// Keeps the roots of the slot that ends (phase0/beacon-chain.md, `process_slot`).
///
/// # Errors
/// If the state holds fewer roots than its preset says.
pub fn process_slot(cfg: &ChainConfig, state: &mut BeaconState) -> Result<(), Error> {
    let shape = cfg.shape_at_slot(state.slot);
    let index = state.slot % cfg.preset.slots_per_historical_root;
    let missing = Error::IndexOutOfRange { list: "state_roots", index, len: state.state_roots.len() as u64 };
    let previous_state_root = state.hash_tree_root(shape);
    *state.state_roots.get_mut(index as usize).ok_or(missing)? = previous_state_root;
    if state.latest_block_header.state_root.is_zero() {
        state.latest_block_header.state_root = previous_state_root;
    }
    let previous_block_root = state.latest_block_header.hash_tree_root(shape);
    let missing = Error::IndexOutOfRange { list: "block_roots", index, len: state.block_roots.len() as u64 };
    *state.block_roots.get_mut(index as usize).ok_or(missing)? = previous_block_root;
    Ok(())
}
