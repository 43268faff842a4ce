//! The sidecars in memory, by block. Bounded in blocks and in time: those of imported blocks are in the database, and go
//! first; those of blocks that don't come go after a while; beyond that, sidecars of further blocks find no room.

use std::collections::BTreeMap;

use super::Sidecar;
use crate::ssz::Root;
use crate::types::Slot;

/// Blocks whose sidecars are not written yet.
const MOST_EARLY: usize = 128;
/// Blocks whose sidecars are in the database as well.
const MOST_WRITTEN: usize = 8;
/// Slots that sidecars wait for their block.
const SLOTS: u64 = 32;

#[derive(Clone, Debug)]
struct Family {
    members: BTreeMap<u64, Sidecar>,
    /// The slot in which the first one came.
    since: Slot,
    /// When it was written, in the order of writing.
    written: Option<u64>,
}

/// Sidecars by block and index.
#[derive(Clone, Debug, Default)]
pub(in crate::chain) struct Kept {
    families: BTreeMap<Root, Family>,
    writes: u64,
}

impl Kept {
    /// The sidecars of a block that are in memory.
    pub(super) fn family(&self, root: &Root) -> Option<&BTreeMap<u64, Sidecar>> {
        self.families.get(root).map(|family| &family.members)
    }

    /// Adds a sidecar. False if there is no room for another block's.
    pub(super) fn insert(&mut self, root: Root, index: u64, sidecar: Sidecar, now: Slot) -> bool {
        let early = self.families.values().filter(|family| family.written.is_none()).count();
        if early >= MOST_EARLY && !self.families.contains_key(&root) {
            return false;
        }
        let fresh = || Family { members: BTreeMap::new(), since: now, written: None };
        self.families.entry(root).or_insert_with(fresh).members.insert(index, sidecar);
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

    /// Forgets what has waited too long.
    pub(in crate::chain) fn expire(&mut self, now: Slot) {
        self.families.retain(|_, family| family.written.is_some() || family.since.saturating_add(SLOTS) >= now);
    }

    /// Blocks whose sidecars are in memory.
    pub(in crate::chain) fn len(&self) -> usize {
        self.families.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssz::Bytes;

    fn root(n: usize) -> Root {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&n.to_be_bytes());
        Bytes(bytes)
    }

    fn insert(kept: &mut Kept, n: usize, now: Slot) -> bool {
        kept.insert(root(n), 0, Sidecar::Blob(Default::default()), now)
    }

    #[test]
    fn blocks_that_do_not_come_leave_room_after_a_while() {
        let mut kept = Kept::default();
        assert!((0..MOST_EARLY).all(|n| insert(&mut kept, n, n as Slot % 2)));
        assert!(!insert(&mut kept, MOST_EARLY, 1));
        assert!(kept.insert(root(3), 1, Sidecar::Blob(Default::default()), 1), "another one of a known block");
        kept.expire(SLOTS + 1);
        assert_eq!(kept.len(), MOST_EARLY / 2);
        assert!(insert(&mut kept, MOST_EARLY, 1));
    }

    #[test]
    fn what_is_written_goes_first_and_the_newest_stays() {
        let mut kept = Kept::default();
        for n in 0..3 * MOST_WRITTEN {
            assert!(insert(&mut kept, n, 0));
            kept.written(&root(n));
        }
        assert_eq!(kept.len(), MOST_WRITTEN);
        assert!(kept.family(&root(3 * MOST_WRITTEN - 1)).is_some() && kept.family(&root(0)).is_none());
        kept.expire(99 * SLOTS);
        assert_eq!(kept.len(), MOST_WRITTEN);
    }
}
