//! The sidecars in memory, by block. Bounded in blocks and in time: those of imported blocks are in the database, and go
//! first; those of blocks that wait for them stay as long as these wait; those of blocks that are not here go after a while,
//! or for newer ones, and no proposer may fill the room with blocks that it never sends.

use std::collections::BTreeMap;

use super::Sidecar;
use crate::ssz::Root;
use crate::types::{SignedBeaconBlockHeader, Slot, ValidatorIndex};

/// Blocks that are not here whose sidecars are kept.
const MOST_EARLY: usize = 128;
/// Of these, blocks of one proposer for one slot: who signs more than one is slashed.
const MOST_OF_A_TURN: usize = 2;
/// Blocks whose sidecars are in the database as well.
const MOST_WRITTEN: usize = 8;
/// Slots that sidecars wait for their block.
const SLOTS: u64 = 32;

#[derive(Clone, Debug)]
struct Family {
    members: BTreeMap<u64, Sidecar>,
    /// Slot and proposer of the block.
    turn: (Slot, ValidatorIndex),
    /// The slot in which the first one came.
    since: Slot,
    /// Its place in the order in which families came.
    came: u64,
    /// When it was written, in the order of writing.
    written: Option<u64>,
}

/// Sidecars by block and index.
#[derive(Clone, Debug, Default)]
pub(in crate::chain) struct Kept {
    families: BTreeMap<Root, Family>,
    arrivals: u64,
    writes: u64,
}

fn turn_of(header: &SignedBeaconBlockHeader) -> (Slot, ValidatorIndex) {
    (header.message.slot, header.message.proposer_index)
}

impl Kept {
    /// The sidecars of a block that are in memory.
    pub(super) fn family(&self, root: &Root) -> Option<&BTreeMap<u64, Sidecar>> {
        self.families.get(root).map(|family| &family.members)
    }

    /// Adds a sidecar; see [`make_room`](Self::make_room) for one whose block is not here.
    pub(super) fn insert(&mut self, root: Root, sidecar: Sidecar, now: Slot) {
        let family = self.families.entry(root).or_insert_with(|| {
            self.arrivals += 1;
            let turn = turn_of(sidecar.header());
            Family { members: BTreeMap::new(), turn, since: now, came: self.arrivals, written: None }
        });
        family.members.insert(sidecar.index(), sidecar);
    }

    /// Whether there is room for a sidecar of this block. One that `waits` has room in any case; for another the oldest that
    /// does not wait has to go, unless its proposer has sent sidecars of enough blocks for that slot.
    pub(super) fn make_room(
        &mut self,
        root: &Root,
        header: &SignedBeaconBlockHeader,
        waits: impl Fn(&Root) -> bool,
    ) -> bool {
        if self.families.contains_key(root) || waits(root) {
            return true;
        }
        let early = self.families.iter().filter(|(root, family)| family.written.is_none() && !waits(root));
        let early: Vec<(&Root, &Family)> = early.collect();
        if early.iter().filter(|(_, family)| family.turn == turn_of(header)).count() >= MOST_OF_A_TURN {
            return false;
        }
        let oldest = early.iter().min_by_key(|(_, family)| family.came).map(|(root, _)| **root);
        if let Some(oldest) = oldest.filter(|_| early.len() >= MOST_EARLY) {
            self.families.remove(&oldest);
        }
        true
    }

    /// The sidecars of this block are in the database now.
    pub(super) fn written(&mut self, root: &Root) {
        self.writes += 1;
        if let Some(family) = self.families.get_mut(root) {
            family.written = Some(self.writes);
        }
        let mut written: Vec<(u64, Root)> =
            self.families.iter().filter_map(|(root, family)| Some((family.written?, *root))).collect();
        written.sort_unstable();
        for (_, root) in written.iter().rev().skip(MOST_WRITTEN) {
            self.families.remove(root);
        }
    }

    pub(super) fn remove(&mut self, root: &Root) {
        self.families.remove(root);
    }

