//! Which blocks may be the head, judged by justification and finality.

use super::store::get_current_store_epoch;
use super::tree::Node;
use super::{Store, weight};
use crate::ssz::Root;
use crate::types::{ChainConfig, Checkpoint, Epoch};
use std::collections::BTreeSet;

/// Spec `get_voting_source`.
pub(super) fn get_voting_source(cfg: &ChainConfig, node: &Node, current_epoch: Epoch) -> Checkpoint {
    if current_epoch > cfg.epoch_of(node.slot) {
        node.unrealized_justified
    } else {
        node.state.current_justified_checkpoint
    }
}

/// Spec `filter_block_tree`, for every block at once: by position, whether it or a descendant is a leaf that agrees with the
/// store's justified and finalized checkpoints.
pub(super) fn viable(cfg: &ChainConfig, store: &Store) -> Vec<bool> {
    let nodes = store.tree.nodes();
    let current_epoch = get_current_store_epoch(cfg, store);
    let (justified, finalized) = (&store.justified_checkpoint, &store.finalized_checkpoint);
    let finalized_slot = cfg.start_slot(finalized.epoch);

    // Whether the checkpoint block of the finalized epoch, on the chain of this block, is the finalized block.
    let mut correct_finalized = Vec::with_capacity(nodes.len());
    let mut has_children = vec![false; nodes.len()];
    for node in nodes {
        let correct = match node.parent {
            Some(parent) if node.slot > finalized_slot => correct_finalized[parent],
            _ => node.root == finalized.root,
        };
        correct_finalized.push(correct);
        if let Some(parent) = node.parent {
            has_children[parent] = true;
        }
    }

    let mut viable = vec![false; nodes.len()];
    for (at, node) in nodes.iter().enumerate().rev() {
        if !has_children[at] {
            let source = get_voting_source(cfg, node, current_epoch);
            let correct_justified = justified.epoch == 0
                || source.epoch == justified.epoch
                || source.epoch.saturating_add(2) >= current_epoch;
            viable[at] = correct_justified && (finalized.epoch == 0 || correct_finalized[at]);
        }
        if let (true, Some(parent)) = (viable[at], node.parent) {
            viable[parent] = true;
        }
    }
    viable
}

/// Spec `get_filtered_block_tree`: the roots of the blocks that may be on the way to the head.
pub fn get_filtered_block_tree(cfg: &ChainConfig, store: &Store) -> BTreeSet<Root> {
    let weighed = weight::weighed(cfg, store);
    let nodes = store.tree.nodes();
    let base = weight::justified_position(store);
    nodes
        .iter()
        .enumerate()
        .filter(|(at, _)| weighed.viable[*at] && store.tree.is_ancestor(*at, base))
        .map(|(_, node)| node.root)
        .collect()
}
