//! Blocks with blobs: published with their sidecars, imported when these are there, served, and forgotten in time.

use std::sync::Arc;

use lockin::chain::{Event, Gossip, Notice, Origin, Outcome, ProducedBlock};
use lockin::engine::{Call, stub};
use lockin::spec::das::get_blob_sidecars;
use lockin::ssz::{Bytes, Root, Ssz};
use lockin::types::{BlobSidecar, DataColumnSidecar, ForkName, SignedBeaconBlock};

use super::script::Script;
use super::setup::every_fork;

/// A network in `fork`, all of whose payloads have blobs, at its second slot.
fn in_fork(fork: ForkName, nodes: usize, shared: bool) -> Script {
    let mut cfg = every_fork(fork);
    cfg.set("MIN_EPOCHS_FOR_BLOB_SIDECARS_REQUESTS", "2").unwrap();
    cfg.set("MIN_EPOCHS_FOR_DATA_COLUMN_SIDECARS_REQUESTS", "2").unwrap();
    let plan = stub::BlobPlan { every: 1, per_block: 1, shared };
    let start = cfg.start_slot(cfg.fork_epoch(fork));
    let mut script = Script::with_engines(cfg, nodes, 16, stub::Script { verdicts: Vec::new(), blobs: Some(plan) });
    script.run(1..=start + 1);
    script.assert_agreement();
    script
}

fn count(fork: ForkName, script: &Script) -> u64 {
    if fork < ForkName::Fulu { 1 } else { script.cfg.preset.number_of_columns }
}

#[test]
fn sidecars_are_served_by_whoever_imported_the_block_also_after_a_restart() {
    for fork in [ForkName::Deneb, ForkName::Fulu] {
        let mut script = in_fork(fork, 2, false);
        script.on_slot(script.slot + 1);
        let block = script.propose(0);
        let root = block.message.hash_tree_root(script.cfg.shape_at_slot(script.slot));
        script.restart(1);
        for node in 0..2 {
            assert_eq!(script.chain(node).head().root, root);
            let (blobs, columns) =
                (script.chain(node).blob_sidecars(&root), script.chain(node).data_column_sidecars(&root));
            assert_eq!((blobs.len() + columns.len()) as u64, count(fork, &script), "{fork} node {node}");
            assert_eq!(blobs.is_empty(), fork == ForkName::Fulu);
            assert!(columns.iter().zip(0..).all(|(column, index)| column.index == index));
        }
        // Beyond the window they are gone, and their rows with them.
        let size = |script: &Script| script.nodes[0].rows.size().1;
        let (start, before) = (script.slot, size(&script));
        script.run(start + 1..=start + 56);
        assert!(
            script.chain(0).blob_sidecars(&root).is_empty() && script.chain(0).data_column_sidecars(&root).is_empty()
        );
        assert!(script.chain(0).has_block(&root));
        let bytes = if fork == ForkName::Fulu { 128 * 2048 } else { 131_072 };
        assert!(size(&script) < before + 50 * bytes, "{} bytes", size(&script));
    }
}

#[test]
fn a_block_waits_for_its_blob_which_is_asked_for_after_a_while() {
    let mut script = in_fork(ForkName::Deneb, 2, false);
    script.nodes[1].deaf_to = vec![0];
    script.nodes[1].engine_has_no_blobs = true;
    let (slot, before) = (script.slot + 1, script.chain(1).head());
    script.on_slot(slot);
    let block = script.propose(0);
    let root = block.message.hash_tree_root(script.cfg.shape_at_slot(slot));
    assert_eq!((script.chain(1).head().root, script.chain(1).metrics().blocks_waiting), (before.root, 1));
    assert!(script.nodes[1].sidecar_requests.is_empty(), "it may come by itself");
    script.at(300);
    assert_eq!(script.nodes[1].sidecar_requests, [(root, vec![0])]);
    assert_eq!((script.chain(1).head().root, script.chain(1).metrics().blocks_waiting), (root, 0));
}

