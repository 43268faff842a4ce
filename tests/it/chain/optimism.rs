//! Engines that know nothing, change their mind, or are not there.

use std::sync::Arc;

use lockin::chain::{Event, Gossip, Origin, Outcome, Standing};
use lockin::engine::stub::{self, Asked, LatestValid, Rule, Say};
use lockin::engine::{Call, Stub};
use lockin::types::{ForkName, SignedBeaconBlock};

use super::script::Script;
use super::setup::forks;

/// Capella from the start would need a merged genesis: merging in the first slots does as well.
fn merged(nodes: usize) -> Script {
    script(nodes, Vec::new())
}

fn script(nodes: usize, verdicts: Vec<Rule>) -> Script {
    let cfg = forks(&[(ForkName::Altair, 0), (ForkName::Bellatrix, 0)]);
    Script::with_engines(cfg, nodes, 16, stub::Script { verdicts, blobs: None })
}

fn set_verdicts(script: &mut Script, node: usize, verdicts: Vec<Rule>) {
    script.nodes[node].engine.set_script(stub::Script { verdicts, blobs: None });
}

/// Two nodes after slot 4. The second hears only what it is handed, and its engine refuses the payload of slot 5.
fn cut_off_before_an_invalid_payload() -> Script {
    let mut script = merged(2);
    script.run(1..=4);
    script.nodes[1].partition = 1;
    set_verdicts(&mut script, 1, vec![Rule::at_slots(5..=5, Say::Invalid)]);
    script
}

/// What is to be seen afterwards: the payload's block was refused and the head stayed.
fn assert_it_stayed_before_the_invalid_payload(script: &Script) {
    assert_eq!((script.chain(1).head().slot, script.chain(1).metrics().blocks_rejected), (4, 1));
}

#[test]
fn a_syncing_engine_makes_heads_optimistic_and_nobody_signs_for_them_until_they_are_valid() {
    let mut script = merged(2);
    script.run(1..=4);
    let syncing = Rule { until_slot: Some(8), ..Rule::at_slots(5..=7, Say::Syncing) };
    set_verdicts(&mut script, 1, vec![syncing]);
    for slot in 5..=7 {
        script.on_slot(slot);
        script.propose(0);
        let head = script.chain(1).head();
        assert_eq!((head.slot, script.chain(1).is_optimistic(&head.root)), (slot, true));
        assert!(!script.chain(0).is_optimistic(&head.root));
        let refused = script.chain(1).attestation_data(slot, 0).unwrap_err().to_string();
        assert!(refused.contains("has not called the payload"), "{refused}");
        script.at(334);
        script.attest(0, |_| true);
    }
    assert!(script.try_make(1, 0).is_err());
    script.on_slot(8);
    let head = script.chain(1).head();
    assert!(!script.chain(1).is_optimistic(&head.root), "asked again, it is valid, and so are its ancestors");
    assert!(script.chain(1).fork_choice().iter().all(|node| !node.optimistic));
    script.propose(1);
    script.run(9..=40);
    assert_eq!(script.chain(0).head().root, script.chain(1).head().root);
    assert!(script.chain(1).finalized().epoch >= 3, "{:?} {:?}", script.chain(1).metrics(), script.nodes[1].warnings);
}

#[test]
fn an_invalid_payload_takes_its_descendants_with_it_and_the_head_moves_away() {
    for latest_valid_hash in [LatestValid::Ancestor, LatestValid::None] {
        let mut script = merged(2);
        script.run(1..=4);
        let fork = script.chain(1).head();
        script.nodes[1].partition = 1;
        script.on_slot(5);
        let good = script.make_block(1, 9);
        // Three blocks that node 1 can't judge at first.
        let at_first = Rule { until_slot: Some(9), ..Rule::at_slots(5..=7, Say::Syncing) };
        let then = Rule { latest_valid_hash, ..Rule::at_slots(5..=7, Say::Invalid) };
        set_verdicts(&mut script, 1, vec![at_first, then]);
        let mut bad = Vec::new();
        for slot in 5..=7 {
            script.on_slot(slot);
            let block = script.propose(0);
            assert_eq!(script.gossip_block(1, &block), Some(Outcome::Accept), "forwarded all the same");
            bad.push(script.chain(1).head().root);
        }
        assert!(bad.iter().all(|root| script.chain(1).is_optimistic(root)));
        script.on_slot(9);
        for root in &bad {
            assert!(!script.chain(1).has_block(root), "{root} is removed");
        }
        assert_eq!(script.chain(1).head().root, fork.root);
        assert_eq!(script.chain(1).metrics().reorgs, 1);
        let again = script.gossip_block(1, &script.chain(0).block_by_root(&bad[2]).unwrap());
        assert!(matches!(again, Some(Outcome::Ignore(_))), "{again:?}");
        // What is left can be built on.
        set_verdicts(&mut script, 1, Vec::new());
        assert_ne!(good.message.parent_root, bad[0]);
        script.on_slot(10);
        let block = script.propose(1);
        assert_eq!((block.message.parent_root, script.chain(1).head().slot), (fork.root, 10));
    }
}

