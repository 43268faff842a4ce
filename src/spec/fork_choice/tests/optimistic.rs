//! Verdicts on payloads, as `sync/optimistic.md` has them.

use super::*;
use crate::types::Hash32;

fn hash(index: usize) -> Hash32 {
    sha256(&[index as u8; 3])
}

/// 0 - 1 - 2 - 3 - 4, and 5 on 2. Payloads from 2 on, all of them not judged yet from `optimistic_from` on.
fn merged(cfg: &ChainConfig, optimistic_from: usize) -> Store {
    let mut store = store(cfg);
    for (index, parent, slot) in [(1, 0, 1), (2, 1, 2), (3, 2, 3), (4, 3, 4), (5, 2, 3)] {
        let mut node = node(index, parent, slot);
        let mut state = state(slot);
        if index >= 2 {
            state.latest_execution_payload_header.block_hash = hash(index);
        }
        (node.state, node.optimistic) = (Arc::new(state), index >= optimistic_from);
        store.tree.push(node);
    }
    at_slot(cfg, &mut store, 6, 0);
    store
}

fn optimistic(store: &Store) -> Vec<usize> {
    (0..6).filter(|index| store.is_optimistic(&root(*index))).collect()
}

/// What is removed by a verdict on block `at`, and on a block that is not imported, on `at`.
fn removed(optimistic_from: usize, at: usize, latest_valid_hash: Option<Hash32>) -> [Vec<usize>; 2] {
    let cfg = ChainConfig::minimal();
    let store = merged(&cfg, optimistic_from);
    [on_invalid_payload, on_invalid_child].map(|verdict| {
        let mut store = store.clone();
        let removed = verdict(&mut store, &root(at), latest_valid_hash);
        assert_eq!(store.len() + removed.len(), 6);
        assert!(removed.iter().all(|root| store.node(root).is_none()));
        (0..6).filter(|index| removed.contains(&root(*index))).collect()
    })
}

#[test]
fn the_invalid_block_is_found_by_the_latest_valid_hash() {
    assert_eq!(removed(2, 4, None), [vec![4], vec![]], "the block in question alone");
    assert_eq!(removed(2, 4, Some(hash(3))), [vec![4], vec![4]]);
    assert_eq!(removed(2, 4, Some(hash(2))), [vec![3, 4], vec![3, 4]], "with the child of the valid one all after it");
    assert_eq!(removed(2, 3, Some(hash(2))), [vec![3, 4], vec![3, 4]], "descendants too");
    assert_eq!(
        removed(2, 4, Some(Hash32::default())),
        [vec![2, 3, 4, 5], vec![2, 3, 4, 5]],
        "the first with a payload"
    );
    assert_eq!(removed(2, 4, Some(hash(99))), [vec![4], vec![]], "an unknown hash is as none");
    assert_eq!(removed(2, 4, Some(hash(5))), [vec![4], vec![]], "and so is one of another chain");
}

#[test]
fn an_unimported_block_on_the_latest_valid_one_takes_nobody_along() {
    assert_eq!(removed(2, 4, Some(hash(4)))[1], Vec::<usize>::new());
}

#[test]
fn what_was_found_valid_stays() {
    assert_eq!(removed(4, 4, Some(hash(2)))[1], Vec::<usize>::new(), "3 is valid");
    assert_eq!(removed(5, 4, None)[0], Vec::<usize>::new());
    assert_eq!(removed(3, 4, Some(Hash32::default()))[1], Vec::<usize>::new(), "2 is valid");
    assert_eq!(removed(2, 0, None)[0], Vec::<usize>::new(), "the oldest block stays");
}

#[test]
fn a_valid_payload_makes_its_ancestors_valid_and_nobody_else() {
    let cfg = ChainConfig::minimal();
    let mut store = merged(&cfg, 2);
    assert_eq!(optimistic(&store), [2, 3, 4, 5]);
    assert_eq!(on_valid_payload(&mut store, &root(3)), [root(3), root(2)]);
    assert_eq!(optimistic(&store), [4, 5]);
    assert_eq!(on_valid_payload(&mut store, &root(3)), []);
    mark_optimistic(&mut store, &root(3));
    assert_eq!(optimistic(&store), [3, 4, 5]);
    assert!(!store.is_optimistic(&root(9)), "an unknown block");
}

#[test]
fn votes_and_boost_of_removed_blocks_are_gone() {
    let cfg = ChainConfig::minimal();
    let mut store = merged(&cfg, 2);
    (0..4).for_each(|validator| vote(&mut store, validator, 0, 4));
    vote(&mut store, 4, 0, 5);
    store.proposer_boost_root = root(4);
    store.touch();
    assert_eq!(get_head(&cfg, &store), root(4));
    on_invalid_payload(&mut store, &root(4), Some(hash(2)));
    assert_eq!(get_head(&cfg, &store), root(5));
    assert_eq!(store.proposer_boost_root(), Root::default());
    let own = BALANCE - 4 * 1_000_000_000;
    assert_eq!(get_weight(&cfg, &store, &root(2)).unwrap(), own, "votes for the removed count for no ancestor");
}

#[test]
fn a_first_payload_waits_for_its_verdict_unless_it_is_old() {
    let cfg = ChainConfig::minimal();
    let store = merged(&cfg, 2);
    let candidate = |parent: usize, slot: Slot, current: Slot| {
        let block = BeaconBlock { slot, parent_root: root(parent), ..BeaconBlock::default() };
        is_optimistic_candidate_block(&store, current, &block)
    };
    assert!(candidate(2, 3, 3), "its parent has a payload");
    assert!(!candidate(1, 2, 2 + SAFE_SLOTS_TO_IMPORT_OPTIMISTICALLY - 1));
    assert!(candidate(1, 2, 2 + SAFE_SLOTS_TO_IMPORT_OPTIMISTICALLY));
    assert!(!candidate(9, Slot::MAX, Slot::MAX - 1), "no overflow, and no parent");
}
