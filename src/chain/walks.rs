//! Who makes this node advance states over many empty slots.
//!
//! Whether it was a proposer's turn is known only when its parent's state has come to its slot, and any validator can sign
//! proposals for every slot there was. So a validator's word by gossip is enough for one long walk a slot, which is as often
//! as an honest one proposes. What is ignored for this comes by request, where others build on it: that is not limited here.

use std::collections::BTreeMap;

use super::Chain;
use super::event::Origin;
use super::verdict::{Fault, should};
use crate::ssz::Root;
use crate::types::{Slot, ValidatorIndex};

/// A block or a header as it counts here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) proposer: ValidatorIndex,
    pub(super) parent: Root,
    pub(super) slot: Slot,
}

/// The long walks that gossip caused in one slot.
#[derive(Clone, Debug, Default)]
pub(super) struct Walks {
    now: Slot,
    /// At most one a validator.
    made: BTreeMap<ValidatorIndex, Claim>,
}

impl Walks {
    /// Whether the proposer has a walk left, or this is the one that it had.
    fn allow(&self, now: Slot, claim: &Claim) -> bool {
        self.now != now || self.made.get(&claim.proposer).is_none_or(|made| made == claim)
    }

    fn note(&mut self, now: Slot, claim: Claim) {
        if self.now != now {
            *self = Walks { now, made: BTreeMap::new() };
        }
        self.made.entry(claim.proposer).or_insert(claim);
    }
}

impl Chain {
    /// Refuses the gossip of a proposer that has had its long walk of this slot.
    pub(super) fn check_walk(&self, claim: &Claim, origin: Origin) -> Result<(), Fault> {
        let allowed = !self.is_long_walk(claim, origin) || self.walks.allow(self.slot, claim);
        should(allowed, || {
            format!("validator {} was believed about another old parent in this slot already", claim.proposer)
        })
    }

    /// Notes a walk after the claim was judged, if its proposer signed it: others must not use up its word.
    pub(super) fn note_walk<T>(
        &mut self,
        claim: Claim,
        origin: Origin,
        judged: &Result<T, Fault>,
        is_signed: impl FnOnce(&Chain) -> bool,
    ) {
        let walked = matches!(judged, Ok(_) | Err(Fault::Reject(_))) && self.is_long_walk(&claim, origin);
        if walked && is_signed(self) {
            self.walks.note(self.slot, claim);
        }
    }

    fn is_long_walk(&self, claim: &Claim, origin: Origin) -> bool {
        let parent = self.store.node(&claim.parent).map(|node| node.slot);
        let by_gossip = matches!(origin, Origin::Gossip(_));
        by_gossip && parent.is_some_and(|parent| !self.is_short_walk(parent, claim.slot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_walk_a_validator_and_slot() {
        let claim = |proposer, slot| Claim { proposer, parent: Root::ZERO, slot };
        let mut walks = Walks::default();
        assert!(walks.allow(90, &claim(1, 30)));
        walks.note(90, claim(1, 30));
        assert!(walks.allow(90, &claim(1, 30)), "its sidecars come with the same header");
        assert!(!walks.allow(90, &claim(1, 31)) && walks.allow(90, &claim(2, 31)));
        walks.note(90, claim(1, 31));
        assert!(!walks.allow(90, &claim(1, 31)), "the first one stands");
        assert!(walks.allow(91, &claim(1, 31)));
        walks.note(91, claim(2, 40));
        assert_eq!(walks.made.len(), 1, "slots that are over are forgotten");
    }
}
