//! Objects that came too early: blocks before their parent or their slot, votes before their block.
//! Everything is bounded in number and in time; what does not fit is refused, not kept at another's cost.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::event::Origin;
use super::sidecars::Sidecar;
use crate::ssz::Root;
use crate::types::{Attestation, SignedAggregateAndProof, SignedBeaconBlock, SingleAttestation, Slot};

/// Blocks without a parent that are kept.
const MAX_ORPHANS: usize = 128;
/// Blocks of a coming slot that are kept.
const MAX_EARLY: usize = 16;
/// Votes without a block that are kept.
const MAX_VOTES: usize = 2048;
/// Sidecars whose block's parent is missing that are kept.
const MAX_SIDECARS: usize = 512;
/// Slots that a block waits for its parent.
const SLOTS_FOR_PARENT: u64 = 32;
/// Slots that a vote waits for its block, and a sidecar for its block's parent.
const SLOTS_FOR_BLOCK: u64 = 2;

/// Somebody who may wait for an outcome, and whether they have had it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    pub(super) origin: Origin,
    pub(super) answered: bool,
}

impl Asker {
    pub(super) fn new(origin: Origin) -> Asker {
        Asker { origin, answered: false }
    }

    /// The same while its object is held: an API call does not wait, but is told that it is.
    pub(super) fn while_held(self) -> Asker {
        Asker { answered: self.answered || matches!(self.origin, Origin::Api(_)), ..self }
    }
}

/// A block on its way into the chain.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    pub(super) root: Root,
    pub(super) block: Arc<SignedBeaconBlock>,
    pub(super) asker: Asker,
    /// What was made with it (deneb on): kept and published once the block is found right.
    pub(super) sidecars: Vec<Sidecar>,
}

impl Arrival {
    /// A block that came alone.
    pub(super) fn new(root: Root, block: Arc<SignedBeaconBlock>, origin: Origin) -> Arrival {
        Arrival { root, block, asker: Asker::new(origin), sidecars: Vec::new() }
    }
}

/// A vote on its way into the chain.
#[derive(Clone, Debug)]
pub(super) enum Vote {
    Attestation { attestation: Arc<Attestation>, subnet: Option<u64> },
    Single { attestation: Arc<SingleAttestation>, subnet: Option<u64> },
    Aggregate(Arc<SignedAggregateAndProof>),
}

/// A vote that waits for its block.
#[derive(Clone, Debug)]
pub(super) struct HeldVote {
    pub(super) vote: Vote,
    pub(super) asker: Asker,
    until: Slot,
}

/// A sidecar that waits for its block's parent.
#[derive(Clone, Debug)]
pub(super) struct HeldSidecar {
    pub(super) sidecar: Sidecar,
    pub(super) subnet: Option<u64>,
    pub(super) asker: Asker,
    until: Slot,
}

#[derive(Clone, Debug)]
struct Orphan {
    arrival: Arrival,
    until: Slot,
}

/// All that is held.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    /// By parent.
    orphans: BTreeMap<Root, Vec<Orphan>>,
    /// By slot.
    early: BTreeMap<Slot, Vec<Arrival>>,
    /// By block.
    votes: BTreeMap<Root, Vec<HeldVote>>,
    /// By the parent of the block.
    sidecars: BTreeMap<Root, Vec<HeldSidecar>>,
    /// Blocks asked for, and for whom.
    requested: BTreeMap<Root, Origin>,
}

fn total<K, V>(map: &BTreeMap<K, Vec<V>>) -> usize {
    map.values().map(Vec::len).sum()
}

impl Held {
    pub(super) fn blocks(&self) -> usize {
        total(&self.orphans) + total(&self.early)
    }

    pub(super) fn votes(&self) -> usize {
        total(&self.votes)
    }

    /// Whether the block is held already.
    pub(super) fn holds(&self, root: &Root) -> bool {
        let orphans = self.orphans.values().flatten().map(|orphan| &orphan.arrival);
        orphans.chain(self.early.values().flatten()).any(|arrival| arrival.root == *root)
    }

    /// The parent for which this block is held.
    pub(super) fn parent_of(&self, root: &Root) -> Option<Root> {
        let waits = |orphans: &Vec<Orphan>| orphans.iter().any(|orphan| orphan.arrival.root == *root);
        self.orphans.iter().find(|(_, orphans)| waits(orphans)).map(|(parent, _)| *parent)
    }

    /// Keeps a block until its parent comes. Gives it back when there is no room.
    pub(super) fn keep_orphan(&mut self, arrival: Arrival, now: Slot) -> Result<(), Arrival> {
        if total(&self.orphans) >= MAX_ORPHANS {
            return Err(arrival);
        }
        let parent = arrival.block.message.parent_root;
        self.orphans.entry(parent).or_default().push(Orphan { arrival, until: now.saturating_add(SLOTS_FOR_PARENT) });
        Ok(())
    }

    /// Keeps a block until its slot starts. Gives it back when there is no room.
    pub(super) fn keep_early(&mut self, arrival: Arrival) -> Result<(), Arrival> {
        if total(&self.early) >= MAX_EARLY {
            return Err(arrival);
        }
        self.early.entry(arrival.block.message.slot).or_default().push(arrival);
        Ok(())
    }

    /// Keeps a vote until its block comes. Gives it back when there is no room.
    pub(super) fn keep_vote(&mut self, block: Root, vote: Vote, asker: Asker, now: Slot) -> Result<(), Asker> {
        if total(&self.votes) >= MAX_VOTES {
            return Err(asker);
        }
        self.votes.entry(block).or_default().push(HeldVote { vote, asker, until: now.saturating_add(SLOTS_FOR_BLOCK) });
        Ok(())
    }

