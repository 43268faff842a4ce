//! Where blocks are found: the recent ones decoded in memory, older ones in the database; and which are canonical.
//! This file NEVER decides what is canonical: it is told.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::{Rows, schema};
use crate::ssz::Root;
use crate::types::{ChainConfig, SignedBeaconBlock, Slot};

/// Decoded blocks kept. A block leaves memory long after the batch that wrote it was handed out.
const DECODED: usize = 256;

/// Blocks by root and by slot.
pub(super) struct Blocks {
    cfg: Arc<ChainConfig>,
    rows: Arc<dyn Rows>,
    decoded: BTreeMap<Root, Arc<SignedBeaconBlock>>,
    oldest_first: VecDeque<Root>,
    genesis: (Root, Arc<SignedBeaconBlock>),
    /// Canonical up to the anchor, the anchor included.
    pub(super) finalized: BTreeMap<Slot, Root>,
    /// Canonical after the anchor, up to the head.
    canonical: BTreeMap<Slot, Root>,
}

impl Blocks {
    pub(super) fn new(
        cfg: Arc<ChainConfig>,
        rows: Arc<dyn Rows>,
        genesis: (Root, Arc<SignedBeaconBlock>),
        finalized: BTreeMap<Slot, Root>,
    ) -> Blocks {
        let (decoded, oldest_first, canonical) = (BTreeMap::new(), VecDeque::new(), BTreeMap::new());
        Blocks { cfg, rows, decoded, oldest_first, genesis, finalized, canonical }
    }

    pub(super) fn in_memory(&self) -> usize {
        self.decoded.len()
    }

    pub(super) fn genesis_root(&self) -> Root {
        self.genesis.0
    }

    /// The block that nobody signed.
    pub(super) fn genesis_block(&self) -> &SignedBeaconBlock {
        &self.genesis.1
    }

    pub(super) fn insert(&mut self, root: Root, block: Arc<SignedBeaconBlock>) {
        if self.decoded.insert(root, block).is_none() {
            self.oldest_first.push_back(root);
        }
        while self.oldest_first.len() > DECODED {
            if let Some(oldest) = self.oldest_first.pop_front() {
                self.decoded.remove(&oldest);
            }
        }
    }

    pub(super) fn forget(&mut self, root: &Root) {
        self.decoded.remove(root);
        self.oldest_first.retain(|known| known != root);
    }

    /// The block, wherever it is. A database that can't be read or decoded has no blocks, for a reader's purposes.
    pub(super) fn get(&self, root: &Root) -> Option<Arc<SignedBeaconBlock>> {
        if *root == self.genesis.0 {
            return Some(self.genesis.1.clone());
        }
        if let Some(block) = self.decoded.get(root) {
            return Some(block.clone());
        }
        let bytes = self.rows.get(&schema::block(root)).ok()??;
        self.cfg.decode_signed_block(&bytes).ok().map(Arc::new)
    }

    /// Root of the canonical block at the slot or the latest before it.
    pub(super) fn canonical_at_or_before(&self, slot: Slot) -> Option<Root> {
        let newer = self.canonical.range(..=slot).next_back();
        newer.or_else(|| self.finalized.range(..=slot).next_back()).map(|(_, root)| *root)
    }

    /// Root of the canonical block of exactly this slot.
    pub(super) fn canonical_at(&self, slot: Slot) -> Option<Root> {
        self.canonical.get(&slot).or_else(|| self.finalized.get(&slot)).copied()
    }

    /// The chain from the anchor (exclusive) to the head, given newest first; walking stops where the two meet.
    pub(super) fn set_canonical(&mut self, newest_first: impl Iterator<Item = (Slot, Root)>) {
        let mut newer = Vec::new();
        let mut meeting = None;
        for (slot, root) in newest_first {
            if self.canonical.get(&slot) == Some(&root) {
                meeting = Some(slot);
                break;
            }
            newer.push((slot, root));
        }
        match meeting {
            Some(slot) => drop(self.canonical.split_off(&(slot + 1))),
            None => self.canonical.clear(),
        }
        self.canonical.extend(newer);
    }

    /// Moves the canonical blocks up to `slot` to the finalized ones; returns them.
    pub(super) fn finalize(&mut self, slot: Slot) -> Vec<(Slot, Root)> {
        let newer = self.canonical.split_off(&(slot + 1));
        let done: Vec<(Slot, Root)> = std::mem::replace(&mut self.canonical, newer).into_iter().collect();
        self.finalized.extend(done.iter().copied());
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::MemoryRows;
    use crate::ssz::Bytes;

    fn root(n: u8) -> Root {
        Bytes([n; 32])
    }

    fn blocks() -> Blocks {
        let genesis = (root(0), Arc::new(SignedBeaconBlock::default()));
        let cfg = Arc::new(ChainConfig::minimal());
        Blocks::new(cfg, Arc::new(MemoryRows::default()), genesis, BTreeMap::from([(0, root(0))]))
    }

    #[test]
    fn a_reorg_replaces_only_what_differs() {
        let mut blocks = blocks();
        blocks.set_canonical([(3, root(3)), (2, root(2)), (1, root(1))].into_iter());
        blocks.set_canonical([(4, root(14)), (2, root(12)), (1, root(1))].into_iter());
        assert_eq!(blocks.canonical_at(2), Some(root(12)));
        assert_eq!(blocks.canonical_at(3), None);
        assert_eq!(blocks.canonical_at_or_before(3), Some(root(12)));
        assert_eq!(blocks.canonical_at_or_before(9), Some(root(14)));
        assert_eq!(blocks.finalize(2), [(1, root(1)), (2, root(12))]);
        blocks.set_canonical([(4, root(14))].into_iter());
        assert_eq!(blocks.canonical_at_or_before(1), Some(root(1)));
        assert_eq!(blocks.canonical_at(0), Some(root(0)));
    }

    #[test]
    fn memory_is_bounded() {
        let mut blocks = blocks();
        for n in 0..2 * DECODED as u64 {
            let mut bytes = [9; 32];
            bytes[..8].copy_from_slice(&n.to_le_bytes());
            blocks.insert(Bytes(bytes), Arc::new(SignedBeaconBlock::default()));
        }
        assert_eq!(blocks.in_memory(), DECODED);
    }
}
