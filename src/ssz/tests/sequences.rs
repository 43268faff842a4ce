//! Lists against a plain vector that goes through the same changes.

use super::super::*;
use crate::{
    limits,
    types::{Attestation, Validator},
};
use proptest::prelude::*;

limits! {
    /// Room for trees of several levels.
    Wide = |s| 1 << 20;
    /// As many elements as go through the tests, in a tree of fewer levels than the storage has.
    Narrow = |s| 1 << 13;
}

/// Roots are asked for under one or the other, so that what is kept of one must not pass for the other's.
fn shapes() -> [Shape; 2] {
    [Fork::Deneb, Fork::Electra].map(|fork| Shape::new(fork, Preset::minimal()))
}

#[derive(Clone, Debug)]
enum Change {
    Push {
        count: usize,
        seed: u64,
    },
    Set {
        at: prop::sample::Index,
        seed: u64,
    },
    Update {
        every: usize,
        seed: u64,
    },
    FailedUpdate {
        at: prop::sample::Index,
        seed: u64,
    },
    Truncate(prop::sample::Index),
    Clear,
    /// Takes the root, which is then kept.
    Root {
        later_fork: bool,
    },
    /// Keeps a clone; later changes must not reach it.
    Clone,
    /// Goes on with the clone and keeps the original.
    Swap,
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let (at, seed) = (any::<prop::sample::Index>, any::<u64>);
    let change = prop_oneof![
        3 => (1usize..400, seed()).prop_map(|(count, seed)| Change::Push { count, seed }),
        3 => (at(), seed()).prop_map(|(at, seed)| Change::Set { at, seed }),
        2 => (1usize..2000, seed()).prop_map(|(every, seed)| Change::Update { every, seed }),
        1 => (at(), seed()).prop_map(|(at, seed)| Change::FailedUpdate { at, seed }),
        2 => at().prop_map(Change::Truncate),
        1 => Just(Change::Clear),
        3 => any::<bool>().prop_map(|later_fork| Change::Root { later_fork }),
        2 => Just(Change::Clone),
        1 => Just(Change::Swap),
    ];
    prop::collection::vec(change, 1..30)
}

/// A list and the vector that it must equal.
struct Twins<T, L> {
    list: List<T, L>,
    model: Vec<T>,
}

impl<T: Ssz + PartialEq + std::fmt::Debug, L: Limit> Twins<T, L> {
    fn change(&mut self, change: &Change, make: impl Fn(u64) -> T) {
        let Self { list, model } = self;
        match change {
            Change::Push { count, seed } => {
                for i in 0..*count as u64 {
                    list.push(make(seed.wrapping_add(i)));
                    model.push(make(seed.wrapping_add(i)));
                }
            }
            Change::Set { at, seed } if !model.is_empty() => {
                let at = at.index(model.len());
                assert!(list.set(at, make(*seed)));
                model[at] = make(*seed);
            }
            Change::Update { every, seed } => {
                let new = |index: usize| index.is_multiple_of(*every).then(|| make(seed.wrapping_add(index as u64)));
                list.update(|index, item| {
                    assert_eq!(*item, model[index]);
                    new(index)
                });
                model.iter_mut().enumerate().for_each(|(index, item)| *item = new(index).unwrap_or(item.clone()));
            }
            Change::FailedUpdate { at, seed } if !model.is_empty() => {
                let at = at.index(model.len());
                let result = list.try_update(|index, _| if index == at { Err(at) } else { Ok(Some(make(*seed))) });
                assert_eq!(result, Err(at));
            }
            Change::Truncate(at) => {
                let count = at.index(model.len() + 1);
                list.truncate(count);
                model.truncate(count);
            }
            Change::Clear => {
                list.clear();
                model.clear();
            }
            Change::Root { later_fork } => drop(list.hash_tree_root(shapes()[usize::from(*later_fork)])),
            Change::Set { .. } | Change::FailedUpdate { .. } | Change::Clone | Change::Swap => {}
        }
    }

    fn assert_same(&self) {
        let Self { list, model } = self;
        assert_eq!((list.len(), list.to_vec()), (model.len(), model.clone()));
        assert_eq!(list.get(model.len()), None);
        assert!(list.iter().rev().eq(model.iter().rev()));
        assert!((0..model.len()).all(|index| list[index] == model[index]));
        let fresh = List::<T, L>::from(model.clone());
        assert_eq!(*list, fresh);
        for shape in shapes() {
            let encoding = list.encode(shape);
            assert_eq!(encoding, fresh.encode(shape));
            assert_eq!(List::<T, L>::decode(shape, &encoding).as_ref(), Ok(&fresh));
            let plain = merkleize_plainly(model, shape, L::value(shape));
            assert_eq!(list.hash_tree_root(shape), mix_in_length(plain, model.len()));
        }
    }
}

