//! The blocks that the stub knows, by hash, and those it was told of and could not judge, or judged invalid.
//! Everything here is bounded: what is old or far below the finalized block is forgotten, but for the beginning.

use crate::engine::call::NewPayload;
use crate::engine::header::Header;
use crate::ssz::Uint256;
use crate::types::{Hash32, Transaction, Withdrawal};
use std::collections::{BTreeMap, VecDeque};

/// Blocks kept below the finalized one: clients ask for some of them.
const KEPT_BELOW_FINALIZED: u64 = 128;
/// Blocks kept at most, when nothing finalizes.
const MAX_BLOCKS: usize = 8192;
/// Payloads put aside, and hashes of invalid ones, at most.
const MAX_ASIDE: usize = 1024;

/// A block that is part of the chain, or of a branch.
#[derive(Clone, Debug)]
pub struct Block {
    /// Its hash.
    pub hash: Hash32,
    /// Its header.
    pub header: Header,
    /// As they stand in the payload.
    pub transactions: Vec<Transaction>,
    /// Before capella: none.
    pub withdrawals: Option<Vec<Withdrawal>>,
    /// Sum of all difficulties up to it.
    pub total_difficulty: Uint256,
    /// Whether it is of the chain before the merge.
    pub proof_of_work: bool,
}

/// A map that forgets what came first when it is full.
#[derive(Clone, Debug)]
pub(super) struct Recent<K, V> {
    entries: BTreeMap<K, V>,
    order: VecDeque<K>,
    limit: usize,
}

impl<K: Ord + Copy, V> Recent<K, V> {
    pub fn new(limit: usize) -> Self {
        Self { entries: BTreeMap::new(), order: VecDeque::new(), limit }
    }

    pub fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key)
    }

    pub fn insert(&mut self, key: K, value: V) {
        if self.entries.insert(key, value).is_none() {
            self.order.push_back(key);
        }
        while self.entries.len() > self.limit {
            match self.order.pop_front() {
                Some(oldest) => drop(self.entries.remove(&oldest)),
                None => break,
            }
        }
    }

    pub fn remove(&mut self, key: &K) -> Option<V> {
        let removed = self.entries.remove(key);
        if removed.is_some() {
            self.order.retain(|other| other != key);
        }
        removed
    }
}

/// Why a payload is invalid, and the newest valid block before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Invalid {
    pub latest_valid_hash: Option<Hash32>,
    pub why: String,
}

#[derive(Clone, Debug)]
pub(super) struct Chain {
    blocks: BTreeMap<Hash32, Block>,
    /// Hashes of the first blocks, oldest first: clients ask for them at any time.
    beginning: Vec<Hash32>,
    /// Told of, not judged.
    pub aside: Recent<Hash32, NewPayload>,
    /// Judged, and not valid.
    pub invalid: Recent<Hash32, Invalid>,
    /// The head that fork choice named last.
    pub head: Hash32,
}

impl Chain {
    /// A chain of these blocks, oldest first; the last is the head.
    pub fn new(blocks: Vec<Block>) -> Self {
        let head = blocks.last().map_or(Hash32::ZERO, |block| block.hash);
        let beginning = blocks.iter().map(|block| block.hash).collect();
        let blocks = blocks.into_iter().map(|block| (block.hash, block)).collect();
        Self { blocks, beginning, aside: Recent::new(MAX_ASIDE), invalid: Recent::new(MAX_ASIDE), head }
    }

    pub fn get(&self, hash: &Hash32) -> Option<&Block> {
        self.blocks.get(hash)
    }

    /// The blocks that the chain began with, oldest first.
    pub fn beginning(&self) -> impl DoubleEndedIterator<Item = &Block> {
        self.beginning.iter().filter_map(|hash| self.get(hash))
    }

    /// The block and its ancestors as far as they are known, newest first.
    pub fn ancestors(&self, hash: &Hash32) -> impl Iterator<Item = &Block> {
        std::iter::successors(self.get(hash), |block| self.get(&block.header.parent_hash))
    }

    /// Whether `ancestor` is `block` or one of its ancestors; `None` where the chain is not known far enough back.
    pub fn is_ancestor(&self, ancestor: &Hash32, block: &Hash32) -> Option<bool> {
        let mut oldest = None;
        for block in self.ancestors(block) {
            if block.hash == *ancestor {
                return Some(true);
            }
            oldest = Some(block.header.number);
        }
        // Passed at its height, it is none. Below the oldest that is known it may still be one.
        let passed = self.get(ancestor).is_some_and(|known| oldest.is_some_and(|oldest| oldest <= known.header.number));
        (oldest == Some(0) || passed).then_some(false)
    }

    /// Adds a block that is valid.
    pub fn insert(&mut self, block: Block) {
        self.aside.remove(&block.hash);
        self.blocks.insert(block.hash, block);
        if self.blocks.len() > MAX_BLOCKS {
            let mut numbers: Vec<u64> = self.blocks.values().map(|block| block.header.number).collect();
            numbers.sort_unstable();
            self.forget_below(numbers[MAX_BLOCKS / 4]);
        }
    }

    /// Forgets what lies far below the finalized block.
    pub fn finalized(&mut self, hash: &Hash32) {
        if let Some(number) = self.get(hash).map(|block| block.header.number) {
            self.forget_below(number.saturating_sub(KEPT_BELOW_FINALIZED));
        }
    }

    fn forget_below(&mut self, number: u64) {
        let (head, beginning) = (self.head, &self.beginning);
        self.blocks.retain(|hash, block| block.header.number >= number || *hash == head || beginning.contains(hash));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::genesis::genesis_header;
    use crate::ssz::{Bytes, Fork};

    fn block(number: u64, parent: u8, hash: u8) -> Block {
        let header = Header { number, parent_hash: Bytes([parent; 32]), ..genesis_header(Fork::Bellatrix, number) };
        let hash = Bytes([hash; 32]);
        let total_difficulty = Uint256::ZERO;
        Block { hash, header, transactions: Vec::new(), withdrawals: None, total_difficulty, proof_of_work: false }
    }

    #[test]
    fn ancestry_is_known_as_far_as_the_chain_is() {
        let mut chain = Chain::new(vec![block(0, 0, 1), block(1, 1, 2), block(2, 2, 3)]);
        chain.insert(block(2, 2, 4));
        chain.insert(block(9, 8, 9));
        let is = |a: u8, b: u8| chain.is_ancestor(&Bytes([a; 32]), &Bytes([b; 32]));
        assert_eq!([is(1, 3), is(3, 3), is(4, 3), is(7, 3)], [Some(true), Some(true), Some(false), Some(false)]);
        assert_eq!([is(7, 9), is(1, 9)], [None, None], "9 has no known beginning, which may be 1");
        assert_eq!(is(9, 3), Some(false), "3 has a known beginning");
    }

    #[test]
    fn memory_is_bounded() {
        let mut chain = Chain::new(vec![block(0, 0, 1)]);
        for number in 1..(MAX_BLOCKS as u64 * 2) {
            let mut next = block(number, 0, 0);
            next.hash.0[..8].copy_from_slice(&number.to_be_bytes());
            chain.head = next.hash;
            chain.insert(next);
        }
        assert!(chain.blocks.len() <= MAX_BLOCKS);
        chain.finalized(&chain.head.clone());
        assert_eq!(chain.blocks.len() as u64, KEPT_BELOW_FINALIZED + 2, "and the first one");
        let mut recent = Recent::new(2);
        (0..5).for_each(|key| recent.insert(key, ()));
        assert_eq!((recent.get(&2), recent.get(&4), recent.order.len()), (None, Some(&()), 2));
    }
}
