//! Blocks that come too early, twice, broken, or on another fork.

use std::sync::Arc;

use lockin::chain::{Event, Gossip, Notice, Origin, Outcome, Standing};
use lockin::spec;
use lockin::ssz::{Bytes, Ssz};
use lockin::types::{FAR_FUTURE_EPOCH, SignedBeaconBlock};

use super::script::Script;
use super::setup::minimal;

fn root(script: &Script, block: &SignedBeaconBlock) -> lockin::ssz::Root {
    block.message.hash_tree_root(script.cfg.shape_at_slot(block.message.slot))
}

#[test]
fn orphans_wait_for_their_parents_and_are_released_together() {
    let mut script = Script::new(minimal(FAR_FUTURE_EPOCH), 2, 16);
    script.nodes[1].partition = 1;
    let mut blocks = Vec::new();
    for slot in 1..=3 {
        script.on_slot(slot);
        blocks.push(script.propose(0));
    }
    assert_eq!(script.gossip_block(1, &blocks[2]), None, "held: nobody is told yet");
    assert_eq!(script.gossip_block(1, &blocks[1]), None);
    let wanted: Vec<_> = vec![root(&script, &blocks[1]), root(&script, &blocks[0])];
    assert_eq!(script.nodes[1].requests, wanted, "each missing parent is asked for once");
    let again = script.gossip_block(1, &blocks[2]);
    assert!(matches!(again, Some(Outcome::Ignore(_))), "a held block is known: {again:?}");
    assert_eq!(script.chain(1).metrics().blocks_held, 2);
    assert_eq!(script.gossip_block(1, &blocks[0]), Some(Outcome::Accept));
    assert_eq!(script.chain(1).head().root, root(&script, &blocks[2]));
    let accepted = script.nodes[1].outcomes.iter().filter(|(_, outcome)| outcome.is_accept()).count();
    assert_eq!(accepted, 3, "those who waited are told");
    assert_eq!(script.chain(1).metrics().blocks_held, 0);
}

#[test]
fn an_orphan_whose_parent_never_comes_is_dropped_and_its_sender_told() {
    let mut script = Script::new(minimal(FAR_FUTURE_EPOCH), 2, 16);
    script.nodes[1].partition = 1;
    script.on_slot(1);
    script.propose(0);
    script.on_slot(2);
    let orphan = script.propose(0);
    assert_eq!(script.gossip_block(1, &orphan), None);
    for slot in 3..=40 {
        script.on_slot(slot);
    }
    assert_eq!(script.chain(1).metrics().blocks_held, 0);
    assert!(matches!(script.nodes[1].outcomes[..], [(_, Outcome::Ignore(_))]));
    assert!(script.nodes[1].requests.len() > 10, "a missing block is asked for again every slot");
}

#[test]
fn a_block_that_is_early_by_clocks_that_disagree_waits_for_its_slot() {
    let mut script = Script::new(minimal(FAR_FUTURE_EPOCH), 2, 16);
    script.nodes[1].partition = 1;
    script.on_slot(1);
    let early = script.make_block(0, 0);
    let mut late_clock = Script::new(minimal(FAR_FUTURE_EPOCH), 1, 16);
    late_clock.on_slot(0);
    late_clock.at(990);
    assert_eq!(late_clock.gossip_block(0, &early), None);
    assert_eq!(late_clock.chain(0).head().slot, 0);
    late_clock.on_slot(1);
    assert_eq!(late_clock.chain(0).head().slot, 1);
    assert!(late_clock.nodes[0].outcomes[0].1.is_accept());
}

#[test]
fn invalid_blocks_are_rejected_with_a_reason_and_so_are_their_children() {
    let mut script = Script::new(minimal(FAR_FUTURE_EPOCH), 2, 16);
    script.nodes[1].partition = 1;
    script.on_slot(1);
    let good = script.make_block(0, 0);
    let mut wrong = SignedBeaconBlock::clone(&good);
    wrong.signature = Bytes([0xc0; 96]);
    let outcome = script.gossip_block(1, &Arc::new(wrong));
    assert!(matches!(outcome, Some(Outcome::Reject(_))), "{outcome:?}");
    // The signature is no part of the root: the block itself must not be taken for invalid.
    assert_eq!(script.gossip_block(1, &good), Some(Outcome::Accept));
    script.on_slot(2);
    let mut wrong = SignedBeaconBlock::clone(&script.make_block(1, 0));
    wrong.message.proposer_index ^= 1;
    let outcome = script.gossip_block(1, &Arc::new(wrong));
    assert!(matches!(outcome, Some(Outcome::Reject(_))), "{outcome:?}");
    assert_eq!(script.chain(1).metrics().blocks_rejected, 2);
    assert_eq!(script.chain(1).head().slot, 1);
    let known = script.gossip_block(1, &good);
    assert!(matches!(known, Some(Outcome::Duplicate(_))), "{known:?}");
}

