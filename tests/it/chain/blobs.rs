//! Blocks with blobs: published with their sidecars, imported when these are there, served, and forgotten in time.

use std::sync::Arc;

use lockin::chain::{Event, Origin, Outcome};
use lockin::engine::stub;
use lockin::ssz::Ssz;
use lockin::types::{BlobSidecar, DataColumnSidecar, ForkName};

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