    /// Forgets what has been without its block for too long.
    pub(in crate::chain) fn expire(&mut self, now: Slot, waits: impl Fn(&Root) -> bool) {
        let young = |family: &Family| family.since.saturating_add(SLOTS) >= now;
        self.families.retain(|root, family| family.written.is_some() || young(family) || waits(root));
    }

    /// Blocks whose sidecars are in memory.
    pub(in crate::chain) fn len(&self) -> usize {
        self.families.len()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ssz::Bytes;
    use crate::types::BlobSidecar;

    fn root(n: usize) -> Root {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&n.to_be_bytes());
        Bytes(bytes)
    }

    fn sidecar(slot: Slot, proposer: ValidatorIndex, index: u64) -> Sidecar {
        let mut sidecar = BlobSidecar { index, ..BlobSidecar::default() };
        let header = &mut sidecar.signed_block_header.message;
        (header.slot, header.proposer_index) = (slot, proposer);
        Sidecar::Blob(Arc::new(sidecar))
    }

    /// Adds a sidecar of block `n` if there is room.
    fn insert(kept: &mut Kept, n: usize, sidecar: Sidecar, now: Slot, waits: impl Fn(&Root) -> bool) -> bool {
        let room = kept.make_room(&root(n), sidecar.header(), waits);
        if room {
            kept.insert(root(n), sidecar, now);
        }
        room
    }

    #[test]
    fn one_proposer_gets_little_room_in_a_slot_and_others_all_the_rest() {
        let mut kept = Kept::default();
        let taken: Vec<bool> = (0..200).map(|n| insert(&mut kept, n, sidecar(5, 7, 0), 5, |_| false)).collect();
        assert_eq!(taken.iter().filter(|taken| **taken).count(), MOST_OF_A_TURN);
        assert!(insert(&mut kept, 0, sidecar(5, 7, 1), 5, |_| false), "another one of a known block");
        assert!(insert(&mut kept, 300, sidecar(5, 8, 0), 5, |_| false));
        assert!(insert(&mut kept, 301, sidecar(6, 7, 0), 5, |_| false));
        assert!(insert(&mut kept, 199, sidecar(5, 7, 0), 5, |block| *block == root(199)), "its block is here");
        assert!(!insert(&mut kept, 198, sidecar(5, 7, 0), 5, |block| *block == root(199)));
    }

    #[test]
    fn the_oldest_without_a_block_makes_room() {
        let mut kept = Kept::default();
        let waits = |block: &Root| *block == root(0);
        for n in 0..=MOST_EARLY {
            assert!(insert(&mut kept, n, sidecar(n as Slot, 1, 0), 0, waits));
        }
        assert_eq!(kept.len(), MOST_EARLY + 1);
        assert!(insert(&mut kept, 500, sidecar(500, 1, 0), 0, waits));
        assert_eq!(kept.len(), MOST_EARLY + 1);
        let is_kept = |n: usize| kept.family(&root(n)).is_some();
        assert!(is_kept(0) && !is_kept(1) && is_kept(2) && is_kept(500), "the first waits, the second goes");
    }

    #[test]
    fn what_has_no_block_goes_after_a_while() {
        let mut kept = Kept::default();
        for n in 0..10 {
            assert!(insert(&mut kept, n, sidecar(n as Slot, 1, 0), n as Slot % 2, |_| false));
        }
        kept.expire(SLOTS + 1, |block| *block == root(2));
        assert_eq!(kept.len(), 6);
        assert!(kept.family(&root(2)).is_some(), "its block waits still");
    }

    #[test]
    fn what_is_written_goes_first_and_the_newest_stays() {
        let mut kept = Kept::default();
        for n in 0..3 * MOST_WRITTEN {
            assert!(insert(&mut kept, n, sidecar(n as Slot, 1, 0), 0, |_| false));
            kept.written(&root(n));
        }
        assert_eq!(kept.len(), MOST_WRITTEN);
        assert!(kept.family(&root(3 * MOST_WRITTEN - 1)).is_some() && kept.family(&root(0)).is_none());
        kept.expire(99 * SLOTS, |_| false);
        assert_eq!(kept.len(), MOST_WRITTEN);
    }
}
