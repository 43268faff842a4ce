//! Attestations seen but perhaps not included yet, by slot, data and committee.
//!
//! The pool NEVER validates, and NEVER merges attestations that share a validator (see [`cover`](super::cover)).

use std::collections::BTreeMap;

use super::cover::{Cover, Inserted, Part};
use crate::ssz::{BitVector, Root, Shape, Ssz};
use crate::types::{Attestation, AttestationData, BlsSignature, CommitteeIndex, ForkName, Slot};

/// What a committee votes for. From electra on, the data does not say which committee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) data: AttestationData,
    /// Root of the data.
    pub(crate) data_root: Root,
    pub(crate) committee: CommitteeIndex,
}

/// All votes of one committee for one data.
#[derive(Clone, Debug)]
struct Group {
    data: AttestationData,
    cover: Cover,
}

/// Votes of one committee that a proposer may include.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) contents: Contents,
    pub(crate) part: Part,
}

/// The pool.
#[derive(Clone, Debug, Default)]
pub(crate) struct AttestationPool {
    slots: BTreeMap<Slot, BTreeMap<(Root, CommitteeIndex), Group>>,
}

impl AttestationPool {
    /// Adds a valid attestation. Returns the merges refused, as lines for the log.
    pub(crate) fn insert(&mut self, contents: Contents, bits: Vec<bool>, signature: BlsSignature) -> Vec<String> {
        let Contents { data, data_root, committee } = contents;
        let size = bits.len();
        let groups = self.slots.entry(data.slot).or_default();
        let group = groups.entry((data_root, committee)).or_insert_with(|| Group { data, cover: Cover::new(size) });
        if group.cover.size() != size {
            return vec![format!(
                "attestations of slot {} committee {committee} with the same data disagree on the committee's size: {} \
                 and {size}",
                data.slot,
                group.cover.size()
            )];
        }
        let mut ones = (0..size).filter(|position| bits[*position]);
        if let (Some(position), None) = (ones.next(), ones.next()) {
            group.cover.insert_single(position, signature);
            return Vec::new();
        }
        match group.cover.insert(Part { bits, signature }) {
            Inserted::Known | Inserted::Full => Vec::new(),
            Inserted::Kept { refused } => refused.iter().map(|shared| refusal(&contents, shared)).collect(),
        }
    }

    /// The best aggregate known of this data, by one committee: by the first that there is, if none is named.
    pub(crate) fn aggregate(
        &self,
        slot: Slot,
        data_root: &Root,
        committee: Option<CommitteeIndex>,
    ) -> Option<(CommitteeIndex, AttestationData, Part)> {
        let groups = self.slots.get(&slot)?.range((*data_root, 0)..=(*data_root, CommitteeIndex::MAX));
        let mut fit = groups.filter(|((_, index), _)| committee.is_none_or(|committee| committee == *index));
        let ((_, index), group) = fit.next()?;
        Some((*index, group.data, group.cover.best()?))
    }

    /// The best aggregate of each data of a slot and committee, or of all.
    pub(crate) fn aggregates(
        &self,
        slot: Option<Slot>,
        committee: Option<CommitteeIndex>,
    ) -> Vec<(CommitteeIndex, AttestationData, Part)> {
        let groups = self.slots.iter().filter(|(s, _)| slot.is_none_or(|slot| slot == **s)).flat_map(|(_, g)| g);
        let groups = groups.filter(|((_, index), _)| committee.is_none_or(|committee| committee == *index));
        groups.filter_map(|((_, index), group)| Some((*index, group.data, group.cover.best()?))).collect()
    }

    /// What a proposer may choose from, of slots `from..=to`: for each committee and data the best first.
    pub(crate) fn candidates(&self, from: Slot, to: Slot) -> Vec<Candidate> {
        if from > to {
            return Vec::new();
        }
        let groups = self.slots.range(from..=to).flat_map(|(_, groups)| groups);
        let choices = |((data_root, committee), group): (&(Root, CommitteeIndex), &Group)| -> Vec<Candidate> {
            let contents = Contents { data: group.data, data_root: *data_root, committee: *committee };
            group.cover.choices().into_iter().map(|part| Candidate { contents, part }).collect()
        };
        groups.flat_map(choices).collect()
    }

