//! Long stretches without blocks: bridged up to a limit, once, and for nobody's unsigned word.

use std::collections::BTreeMap;
use std::sync::Arc;

use lockin::chain::{Error, Event, GossipId, MOST_EMPTY_SLOTS, Origin, Outcome, ProductionId, StateId};
use lockin::ssz::Bytes;
use lockin::types::{FAR_FUTURE_EPOCH, SignedBeaconBlock, SignedVoluntaryExit, SyncCommitteeMessage, VoluntaryExit};

use super::script::Script;
use super::setup::minimal;

#[test]
fn a_network_that_slept_for_sixty_epochs_wakes_up() {
    let mut script = Script::new(minimal(FAR_FUTURE_EPOCH), 1, 16);
    script.on_slot(481);
    script.attest(0, |_| true);
    assert!(script.nodes[0].outcomes.iter().all(|(_, outcome)| outcome.is_accept()), "{:?}", script.nodes[0].outcomes);
    assert!(!script.nodes[0].outcomes.is_empty());
    script.on_slot(482);
    let block = script.propose(0);
    assert_eq!(script.chain(0).head().slot, 482);
    assert!(!block.message.body.attestations.is_empty(), "the votes for the old head are included");
}

#[test]
fn beyond_the_limit_nothing_is_computed_and_the_error_says_how_far() {
    let mut script = Script::new(minimal(FAR_FUTURE_EPOCH), 1, 16);
    let slot = MOST_EMPTY_SLOTS + 8;
    script.on_slot(slot);
    let chain = script.chain(0);
    let errors = [
        chain.proposer_duties(slot / 8).err(),
        chain.attester_duties(slot / 8 + 1, &[1]).err(),
        chain.attestation_data(slot, 0).err(),
        chain.state(StateId::Slot(slot)).err(),
    ];
    for error in errors {
        let error = error.expect("too far");
        assert!(matches!(error, Error::TooFar { from: 0, .. }), "{error}");
        assert!(error.to_string().contains(&format!("{slot} slots after")), "{error}");
    }
    let (id, randao, graffiti) = (ProductionId(1), Bytes([0; 96]), Bytes([0; 32]));
    script.send(0, Event::Produce { id, slot, randao, graffiti, now_ms: script.now_ms });
    let [(_, Err(error))] = &script.nodes[0].produced[..] else { panic!("one error") };
    assert!(error.contains(&format!("{slot} slots after")), "{error}");
    // What the head's registry can tell needs no present state; but so old a head blames nobody.
    let message = VoluntaryExit { epoch: 0, validator_index: 99 };
    let exit = Arc::new(SignedVoluntaryExit { message, signature: Bytes([0; 96]) });
    script.send(0, Event::VoluntaryExit { exit, origin: Origin::Api(9), now_ms: script.now_ms });
    assert_eq!(script.outcome(0, Origin::Api(9)), Some(Outcome::Ignore("validator index out of range".into())));
}

#[test]
fn a_long_walk_is_not_repeated_even_when_the_memo_forgets_it() {
    let mut script = Script::new(minimal(FAR_FUTURE_EPOCH), 1, 16);
    script.on_slot(487);
    script.restart(0); // with a memo of four states
    let state = |slot| script.chain(0).state(StateId::Slot(slot)).unwrap();
    let first = state(480);
    (481..=486).for_each(|slot| assert_eq!(state(slot).slot, slot));
    assert!(Arc::ptr_eq(&first, &state(480)));
}

