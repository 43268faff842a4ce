//! Networks that go through every fork: the merge, withdrawals, blobs, votes across committees, data columns.

use std::sync::Arc;

use lockin::chain::{Event, Origin};
use lockin::engine::{Call, stub};
use lockin::spec;
use lockin::ssz::Bytes;
use lockin::types::constants::DOMAIN_BLS_TO_EXECUTION_CHANGE;
use lockin::types::{BlsToExecutionChange, ForkName, SignedBlsToExecutionChange};

use super::script::Script;
use super::setup::{every_fork, forks};

/// A blob in every second payload.
fn blobs() -> stub::Script {
    stub::Script { blobs: Some(stub::BlobPlan { every: 2, per_block: 1, shared: false }), ..Default::default() }
}

#[test]
fn the_network_goes_through_every_fork_and_finalizes_after_each() {
    let mut script = Script::with_engines(every_fork(ForkName::Fulu), 2, 16, blobs());
    script.run(1..=88);
    script.assert_agreement();
    let chain = script.chain(0);
    assert_eq!((chain.head().slot, chain.finalized().epoch), (88, 9));
    assert_eq!(chain.metrics().blocks_waiting, 0);
    let block = |slot| chain.canonical_block_at(slot).unwrap();
    for slot in 17..=88 {
        let fork = script.cfg.fork_at_slot(slot);
        let body = &block(slot).message.body;
        let number = body.execution_payload.block_number;
        assert_eq!(number, block(slot - 1).message.body.execution_payload.block_number + 1, "slot {slot}");
        assert_eq!(body.sync_aggregate.sync_committee_bits.count(), 32, "slot {slot}");
        let has_blobs = fork >= ForkName::Deneb && number % 2 == 0;
        assert_eq!(body.blob_kzg_commitments.len(), usize::from(has_blobs), "slot {slot}");
    }
    let withdrawals = |slot| block(slot).message.body.execution_payload.withdrawals.len();
    assert!((32..=88).map(withdrawals).sum::<usize>() > 40, "rewards are withdrawn");
    assert_eq!(
        script.nodes[0].engine.forkchoice().head_block_hash,
        block(88).message.body.execution_payload.block_hash
    );
}

#[test]
fn electra_packs_the_votes_of_all_committees_of_a_slot_into_one_attestation() {
    let mut script = Script::new(every_fork(ForkName::Electra), 2, 64);
    script.run(1..=56);
    script.assert_agreement();
    let chain = script.chain(0);
    for slot in 50..=56 {
        let attestations = chain.canonical_block_at(slot).unwrap().message.body.attestations.clone();
        let [only] = &attestations.to_vec()[..] else { panic!("slot {slot}: {attestations:?}") };
        assert_eq!(only.committee_bits.count(), 2, "64 validators are 2 committees of 4 a slot");
        assert_eq!((only.aggregation_bits.len(), only.aggregation_bits.count()), (8, 8));
    }
    let state = chain.head().state;
    assert!(state.previous_epoch_participation.iter().filter(|flags| **flags == 0b111).count() >= 60);
}

#[test]
fn the_merge_waits_for_the_terminal_block_and_goes_by_its_hash_where_one_is_named() {
    let mut cfg = forks(&[(ForkName::Altair, 0), (ForkName::Bellatrix, 0)]);
    let terminal = lockin::engine::genesis::terminal_block(cfg.terminal_total_difficulty).block_hash;
    cfg.terminal_block_hash = terminal;
    cfg.terminal_block_hash_activation_epoch = 1;
    let mut script = Script::new(cfg, 2, 16);
    script.nodes.iter_mut().for_each(|node| node.engine_is_down = true);
    script.run(1..=8);
    for slot in 1..=8 {
        let payload = script.chain(0).canonical_block_at(slot).unwrap().message.body.execution_payload.clone();
        assert!(payload.block_hash.is_zero(), "slot {slot}: too early, or no engine to ask");
    }
    script.nodes.iter_mut().for_each(|node| node.engine_is_down = false);
    script.run(9..=34);
    let first = script.chain(1).canonical_block_at(9).unwrap().message.body.execution_payload.clone();
    assert_eq!((first.parent_hash, first.block_number), (terminal, 2));
    assert!(script.chain(0).finalized().epoch >= 2);
    assert_eq!(script.chain(0).head().root, script.chain(1).head().root);
    let told = |call: &Call| matches!(call, Call::ForkchoiceUpdated { state, .. } if state.head_block_hash.is_zero());
    assert!(!script.nodes[0].asked.iter().any(told), "nothing is told before there is a payload");
}

#[test]
fn a_change_of_credentials_comes_into_a_block_of_capella() {
    let mut script = Script::new(every_fork(ForkName::Capella), 1, 16);
    let (validator_index, owner) = (3, script.keys[3].clone());
    let message = BlsToExecutionChange {
        validator_index,
        from_bls_pubkey: owner.public_key(),
        to_execution_address: Bytes([7; 20]),
    };
    let state = script.chain(0).head().state;
    let root = Some(state.genesis_validators_root);
    let domain = spec::compute_domain(&script.cfg, DOMAIN_BLS_TO_EXECUTION_CHANGE, None, root);
    let signature = owner.sign(&spec::compute_signing_root(&message, script.cfg.shape_at_slot(0), domain));
    let change = Arc::new(SignedBlsToExecutionChange { message, signature });
    let send = |script: &mut Script| {
        let (origin, now_ms) = (Origin::Api(script.now_ms), script.now_ms);
        script.send(0, Event::BlsToExecutionChange { change: change.clone(), origin, now_ms });
        script.outcome(0, origin).unwrap()
    };
    script.run(1..=30);
    assert!(!send(&mut script).is_accept(), "before capella it is ignored");
    script.run(31..=33);
    assert!(send(&mut script).is_accept());
    assert_eq!(script.chain(0).pool_bls_to_execution_changes().len(), 1);
    script.on_slot(34);
    let block = script.propose(0);
    assert_eq!(block.message.body.bls_to_execution_changes.len(), 1);
    let state = script.chain(0).head().state;
    assert_eq!(state.validators[validator_index as usize].withdrawal_credentials.0[12..], [7; 20]);
    script.on_slot(35);
    assert!(script.make_block(0, 0).message.body.bls_to_execution_changes.is_empty());
}