    /// Forgets everything before `slot`.
    pub(crate) fn prune(&mut self, slot: Slot) {
        self.slots = self.slots.split_off(&slot);
    }
}

/// One committee's votes as an attestation of electra and later, or (with a shape of before) as one of its own fork.
pub(crate) fn attestation(shape: Shape, committee: CommitteeIndex, data: AttestationData, part: Part) -> Attestation {
    let mut committee_bits = BitVector::default(); // absent before electra
    if shape.fork >= ForkName::Electra {
        committee_bits = BitVector::zero(shape);
        committee_bits.set(committee as usize, true);
    }
    Attestation { aggregation_bits: part.bits.into_iter().collect(), data, signature: part.signature, committee_bits }
}

fn refusal(contents: &Contents, shared: &[usize]) -> String {
    let Contents { data, committee, .. } = contents;
    format!(
        "refused to merge overlapping aggregates of slot {} committee {committee} head {}: committee members {shared:?} \
         would have counted twice; both are kept",
        data.slot, data.beacon_block_root
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{self, SecretKey};
    use crate::ssz::Bytes;

    fn insert(
        pool: &mut AttestationPool,
        slot: Slot,
        root: u8,
        committee: CommitteeIndex,
        size: usize,
        members: &[usize],
    ) -> Vec<String> {
        let data = AttestationData { slot, ..AttestationData::default() };
        let sign = |i: &usize| SecretKey::from_bytes(&[*i as u8 + 1; 32]).unwrap().sign(&Bytes([9; 32]));
        let signatures: Vec<_> = members.iter().map(sign).collect();
        let bits = (0..size).map(|i| members.contains(&i)).collect();
        let contents = Contents { data, data_root: Bytes([root; 32]), committee };
        pool.insert(contents, bits, crypto::aggregate(&signatures).unwrap())
    }

    #[test]
    fn an_overlapping_merge_is_refused_with_a_reason() {
        let mut pool = AttestationPool::default();
        assert!(insert(&mut pool, 3, 1, 0, 6, &[0, 1, 2]).is_empty());
        let refused = insert(&mut pool, 3, 1, 0, 6, &[2, 3]);
        assert_eq!(refused.len(), 1);
        assert!(refused[0].contains("members [2] would have counted twice"), "{}", refused[0]);
        let (_, _, best) = pool.aggregate(3, &Bytes([1; 32]), None).unwrap();
        assert_eq!(best.bits.iter().filter(|bit| **bit).count(), 3);
        assert_eq!(pool.candidates(0, 9).len(), 2);
    }

    #[test]
    fn committees_with_the_same_data_are_kept_apart() {
        let mut pool = AttestationPool::default();
        assert!(insert(&mut pool, 3, 1, 0, 4, &[0, 1]).is_empty());
        assert!(insert(&mut pool, 3, 1, 2, 5, &[1]).is_empty(), "another committee has another size");
        let root = Bytes([1; 32]);
        assert_eq!(pool.aggregate(3, &root, Some(2)).unwrap().2.bits.len(), 5);
        assert_eq!(pool.aggregate(3, &root, None).unwrap().0, 0);
        assert!(pool.aggregate(3, &root, Some(1)).is_none());
        assert_eq!(pool.aggregates(Some(3), None).len(), 2);
    }

    #[test]
    fn pruning_forgets_old_slots_only() {
        let mut pool = AttestationPool::default();
        for slot in 0..4 {
            insert(&mut pool, slot, slot as u8, 0, 2, &[0]);
        }
        pool.prune(2);
        assert_eq!(pool.aggregates(None, None).len(), 2);
        assert_eq!(pool.aggregates(Some(3), Some(0)).len(), 1);
        assert!(pool.aggregates(Some(1), None).is_empty());
    }

    #[test]
    fn another_committee_size_for_the_same_data_is_told() {
        let mut pool = AttestationPool::default();
        insert(&mut pool, 1, 1, 0, 4, &[0]);
        assert_eq!(insert(&mut pool, 1, 1, 0, 5, &[0]).len(), 1);
    }
}
