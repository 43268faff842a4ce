//! A block arrives.

use super::proposer_head::get_attestation_due_ms;
use super::store::{get_current_slot, get_current_store_epoch, ms_since_genesis};
use super::tree::{Node, get_ancestor, get_checkpoint_block};
use super::{Error, Retrieved, Store, get_head, is_data_available, validate_merge_block};
use crate::spec::epochs::process_justification_and_finalization;
use crate::spec::{is_merge_transition_block, state_transition};
use crate::ssz::{Root, Ssz};
use crate::types::{
    BeaconBlock, BeaconState, ChainConfig, Checkpoint, Epoch, ForkName, Hash32, PowBlock, SignedBeaconBlock, Slot,
};
use std::sync::Arc;

/// The checkpoints of a post-state if an epoch ended with its block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PulledUp {
    /// Current justified checkpoint.
    pub justified: Checkpoint,
    /// Finalized checkpoint.
    pub finalized: Checkpoint,
}

/// A block with everything that is computed from it alone, so that many nodes of one process may share the work.
#[derive(Debug, Clone)]
pub struct Imported {
    /// Root of the block.
    pub root: Root,
    /// The post-state, from a full [`state_transition`].
    pub state: Arc<BeaconState>,
    /// From [`compute_pulled_up_tip`] of that state.
    pub pulled_up: PulledUp,
}

/// Spec `on_block`, with the state transition, the check of the blobs that came beside the block, and of the
/// proof-of-work block below a first payload.
///
/// # Errors
/// See [`check_block`]; the blobs are not available, the payload does not follow proof of work; and the transition's.
pub fn on_block(
    cfg: &ChainConfig,
    store: &mut Store,
    signed_block: &SignedBeaconBlock,
    retrieved: Retrieved<'_>,
    get_pow_block: impl Fn(&Hash32) -> Option<PowBlock>,
) -> Result<(), Error> {
    let block = &signed_block.message;
    let root = block.hash_tree_root(cfg.shape_at_slot(block.slot));
    if store.contains(&root) {
        return Ok(());
    }
    let parent_state = check_block(cfg, store, block)?;
    if !is_data_available(cfg, block, retrieved) {
        return Err(Error::DataUnavailable(root));
    }
    let mut state = BeaconState::clone(&parent_state);
    state_transition(cfg, &mut state, signed_block, true)?;
    if cfg.fork_at_slot(block.slot) == ForkName::Bellatrix && is_merge_transition_block(&parent_state, &block.body) {
        validate_merge_block(cfg, block, get_pow_block)?;
    }
    on_block_with_state(cfg, store, block, root, Arc::new(state))
}

/// Spec `on_block` for a block whose transition has been made, from the state that [`check_block`] gives.
///
/// # Errors
/// See [`check_block`].
pub fn on_block_with_state(
    cfg: &ChainConfig,
    store: &mut Store,
    block: &BeaconBlock,
    root: Root,
    state: Arc<BeaconState>,
) -> Result<(), Error> {
    let pulled_up = compute_pulled_up_tip(cfg, &state)?;
    on_block_imported(cfg, store, block, Imported { root, state, pulled_up })
}

/// The checks of spec `on_block` that come before the state transition. Returns the parent's post-state.
///
/// # Errors
/// The parent is unknown, the block is from the future, not after the finalized slot, or not a descendant of the
/// finalized block.
pub fn check_block(cfg: &ChainConfig, store: &Store, block: &BeaconBlock) -> Result<Arc<BeaconState>, Error> {
    let parent = store.node(&block.parent_root).ok_or(Error::UnknownParent(block.parent_root))?;
    let current = get_current_slot(cfg, store);
    if current < block.slot {
        return Err(Error::FutureBlock { block: block.slot, current });
    }
    let finalized = &store.finalized_checkpoint;
    let finalized_slot = cfg.start_slot(finalized.epoch);
    if block.slot <= finalized_slot {
        return Err(Error::BeforeFinalized { block: block.slot, finalized: finalized_slot });
    }
    if get_checkpoint_block(cfg, store, &block.parent_root, finalized.epoch)? != finalized.root {
        return Err(Error::NotFinalizedDescendant { finalized: finalized.root });
    }
    Ok(parent.state.clone())
}

