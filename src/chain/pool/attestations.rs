//! Attestations seen but perhaps not included yet, by slot and data.
//!
//! The pool NEVER validates, and NEVER merges attestations that share a validator (see [`cover`](super::cover)).

use std::collections::BTreeMap;

use super::cover::{Cover, Inserted, Part};
use crate::ssz::Root;
use crate::types::{Attestation, AttestationData, CommitteeIndex, Slot};

/// All votes for one data.
#[derive(Clone, Debug)]
struct Group {
    data: AttestationData,
    cover: Cover,
}

/// A vote that a proposer may include.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) data: AttestationData,
    pub(crate) attestation: Attestation,
}

/// The pool.
#[derive(Clone, Debug, Default)]
pub(crate) struct AttestationPool {
    slots: BTreeMap<Slot, BTreeMap<Root, Group>>,
}

impl AttestationPool {
    /// Adds a valid attestation whose data has this root. Returns the merges refused, as lines for the log.
    pub(crate) fn insert(&mut self, data_root: Root, attestation: &Attestation) -> Vec<String> {
        let data = attestation.data;
        let size = attestation.aggregation_bits.len();
        let groups = self.slots.entry(data.slot).or_default();
        let group = groups.entry(data_root).or_insert_with(|| Group { data, cover: Cover::new(size) });
        if group.cover.size() != size {
            return vec![format!(
                "attestations of slot {} committee {} with the same data disagree on the committee's size: {} and {size}",
                data.slot,
                data.index,
                group.cover.size()
            )];
        }
        let mut ones = attestation.aggregation_bits.ones();
        if let (Some(position), None) = (ones.next(), ones.next()) {
            group.cover.insert_single(position, attestation.signature);
            return Vec::new();
        }
        let bits: Vec<bool> = attestation.aggregation_bits.iter().collect();
        match group.cover.insert(Part { bits, signature: attestation.signature }) {
            Inserted::Known | Inserted::Full => Vec::new(),
            Inserted::Kept { refused } => refused.iter().map(|shared| refusal(&data, shared)).collect(),
        }
    }

    /// The best aggregate known of this data.
    pub(crate) fn aggregate(&self, slot: Slot, data_root: &Root) -> Option<Attestation> {
        let group = self.slots.get(&slot)?.get(data_root)?;
        group.cover.best().map(|part| attestation(&group.data, part))
    }

    /// The best aggregate of each data of a slot and committee, or of all.
    pub(crate) fn aggregates(&self, slot: Option<Slot>, committee: Option<CommitteeIndex>) -> Vec<Attestation> {
        let groups =
            self.slots.iter().filter(|(s, _)| slot.is_none_or(|slot| slot == **s)).flat_map(|(_, g)| g.values());
        let groups = groups.filter(|group| committee.is_none_or(|index| index == group.data.index));
        groups.filter_map(|group| Some(attestation(&group.data, group.cover.best()?))).collect()
    }

    /// What a proposer may choose from, of slots `from..=to`.
    pub(crate) fn candidates(&self, from: Slot, to: Slot) -> Vec<Candidate> {
        if from > to {
            return Vec::new();
        }
        let groups = self.slots.range(from..=to).flat_map(|(_, groups)| groups.values());
        let choices = |group: &Group| -> Vec<Candidate> {
            let parts = group.cover.choices().into_iter();
            parts.map(|part| Candidate { data: group.data, attestation: attestation(&group.data, part) }).collect()
        };
        groups.flat_map(choices).collect()
    }

    /// Forgets everything before `slot`.
    pub(crate) fn prune(&mut self, slot: Slot) {
        self.slots = self.slots.split_off(&slot);
    }
}

fn attestation(data: &AttestationData, part: Part) -> Attestation {
    Attestation {
        aggregation_bits: part.bits.into_iter().collect(),
        data: *data,
        signature: part.signature,
        ..Attestation::default()
    }
}

fn refusal(data: &AttestationData, shared: &[usize]) -> String {
    format!(
        "refused to merge overlapping aggregates of slot {} committee {} head {}: committee members {shared:?} would \
         have counted twice; both are kept",
        data.slot, data.index, data.beacon_block_root
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{self, SecretKey};
    use crate::ssz::Bytes;

    fn vote(slot: Slot, size: usize, members: &[usize]) -> Attestation {
        let data = AttestationData { slot, ..AttestationData::default() };
        let sign = |i: &usize| SecretKey::from_bytes(&[*i as u8 + 1; 32]).unwrap().sign(&Bytes([9; 32]));
        let signatures: Vec<_> = members.iter().map(sign).collect();
        let bits = (0..size).map(|i| members.contains(&i)).collect();
        Attestation {
            aggregation_bits: bits,
            data,
            signature: crypto::aggregate(&signatures).unwrap(),
            ..Attestation::default()
        }
    }

    #[test]
    fn an_overlapping_merge_is_refused_with_a_reason() {
        let root = Bytes([1; 32]);
        let mut pool = AttestationPool::default();
        assert!(pool.insert(root, &vote(3, 6, &[0, 1, 2])).is_empty());
        let refused = pool.insert(root, &vote(3, 6, &[2, 3]));
        assert_eq!(refused.len(), 1);
        assert!(refused[0].contains("members [2] would have counted twice"), "{}", refused[0]);
        assert_eq!(pool.aggregate(3, &root).unwrap().aggregation_bits.count(), 3);
        assert_eq!(pool.candidates(0, 9).len(), 2);
    }

    #[test]
    fn pruning_forgets_old_slots_only() {
        let mut pool = AttestationPool::default();
        for slot in 0..4 {
            pool.insert(Bytes([slot as u8; 32]), &vote(slot, 2, &[0]));
        }
        pool.prune(2);
        assert_eq!(pool.aggregates(None, None).len(), 2);
        assert_eq!(pool.aggregates(Some(3), Some(0)).len(), 1);
        assert!(pool.aggregates(Some(1), None).is_empty());
    }

    #[test]
    fn another_committee_size_for_the_same_data_is_told() {
        let mut pool = AttestationPool::default();
        pool.insert(Bytes([1; 32]), &vote(1, 4, &[0]));
        assert_eq!(pool.insert(Bytes([1; 32]), &vote(1, 5, &[0])).len(), 1);
    }
}
