//! Which blocks were found invalid, so that their children are refused and they are not computed again. Bounded: the
//! oldest are forgotten first.

use std::collections::{BTreeMap, VecDeque};

use crate::ssz::Root;

/// Roots remembered.
const MOST: usize = 256;

/// What is wrong with a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Invalidity {
    /// The consensus rules, so that whoever sends it or builds on it misbehaves.
    Rules,
    /// Its payload or an ancestor's, by the engine's word, or there is no terminal block below the first payload:
    /// optimistic nodes send it in good faith.
    Payload,
}

/// The memory of invalid blocks.
#[derive(Clone, Debug, Default)]
pub(super) struct Invalid {
    blocks: BTreeMap<Root, Invalidity>,
    oldest_first: VecDeque<Root>,
}

impl Invalid {
    pub(super) fn get(&self, root: &Root) -> Option<Invalidity> {
        self.blocks.get(root).copied()
    }

    pub(super) fn contains(&self, root: &Root) -> bool {
        self.blocks.contains_key(root)
    }

    /// The first word on a block stands.
    pub(super) fn insert(&mut self, root: Root, why: Invalidity) {
        if self.blocks.contains_key(&root) {
            return;
        }
        self.blocks.insert(root, why);
        self.oldest_first.push_back(root);
        if self.oldest_first.len() > MOST
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.blocks.remove(&oldest);
        }
    }
}
