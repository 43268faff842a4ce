//! The block header.

use crate::{
    spec::{
        Error,
        accessors::{get_beacon_proposer_index, get_validator},
    },
    ssz::{Root, Ssz},
    types::{BeaconBlock, BeaconBlockHeader, BeaconState, ChainConfig},
};

/// Checks slot, proposer and parent, and makes the block the latest one (phase0/beacon-chain.md,
/// `process_block_header`).
///
/// # Errors
/// If one of the three is wrong, or the proposer is slashed.
pub fn process_block_header(cfg: &ChainConfig, state: &mut BeaconState, block: &BeaconBlock) -> Result<(), Error> {
    if block.slot != state.slot {
        return Err(Error::BlockSlot { slot: block.slot, state_slot: state.slot });
    }
    if block.slot <= state.latest_block_header.slot {
        return Err(Error::BlockNotNewer { slot: block.slot, latest: state.latest_block_header.slot });
    }
    let expected = get_beacon_proposer_index(cfg, state)?;
    if block.proposer_index != expected {
        return Err(Error::WrongProposer { slot: block.slot, claimed: block.proposer_index, expected });
    }
    let shape = cfg.shape_at_slot(state.slot);
    let parent = state.latest_block_header.hash_tree_root(shape);
    if block.parent_root != parent {
        return Err(Error::WrongParent { slot: block.slot, claimed: block.parent_root, expected: parent });
    }
    state.latest_block_header = BeaconBlockHeader {
        slot: block.slot,
        proposer_index: block.proposer_index,
        parent_root: block.parent_root,
        // Filled in by the next `process_slot`.
        state_root: Root::default(),
        body_root: block.body.hash_tree_root(shape),
    };
    if get_validator(state, block.proposer_index)?.slashed {
        return Err(Error::SlashedProposer { slot: block.slot, index: block.proposer_index });
    }
    Ok(())
}
