//! Blocks whose payload the execution engine has not judged yet (`sync/optimistic.md`): marked, confirmed, or removed.

use super::Store;
use crate::ssz::Root;
use crate::types::Hash32;

impl Store {
    /// Spec `is_optimistic`: whether the block was imported, and its payload neither found valid nor invalid since.
    pub fn is_optimistic(&self, root: &Root) -> bool {
        self.tree.get(root).is_some_and(|node| node.optimistic)
    }

    /// `optimistic_roots`, parents before children.
    pub fn optimistic_roots(&self) -> impl Iterator<Item = Root> + '_ {
        self.tree.nodes().iter().filter(|node| node.optimistic).map(|node| node.root)
    }
}

/// Marks a block that was imported before its payload was judged.
pub fn mark_optimistic(store: &mut Store, root: &Root) {
    if let Some(at) = store.tree.position(root) {
        store.tree.set_optimistic(at, true);
    }
}

/// The payload of this block is valid, and so are those of all its ancestors. Returns the blocks of which it is news.
pub fn on_valid_payload(store: &mut Store, root: &Root) -> Vec<Root> {
    let mut news = Vec::new();
    let mut at = store.tree.position(root);
    while let Some(position) = at {
        let node = &store.tree.nodes()[position];
        at = node.parent;
        if node.optimistic {
            news.push(node.root);
            store.tree.set_optimistic(position, false);
        }
    }
    news
}

/// The payload of this block is invalid; `latest_valid_hash` as the engine gave it. Removes the `invalidBlock` of
/// `sync/optimistic.md` and all its descendants; returns their roots, oldest first. Blocks that were found valid before
/// stay, whatever the engine says now, and so does the oldest block.
pub fn on_invalid_payload(store: &mut Store, root: &Root, latest_valid_hash: Option<Hash32>) -> Vec<Root> {
    let Some(invalid) = invalid_block(store, root, latest_valid_hash) else { return Vec::new() };
    let (removed, moved) = store.tree.keep_from(0, Some(invalid));
    for message in store.latest_messages.iter_mut().flatten() {
        message.node = message.node.and_then(|at| moved[at]);
    }
    let tree = &store.tree;
    store.checkpoint_states.retain(|(_, root), _| tree.position(root).is_some());
    if removed.contains(&store.proposer_boost_root) {
        store.proposer_boost_root = Root::default();
    }
    store.balances = Default::default();
    store.touch();
    removed
}

/// Position of the first block to be removed.
fn invalid_block(store: &Store, root: &Root, latest_valid_hash: Option<Hash32>) -> Option<usize> {
    let nodes = store.tree.nodes();
    let named = store.tree.position(root)?;
    let removable = |at: usize| nodes[at].optimistic && nodes[at].parent.is_some();
    if !removable(named) {
        return None;
    }
    let Some(hash) = latest_valid_hash else { return Some(named) };
    // The hash of a state's latest payload is that of its block, and zero before the first one.
    let hash_of = |at: usize| nodes[at].state.latest_execution_payload_header.block_hash;
    let mut at = named;
    while let Some(parent) = nodes[at].parent {
        if hash_of(parent) == hash || !removable(parent) {
            // The valid one is found; or it can't be older than what was found valid before.
            let found = hash_of(parent) == hash;
            return Some(if found { at } else { named });
        }
        at = parent;
    }
    Some(named)
}
