//! The first payload, and what a payload must be.

use super::*;
use crate::types::{BlsToExecutionChange, SignedBlsToExecutionChange, constants::DOMAIN_BLS_TO_EXECUTION_CHANGE};

/// A minimal network in `fork` from the start.
fn network_in(fork: ForkName) -> ChainConfig {
    let mut cfg = ChainConfig::minimal();
    cfg.start_at(fork);
    cfg
}

#[test]
fn bellatrix_blocks_have_no_payload_until_one_has() {
    let mut rig = Rig::new(network_in(ForkName::Bellatrix), 16);
    rig.run_to(2);
    assert!(!is_merge_transition_complete(&rig.state));
    let first = |rig: &Rig, parent_hash| {
        let payload = ExecutionPayload { parent_hash, ..rig.payload(&rig.state_at(3)) };
        rig.block_with(3, |block| block.body.execution_payload = payload)
    };
    let signed = first(&rig, Bytes([9; 32]));
    assert!(is_merge_transition_block(&rig.state_at(3), &signed.message.body));
    rig.import(&signed).expect("transition asks for no proof of work");
    assert!(is_merge_transition_complete(&rig.state));

    // From now on every block has one, on the one before.
    let refused = |payload: ExecutionPayload| {
        let mut block = rig.bare_block(4);
        block.body.execution_payload = payload;
        rig.clone().import(&rig.sign(block)).unwrap_err()
    };
    let right = rig.payload(&rig.state_at(4));
    assert!(matches!(refused(ExecutionPayload::zero(rig.cfg.shape_at_slot(4))), Error::PayloadParent { .. }));
    let other = ExecutionPayload { parent_hash: Bytes([9; 32]), ..right.clone() };
    assert!(matches!(refused(other), Error::PayloadParent { .. }));
    let other = ExecutionPayload { prev_randao: Bytes([9; 32]), ..right.clone() };
    assert!(matches!(refused(other), Error::PayloadRandao { .. }));
    let other = ExecutionPayload { timestamp: right.timestamp + 1, ..right.clone() };
    assert!(matches!(refused(other), Error::PayloadTime { .. }));
    let signed = rig.block_with(4, |block| block.body.execution_payload = right);
    rig.import(&signed).unwrap();
}

#[test]
fn a_capella_block_has_a_payload_even_if_none_came_before() {
    let mut rig = Rig::new(network_in(ForkName::Capella), 16);
    let mut block = rig.bare_block(1);
    block.body.execution_payload = ExecutionPayload::zero(rig.cfg.shape_at_slot(1));
    assert!(matches!(rig.import(&rig.sign(block)), Err(Error::PayloadRandao { .. })));
    rig.run_to(2);
    assert!(is_merge_transition_complete(&rig.state));
}

#[test]
fn too_many_blobs_and_others_withdrawals_are_refused() {
    let mut rig = Rig::new(network_in(ForkName::Deneb), 16);
    rig.run_to(1);
    let limit = rig.cfg.max_blobs_per_block;
    let with_blobs = |count: u64| {
        let mut block = rig.bare_block(2);
        block.body.blob_kzg_commitments = (0..count).map(|_| Default::default()).collect();
        let mut state = rig.state_at(2);
        blocks::process_block(&rig.cfg, &mut state, &block, &mut Signatures::Trust)
    };
    assert_eq!(with_blobs(limit), Ok(()));
    assert_eq!(with_blobs(limit + 1), Err(Error::BlobCount { found: limit + 1, limit }));

    let mut block = rig.bare_block(2);
    block.body.execution_payload.withdrawals.push(Default::default());
    let mut state = rig.state_at(2);
    let outcome = blocks::process_block(&rig.cfg, &mut state, &block, &mut Signatures::Trust);
    assert!(matches!(outcome, Err(Error::Withdrawals { .. })));
}

#[test]
fn the_holder_of_the_withdrawal_key_names_an_address_once() {
    let rig = Rig::new(network_in(ForkName::Capella), 8);
    let (cfg, mut state) = (&rig.cfg, rig.state_at(1));
    let key = secret_key(77);
    let mut credentials = crate::ssz::sha256(&key.public_key().0);
    credentials.0[0] = 0;
    mutators::change_validator(&mut state, 3, |validator| validator.withdrawal_credentials = credentials).unwrap();
    let message = BlsToExecutionChange {
        validator_index: 3,
        from_bls_pubkey: key.public_key(),
        to_execution_address: Bytes([0xab; 20]),
    };
    let sign = |message: &BlsToExecutionChange, version| {
        let domain = compute_domain(cfg, DOMAIN_BLS_TO_EXECUTION_CHANGE, version, Some(state.genesis_validators_root));
        let signature = key.sign(&compute_signing_root(message, cfg.shape_at_slot(1), domain));
        SignedBlsToExecutionChange { message: *message, signature }
    };
    let change = |state: &mut BeaconState, signed| {
        blocks::process_bls_to_execution_change(cfg, state, &signed, &mut Signatures::Verify)
    };
    let of_this_fork = sign(&message, Some(cfg.capella_fork_version));
    assert!(matches!(change(&mut state.clone(), of_this_fork), Err(Error::InvalidSignature { .. })));
    let of_another = sign(&BlsToExecutionChange { validator_index: 2, ..message }, None);
    assert!(matches!(change(&mut state.clone(), of_another), Err(Error::BlsToExecutionChange { index: 2, .. })));
    let unknown = sign(&BlsToExecutionChange { validator_index: 99, ..message }, None);
    assert!(matches!(change(&mut state.clone(), unknown), Err(Error::UnknownValidator { index: 99, .. })));

    let signed = sign(&message, None);
    change(&mut state, signed).unwrap();
    let credentials = state.validators[3].withdrawal_credentials;
    assert_eq!(credentials.0[..12], [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(credentials.0[12..], [0xab; 20]);
    assert!(matches!(change(&mut state, signed), Err(Error::BlsToExecutionChange { index: 3, .. })), "only once");
}

#[test]
fn an_upgrade_goes_by_the_rules_of_its_own_fork() {
    // Electra draws sync committees otherwise; the one of altair's upgrade is still altair's.
    let altair = Rig::new(network(1), 16).state_at(8);
    let mut cfg = network(1);
    ForkName::ALL.into_iter().filter(|fork| *fork > ForkName::Altair).for_each(|fork| cfg.set_fork_epoch(fork, 1));
    let fulu = Rig::new(cfg, 16).state_at(8);
    assert_eq!(fulu.current_sync_committee, altair.current_sync_committee);
    assert_eq!(fulu.inactivity_scores, altair.inactivity_scores);
}
