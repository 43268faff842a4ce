//! A slasher for tests: takes everything that was signed in a run, in any order, and says what of it is slashable. It
//! shares no code with the slashing protection that it judges.

use lockin::ssz::{Root, Shape, Ssz};
use lockin::types::{AttestationData, BeaconBlock, Epoch, IndexedAttestation, SignedBeaconBlock, Slot, ValidatorIndex};
use std::collections::{BTreeMap, BTreeSet};

/// Everything signed in a run. The same message may come any number of times.
#[derive(Clone, Debug, Default)]
pub struct Signed {
    blocks: BTreeMap<(ValidatorIndex, Slot), BTreeSet<Root>>,
    votes: BTreeMap<ValidatorIndex, BTreeSet<Vote>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Vote {
    target: Epoch,
    source: Epoch,
    root: Root,
}

/// A pair of messages that costs a validator its stake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Offence {
    /// Two blocks for one slot.
    DoubleBlock { validator: ValidatorIndex, slot: Slot },
    /// Two attestations with one target.
    DoubleVote { validator: ValidatorIndex, target: Epoch },
    /// An attestation around another: `outer` and `inner` are (source, target).
    SurroundVote { validator: ValidatorIndex, outer: (Epoch, Epoch), inner: (Epoch, Epoch) },
}

impl Signed {
    /// Takes a signed block.
    pub fn block(&mut self, shape: Shape, signed: &SignedBeaconBlock) {
        let BeaconBlock { slot, proposer_index, .. } = signed.message;
        self.block_root(proposer_index, slot, signed.message.hash_tree_root(shape));
    }

    /// Takes a signed block by its root.
    pub fn block_root(&mut self, validator: ValidatorIndex, slot: Slot, root: Root) {
        self.blocks.entry((validator, slot)).or_default().insert(root);
    }

    /// Takes the votes of an attestation or aggregate whose members are known.
    pub fn attestation(&mut self, shape: Shape, indexed: &IndexedAttestation) {
        for validator in indexed.attesting_indices.iter() {
            self.vote(shape, *validator, &indexed.data);
        }
    }

    /// Takes one validator's vote.
    pub fn vote(&mut self, shape: Shape, validator: ValidatorIndex, data: &AttestationData) {
        let root = data.hash_tree_root(shape);
        let vote = Vote { target: data.target.epoch, source: data.source.epoch, root };
        self.votes.entry(validator).or_default().insert(vote);
    }

    /// How many different messages there are, blocks and votes: a judgement over nothing says nothing.
    pub fn counts(&self) -> (usize, usize) {
        (self.blocks.values().map(BTreeSet::len).sum(), self.votes.values().map(BTreeSet::len).sum())
    }

    /// Every slashable pair (spec `is_slashable_attestation_data`, and two headers for one slot).
    pub fn offences(&self) -> Vec<Offence> {
        let doubles = self.blocks.iter().filter(|(_, roots)| roots.len() > 1);
        let mut out: Vec<_> =
            doubles.map(|((validator, slot), _)| Offence::DoubleBlock { validator: *validator, slot: *slot }).collect();
        for (validator, votes) in &self.votes {
            let votes: Vec<&Vote> = votes.iter().collect();
            for (i, later) in votes.iter().enumerate() {
                out.extend(votes[..i].iter().filter_map(|earlier| offence(*validator, earlier, later)));
            }
        }
        out
    }
}

/// Judges two different votes of one validator, the second with the same or a later target.
fn offence(validator: ValidatorIndex, earlier: &Vote, later: &Vote) -> Option<Offence> {
    if earlier.target == later.target {
        return Some(Offence::DoubleVote { validator, target: later.target });
    }
    let (outer, inner) = ((later.source, later.target), (earlier.source, earlier.target));
    (later.source < earlier.source).then_some(Offence::SurroundVote { validator, outer, inner })
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockin::ssz::{Bytes, Fork, Preset};
    use lockin::types::Checkpoint;

    fn shape() -> Shape {
        Shape::new(Fork::Phase0, Preset::minimal())
    }

    fn data(source: Epoch, target: Epoch, head: u8) -> AttestationData {
        let checkpoint = |epoch| Checkpoint { epoch, root: Root::default() };
        AttestationData {
            slot: target * 8,
            index: 0,
            beacon_block_root: Bytes([head; 32]),
            source: checkpoint(source),
            target: checkpoint(target),
        }
    }

    fn judged(votes: &[(ValidatorIndex, Epoch, Epoch, u8)]) -> Vec<Offence> {
        let mut signed = Signed::default();
        for (validator, source, target, head) in votes {
            signed.vote(shape(), *validator, &data(*source, *target, *head));
        }
        signed.offences()
    }

    #[test]
    fn an_honest_history_is_clean() {
        assert_eq!(judged(&[(1, 0, 1, 0), (1, 1, 2, 0), (1, 1, 2, 0), (1, 1, 3, 0), (2, 0, 3, 7)]), []);
        assert_eq!(judged(&[(1, 0, 0, 0), (1, 0, 1, 0)]), [], "genesis");
    }

    #[test]
    fn double_votes_are_found_whatever_differs() {
        let double = [Offence::DoubleVote { validator: 1, target: 2 }];
        assert_eq!(judged(&[(1, 1, 2, 0), (2, 1, 2, 0), (1, 1, 2, 9)]), double);
        assert_eq!(judged(&[(1, 1, 2, 0), (1, 0, 2, 0)]), double);
    }

    #[test]
    fn surround_votes_are_found_in_either_order() {
        let surround = [Offence::SurroundVote { validator: 1, outer: (1, 6), inner: (2, 5) }];
        assert_eq!(judged(&[(1, 1, 6, 0), (1, 2, 5, 0)]), surround);
        assert_eq!(judged(&[(1, 2, 5, 0), (1, 1, 6, 0)]), surround);
        assert_eq!(judged(&[(1, 2, 5, 0), (2, 1, 6, 0)]), [], "two validators");
        assert_eq!(judged(&[(1, 2, 5, 0), (1, 2, 6, 0)]), [], "same source");
    }

    #[test]
    fn every_member_of_an_aggregate_has_voted() {
        let indexed = |members: &[ValidatorIndex], head| IndexedAttestation {
            attesting_indices: members.to_vec().into(),
            data: data(1, 2, head),
            ..IndexedAttestation::default()
        };
        let mut signed = Signed::default();
        signed.attestation(shape(), &indexed(&[1, 2, 3], 0));
        signed.attestation(shape(), &indexed(&[2, 3], 0));
        assert_eq!((signed.offences(), signed.counts()), (vec![], (0, 3)));
        signed.attestation(shape(), &indexed(&[3, 4], 9));
        assert_eq!(signed.offences(), [Offence::DoubleVote { validator: 3, target: 2 }]);
    }

    #[test]
    fn double_blocks_are_found_and_repeats_are_not() {
        let block = |slot, parent: u8| SignedBeaconBlock {
            message: BeaconBlock {
                slot,
                proposer_index: 3,
                parent_root: Bytes([parent; 32]),
                ..BeaconBlock::zero(shape())
            },
            ..SignedBeaconBlock::zero(shape())
        };
        let mut signed = Signed::default();
        for it in [block(5, 0), block(5, 0), block(6, 1)] {
            signed.block(shape(), &it);
        }
        assert_eq!((signed.offences(), signed.counts()), (vec![], (2, 0)));
        signed.block(shape(), &block(5, 1));
        assert_eq!(signed.offences(), [Offence::DoubleBlock { validator: 3, slot: 5 }]);
    }
}
