//! Signatures of one message by members of one committee, and their aggregation.
//!
//! It NEVER merges two parts that share a member: the signature would count that member twice, and no verifier could
//! tell from the bits. Parts that overlap are kept side by side, and the refusal is told to the caller.

use std::collections::BTreeMap;

use crate::crypto;
use crate::types::BlsSignature;

/// Alternatives kept for one message. Aggregators are few; more would only be the same votes sliced otherwise.
const MAX_PARTS: usize = 16;

/// Members of a committee, by position, and their signatures' aggregate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) bits: Vec<bool>,
    pub(crate) signature: BlsSignature,
}

/// How two sets of members relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    Disjoint,
    /// The first holds all of the second (or they are equal).
    Covers,
    /// The second holds all of the first, and more.
    CoveredBy,
    /// Each has members of its own, and they share some.
    Overlaps,
}

/// How `a` relates to `b`.
pub(crate) fn relate(a: &[bool], b: &[bool]) -> Relation {
    let (mut only_a, mut only_b, mut both) = (false, false, false);
    for (&x, &y) in a.iter().zip(b) {
        both |= x && y;
        only_a |= x && !y;
        only_b |= y && !x;
    }
    match (both, only_a, only_b) {
        (_, _, false) => Relation::Covers,
        (false, ..) => Relation::Disjoint,
        (true, false, true) => Relation::CoveredBy,
        (true, true, true) => Relation::Overlaps,
    }
}

/// What became of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Inserted {
    /// All its members were there already.
    Known,
    /// Kept. `refused` lists the members shared with each kept part that it could therefore not be merged with.
    Kept { refused: Vec<Vec<usize>> },
    /// Not kept: there are many alternatives already, and this one is smaller.
    Full,
}

/// All that is known of one message in one committee.
#[derive(Clone, Debug)]
pub(crate) struct Cover {
    size: usize,
    singles: BTreeMap<usize, BlsSignature>,
    parts: Vec<Part>,
}

impl Cover {
    /// Of a committee of `size` members.
    pub(crate) fn new(size: usize) -> Cover {
        Cover { size, singles: BTreeMap::new(), parts: Vec::new() }
    }

    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// One member's signature. False if it was there already.
    pub(crate) fn insert_single(&mut self, position: usize, signature: BlsSignature) -> bool {
        position < self.size && self.singles.insert(position, signature).is_none()
    }

    /// Several members' aggregate.
    pub(crate) fn insert(&mut self, part: Part) -> Inserted {
        let relations: Vec<Relation> = self.parts.iter().map(|known| relate(&known.bits, &part.bits)).collect();
        if relations.contains(&Relation::Covers) {
            return Inserted::Known;
        }
        let mut refused = Vec::new();
        for (known, relation) in self.parts.iter().zip(&relations) {
            if *relation == Relation::Overlaps {
                refused.push((0..self.size).filter(|&i| known.bits[i] && part.bits[i]).collect());
            }
        }
        let mut relation = relations.iter();
        self.parts.retain(|_| relation.next() != Some(&Relation::CoveredBy));
        if self.parts.len() >= MAX_PARTS {
            let smallest = (0..self.parts.len()).min_by_key(|&i| count(&self.parts[i].bits));
            match smallest {
                Some(i) if count(&self.parts[i].bits) < count(&part.bits) => drop(self.parts.remove(i)),
                _ => return Inserted::Full,
            }
        }
        self.parts.push(part);
        Inserted::Kept { refused }
    }

    /// The largest set of members that can be had by merging disjoint parts, and its aggregate signature.
    pub(crate) fn best(&self) -> Option<Part> {
        let mut candidates = vec![self.grow(None)];
        candidates.extend((0..self.parts.len()).map(|i| self.grow(Some(i))));
        let best = candidates.into_iter().rev().max_by_key(|(bits, _)| count(bits))?;
        seal(best)
    }

    /// The best, and every part that has members the best lacks: what a proposer chooses from.
    pub(crate) fn choices(&self) -> Vec<Part> {
        let Some(best) = self.best() else { return Vec::new() };
        let rest = self.parts.iter().filter(|part| relate(&best.bits, &part.bits) != Relation::Covers).cloned();
        let rest: Vec<Part> = rest.collect();
        std::iter::once(best).chain(rest).collect()
    }

