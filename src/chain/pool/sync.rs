//! Sync committee messages and contributions, by slot, block and subcommittee.
//!
//! The pool NEVER validates, and NEVER merges contributions that share a position (see [`cover`](super::cover)).

use std::collections::BTreeMap;

use super::cover::{Cover, Inserted, Part};
use crate::crypto::{self, G2_POINT_AT_INFINITY};
use crate::spec::sync_subcommittee_size;
use crate::ssz::{BitVector, Preset, Root, Shape, Ssz};
use crate::types::constants::SYNC_COMMITTEE_SUBNET_COUNT;
use crate::types::{BlsSignature, Slot, SyncAggregate, SyncCommitteeContribution};

/// The pool.
#[derive(Clone, Debug, Default)]
pub(crate) struct SyncPool {
    slots: BTreeMap<Slot, BTreeMap<(Root, u64), Cover>>,
}

impl SyncPool {
    /// Adds a valid message of the member at these positions of the subcommittee.
    pub(crate) fn insert_message(
        &mut self,
        preset: &Preset,
        (slot, block, subcommittee): (Slot, Root, u64),
        positions: &[usize],
        signature: BlsSignature,
    ) {
        let cover = self.cover(preset, slot, block, subcommittee);
        for &position in positions {
            cover.insert_single(position, signature);
        }
    }

    /// Adds a valid contribution. Returns the merges refused, as lines for the log.
    pub(crate) fn insert(&mut self, preset: &Preset, contribution: &SyncCommitteeContribution) -> Vec<String> {
        let SyncCommitteeContribution { slot, beacon_block_root: block, subcommittee_index, .. } = *contribution;
        let bits: Vec<bool> = contribution.aggregation_bits.iter().collect();
        let cover = self.cover(preset, slot, block, subcommittee_index);
        match cover.insert(Part { bits, signature: contribution.signature }) {
            Inserted::Known | Inserted::Full => Vec::new(),
            Inserted::Kept { refused } => {
                let line = |shared: &Vec<usize>| {
                    format!(
                        "refused to merge overlapping contributions of slot {slot} subcommittee {subcommittee_index} \
                         head {block}: positions {shared:?} would have counted twice; both are kept"
                    )
                };
                refused.iter().map(line).collect()
            }
        }
    }

    /// The best contribution of one subcommittee.
    pub(crate) fn contribution(
        &self,
        slot: Slot,
        block: &Root,
        subcommittee: u64,
    ) -> Option<SyncCommitteeContribution> {
        let part = self.slots.get(&slot)?.get(&(*block, subcommittee))?.best()?;
        Some(SyncCommitteeContribution {
            slot,
            beacon_block_root: *block,
            subcommittee_index: subcommittee,
            aggregation_bits: part.bits.into_iter().collect(),
            signature: part.signature,
        })
    }

    /// What a block includes: the votes of `slot` for `block`, all subcommittees in one.
    pub(crate) fn aggregate(&self, shape: Shape, slot: Slot, block: &Root) -> SyncAggregate {
        let mut bits = BitVector::zero(shape);
        let mut signatures = Vec::new();
        let size = sync_subcommittee_size(shape.preset) as usize;
        for subcommittee in 0..SYNC_COMMITTEE_SUBNET_COUNT {
            let Some(contribution) = self.contribution(slot, block, subcommittee) else { continue };
            for position in contribution.aggregation_bits.ones() {
                bits.set(subcommittee as usize * size + position, true);
            }
            signatures.push(contribution.signature);
        }
        match crypto::aggregate(&signatures) {
            Ok(signature) if !signatures.is_empty() => {
                SyncAggregate { sync_committee_bits: bits, sync_committee_signature: signature }
            }
            _ => SyncAggregate {
                sync_committee_bits: BitVector::zero(shape),
                sync_committee_signature: G2_POINT_AT_INFINITY,
            },
        }
    }

    /// Forgets everything before `slot`.
    pub(crate) fn prune(&mut self, slot: Slot) {
        self.slots = self.slots.split_off(&slot);
    }

    fn cover(&mut self, preset: &Preset, slot: Slot, block: Root, subcommittee: u64) -> &mut Cover {
        let covers = self.slots.entry(slot).or_default();
        covers.entry((block, subcommittee)).or_insert_with(|| Cover::new(sync_subcommittee_size(preset) as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::SecretKey;
    use crate::ssz::{Bytes, Fork};

    #[test]
    fn nobody_taking_part_gives_no_bits_and_the_point_at_infinity() {
        let shape = Shape::new(Fork::Altair, Preset::minimal());
        let aggregate = SyncPool::default().aggregate(shape, 3, &Root::default());
        assert!(aggregate.sync_committee_bits.none());
        assert_eq!(aggregate.sync_committee_signature, G2_POINT_AT_INFINITY);
        assert!(crypto::eth_fast_aggregate_verify(&[], &Root::default(), &aggregate.sync_committee_signature));
    }

    #[test]
    fn a_member_that_sits_twice_counts_at_both_positions() {
        let shape = Shape::new(Fork::Altair, Preset::minimal());
        let message = Bytes([4; 32]);
        let (a, b) = (SecretKey::from_bytes(&[1; 32]).unwrap(), SecretKey::from_bytes(&[2; 32]).unwrap());
        let mut pool = SyncPool::default();
        let block = Bytes([3; 32]);
        pool.insert_message(shape.preset, (7, block, 0), &[1, 4], a.sign(&message));
        pool.insert_message(shape.preset, (7, block, 2), &[0], b.sign(&message));
        let aggregate = pool.aggregate(shape, 7, &block);
        assert_eq!(aggregate.sync_committee_bits.ones().collect::<Vec<_>>(), [1, 4, 16]);
        let keys = [a.public_key(), a.public_key(), b.public_key()];
        assert!(crypto::eth_fast_aggregate_verify(&keys, &message, &aggregate.sync_committee_signature));
        assert!(pool.contribution(7, &block, 1).is_none());
    }
}