#[test]
fn an_invalid_payload_is_never_imported_and_its_children_are_ignored() {
    let mut script = cut_off_before_an_invalid_payload();
    for slot in 5..=6 {
        script.on_slot(slot);
        let block = script.propose(0);
        let outcome = script.gossip_block(1, &block).unwrap();
        assert_eq!(outcome.is_accept(), slot == 5, "{outcome:?}");
        assert!(!matches!(outcome, Outcome::Reject(_)), "optimistic nodes send it in good faith");
    }
    assert_it_stayed_before_the_invalid_payload(&script);
}

#[test]
fn nobody_is_blamed_for_votes_for_a_block_with_an_invalid_payload() {
    let mut script = cut_off_before_an_invalid_payload();
    script.on_slot(5);
    let block = script.propose(0);
    script.gossip_block(1, &block);
    script.at(334);
    let (by, vote) = script.make_votes(0, |_| true).remove(0);
    let aggregate = Arc::new(script.sign_aggregate(0, by, vote.clone()));
    for gossip in [Gossip::Attestation { subnet: 0, attestation: Arc::new(vote) }, Gossip::Aggregate(aggregate)] {
        let event = script.gossip_event(gossip);
        script.send(1, event);
        let outcome = &script.nodes[1].outcomes.last().unwrap().1;
        assert!(matches!(outcome, Outcome::Ignore(why) if why.contains("payload")), "{outcome:?}");
    }
}

/// Gives a node the block as a peer's answer; what became of it.
fn synced(script: &mut Script, node: usize, number: u64, block: &Arc<SignedBeaconBlock>) -> Option<Outcome> {
    let (block, origin, now_ms) = (block.clone(), Origin::Sync(number), script.now_ms);
    script.send(node, Event::Block { block, origin, now_ms });
    script.outcome(node, origin)
}

#[test]
fn nobody_is_blamed_for_having_sent_an_invalid_payload_when_asked() {
    let mut script = cut_off_before_an_invalid_payload();
    for slot in 5..=6 {
        script.on_slot(slot);
        let block = script.propose(0);
        for number in [2 * slot, 2 * slot + 1] {
            let outcome = synced(&mut script, 1, number, &block);
            assert!(matches!(outcome, Some(Outcome::Ignore(_))), "slot {slot}: {outcome:?}");
        }
    }
    assert_it_stayed_before_the_invalid_payload(&script);
}

/// `sync/optimistic.md`: a merge block whose parent is not terminal is treated like one with an invalid payload.
#[test]
fn a_merge_on_a_block_that_is_not_terminal_is_not_taken_and_nobodys_fault() {
    let mut theirs = merged(1);
    theirs.on_slot(1);
    let first = theirs.propose(0);
    theirs.on_slot(2);
    let second = theirs.propose(0);
    assert!(!first.message.body.execution_payload.block_hash.is_zero(), "it merges");

    // Judged before its import, and after an optimistic one, which takes 128 slots.
    for slot in [2, 130] {
        let mut cfg = forks(&[(ForkName::Altair, 0), (ForkName::Bellatrix, 0)]);
        cfg.set("TERMINAL_TOTAL_DIFFICULTY", "2").unwrap();
        let mut script = Script::new(cfg, 1, 16);
        script.nodes[0].engine = Stub::new(theirs.nodes[0].engine.config().clone());
        let syncing = Rule { until_slot: Some(slot + 1), ..Rule::at_slots(1..=2, Say::Syncing) };
        set_verdicts(&mut script, 0, if slot == 130 { vec![syncing] } else { Vec::new() });
        script.on_slot(slot);
        let outcome = synced(&mut script, 0, 1, &first);
        assert_eq!(outcome.is_some_and(|outcome| outcome.is_accept()), slot == 130, "optimistically");
        script.on_slot(slot + 1);
        assert_eq!(script.chain(0).head().slot, 0, "it is gone");
        for (number, block) in [(2, &first), (3, &second)] {
            let outcome = synced(&mut script, 0, number, block);
            assert!(matches!(outcome, Some(Outcome::Ignore(_))), "{outcome:?}");
        }
    }
}

#[test]
fn without_an_engine_blocks_wait_and_are_imported_when_it_is_back() {
    let mut script = merged(2);
    script.run(1..=4);
    script.nodes[1].engine_is_down = true;
    for slot in 5..=7 {
        script.on_slot(slot);
        script.propose(0);
        let root = script.chain(0).head().root;
        assert_eq!(script.chain(1).standing(&root), Standing::AwaitsEngine, "itself, or for its parent");
    }
    assert_eq!(script.chain(1).head().slot, 4, "without the engine's word nothing is imported");
    assert!(script.chain(1).engine_is_offline());
    assert_eq!(script.chain(1).metrics().blocks_waiting, 1);
    let refused = script.try_make(1, 0).unwrap_err();
    assert!(refused.contains("the execution engine did not answer"), "{refused}");
    script.nodes[1].engine_is_down = false;
    script.on_slot(8);
    assert_eq!(script.chain(1).head().slot, 7);
    assert!(!script.chain(1).engine_is_offline());
    let head = script.chain(1).head().state.latest_execution_payload_header.block_hash;
    assert_eq!(script.nodes[1].engine.forkchoice().head_block_hash, head);
    script.propose(1);
    script.run(9..=34);
    assert_eq!(script.chain(0).head().root, script.chain(1).head().root);
}