/// Spec `on_block` for a block of which everything is computed.
///
/// # Errors
/// See [`check_block`].
pub fn on_block_imported(
    cfg: &ChainConfig,
    store: &mut Store,
    block: &BeaconBlock,
    imported: Imported,
) -> Result<(), Error> {
    let Imported { root, state, pulled_up } = imported;
    if store.contains(&root) {
        return Ok(());
    }
    check_block(cfg, store, block)?;
    let timely = is_timely(cfg, store, block.slot);
    // The head before this block counts only for the boost.
    let head = (timely && store.proposer_boost_root == Root::default()).then(|| get_head(cfg, store));

    let justified = state.current_justified_checkpoint;
    let finalized = state.finalized_checkpoint;
    store.tree.push(Node {
        root,
        parent_root: block.parent_root,
        slot: block.slot,
        proposer_index: block.proposer_index,
        state_root: block.state_root,
        state,
        timely: Some(timely),
        unrealized_justified: pulled_up.justified,
        unrealized_finalized: pulled_up.finalized,
        optimistic: false,
        parent: None,
    });
    store.touch();
    if let Some(head) = head {
        update_proposer_boost_root(cfg, store, &head, &root)?;
    }
    store.update_checkpoints(justified, finalized);
    store.update_unrealized_checkpoints(pulled_up.justified, pulled_up.finalized);
    // A block of an epoch that is over: what it pulls up is realized.
    if cfg.epoch_of(block.slot) < get_current_store_epoch(cfg, store) {
        store.update_checkpoints(pulled_up.justified, pulled_up.finalized);
    }
    Ok(())
}

/// Spec `compute_pulled_up_tip`, the part that depends on the post-state alone.
///
/// # Errors
/// The state is inconsistent, which no state after a block is.
pub fn compute_pulled_up_tip(cfg: &ChainConfig, state: &BeaconState) -> Result<PulledUp, Error> {
    let mut state = state.clone();
    process_justification_and_finalization(cfg, &mut state)?;
    Ok(PulledUp { justified: state.current_justified_checkpoint, finalized: state.finalized_checkpoint })
}

/// Spec `record_block_timeliness`: whether a block of `slot` that arrives now is in time to be attested to.
fn is_timely(cfg: &ChainConfig, store: &Store, slot: Slot) -> bool {
    let ms_into_slot = ms_since_genesis(store) % cfg.slot_duration_ms.max(1);
    get_current_slot(cfg, store) == slot && ms_into_slot < get_attestation_due_ms(cfg)
}

/// Spec `compute_shuffling_dependent_slot`.
fn compute_shuffling_dependent_slot(cfg: &ChainConfig, epoch: Epoch) -> Slot {
    let lookahead = cfg.preset.min_seed_lookahead;
    if epoch <= lookahead { 0 } else { cfg.start_slot(epoch - lookahead) - 1 }
}

/// Spec `get_shuffling_dependent_root`.
fn get_shuffling_dependent_root(cfg: &ChainConfig, store: &Store, root: &Root, epoch: Epoch) -> Result<Root, Error> {
    get_ancestor(store, root, compute_shuffling_dependent_slot(cfg, epoch))
}

/// Spec `update_proposer_boost_root`, for a timely block that is the first of its slot: it is boosted if the head's
/// chain has the same shuffling.
fn update_proposer_boost_root(cfg: &ChainConfig, store: &mut Store, head: &Root, root: &Root) -> Result<(), Error> {
    let epoch = get_current_store_epoch(cfg, store);
    let head_dependent_root = get_shuffling_dependent_root(cfg, store, head, epoch)?;
    let block_dependent_root = get_shuffling_dependent_root(cfg, store, root, epoch)?;
    if head_dependent_root == block_dependent_root {
        store.proposer_boost_root = *root;
        store.touch();
    }
    Ok(())
}