#[test]
fn missing_columns_are_computed_from_half_of_them_and_asked_for_from_fewer() {
    for (missing, asks) in [(64, false), (65, true)] {
        let mut script = in_fork(ForkName::Fulu, 2, false);
        script.nodes[1].deaf_to = (0..missing).collect();
        script.nodes[1].engine_has_no_blobs = true;
        let slot = script.slot + 1;
        script.on_slot(slot);
        let block = script.propose(0);
        let root = block.message.hash_tree_root(script.cfg.shape_at_slot(slot));
        assert_eq!(script.chain(1).metrics().blocks_waiting, 1);
        script.at(300);
        assert_eq!(script.chain(1).head().root, root);
        let asked: Vec<usize> = script.nodes[1].sidecar_requests.iter().map(|(_, indices)| indices.len()).collect();
        assert_eq!(asked, if asks { vec![missing as usize] } else { vec![] });
        let columns = |node: usize| -> Vec<DataColumnSidecar> {
            script.chain(node).data_column_sidecars(&root).iter().map(|column| (**column).clone()).collect()
        };
        assert_eq!(columns(1), columns(0));
    }
}

#[test]
fn the_engine_may_have_the_blobs_that_peers_do_not_send() {
    for fork in [ForkName::Electra, ForkName::Fulu] {
        let mut script = in_fork(fork, 2, true);
        script.nodes[1].deaf_to = (0..128).collect();
        script.on_slot(script.slot + 1);
        script.propose(0);
        assert_eq!(script.chain(1).head().root, script.chain(0).head().root, "{fork}");
        assert!(script.nodes[1].sidecar_requests.is_empty());
    }
}

#[test]
fn sidecars_may_come_before_their_block_and_wrong_ones_are_rejected() {
    let mut script = in_fork(ForkName::Deneb, 2, false);
    script.nodes[1].partition = 1;
    let slot = script.slot + 1;
    script.on_slot(slot);
    let block = script.propose(0);
    let root = block.message.hash_tree_root(script.cfg.shape_at_slot(slot));
    let sidecar = script.chain(0).blob_sidecars(&root).remove(0);
    let send = |script: &mut Script, number: u64, sidecar: BlobSidecar| {
        let (origin, now_ms) = (Origin::Sync(number), script.now_ms);
        script.send(1, Event::BlobSidecar { sidecar: Arc::new(sidecar), subnet: None, origin, now_ms });
        script.outcome(1, origin).unwrap()
    };
    let mut wrong = BlobSidecar::clone(&sidecar);
    wrong.kzg_proof.0[0] ^= 1;
    assert!(matches!(send(&mut script, 100, wrong), Outcome::Reject(why) if why.contains("blob kzg proof")));
    let mut elsewhere = BlobSidecar::clone(&sidecar);
    elsewhere.index = 1;
    assert!(matches!(send(&mut script, 101, elsewhere), Outcome::Reject(why) if why.contains("inclusion proof")));
    let mut unsigned = BlobSidecar::clone(&sidecar);
    unsigned.signed_block_header.signature =
        sidecar.signed_block_header.message.body_root.0.repeat(3).try_into().map(lockin::ssz::Bytes).unwrap();
    assert!(matches!(send(&mut script, 102, unsigned), Outcome::Reject(why) if why.contains("signature")));
    assert_eq!(send(&mut script, 103, BlobSidecar::clone(&sidecar)), Outcome::Accept);
    assert!(matches!(send(&mut script, 104, BlobSidecar::clone(&sidecar)), Outcome::Duplicate(_)));
    assert_eq!(script.gossip_block(1, &block), Some(Outcome::Accept));
    assert_eq!(script.chain(1).head().root, root, "nothing is missing");
}

#[test]
fn nobody_is_blamed_for_sidecars_on_a_block_with_an_invalid_payload() {
    let mut script = in_fork(ForkName::Deneb, 2, false);
    script.nodes[1].partition = 1;
    let slot = script.slot + 1;
    let verdicts = vec![stub::Rule::at_slots(slot..=slot, stub::Say::Invalid)];
    script.nodes[1].engine.set_script(stub::Script { verdicts, blobs: None });
    script.on_slot(slot);
    let block = script.propose(0);
    script.gossip_block(1, &block);
    assert_eq!(script.chain(1).metrics().blocks_rejected, 1);
    script.on_slot(slot + 1);
    let child = script.propose(0);
    let sidecar = script.chain(0).blob_sidecars(&root_of(&script, &child)).remove(0);
    let event = script.gossip_event(Gossip::BlobSidecar { subnet: 0, sidecar });
    script.send(1, event);
    let outcome = &script.nodes[1].outcomes.last().unwrap().1;
    assert!(matches!(outcome, Outcome::Ignore(why) if why.contains("payload")), "{outcome:?}");
}

