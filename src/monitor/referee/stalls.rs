//! Nodes whose head stays where it is while others go on after it, for longer than a node pauses between two of its
//! blocks: they refuse a block, or it never reached them. It is told and means nothing by itself.

use super::{Entry, Follower, descends};
use crate::{
    ssz::Root,
    types::{ChainConfig, Slot},
};
use std::collections::BTreeMap;

/// Epochs for which a node's head may stay behind.
const PATIENCE_EPOCHS: u64 = 1;
/// However short the slots, a busy machine is given so long.
const PATIENCE_MS: u64 = 10_000;

/// Slots after which a node is expected to have taken what others have taken, or never to do it.
pub(super) fn patience(config: &ChainConfig) -> Slot {
    let epochs = PATIENCE_EPOCHS.saturating_mul(config.preset.slots_per_epoch);
    epochs.max(PATIENCE_MS / config.slot_duration_ms.max(1))
}

/// A node that is behind.
pub(super) struct Stall {
    pub(super) head: Root,
    /// The first block after it that others follow.
    pub(super) block: Root,
    pub(super) since: Slot,
    pub(super) told: bool,
}

/// All that are behind, by name.
pub(super) struct Stalls {
    patience: Slot,
    now: BTreeMap<String, Stall>,
}

impl Stalls {
    pub(super) fn new(config: &ChainConfig) -> Self {
        Self { patience: patience(config), now: BTreeMap::new() }
    }

    /// Looks at where the nodes are. One that does not answer is not known to stay where it is.
    pub(super) fn look(&mut self, blocks: &BTreeMap<Root, Entry>, nodes: &[Follower<'_>], slot: Slot) {
        let mut before = std::mem::take(&mut self.now);
        for node in nodes {
            let Some(block) = next_block(blocks, node, nodes) else { continue };
            let same = before.remove(node.name).filter(|stall| stall.head == node.head);
            let new = Stall { head: node.head, block, since: slot, told: false };
            self.now.insert(node.name.to_owned(), same.unwrap_or(new));
        }
    }

    /// Those that have been behind for long.
    pub(super) fn lasting(&mut self, slot: Slot) -> impl Iterator<Item = (&String, &mut Stall)> {
        let patience = self.patience;
        self.now.iter_mut().filter(move |(_, stall)| slot >= stall.since.saturating_add(patience))
    }

    /// The block before which that node has been for long.
    pub(super) fn before(&self, node: &str, slot: Slot) -> Option<Root> {
        let stall = self.now.get(node).filter(|stall| slot >= stall.since.saturating_add(self.patience))?;
        Some(stall.block)
    }
}

/// The block after the node's head on the way to the newest head that holds it; `None` if nobody is ahead of it.
fn next_block(blocks: &BTreeMap<Root, Entry>, node: &Follower<'_>, nodes: &[Follower<'_>]) -> Option<Root> {
    let ahead = nodes.iter().filter(|other| other.head != node.head && descends(blocks, other.head, node.head));
    let mut at = ahead.max_by_key(|other| (other.head_slot, other.head))?.head;
    loop {
        let parent = blocks.get(&at)?.parent;
        if parent == node.head {
            return Some(at);
        }
        at = parent;
    }
}