    /// Keeps a sidecar until its block's parent comes. Gives it back when there is no room.
    pub(super) fn keep_sidecar(
        &mut self,
        parent: Root,
        sidecar: Sidecar,
        subnet: Option<u64>,
        asker: Asker,
        now: Slot,
    ) -> Result<(), Asker> {
        if total(&self.sidecars) >= MAX_SIDECARS {
            return Err(asker);
        }
        let until = now.saturating_add(SLOTS_FOR_BLOCK);
        self.sidecars.entry(parent).or_default().push(HeldSidecar { sidecar, subnet, asker, until });
        Ok(())
    }

    /// The sidecars that waited for this block, their block's parent.
    pub(super) fn sidecars_for(&mut self, parent: &Root) -> Vec<HeldSidecar> {
        self.sidecars.remove(parent).unwrap_or_default()
    }

    /// The blocks that waited for this one.
    pub(super) fn children_of(&mut self, root: &Root) -> Vec<Arrival> {
        self.orphans.remove(root).unwrap_or_default().into_iter().map(|orphan| orphan.arrival).collect()
    }

    /// The votes that waited for this block.
    pub(super) fn votes_for(&mut self, root: &Root) -> Vec<HeldVote> {
        self.votes.remove(root).unwrap_or_default()
    }

    /// The blocks whose slot has started.
    pub(super) fn due(&mut self, now: Slot) -> Vec<Arrival> {
        let later = self.early.split_off(&now.saturating_add(1));
        std::mem::replace(&mut self.early, later).into_values().flatten().collect()
    }

    /// Notes that a block is wanted. True if it was not before, so that it must be asked for.
    pub(super) fn want(&mut self, root: Root, origin: Origin) -> bool {
        self.requested.insert(root, origin).is_none()
    }

    /// The block has come.
    pub(super) fn got(&mut self, root: &Root) {
        self.requested.remove(root);
    }

    /// Drops what has waited too long; returns whom to tell. Wanted blocks that nobody waits for are forgotten, the
    /// others are returned to be asked for again.
    pub(super) fn expire(&mut self, now: Slot, finalized: Slot) -> (Vec<Asker>, Vec<(Root, Origin)>) {
        let mut dropped = Vec::new();
        self.orphans.retain(|_, orphans| {
            let stale = |orphan: &Orphan| orphan.until < now || orphan.arrival.block.message.slot <= finalized;
            dropped.extend(orphans.iter().filter(|orphan| stale(orphan)).map(|orphan| orphan.arrival.asker));
            orphans.retain(|orphan| !stale(orphan));
            !orphans.is_empty()
        });
        self.votes.retain(|_, votes| {
            dropped.extend(votes.iter().filter(|vote| vote.until < now).map(|vote| vote.asker));
            votes.retain(|vote| vote.until >= now);
            !votes.is_empty()
        });
        self.sidecars.retain(|_, sidecars| {
            dropped.extend(sidecars.iter().filter(|sidecar| sidecar.until < now).map(|sidecar| sidecar.asker));
            sidecars.retain(|sidecar| sidecar.until >= now);
            !sidecars.is_empty()
        });
        let (orphans, votes) = (&self.orphans, &self.votes);
        self.requested.retain(|root, _| orphans.contains_key(root) || votes.contains_key(root));
        let again = self.requested.iter().map(|(root, origin)| (*root, *origin)).collect();
        (dropped, again)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssz::Bytes;

    fn arrival(slot: Slot, parent: u8, root: u8) -> Arrival {
        let mut block = SignedBeaconBlock::default();
        block.message.slot = slot;
        block.message.parent_root = Bytes([parent; 32]);
        Arrival::new(Bytes([root; 32]), Arc::new(block), Origin::Own)
    }

    #[test]
    fn orphans_are_released_by_their_parent_and_bounded() {
        let mut held = Held::default();
        for n in 0..MAX_ORPHANS {
            held.keep_orphan(arrival(n as u64, (n % 2) as u8, n as u8), 0).unwrap();
        }
        assert!(held.keep_orphan(arrival(1, 1, 1), 0).is_err());
        assert!(held.holds(&Bytes([5; 32])));
        assert_eq!(held.children_of(&Bytes([1; 32])).len(), MAX_ORPHANS / 2);
        assert_eq!(held.blocks(), MAX_ORPHANS / 2);
    }

    #[test]
    fn early_blocks_are_released_by_their_slot() {
        let mut held = Held::default();
        held.keep_early(arrival(5, 0, 1)).unwrap();
        held.keep_early(arrival(6, 0, 2)).unwrap();
        assert!(held.due(4).is_empty());
        assert_eq!(held.due(5).len(), 1);
        assert_eq!(held.blocks(), 1);
    }

    #[test]
    fn what_waits_too_long_is_dropped_and_what_is_still_wanted_is_asked_for_again() {
        let mut held = Held::default();
        held.keep_orphan(arrival(3, 7, 1), 0).unwrap();
        held.keep_orphan(arrival(9, 8, 2), 20).unwrap();
        assert!(held.want(Bytes([7; 32]), Origin::Own));
        assert!(!held.want(Bytes([7; 32]), Origin::Own));
        assert!(held.want(Bytes([8; 32]), Origin::Own));
        let (dropped, again) = held.expire(SLOTS_FOR_PARENT + 1, 0);
        assert_eq!(dropped.len(), 1);
        assert_eq!(again, [(Bytes([8; 32]), Origin::Own)]);
        assert_eq!(held.expire(0, 9).0.len(), 1, "finality makes a block pointless");
    }
}