/// The root over `items`, by the definition and with nothing kept.
fn merkleize_plainly<T: Ssz>(items: &[T], shape: Shape, limit: u64) -> Root {
    if T::BASIC {
        let bytes: Vec<u8> = items.iter().flat_map(|item| item.encode(shape)).collect();
        let size = T::fixed_len(shape).unwrap() as u64;
        merkleize_bytes(&bytes, (limit * size).div_ceil(32))
    } else {
        merkleize(items.iter().map(|item| item.hash_tree_root(shape)), limit)
    }
}

fn run<T: Ssz + PartialEq + std::fmt::Debug, L: Limit>(changes: &[Change], make: impl Fn(u64) -> T) {
    let mut twins = Twins::<T, L> { list: List::default(), model: Vec::new() };
    let mut kept = Vec::new();
    for change in changes {
        match change {
            Change::Clone | Change::Swap => {
                let mut clone = Twins { list: twins.list.clone(), model: twins.model.clone() };
                if matches!(change, Change::Swap) {
                    std::mem::swap(&mut clone, &mut twins);
                }
                kept.push(clone);
            }
            change => twins.change(change, &make),
        }
        // Within the limit, as the caller of `push` sees to.
        twins.list.truncate(1 << 13);
        twins.model.truncate(1 << 13);
    }
    kept.push(twins);
    kept.iter().for_each(Twins::assert_same);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn numbers_are_as_in_a_vector(changes in changes()) {
        run::<u64, Wide>(&changes, |seed| seed);
        run::<u64, Narrow>(&changes, |seed| seed);
    }

    #[test]
    fn flags_are_as_in_a_vector(changes in changes()) {
        run::<u8, Wide>(&changes, |seed| seed as u8);
        run::<bool, Narrow>(&changes, |seed| seed % 2 == 1);
    }

    #[test]
    fn roots_are_as_in_a_vector(changes in changes()) {
        run::<Root, Narrow>(&changes, |seed| sha256(&seed.to_le_bytes()));
    }

    #[test]
    fn containers_are_as_in_a_vector(changes in changes()) {
        let validator = |seed| Validator { effective_balance: seed, slashed: seed % 2 == 1, ..Validator::default() };
        run::<Validator, Wide>(&changes, validator);
    }

    #[test]
    fn an_iterator_is_where_a_slice_iterator_is(
        len in 0usize..700,
        steps in prop::collection::vec((any::<bool>(), 0usize..40), 0..40),
    ) {
        let model: Vec<Root> = (0..len).map(|i| sha256(&[i as u8])).collect();
        let list: List<Root, Wide> = model.clone().into();
        let (mut ours, mut slices) = (list.iter(), model.iter());
        for (forward, skip) in steps {
            if forward {
                prop_assert_eq!(ours.nth(skip), slices.nth(skip));
            } else {
                prop_assert_eq!(ours.nth_back(skip), slices.nth_back(skip));
            }
            prop_assert_eq!(ours.len(), slices.len());
        }
        prop_assert!(ours.clone().eq(slices));
        prop_assert_eq!(ours.clone().count(), ours.len());
    }

    #[test]
    fn repeated_items_are_as_in_a_vector(len in 0usize..9000) {
        let list = List::<u64, Wide>::repeat(7, len);
        Twins { list, model: vec![7; len] }.assert_same();
    }
}

/// An attestation's fields and limits depend on the fork: what was kept of one must not be taken for the other's.
#[test]
fn a_kept_root_is_of_its_fork() {
    let votes: Vec<_> = (0..40)
        .map(|slot| {
            let mut vote =
                Attestation { aggregation_bits: (0..9).map(|bit| bit % 2 == 0).collect(), ..Default::default() };
            vote.data.slot = slot;
            vote.committee_bits.set(0, true);
            vote
        })
        .collect();
    let list: List<Attestation, Wide> = votes.clone().into();
    for _ in 0..2 {
        for shape in shapes() {
            let plain = merkleize_plainly(&votes, shape, Wide::value(shape));
            assert_eq!(list.hash_tree_root(shape), mix_in_length(plain, 40));
        }
    }
}
