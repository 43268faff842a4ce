//! A chain that is dropped at any moment between two batches comes back where it was.

use std::sync::Arc;

use lockin::chain::{Chain, Effect, Event, Memo, MemoryRows, Origin, StateId, Write};
use lockin::ssz::Ssz;
use lockin::types::{FAR_FUTURE_EPOCH, ForkName};

use super::script::Script;
use super::setup::{forks, minimal};

/// What a batch leaves behind.
struct Moment {
    batch: Vec<Write>,
    head: lockin::ssz::Root,
    finalized: u64,
    now_ms: u64,
}

/// Follows a finished chain with a node whose every batch is kept.
fn follow(script: &Script, until: u64) -> (Vec<Write>, Vec<Moment>) {
    let rows = MemoryRows::default();
    let boxed = Arc::new(rows.clone());
    let (mut chain, effects) =
        Chain::genesis(script.cfg.clone(), script.memo.clone(), boxed, script.genesis.clone()).unwrap();
    let [Effect::Persist(first)] = &effects[..] else { panic!("{effects:?}") };
    rows.apply(first);
    let mut moments = Vec::new();
    for slot in 1..=until {
        let now_ms = script.chain(0).config().slot_clock(script.chain(0).genesis_time()).start_of(slot);
        let mut events = vec![Event::Tick { now_ms }];
        let block = script.chain(0).canonical_block_at(slot);
        events.extend(block.map(|block| Event::Block { block, origin: Origin::Sync(0), now_ms: now_ms + 100 }));
        for event in events {
            for effect in chain.on(event) {
                let Effect::Persist(batch) = effect else { continue };
                rows.apply(&batch);
                let (head, finalized) = (chain.head().root, chain.finalized().epoch);
                moments.push(Moment { batch, head, finalized, now_ms });
            }
        }
    }
    (first.clone(), moments)
}

#[test]
fn a_chain_dropped_after_any_batch_comes_back_where_it_was_and_goes_on() {
    let mut script = Script::new(minimal(2), 1, 16);
    for slot in 1..=52 {
        if [9, 24, 40].contains(&slot) {
            script.on_slot(slot); // empty slots, at starts of epochs too
        } else {
            script.run_slot(slot);
        }
    }
    assert!(script.chain(0).finalized().epoch >= 4);
    let (first, moments) = follow(&script, 52);
    assert!(moments.len() > 45);
    let rows = MemoryRows::default();
    assert!(Chain::restore(script.cfg.clone(), Memo::new(2), Arc::new(rows.clone()), 0).unwrap().is_none());
    rows.apply(&first);
    let memo = Memo::new(16);
    for (number, moment) in moments.iter().enumerate() {
        rows.apply(&moment.batch);
        let boxed = Arc::new(rows.clone());
        let restored = Chain::restore(script.cfg.clone(), memo.clone(), boxed, moment.now_ms).unwrap().unwrap();
        assert_eq!(restored.head().root, moment.head, "after batch {number}");
        assert_eq!(restored.finalized().epoch, moment.finalized, "after batch {number}");
        let head = restored.head();
        assert_eq!(head.state.hash_tree_root(script.cfg.shape_at_slot(head.slot)), head.state_root);
    }
}

#[test]
fn a_restarted_node_finalizes_on_and_still_serves_its_past() {
    let mut script = Script::new(minimal(FAR_FUTURE_EPOCH), 2, 16);
    for slot in 1..=60 {
        if slot % 7 == 0 {
            script.restart((slot % 2) as usize);
        }
        script.run_slot(slot);
    }
    script.assert_agreement();
    let chain = script.chain(1);
    assert!(chain.finalized().epoch >= 5, "{:?}", chain.finalized());
    for slot in 1..=60 {
        assert_eq!(chain.canonical_block_at(slot).unwrap().message.slot, slot);
    }
    let old = chain.state(StateId::Slot(11)).unwrap();
    assert_eq!(
        old.hash_tree_root(script.cfg.shape_at_slot(11)),
        chain.canonical_block_at(11).unwrap().message.state_root
    );
    assert_eq!(chain.state(StateId::Genesis).unwrap().slot, 0);
}

/// In the last slot before bellatrix the terminal block is asked for while the chain is read again: that question is lost.
#[test]
fn a_node_restarted_before_the_merge_asks_for_the_terminal_block_again() {
    let mut script = Script::new(forks(&[(ForkName::Altair, 0), (ForkName::Bellatrix, 1)]), 1, 16);
    script.run(1..=7);
    script.restart(0);
    script.run(8..=12);
    let block = script.chain(0).canonical_block_at(12).expect("it proposes");
    assert!(block.message.body.execution_payload.block_number > 1, "it has merged");
}

#[test]
fn a_broken_database_is_told_with_what_to_do() {
    let mut script = Script::new(minimal(FAR_FUTURE_EPOCH), 1, 16);
    script.run(1..=4);
    let rows = script.nodes[0].rows.clone();
    let root = script.chain(0).head().root;
    rows.apply(&[Write::Put { key: lockin::chain::schema::block(&root), value: vec![1, 2, 3] }]);
    let restored = Chain::restore(script.cfg.clone(), Memo::new(2), Arc::new(rows.clone()), script.now_ms);
    let error = restored.err().unwrap().to_string();
    assert!(error.contains(&root.to_string()) && error.contains("remove the data directory"), "{error}");
    rows.apply(&[Write::Put { key: lockin::chain::schema::ANCHOR.to_vec(), value: vec![0; 7] }]);
    assert!(Chain::restore(script.cfg.clone(), Memo::new(2), Arc::new(rows), script.now_ms).is_err());
}
