//! Work that is the same for every node, done once per process: post-states of blocks, and states advanced over empty
//! slots. A lone node's memo is small and serves it as a cache; a simulation's nodes share a larger one.
//!
//! It NEVER changes a result: what is remembered was computed in full, signatures included, under the same configuration.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::spec::fork_choice::PulledUp;
use crate::ssz::{Root, sha256};
use crate::types::{BeaconState, BlsSignature, ChainConfig, Slot};

/// What a state is the result of. Block roots commit to the pre-state (parent root, and that block's state root), but
/// neither to the signature nor to the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    /// The post-state of the block.
    Post { rules: Root, block: Root, signature: BlsSignature },
    /// The post-state of the block, advanced to the slot.
    Advanced { rules: Root, block: Root, slot: Slot },
}

/// The result of importing a block.
#[derive(Clone, Debug)]
pub(super) struct Post {
    pub(super) state: Arc<BeaconState>,
    /// What fork choice needs to know of it.
    pub(super) pulled_up: PulledUp,
}

#[derive(Default)]
struct Table {
    posts: BTreeMap<Key, Post>,
    advanced: BTreeMap<Key, Arc<BeaconState>>,
    oldest_first: VecDeque<Key>,
    capacity: usize,
    hits: u64,
    misses: u64,
}

/// A bounded memo of state transitions. Clones share it.
#[derive(Clone)]
pub struct Memo(Arc<Mutex<Table>>);

impl Memo {
    /// Remembers up to `states` states, the oldest forgotten first.
    pub fn new(states: usize) -> Memo {
        Memo(Arc::new(Mutex::new(Table { capacity: states, ..Table::default() })))
    }

    /// How often a state was found, and how often not.
    pub fn hits_and_misses(&self) -> (u64, u64) {
        let table = self.table();
        (table.hits, table.misses)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn count<T>(table: &mut Table, found: Option<T>) -> Option<T> {
        match found {
            Some(_) => table.hits += 1,
            None => table.misses += 1,
        }
        found
    }

    fn trim(table: &mut Table, new: Key) {
        table.oldest_first.push_back(new);
        while table.oldest_first.len() > table.capacity {
            if let Some(oldest) = table.oldest_first.pop_front() {
                table.posts.remove(&oldest);
                table.advanced.remove(&oldest);
            }
        }
    }
}

/// The memo as one chain uses it: nothing computed under other rules is ever found.
#[derive(Clone)]
pub(super) struct Recall {
    memo: Memo,
    rules: Root,
}

impl Recall {
    pub(super) fn new(memo: Memo, cfg: &ChainConfig) -> Recall {
        let entries: Vec<String> = cfg.entries().into_iter().map(|(key, value)| format!("{key}={value}\n")).collect();
        Recall { memo, rules: sha256(entries.concat().as_bytes()) }
    }

    pub(super) fn post(&self, block: Root, signature: BlsSignature) -> Option<Post> {
        let mut table = self.memo.table();
        let found = table.posts.get(&Key::Post { rules: self.rules, block, signature }).cloned();
        Memo::count(&mut table, found)
    }

    pub(super) fn keep_post(&self, block: Root, signature: BlsSignature, post: &Post) {
        let key = Key::Post { rules: self.rules, block, signature };
        let mut table = self.memo.table();
        if table.posts.insert(key, post.clone()).is_none() {
            Memo::trim(&mut table, key);
        }
    }

    pub(super) fn advanced(&self, block: Root, slot: Slot) -> Option<Arc<BeaconState>> {
        let mut table = self.memo.table();
        let found = table.advanced.get(&Key::Advanced { rules: self.rules, block, slot }).cloned();
        Memo::count(&mut table, found)
    }

    pub(super) fn keep_advanced(&self, block: Root, slot: Slot, state: &Arc<BeaconState>) {
        let key = Key::Advanced { rules: self.rules, block, slot };
        let mut table = self.memo.table();
        if table.advanced.insert(key, state.clone()).is_none() {
            Memo::trim(&mut table, key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssz::Bytes;

    #[test]
    fn a_memo_forgets_the_oldest_and_never_mixes_rules() {
        let memo = Memo::new(2);
        let cfg = ChainConfig::minimal();
        let here = Recall::new(memo.clone(), &cfg);
        let mut other = cfg.clone();
        other.altair_fork_epoch = 7;
        let elsewhere = Recall::new(memo.clone(), &other);
        let state = Arc::new(BeaconState::default());
        let root = |n| Bytes([n; 32]);
        here.keep_advanced(root(1), 5, &state);
        assert!(here.advanced(root(1), 5).is_some());
        assert!(elsewhere.advanced(root(1), 5).is_none());
        here.keep_advanced(root(2), 5, &state);
        let pulled_up = PulledUp { justified: Default::default(), finalized: Default::default() };
        here.keep_post(root(3), Bytes([0; 96]), &Post { state: state.clone(), pulled_up });
        assert!(here.advanced(root(1), 5).is_none(), "the oldest goes first");
        assert!(here.advanced(root(2), 5).is_some());
        assert!(here.post(root(3), Bytes([1; 96])).is_none(), "another signature is another block");
        assert_eq!(memo.hits_and_misses(), (2, 3));
    }
}