#[test]
fn no_state_is_computed_for_sync_messages_that_are_not_of_the_present_slot_or_whose_committee_the_head_knows() {
    let mut script = Script::new(minimal(0), 1, 16);
    script.run(1..=3);
    script.on_slot(4);
    let known = script.memo.hits_and_misses();
    for (slot, subnet) in [(4000, Some(0)), (3999, Some(3)), (3998, None), (3997, None)] {
        let message = Arc::new(SyncCommitteeMessage { slot, ..SyncCommitteeMessage::default() });
        let origin = Origin::Gossip(GossipId(slot));
        script.send(0, Event::SyncMessage { message, subnet, origin, now_ms: script.now_ms });
        let outcome = script.outcome(0, origin);
        assert!(matches!(&outcome, Some(Outcome::Ignore(why)) if why.contains("current slot")), "{outcome:?}");
    }
    assert_eq!(script.memo.hits_and_misses(), known);
    let before = script.nodes[0].outcomes.len();
    assert!(script.sync_messages(0, |_| true) > 0);
    assert!(script.nodes[0].outcomes[before..].iter().all(|(_, outcome)| outcome.is_accept()));
    assert_eq!(script.memo.hits_and_misses(), known, "nothing was even looked up");
}

#[test]
fn a_validators_word_is_enough_for_one_long_walk_a_slot_by_gossip_and_for_any_number_on_request() {
    let mut script = Script::new(minimal(FAR_FUTURE_EPOCH), 2, 16);
    let mut made: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for slot in 20.. {
        script.on_slot(slot);
        let (by, block) = (script.proposer(0), script.make_block(0, 0));
        made.entry(by).or_default().push(block);
        if made[&by].len() == 3 {
            let mine = made.remove(&by).expect("there");
            script.on_slot(slot + 1);
            return the_second_walk_waits(script, &mine, made.values().flatten().next().expect("another's"));
        }
    }
}

/// On a node that sleeps at genesis: three old blocks of one proposer, and one of another.
fn the_second_walk_waits(mut script: Script, mine: &[Arc<SignedBeaconBlock>], other: &Arc<SignedBeaconBlock>) {
    assert_eq!(script.gossip_block(1, &mine[0]), Some(Outcome::Accept));
    let mut forged = SignedBeaconBlock::clone(other);
    forged.signature = mine[0].signature;
    assert!(matches!(script.gossip_block(1, &Arc::new(forged)), Some(Outcome::Reject(_))), "uses up nobody's word");
    let again = script.gossip_block(1, &mine[1]);
    assert!(matches!(&again, Some(Outcome::Ignore(why)) if why.contains("another old parent")), "{again:?}");
    assert_eq!(script.gossip_block(1, other), Some(Outcome::Accept));
    let (block, origin, now_ms) = (mine[1].clone(), Origin::Sync(1), script.now_ms);
    script.send(1, Event::Block { block, origin, now_ms });
    assert_eq!(script.outcome(1, origin), Some(Outcome::Accept));
    let next = script.chain(1).current_slot() + 1;
    script.on_slot(next);
    assert_eq!(script.gossip_block(1, &mine[2]), Some(Outcome::Accept));
}

#[test]
fn votes_for_old_blocks_are_ignored_unless_they_are_the_heads_own() {
    let mut script = Script::new(minimal(FAR_FUTURE_EPOCH), 2, 16);
    script.nodes[1].partition = 1;
    for slot in 1..=3 {
        script.on_slot(slot);
        script.propose(0);
    }
    script.on_slot(40);
    script.at(334);
    let vote = |attestation, id| Event::Attestation {
        attestation: Arc::new(attestation),
        subnet: None,
        origin: Origin::Gossip(GossipId(id)),
        now_ms: 0,
    };
    let (_, stale) = script.make_votes(1, |_| true).remove(0);
    script.send(0, vote(stale, 700));
    let outcome = script.outcome(0, Origin::Gossip(GossipId(700)));
    assert!(matches!(&outcome, Some(Outcome::Ignore(why)) if why.contains("40 slots behind")), "{outcome:?}");
    let (_, own) = script.make_votes(0, |_| true).remove(0);
    script.send(0, vote(own, 701));
    assert_eq!(script.outcome(0, Origin::Gossip(GossipId(701))), Some(Outcome::Accept));
}