#[test]
fn a_block_whose_blobs_are_not_those_of_its_commitments_is_not_published() {
    let mut script = in_fork(ForkName::Fulu, 1, false);
    script.on_slot(script.slot + 1);
    let (block, made) = script.make(0, 0);
    let (origin, now_ms) = (Origin::Api(77), script.now_ms);
    let mut proofs = made.proofs.clone();
    proofs.swap(0, 1);
    let blobs = made.blobs.clone();
    script.send(0, Event::BlockContents { block: block.clone(), proofs, blobs, origin, now_ms });
    assert!(matches!(script.outcome(0, origin), Some(Outcome::Reject(_))));
    let (proofs, origin) = (made.proofs, Origin::Api(78));
    script.send(0, Event::BlockContents { block, proofs, blobs: made.blobs, origin, now_ms });
    assert_eq!(script.outcome(0, origin), Some(Outcome::Accept));
    assert_eq!(script.chain(0).head().slot, script.slot);
}

fn root_of(script: &Script, block: &SignedBeaconBlock) -> Root {
    block.message.hash_tree_root(script.cfg.shape_at_slot(block.message.slot))
}

/// Gives a sidecar to a node as if it had been asked for.
fn fetched(script: &mut Script, node: usize, number: u64, sidecar: BlobSidecar) -> Outcome {
    let (origin, now_ms) = (Origin::Sync(number), script.now_ms);
    script.send(node, Event::BlobSidecar { sidecar: Arc::new(sidecar), subnet: None, origin, now_ms });
    script.outcome(node, origin).unwrap()
}

fn post(script: &mut Script, node: usize, call: u64, block: SignedBeaconBlock, made: &ProducedBlock) -> Outcome {
    let (origin, now_ms) = (Origin::Api(call), script.now_ms);
    let (block, proofs, blobs) = (Arc::new(block), made.proofs.clone(), made.blobs.clone());
    script.send(node, Event::BlockContents { block, proofs, blobs, origin, now_ms });
    script.outcome(node, origin).unwrap()
}

#[test]
fn a_proposer_of_many_blocks_fills_no_room_and_the_block_that_comes_gets_it() {
    let mut script = in_fork(ForkName::Deneb, 2, false);
    (script.nodes[1].partition, script.nodes[1].engine_has_no_blobs) = (1, true);
    script.on_slot(script.slot + 1);
    let mut signed = Vec::new();
    for (number, graffiti) in (200..).zip(0..4) {
        let (block, made) = script.make(0, graffiti);
        let sidecar = get_blob_sidecars(&script.cfg, &block, &made.blobs, &made.proofs).unwrap().remove(0);
        signed.push((block, sidecar.clone()));
        let room = fetched(&mut script, 1, number, sidecar).is_accept();
        assert_eq!(room, graffiti < 2, "block {graffiti}");
    }
    let (block, sidecar) = signed.pop().unwrap();
    assert_eq!(script.gossip_block(1, &block), Some(Outcome::Accept));
    assert_eq!(fetched(&mut script, 1, 300, sidecar), Outcome::Accept);
    assert_eq!(script.chain(1).head().root, root_of(&script, &block));
}

#[test]
fn who_did_not_sign_a_block_cannot_take_its_sidecars_away() {
    let mut script = in_fork(ForkName::Deneb, 2, false);
    (script.nodes[1].partition, script.nodes[1].engine_has_no_blobs) = (1, true);
    script.on_slot(script.slot + 1);
    let (block, made) = script.make(0, 0);
    let sidecar = get_blob_sidecars(&script.cfg, &block, &made.blobs, &made.proofs).unwrap().remove(0);
    let event = script.gossip_event(Gossip::BlobSidecar { subnet: 0, sidecar: Arc::new(sidecar) });
    script.send(1, event);
    let mut forged = SignedBeaconBlock::clone(&block);
    forged.signature = script.chain(0).canonical_block_at(script.slot - 1).unwrap().signature;
    assert!(matches!(post(&mut script, 1, 50, forged, &made), Outcome::Reject(_)));
    assert_eq!(script.gossip_block(1, &block), Some(Outcome::Accept));
    assert_eq!(script.chain(1).head().root, root_of(&script, &block), "its sidecar is still there");
}

#[test]
fn a_posted_block_that_others_sent_without_its_sidecars_gets_them() {
    let mut script = in_fork(ForkName::Deneb, 2, false);
    (script.nodes[1].partition, script.nodes[1].engine_has_no_blobs) = (1, true);
    script.on_slot(script.slot + 1);
    let (block, made) = script.make(0, 0);
    assert_eq!(script.gossip_block(1, &block), Some(Outcome::Accept));
    assert_eq!(script.chain(1).metrics().blocks_waiting, 1);
    assert!(matches!(post(&mut script, 1, 50, SignedBeaconBlock::clone(&block), &made), Outcome::Duplicate(_)));
    assert_eq!(script.chain(1).head().root, root_of(&script, &block));
}

