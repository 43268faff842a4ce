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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssz::{Bytes, Uint256};

    fn block(slot: Slot, parent_hash: Hash32) -> BeaconBlock {
        let mut block = BeaconBlock { slot, ..BeaconBlock::default() };
        block.body.execution_payload.parent_hash = parent_hash;
        block
    }

    /// A chain of proof of work by these total difficulties: block `i` has the hash `i + 1`, the first one's parent 0.
    fn chain(difficulties: &[u64]) -> impl Fn(&Hash32) -> Option<PowBlock> {
        let hash = |number: usize| Bytes([number as u8; 32]);
        let block = |(i, difficulty): (usize, &u64)| PowBlock {
            block_hash: hash(i + 1),
            parent_hash: hash(i),
            total_difficulty: Uint256::from(*difficulty),
        };
        let blocks: Vec<PowBlock> = difficulties.iter().enumerate().map(block).collect();
        move |hash| blocks.iter().find(|block| block.block_hash == *hash).copied()
    }

    #[test]
    fn the_terminal_block_is_the_first_at_the_terminal_difficulty() {
        let mut cfg = ChainConfig::minimal();
        cfg.terminal_total_difficulty = Uint256::from(10);
        let judge = |parent: u8| validate_merge_block(&cfg, &block(1, Bytes([parent; 32])), chain(&[5, 9, 10, 11]));
        assert!(matches!(judge(2), Err(Error::NotTerminal(_))), "below");
        assert!(judge(3).is_ok(), "as much is enough");
        assert!(matches!(judge(4), Err(Error::NotTerminal(_))), "its parent is one already");
        assert!(
            matches!(judge(1), Err(Error::UnknownPowBlock(hash)) if hash == Bytes([0; 32])),
            "its parent is unknown"
        );
        assert!(matches!(judge(9), Err(Error::UnknownPowBlock(hash)) if hash == Bytes([9; 32])));
    }

    #[test]
    fn a_terminal_hash_overrides_difficulty_from_its_epoch_on() {
        let mut cfg = ChainConfig::minimal();
        (cfg.terminal_block_hash, cfg.terminal_block_hash_activation_epoch) = (Bytes([7; 32]), 2);
        let judge = |slot, parent: u8| validate_merge_block(&cfg, &block(slot, Bytes([parent; 32])), |_| None);
        assert!(matches!(judge(15, 7), Err(Error::TooEarlyToMerge { epoch: 1, activation: 2 })));
        assert!(judge(16, 7).is_ok());
        assert!(matches!(judge(16, 8), Err(Error::NotTerminal(_))));
    }
}
