//! The block tree: an arena in which parents come before their children, and an index by root.

use super::Error;
use crate::ssz::Root;
use crate::types::{BeaconState, ChainConfig, Checkpoint, Epoch, Slot, ValidatorIndex};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the store keeps of a block.
#[derive(Debug, Clone)]
pub struct Node {
    /// Root of the block.
    pub root: Root,
    /// The block's parent, which the store may no longer hold.
    pub parent_root: Root,
    /// The block's slot.
    pub slot: Slot,
    /// Who proposed it.
    pub proposer_index: ValidatorIndex,
    /// Root of the post-state.
    pub state_root: Root,
    /// The post-state.
    pub state: Arc<BeaconState>,
    /// Whether it arrived in its slot before attestations were due; unknown for the anchor.
    pub timely: Option<bool>,
    /// Justified checkpoint if an epoch ended with this block.
    pub unrealized_justified: Checkpoint,
    /// Finalized checkpoint if an epoch ended with this block.
    pub unrealized_finalized: Checkpoint,
    /// Whether the execution engine has not called its payload valid yet.
    pub optimistic: bool,
    /// Position of the parent.
    pub(super) parent: Option<usize>,
}

/// Blocks in order of insertion. The first is the only one without a parent.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    index: BTreeMap<Root, usize>,
}

impl Tree {
    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub(super) fn position(&self, root: &Root) -> Option<usize> {
        self.index.get(root).copied()
    }

    pub(super) fn get(&self, root: &Root) -> Option<&Node> {
        self.position(root).map(|at| &self.nodes[at])
    }

    /// Appends a block; its parent is looked up here.
    pub(super) fn push(&mut self, mut node: Node) {
        node.parent = self.position(&node.parent_root);
        self.index.insert(node.root, self.nodes.len());
        self.nodes.push(node);
    }

    /// The last block at or before `slot` on the chain of `at`; the oldest block kept if all are later.
    pub(super) fn ancestor_at(&self, mut at: usize, slot: Slot) -> usize {
        while self.nodes[at].slot > slot {
            match self.nodes[at].parent {
                Some(parent) => at = parent,
                None => break,
            }
        }
        at
    }

    /// Whether `ancestor` is on the chain of `at`, or is it.
    pub(super) fn is_ancestor(&self, at: usize, ancestor: usize) -> bool {
        self.ancestor_at(at, self.nodes[ancestor].slot) == ancestor
    }

    pub(super) fn set_optimistic(&mut self, at: usize, optimistic: bool) {
        self.nodes[at].optimistic = optimistic;
    }

    /// Keeps `oldest` and its descendants, but `without` and its descendants. Returns the blocks that went, and for each
    /// old position the new one.
    pub(super) fn keep_from(&mut self, oldest: usize, without: Option<usize>) -> (Vec<Root>, Vec<Option<usize>>) {
        let mut moved: Vec<Option<usize>> = vec![None; self.nodes.len()];
        let mut removed = Vec::new();
        let mut kept = Vec::new();
        for (at, mut node) in std::mem::take(&mut self.nodes).into_iter().enumerate() {
            let parent = node.parent.and_then(|parent| moved[parent]);
            if at == oldest || (parent.is_some() && Some(at) != without) {
                node.parent = parent;
                moved[at] = Some(kept.len());
                kept.push(node);
            } else {
                removed.push(node.root);
            }
        }
        self.index = kept.iter().enumerate().map(|(at, node)| (node.root, at)).collect();
        self.nodes = kept;
        (removed, moved)
    }
}

/// Spec `get_ancestor`: the last block at or before `slot` on the chain of block `root`.
///
/// # Errors
/// The block is not in the store.
pub fn get_ancestor(store: &super::Store, root: &Root, slot: Slot) -> Result<Root, Error> {
    let at = store.tree.position(root).ok_or(Error::Missing(*root))?;
    Ok(store.tree.nodes()[store.tree.ancestor_at(at, slot)].root)
}

/// Spec `get_checkpoint_block`: the block that is the checkpoint of `epoch` on the chain of block `root`.
///
/// # Errors
/// The block is not in the store.
pub fn get_checkpoint_block(cfg: &ChainConfig, store: &super::Store, root: &Root, epoch: Epoch) -> Result<Root, Error> {
    get_ancestor(store, root, cfg.start_slot(epoch))
}