#[test]
fn a_posted_block_that_has_to_wait_for_its_parent_is_published_with_its_sidecars_then() {
    let mut script = in_fork(ForkName::Deneb, 3, false);
    for node in [1, 2] {
        (script.nodes[node].partition, script.nodes[node].engine_has_no_blobs) = (1, true);
    }
    script.on_slot(script.slot + 1);
    let parent = script.propose(0);
    let of_parent = script.chain(0).blob_sidecars(&root_of(&script, &parent)).remove(0);
    script.on_slot(script.slot + 1);
    let (block, made) = script.make(0, 0);
    assert!(matches!(post(&mut script, 1, 50, SignedBeaconBlock::clone(&block), &made), Outcome::Held(_)));
    for node in [2, 1] {
        assert_eq!(script.gossip_block(node, &parent), Some(Outcome::Accept));
        let number = 100 + node as u64;
        assert_eq!(fetched(&mut script, node, number, BlobSidecar::clone(&of_parent)), Outcome::Accept);
    }
    for node in [1, 2] {
        assert_eq!(script.chain(node).head().root, root_of(&script, &block), "node {node}");
        assert!(script.nodes[node].sidecar_requests.is_empty());
    }
}

#[test]
fn sidecars_of_blocks_fetched_long_after_their_slot_are_neither_published_nor_sought_in_the_engines_pool() {
    let mut script = in_fork(ForkName::Fulu, 3, true);
    for node in [1, 2] {
        script.nodes[node].partition = 1;
    }
    script.on_slot(script.slot + 1);
    let block = script.propose(0);
    let root = root_of(&script, &block);
    let columns = script.chain(0).data_column_sidecars(&root);
    script.on_slot(script.slot + 4);
    let count = |script: &Script| {
        let blob_calls = script.nodes[1].asked.iter().filter(|call| matches!(call, Call::GetBlobs { .. })).count();
        let told = script.nodes[1].notices.iter().filter(|notice| matches!(notice, Notice::DataColumnSidecar { .. }));
        (blob_calls, told.count(), script.nodes[2].outcomes.len())
    };
    let before = count(&script);
    let (origin, now_ms, subnet) = (Origin::Sync(70), script.now_ms, None);
    script.send(1, Event::Block { block, origin, now_ms });
    for (number, sidecar) in (71..).zip(columns.into_iter().take(64)) {
        script.send(1, Event::DataColumnSidecar { sidecar, subnet, origin: Origin::Sync(number), now_ms });
    }
    script.at(300);
    assert_eq!(script.chain(1).head().root, root, "the other columns were computed");
    assert_eq!(count(&script), before);
}

#[test]
fn a_block_that_waits_for_other_sidecars_serves_those_that_are_there() {
    let mut script = in_fork(ForkName::Fulu, 2, false);
    script.nodes[1].deaf_to = (3..128).collect();
    script.nodes[1].engine_has_no_blobs = true;
    script.on_slot(script.slot + 1);
    let root = script.propose(0);
    let root = root_of(&script, &root);
    assert_eq!(script.chain(1).metrics().blocks_waiting, 1);
    let served: Vec<u64> = script.chain(1).data_column_sidecars(&root).iter().map(|column| column.index).collect();
    assert_eq!(served, [0, 1, 2]);
    assert!(script.chain(1).data_column_sidecars(&Bytes([1; 32])).is_empty());
}

#[test]
fn rubbish_beside_a_true_header_is_not_held_for_the_parent() {
    let mut script = in_fork(ForkName::Deneb, 2, false);
    script.nodes[1].partition = 1;
    script.on_slot(script.slot + 1);
    script.propose(0);
    script.on_slot(script.slot + 1);
    let block = script.propose(0);
    let right = BlobSidecar::clone(&script.chain(0).blob_sidecars(&root_of(&script, &block))[0]);
    let mut rubbish = right.clone();
    rubbish.kzg_proof.0[0] ^= 1;
    let mut outcome = |sidecar: BlobSidecar| {
        let event = script.gossip_event(Gossip::BlobSidecar { subnet: 0, sidecar: Arc::new(sidecar) });
        let Event::BlobSidecar { origin, .. } = event else { unreachable!() };
        script.send(1, event);
        script.outcome(1, origin)
    };
    assert!(matches!(outcome(rubbish), Some(Outcome::Reject(_))));
    assert_eq!(outcome(right), None, "held");
}
