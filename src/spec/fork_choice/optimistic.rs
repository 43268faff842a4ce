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
    let Some(named) = store.tree.position(root) else { return Vec::new() };
    if !removable(store, named) {
        return Vec::new();
    }
    let first = latest_valid_hash.and_then(|hash| first_after(store, named, &hash));
    remove(store, first.unwrap_or(named))
}

/// The same of a block that is not in the store, but `parent` is: only its ancestors may have to go.
pub fn on_invalid_child(store: &mut Store, parent: &Root, latest_valid_hash: Option<Hash32>) -> Vec<Root> {
    let parent = store.tree.position(parent);
    let first = parent.zip(latest_valid_hash).and_then(|(parent, hash)| first_after(store, parent, &hash));
    first.map(|first| remove(store, first)).unwrap_or_default()
}

fn removable(store: &Store, at: usize) -> bool {
    let node = &store.tree.nodes()[at];
    node.optimistic && node.parent.is_some()
}

/// On the chain that ends at `at`: the child of the block with this payload hash (zero: the last one without a payload),
/// if all from it on are removable.
fn first_after(store: &Store, mut at: usize, hash: &Hash32) -> Option<usize> {
    let nodes = store.tree.nodes();
    while removable(store, at) {
        let parent = nodes[at].parent?;
        // The latest header of a post-state is that of its block's payload, and zero before the first one.
        if nodes[parent].state.latest_execution_payload_header.block_hash == *hash {
            return Some(at);
        }
        at = parent;
    }
    None
}

/// Removes a block and its descendants, with the votes for them.
fn remove(store: &mut Store, first: usize) -> Vec<Root> {
    let (removed, moved) = store.tree.keep_from(0, Some(first));
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