#[test]
fn an_invalid_block_sent_again_and_again_stays_known_and_crowds_out_no_other() {
    let mut script = Script::new(minimal(FAR_FUTURE_EPOCH), 1, 16);
    script.on_slot(1);
    let mut wrong = SignedBeaconBlock::clone(&script.make_block(0, 0));
    wrong.message.state_root = Bytes([7; 32]);
    let key = &script.keys[wrong.message.proposer_index as usize];
    wrong.signature = spec::get_block_signature(&script.cfg, &script.chain(0).head().state, &wrong.message, key);
    let wrong = Arc::new(wrong);
    script.gossip_block(0, &wrong);
    for time in 0..300 {
        let outcome = script.gossip_block(0, &wrong);
        let known = matches!(&outcome, Some(Outcome::Reject(why)) if why.contains("known to be invalid"));
        assert!(known, "after {time} more: {outcome:?}");
    }
    assert_eq!(script.chain(0).standing(&root(&script, &wrong)), Standing::Invalid);
}

#[test]
fn a_second_block_of_the_same_proposer_is_ignored_by_gossip_but_taken_when_asked_for() {
    let mut script = Script::new(minimal(FAR_FUTURE_EPOCH), 2, 16);
    script.nodes[1].partition = 1;
    script.on_slot(1);
    let (one, two) = (script.make_block(0, 1), script.make_block(0, 2));
    assert_eq!(script.gossip_block(1, &one), Some(Outcome::Accept));
    assert!(matches!(script.gossip_block(1, &two), Some(Outcome::Ignore(_))));
    script.send(1, Event::Block { block: two.clone(), origin: Origin::Sync(5), now_ms: script.now_ms });
    assert_eq!(script.outcome(1, Origin::Sync(5)), Some(Outcome::Accept));
    assert_eq!(script.chain(1).heads().len(), 2);
    let state = script.chain(1).head().state;
    let slashing = lockin::types::ProposerSlashing {
        signed_header_1: header(&script, &one),
        signed_header_2: header(&script, &two),
    };
    let offender = one.message.proposer_index;
    assert!(!state.validators[offender as usize].slashed);
    let event = script.gossip_event(Gossip::ProposerSlashing(Arc::new(slashing)));
    script.send(1, event);
    assert!(script.nodes[1].outcomes.last().unwrap().1.is_accept(), "{:?}", script.nodes[1].outcomes);
    script.on_slot(2);
    let block = script.propose(1);
    assert_eq!(block.message.body.proposer_slashings.len(), 1);
    assert!(script.chain(1).head().state.validators[offender as usize].slashed);
    script.on_slot(3);
    assert!(script.make_block(1, 0).message.body.proposer_slashings.is_empty(), "nobody is slashed twice");
}

fn header(script: &Script, block: &SignedBeaconBlock) -> lockin::types::SignedBeaconBlockHeader {
    let message = &block.message;
    let body_root = message.body.hash_tree_root(script.cfg.shape_at_slot(message.slot));
    let (slot, proposer_index) = (message.slot, message.proposer_index);
    let (parent_root, state_root) = (message.parent_root, message.state_root);
    lockin::types::SignedBeaconBlockHeader {
        message: lockin::types::BeaconBlockHeader { slot, proposer_index, parent_root, state_root, body_root },
        signature: block.signature,
    }
}

#[test]
fn a_healed_partition_reorgs_the_lighter_side_and_the_network_finalizes() {
    let mut script = Script::new(minimal(FAR_FUTURE_EPOCH), 3, 24);
    script.run(1..=6);
    script.nodes[2].partition = 1; // a third of the validators, alone
    let sides = |index: u64| index % 3 == 2;
    for slot in 7..=11 {
        script.on_slot(slot);
        script.propose(0);
        script.propose(2);
        script.at(334);
        script.attest(0, |index| !sides(index));
        script.attest(2, sides);
    }
    assert_ne!(script.chain(0).head().root, script.chain(2).head().root);
    script.nodes[2].partition = 0;
    script.run(12..=12);
    script.run(13..=48);
    script.assert_agreement();
    let reorgs: Vec<u64> = script.nodes[2]
        .notices
        .iter()
        .filter_map(|notice| if let Notice::Reorg { depth, .. } = notice { Some(*depth) } else { None })
        .collect();
    assert_eq!(reorgs.len(), 1, "{reorgs:?}");
    assert_eq!(script.chain(2).metrics().reorgs, 1);
    assert_eq!(script.chain(0).metrics().reorgs, 0);
    assert!(script.chain(0).finalized().epoch >= 3, "{:?}", script.chain(0).finalized());
    assert_eq!(script.chain(0).heads().len(), 1, "finality has pruned the lighter side");
    assert!(reorgs[0] >= 3, "{reorgs:?}");
}
