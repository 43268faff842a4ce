//! The first block with a payload: it must follow the last block of proof of work (`bellatrix/fork-choice.md`); and when
//! such a block may be taken before the engine has judged it (`sync/optimistic.md`).

use super::{Error, Store};
use crate::spec::is_merge_transition_complete;
use crate::types::{BeaconBlock, ChainConfig, Hash32, PowBlock, Slot};

/// How old a first block with a payload must be to be imported before the engine has judged it.
pub const SAFE_SLOTS_TO_IMPORT_OPTIMISTICALLY: u64 = 128;

/// Spec `is_valid_terminal_pow_block`: whether `block` is the first of its chain to reach the terminal difficulty.
pub fn is_valid_terminal_pow_block(cfg: &ChainConfig, block: &PowBlock, parent: &PowBlock) -> bool {
    let is_total_difficulty_reached = block.total_difficulty >= cfg.terminal_total_difficulty;
    let is_parent_total_difficulty_valid = parent.total_difficulty < cfg.terminal_total_difficulty;
    is_total_difficulty_reached && is_parent_total_difficulty_valid
}

/// Spec `validate_merge_block`: whether the first payload of a chain may build on its parent.
///
/// # Errors
/// It builds on no terminal block, comes too early for the one that is configured, or `get_pow_block` does not know the
/// blocks to judge by ([`Error::UnknownPowBlock`]: perhaps valid once it does).
pub fn validate_merge_block(
    cfg: &ChainConfig,
    block: &BeaconBlock,
    get_pow_block: impl Fn(&Hash32) -> Option<PowBlock>,
) -> Result<(), Error> {
    let parent_hash = block.body.execution_payload.parent_hash;
    if cfg.terminal_block_hash != Hash32::default() {
        let (epoch, activation) = (cfg.epoch_of(block.slot), cfg.terminal_block_hash_activation_epoch);
        if epoch < activation {
            return Err(Error::TooEarlyToMerge { epoch, activation });
        }
        let is_terminal = parent_hash == cfg.terminal_block_hash;
        return if is_terminal { Ok(()) } else { Err(Error::NotTerminal(parent_hash)) };
    }
    let pow_block = get_pow_block(&parent_hash).ok_or(Error::UnknownPowBlock(parent_hash))?;
    let pow_parent = get_pow_block(&pow_block.parent_hash).ok_or(Error::UnknownPowBlock(pow_block.parent_hash))?;
    let is_terminal = is_valid_terminal_pow_block(cfg, &pow_block, &pow_parent);
    if is_terminal { Ok(()) } else { Err(Error::NotTerminal(parent_hash)) }
}

/// Spec `is_optimistic_candidate_block`: whether the block may be imported before the engine has judged its payload. A
/// parent that is not in the store is no reason to.
pub fn is_optimistic_candidate_block(store: &Store, current_slot: Slot, block: &BeaconBlock) -> bool {
    // From the first payload on every block has one, so the parent has one if its post-state knows of any.
    let parent_has_payload =
        store.node(&block.parent_root).is_some_and(|parent| is_merge_transition_complete(&parent.state));
    parent_has_payload || block.slot.saturating_add(SAFE_SLOTS_TO_IMPORT_OPTIMISTICALLY) <= current_slot
}
