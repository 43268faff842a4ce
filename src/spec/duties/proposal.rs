//! Proposing a block.

use crate::{
    crypto::SecretKey,
    spec::{
        Error, Signatures,
        accessors::{compute_epoch_at_slot, compute_signing_root, get_domain},
        blocks::process_block,
        slots::process_slots,
    },
    ssz::{Root, Ssz},
    types::{
        BeaconBlock, BeaconState, BlsSignature, ChainConfig,
        constants::{DOMAIN_BEACON_PROPOSER, DOMAIN_RANDAO},
    },
};

/// The proposer's RANDAO reveal (phase0/validator.md, `get_epoch_signature`).
pub fn get_epoch_signature(
    cfg: &ChainConfig,
    state: &BeaconState,
    block: &BeaconBlock,
    privkey: &SecretKey,
) -> BlsSignature {
    let epoch = compute_epoch_at_slot(cfg, block.slot);
    let domain = get_domain(cfg, state, DOMAIN_RANDAO, Some(epoch));
    privkey.sign(&compute_signing_root(&epoch, cfg.shape_at_slot(block.slot), domain))
}

/// The root of the state after `block`, for its `state_root` (phase0/validator.md, `compute_new_state_root`).
///
/// Unlike the spec's, this checks no signature: what goes into an own block was checked when it came. A state that is
/// already at the block's slot is taken as it is.
///
/// # Errors
/// Whatever makes the block invalid.
pub fn compute_new_state_root(cfg: &ChainConfig, state: &BeaconState, block: &BeaconBlock) -> Result<Root, Error> {
    let mut state = state.clone();
    if state.slot != block.slot {
        process_slots(cfg, &mut state, block.slot)?;
    }
    process_block(cfg, &mut state, block, &mut Signatures::Trust)?;
    Ok(state.hash_tree_root(cfg.shape_at_slot(state.slot)))
}

/// The proposer's signature of its block (phase0/validator.md, `get_block_signature`).
pub fn get_block_signature(
    cfg: &ChainConfig,
    state: &BeaconState,
    block: &BeaconBlock,
    privkey: &SecretKey,
) -> BlsSignature {
    let epoch = compute_epoch_at_slot(cfg, block.slot);
    let domain = get_domain(cfg, state, DOMAIN_BEACON_PROPOSER, Some(epoch));
    privkey.sign(&compute_signing_root(block, cfg.shape_at_slot(block.slot), domain))
}
