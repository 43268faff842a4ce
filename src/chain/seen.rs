//! What was seen first: gossip's rules against forwarding the same thing twice. Everything here is bounded by time
//! ([`Seen::prune`]); the network's rules bound it within an epoch.

use std::collections::{BTreeMap, BTreeSet};

use crate::ssz::Root;
use crate::types::{Epoch, Slot, ValidatorIndex};

/// Sets of keys whose first part is a slot or an epoch, so that the old can be forgotten.
type ByTime<T> = BTreeSet<(u64, T)>;

/// Bits seen for one message: none of them inside another.
type BitSets = Vec<Vec<bool>>;

/// The caches of the spec's `Seen`.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) proposers: ByTime<ValidatorIndex>,
    pub(super) attesters: ByTime<ValidatorIndex>,
    pub(super) aggregators: ByTime<ValidatorIndex>,
    aggregates: BTreeMap<(Slot, Root), BitSets>,
    pub(super) sync_messages: ByTime<(ValidatorIndex, u64)>,
    pub(super) contributors: ByTime<(ValidatorIndex, u64)>,
    contributions: BTreeMap<(Slot, Root, u64), BitSets>,
    pub(super) exits: BTreeSet<ValidatorIndex>,
    pub(super) proposer_slashings: BTreeSet<ValidatorIndex>,
    pub(super) attester_slashings: BTreeSet<ValidatorIndex>,
}

fn covered(seen: Option<&BitSets>, bits: &[bool]) -> bool {
    let inside =
        |prior: &Vec<bool>| prior.len() == bits.len() && bits.iter().zip(prior).all(|(&new, &old)| old || !new);
    seen.is_some_and(|sets| sets.iter().any(inside))
}

fn add(sets: &mut BitSets, bits: Vec<bool>) {
    sets.retain(|prior| !covered(Some(&vec![bits.clone()]), prior));
    sets.push(bits);
}

impl Seen {
    /// Whether an aggregate of this data with all of these bits was seen.
    pub(super) fn covers_aggregate(&self, slot: Slot, data_root: Root, bits: &[bool]) -> bool {
        covered(self.aggregates.get(&(slot, data_root)), bits)
    }

    pub(super) fn add_aggregate(&mut self, slot: Slot, data_root: Root, bits: Vec<bool>) {
        add(self.aggregates.entry((slot, data_root)).or_default(), bits);
    }

    /// Whether a contribution with all of these bits was seen.
    pub(super) fn covers_contribution(&self, key: (Slot, Root, u64), bits: &[bool]) -> bool {
        covered(self.contributions.get(&key), bits)
    }

    pub(super) fn add_contribution(&mut self, key: (Slot, Root, u64), bits: Vec<bool>) {
        add(self.contributions.entry(key).or_default(), bits);
    }

    /// Forgets what gossip no longer lets through anyway: blocks up to the finalized slot, votes from before `epoch`
    /// and `vote_slot`, sync committee messages from before `sync_slot`.
    pub(super) fn prune(&mut self, finalized: Slot, epoch: Epoch, vote_slot: Slot, sync_slot: Slot) {
        self.proposers = self.proposers.split_off(&(finalized.saturating_add(1), 0));
        self.attesters = self.attesters.split_off(&(epoch, 0));
        self.aggregators = self.aggregators.split_off(&(epoch, 0));
        self.aggregates = self.aggregates.split_off(&(vote_slot, Root::default()));
        self.sync_messages = self.sync_messages.split_off(&(sync_slot, (0, 0)));
        self.contributors = self.contributors.split_off(&(sync_slot, (0, 0)));
        self.contributions = self.contributions.split_off(&(sync_slot, Root::default(), 0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssz::Bytes;

    #[test]
    fn a_subset_of_what_was_seen_is_covered_and_a_superset_is_not() {
        let mut seen = Seen::default();
        let root = Bytes([1; 32]);
        seen.add_aggregate(4, root, vec![true, true, false]);
        assert!(seen.covers_aggregate(4, root, &[false, true, false]));
        assert!(!seen.covers_aggregate(4, root, &[false, true, true]));
        assert!(!seen.covers_aggregate(5, root, &[false, true, false]));
        seen.add_aggregate(4, root, vec![true, true, true]);
        assert_eq!(seen.aggregates[&(4, root)].len(), 1, "the larger one replaces the smaller");
    }

    #[test]
    fn pruning_goes_by_time() {
        let mut seen = Seen::default();
        seen.proposers.extend([(3, 7), (9, 7)]);
        seen.attesters.extend([(1, 7), (2, 7)]);
        seen.sync_messages.extend([(8, (1, 0)), (9, (1, 0))]);
        seen.prune(3, 2, 8, 9);
        assert_eq!(seen.proposers.len(), 1);
        assert_eq!(seen.attesters.len(), 1);
        assert_eq!(seen.sync_messages.len(), 1);
    }
}
