//! Chains that finalize, across a fork too, and what they serve and forget on the way.

use lockin::chain::{BlockId, Event, Notice, Origin, StateId};
use lockin::ssz::{Root, Ssz};
use lockin::types::{FAR_FUTURE_EPOCH, ForkName};

use super::script::Script;
use super::setup::minimal;

#[test]
fn two_nodes_with_sixteen_validators_finalize_in_phase0() {
    let mut script = Script::new(minimal(FAR_FUTURE_EPOCH), 2, 16);
    script.run(1..=33);
    script.assert_agreement();
    let chain = script.chain(0);
    assert_eq!(chain.head().slot, 33);
    assert_eq!((chain.justified().epoch, chain.finalized().epoch), (3, 2));
    let metrics = chain.metrics();
    assert_eq!((metrics.reorgs, metrics.attestations_rejected, metrics.overlapping_merges_refused), (0, 0, 0));
    assert!(metrics.states_in_memory < 20, "{} states after finality", metrics.states_in_memory);
    let finalized: Vec<_> = script.nodes[1]
        .notices
        .iter()
        .filter_map(|notice| if let Notice::Finalized { epoch, .. } = notice { Some(*epoch) } else { None })
        .collect();
    assert_eq!(finalized, [2], "the first epochs can't finalize");
    let included: usize =
        (1..=33).map(|slot| script.chain(1).canonical_block_at(slot).unwrap().message.body.attestations.len()).sum();
    assert_eq!(included, 32, "every slot's committee is included once, as one aggregate");
}

#[test]
fn the_network_goes_through_altair_and_finalizes_with_a_full_sync_committee() {
    let mut script = Script::new(minimal(2), 2, 16);
    script.run(1..=41);
    script.assert_agreement();
    let chain = script.chain(0);
    assert_eq!(chain.head().slot, 41);
    assert_eq!(chain.finalized().epoch, 3);
    assert_eq!(script.cfg.fork_at_slot(chain.head().slot), ForkName::Altair);
    for slot in 18..=41 {
        let block = chain.canonical_block_at(slot).unwrap();
        assert_eq!(block.message.body.sync_aggregate.sync_committee_bits.count(), 32, "slot {slot}");
    }
    // Everybody's flags were earned in the last whole epoch.
    let state = chain.head().state;
    assert!(state.previous_epoch_participation.iter().all(|flags| *flags == 0b111));
}

#[test]
fn a_late_joiner_syncs_by_range_and_reads_its_past() {
    let mut script = Script::new(minimal(3), 1, 16);
    script.run(1..=48);
    let late = script.join();
    script.nodes[late].partition = 7;
    script.at(700);
    for slot in 1..=48 {
        let block = script.chain(0).canonical_block_at(slot).unwrap();
        script.send(late, Event::Block { block, origin: Origin::Sync(slot), now_ms: script.now_ms });
        assert!(script.outcome(late, Origin::Sync(slot)).unwrap().is_accept());
    }
    script.assert_agreement();
    let chain = script.chain(late);
    assert!(chain.finalized().epoch >= 4);
    for slot in 0..=48 {
        let state = chain.state(StateId::Slot(slot)).unwrap();
        let root = state.hash_tree_root(script.cfg.shape_at_slot(slot));
        let block = chain.block(BlockId::Slot(slot)).unwrap();
        assert_eq!(block.block.message.state_root, root, "slot {slot}");
        assert!(block.canonical);
        assert_eq!(chain.state(StateId::Root(root)).unwrap().slot, slot);
        assert_eq!(chain.canonical_root_at(slot), Some(block.root));
    }
    let old = |slot| chain.state(StateId::Slot(slot)).unwrap();
    assert!(std::sync::Arc::ptr_eq(&old(5), &old(5)), "what was replayed last is not replayed again");
    assert!(chain.state(StateId::Slot(99)).is_err());
    assert!(chain.block(BlockId::Root(Root::default())).is_err());
    assert_eq!(chain.heads().len(), 1);
    assert_eq!(chain.status().finalized_epoch, chain.finalized().epoch);
}

#[test]
fn the_same_script_gives_the_same_story() {
    let story = || {
        let mut script = Script::new(minimal(1), 2, 16);
        script.run(1..=12);
        script.nodes.iter().map(|node| format!("{:?} {:?}", node.notices, node.outcomes)).collect::<Vec<_>>()
    };
    assert_eq!(story(), story());
}

#[test]
fn duties_are_known_for_the_next_epoch_and_decided_by_their_dependent_roots() {
    let mut script = Script::new(minimal(FAR_FUTURE_EPOCH), 1, 16);
    script.run(1..=20);
    let chain = script.chain(0);
    let ahead = chain.proposer_duties(3).unwrap();
    let attesters = chain.attester_duties(3, &[0, 5, 99]).unwrap();
    assert_eq!(ahead.duties.len(), 8);
    assert_eq!(attesters.duties.len(), 2, "validator 99 does not exist");
    assert!(chain.proposer_duties(5).is_err());
    assert!(chain.attester_duties(5, &[0]).is_err());
    assert_eq!(attesters.dependent_root, chain.canonical_root_at(15).unwrap());
    script.run(21..=30);
    let chain = script.chain(0);
    assert_eq!(chain.attester_duties(3, &[0, 5]).unwrap(), attesters);
    assert_eq!(chain.proposer_duties(3).unwrap().duties, ahead.duties, "no balance changed");
    assert_eq!(chain.proposer_duties(3).unwrap().dependent_root, chain.canonical_root_at(23).unwrap());
    for (slot, duty) in (24..).zip(&ahead.duties) {
        let block = chain.canonical_block_at(slot);
        assert!(block.is_none_or(|block| block.message.proposer_index == duty.validator_index));
    }
    let past = chain.proposer_duties(0).unwrap().duties;
    assert_eq!(past[1].validator_index, chain.canonical_block_at(1).unwrap().message.proposer_index);
}

#[test]
fn without_a_third_of_the_validators_nothing_finalizes_and_memory_holds_the_blocks() {
    let mut script = Script::new(minimal(FAR_FUTURE_EPOCH), 1, 16);
    for slot in 1..=40 {
        script.on_slot(slot);
        script.propose(0);
        script.at(334);
        script.attest(0, |index| index % 2 == 0);
    }
    let chain = script.chain(0);
    assert_eq!((chain.justified().epoch, chain.finalized().epoch), (0, 0));
    assert_eq!(chain.metrics().states_in_memory, 41);
}