    /// Starting from one part, whatever is disjoint, largest first, then singles.
    fn grow(&self, start: Option<usize>) -> (Vec<bool>, Vec<BlsSignature>) {
        let mut bits = vec![false; self.size];
        let mut signatures = Vec::new();
        let mut order: Vec<usize> = (0..self.parts.len()).collect();
        order.sort_by_key(|&i| (Some(i) != start, std::cmp::Reverse(count(&self.parts[i].bits)), i));
        for i in order.into_iter().filter(|_| start.is_some()) {
            let part = &self.parts[i];
            if !part.bits.iter().zip(&bits).any(|(&new, &old)| new && old) {
                bits.iter_mut().zip(&part.bits).for_each(|(bit, &new)| *bit |= new);
                signatures.push(part.signature);
            }
        }
        for (&position, &signature) in &self.singles {
            if !bits[position] {
                bits[position] = true;
                signatures.push(signature);
            }
        }
        (bits, signatures)
    }
}

/// How many members.
pub(crate) fn count(bits: &[bool]) -> usize {
    bits.iter().filter(|&&bit| bit).count()
}

fn seal((bits, signatures): (Vec<bool>, Vec<BlsSignature>)) -> Option<Part> {
    let signature = match signatures.as_slice() {
        [] => return None,
        [one] => *one,
        many => crypto::aggregate(many).ok()?,
    };
    Some(Part { bits, signature })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::SecretKey;
    use crate::ssz::{Bytes, Root};

    const MESSAGE: Root = Bytes([5; 32]);

    fn key(position: usize) -> SecretKey {
        SecretKey::from_bytes(&[position as u8 + 1; 32]).unwrap()
    }

    fn part(size: usize, members: &[usize]) -> Part {
        let mut bits = vec![false; size];
        members.iter().for_each(|&i| bits[i] = true);
        let signatures: Vec<_> = members.iter().map(|&i| key(i).sign(&MESSAGE)).collect();
        Part { bits, signature: crypto::aggregate(&signatures).unwrap() }
    }

    fn verifies(part: &Part) -> bool {
        let members = (0..part.bits.len()).filter(|&i| part.bits[i]);
        let keys: Vec<_> = members.map(|i| key(i).public_key()).collect();
        crypto::fast_aggregate_verify(&keys, &MESSAGE, &part.signature)
    }

    #[test]
    fn disjoint_parts_and_singles_merge_into_one_valid_aggregate() {
        let mut cover = Cover::new(6);
        assert_eq!(cover.insert(part(6, &[0, 1])), Inserted::Kept { refused: vec![] });
        assert_eq!(cover.insert(part(6, &[3, 4])), Inserted::Kept { refused: vec![] });
        assert!(cover.insert_single(4, key(4).sign(&MESSAGE)), "a single is kept even where an aggregate covers it");
        assert!(cover.insert_single(5, key(5).sign(&MESSAGE)));
        assert!(!cover.insert_single(5, key(5).sign(&MESSAGE)));
        let best = cover.best().unwrap();
        assert_eq!(best.bits, [true, true, false, true, true, true]);
        assert!(verifies(&best));
    }

    #[test]
    fn overlapping_parts_are_refused_and_kept_apart() {
        let mut cover = Cover::new(5);
        cover.insert(part(5, &[0, 1, 2]));
        assert_eq!(cover.insert(part(5, &[2, 3])), Inserted::Kept { refused: vec![vec![2]] });
        let best = cover.best().unwrap();
        assert_eq!(count(&best.bits), 3);
        assert!(verifies(&best));
        assert_eq!(cover.choices().len(), 2);
        cover.insert_single(3, key(3).sign(&MESSAGE));
        assert_eq!(count(&cover.best().unwrap().bits), 4, "the missing member comes as a single");
        assert!(verifies(&cover.best().unwrap()));
    }

    #[test]
    fn a_larger_part_replaces_the_ones_inside_it() {
        let mut cover = Cover::new(4);
        cover.insert(part(4, &[0, 1]));
        assert_eq!(cover.insert(part(4, &[0, 1, 2])), Inserted::Kept { refused: vec![] });
        assert_eq!(cover.insert(part(4, &[1, 2])), Inserted::Known);
        assert_eq!(cover.choices().len(), 1);
    }

    #[test]
    fn relations() {
        let bits = |s: &str| s.chars().map(|c| c == '1').collect::<Vec<_>>();
        assert_eq!(relate(&bits("110"), &bits("001")), Relation::Disjoint);
        assert_eq!(relate(&bits("110"), &bits("110")), Relation::Covers);
        assert_eq!(relate(&bits("110"), &bits("111")), Relation::CoveredBy);
        assert_eq!(relate(&bits("110"), &bits("011")), Relation::Overlaps);
    }
}