#[test]
fn an_engine_that_is_silent_about_one_payload_only_is_asked_about_it_ever_more_rarely() {
    let mut script = merged(2);
    script.run(1..=4);
    script.nodes[1].partition = 1;
    let silent = Rule { calls: Some(vec![Asked::NewPayload]), ..Rule::at_slots(5..=5, Say::Timeout) };
    set_verdicts(&mut script, 1, vec![silent]);
    script.on_slot(5);
    let block = script.propose(0);
    script.gossip_block(1, &block);
    let hash = block.message.body.execution_payload.block_hash;
    let mut asked = vec![5];
    for slot in 6..=30 {
        let before = script.nodes[1].asked.len();
        script.on_slot(slot);
        let about = |call: &&Call| matches!(call, Call::NewPayload(asked) if asked.payload.block_hash == hash);
        asked.extend(script.nodes[1].asked[before..].iter().filter(about).map(|_| slot));
        assert!(!script.chain(1).engine_is_offline() || slot == 6, "slot {slot}: it answers everything else");
        script.propose(1);
    }
    assert_eq!(asked, [5, 6, 7, 9, 13, 21, 29], "every slot until it has answered something else");
    assert_eq!(script.chain(1).head().slot, 30, "other blocks are judged meanwhile");
}

#[test]
fn an_engine_that_refuses_a_head_it_called_valid_is_quoted() {
    let mut script = merged(1);
    script.run(1..=5);
    let head = script.chain(0).head().root;
    let refuse = Rule { calls: Some(vec![Asked::ForkchoiceUpdated]), ..Rule::at_slots(5..=5, Say::Invalid) };
    set_verdicts(&mut script, 0, vec![refuse]);
    script.on_slot(6);
    let why = script.try_make(0, 0).expect_err("no payload");
    assert!(why.contains("told to say so"), "the engine's own words: {why}");
    assert_eq!(script.chain(0).head().root, head, "what was valid stays");
    assert!(script.nodes[0].warnings.iter().any(|warning| warning.contains("which stays")), "{why}");
}

#[test]
fn a_restarted_node_asks_its_engine_about_everything_that_is_not_final() {
    let mut script = merged(1);
    script.run(1..=20);
    let (head, asked) = (script.chain(0).head(), script.nodes[0].asked.len());
    script.restart(0);
    let config = script.nodes[0].engine.config().clone();
    script.nodes[0].engine = Stub::new(config); // it has lost everything, too
    assert!(script.chain(0).is_optimistic(&head.root));
    assert!(script.try_make(0, 0).is_err());
    script.on_slot(21);
    assert!(!script.chain(0).is_optimistic(&head.root));
    let first = script.chain(0).canonical_block_at(1).unwrap().message.body.execution_payload.parent_hash;
    let terminal = Call::PowBlock { hash: first };
    assert!(script.nodes[0].asked[asked..].contains(&terminal), "the merge is checked once more");
    let payloads = script.nodes[0].asked[asked..].iter().filter(|call| matches!(call, Call::NewPayload(_))).count();
    assert_eq!(payloads, script.chain(0).fork_choice().iter().filter(|n| n.execution_block_hash.is_some()).count());
    script.propose(0);
    assert_eq!(script.chain(0).head().slot, 21);
}

#[test]
fn heads_are_told_once_each_and_what_is_final_with_them() {
    let mut script = merged(1);
    script.run(1..=34);
    script.assert_agreement();
    let heads: Vec<_> = script.nodes[0]
        .asked
        .iter()
        .filter_map(|call| match call {
            Call::ForkchoiceUpdated { state, attributes: None, .. } => Some(*state),
            _ => None,
        })
        .collect();
    let mut hashes: Vec<_> = heads.iter().map(|state| state.head_block_hash).collect();
    let told = hashes.len();
    hashes.dedup();
    assert!(hashes.len() >= 32 && told <= hashes.len() + 8, "{told} calls for {} heads", hashes.len());
    let chain = script.chain(0);
    let finalized = chain.block_by_root(&chain.finalized().root).unwrap();
    let last = heads.last().unwrap();
    assert_eq!(last.finalized_block_hash, finalized.message.body.execution_payload.block_hash);
    assert!(!last.safe_block_hash.is_zero());
}

#[test]
fn a_payload_with_a_wrong_hash_does_not_become_a_block() {
    let mut script = merged(1);
    script.run(1..=4);
    set_verdicts(&mut script, 0, vec![Rule::at_slots(5..=5, Say::WrongHash)]);
    script.on_slot(5);
    let refused = script.try_make(0, 0).unwrap_err();
    assert!(refused.contains("says that its hash is"), "{refused}");
    script.run(6..=8);
    assert_eq!(script.chain(0).head().slot, 8);
}
