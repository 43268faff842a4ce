//! Whole chains: finality, the altair upgrade, and what makes a block invalid.

use super::*;

#[test]
fn a_phase0_chain_finalizes_through_its_altair_upgrade() {
    let mut rig = Rig::new(network(3), 16);
    rig.run_to(23);
    assert_eq!(fork_of(&rig.cfg, &rig.state), ForkName::Phase0);
    let before = rig.state.finalized_checkpoint.epoch;
    rig.run_to(24);
    assert_eq!(rig.state.fork.current_version, rig.cfg.altair_fork_version);
    assert_eq!(rig.state.fork.epoch, 3);
    assert!(rig.state.previous_epoch_attestations.is_empty());
    assert!(rig.state.previous_epoch_participation.iter().any(|flags| *flags == 0b111));
    rig.run_to(41);
    assert!(rig.state.finalized_checkpoint.epoch > before);
    assert_eq!(rig.state.finalized_checkpoint.epoch, 3);
    assert!(rig.state.balances.iter().all(|balance| *balance > rig.cfg.preset.max_effective_balance));
    assert!(rig.state.inactivity_scores.iter().all(|score| *score == 0));
}

#[test]
fn empty_slots_lose_balance_and_finality_leaks_until_votes_return() {
    let cfg = network(0);
    let mut rig = Rig::new(cfg, 16);
    rig.run_to(1);
    rig.state = rig.state_at(7 * 8);
    assert!(is_in_inactivity_leak(&rig.cfg, &rig.state).unwrap());
    assert!(rig.state.inactivity_scores.iter().all(|score| *score > 0));
    rig.attestations.clear();
    rig.run_to(11 * 8);
    assert!(!is_in_inactivity_leak(&rig.cfg, &rig.state).unwrap());
    assert!(rig.state.finalized_checkpoint.epoch >= 8);
}

#[test]
fn what_is_remembered_beside_a_state_changes_nothing() {
    let mut remembering = Rig::new(network(2), 16);
    let mut forgetful = remembering.clone();
    while remembering.state.slot < 26 {
        let signed = remembering.block(remembering.state.slot + 1);
        remembering.import(&signed).unwrap();
        forgetful.state.cache.clear();
        forgetful.import(&signed).unwrap();
        assert_eq!(remembering.state, forgetful.state);
    }
}

#[test]
fn committees_of_a_slot_are_those_of_the_index_by_index_computation() {
    let rig = Rig::new(network(0), 64);
    let state = rig.state_at(9);
    for epoch in 0..3 {
        let seed = get_seed(&rig.cfg, &state, epoch, DOMAIN_BEACON_ATTESTER).unwrap();
        let active = get_active_validator_indices(&state, epoch);
        let committees = get_committee_assignments(&rig.cfg, &state, epoch).unwrap();
        let count = committees.len() as u64;
        for (i, assignment) in (0..).zip(&committees) {
            let expected = compute_committee(&rig.cfg, &active, &seed, i, count).unwrap();
            assert_eq!(assignment.committee, expected);
            assert_eq!(get_beacon_committee(&rig.cfg, &state, assignment.slot, assignment.index), Ok(expected));
        }
    }
    assert!(matches!(get_committee_assignments(&rig.cfg, &state, 3), Err(Error::EpochTooLate { .. })));
}

#[test]
fn the_wrong_signature_of_a_block_is_named() {
    let mut rig = Rig::new(network(0), 16);
    rig.run_to(3);
    let good = rig.block(4);
    assert!(!good.message.body.attestations.is_empty());
    let wrong = secret_key(99).sign(&Root::default());

    let mut block = good.clone();
    block.signature = wrong;
    assert_eq!(rig.clone().import(&block), Err(Error::InvalidSignature { what: "block" }));

    for (what, edit) in [
        ("RANDAO reveal", (|b, s| b.randao_reveal = s) as fn(&mut BeaconBlockBody, _)),
        ("attestation", |b, s| b.attestations.get_mut(0).unwrap().signature = s),
        ("sync aggregate", |b, s| b.sync_aggregate.sync_committee_signature = s),
    ] {
        let block = rig.block_with(4, |block| edit(&mut block.body, wrong));
        assert_eq!(rig.clone().import(&block), Err(Error::InvalidSignature { what }));
    }
    assert_eq!(rig.import(&good), Ok(()));
}

#[test]
fn a_sync_aggregate_of_some_members_and_one_of_nobody_count() {
    let mut rig = Rig::new(network(0), 16);
    rig.run_to(2);
    let members = [3, 20, 21];
    let state = rig.state_at(3);
    let some = rig.sync_aggregate(&state, |position| members.contains(&position));
    let signed = rig.block_with(3, |block| block.body.sync_aggregate = some);
    rig.import(&signed).unwrap();

    let nobody = SyncAggregate {
        sync_committee_bits: BitVector::zero(rig.cfg.shape_at_slot(4)),
        sync_committee_signature: G2_POINT_AT_INFINITY,
    };
    let mut unsigned = nobody.clone();
    unsigned.sync_committee_signature = Bytes([0; 96]);
    let signed = rig.block_with(4, |block| block.body.sync_aggregate = unsigned);
    assert_eq!(rig.clone().import(&signed), Err(Error::InvalidSignature { what: "sync aggregate" }));
    let signed = rig.block_with(4, |block| block.body.sync_aggregate = nobody);
    rig.import(&signed).unwrap();
}

#[test]
fn a_block_of_another_parent_proposer_or_state_is_refused() {
    let mut rig = Rig::new(network(u64::MAX), 16);
    rig.run_to(2);
    let good = rig.block(3);
    let other = Bytes([7; 32]);

    let mut block = good.message.clone();
    block.parent_root = other;
    let expected = Error::WrongParent { slot: 3, claimed: other, expected: rig.head_root };
    assert_eq!(rig.clone().import(&rig.sign(block)), Err(expected));

    let mut block = good.message.clone();
    block.proposer_index = (block.proposer_index + 1) % 16;
    let (claimed, expected) = (block.proposer_index, good.message.proposer_index);
    let signed = rig.sign(block);
    assert_eq!(rig.clone().import(&signed), Err(Error::WrongProposer { slot: 3, claimed, expected }));

    let mut block = good.message.clone();
    block.state_root = other;
    let found = good.message.state_root;
    assert_eq!(rig.clone().import(&rig.sign(block)), Err(Error::StateRoot { slot: 3, claimed: other, found }));

    rig.import(&good).unwrap();
    assert_eq!(rig.import(&good), Err(Error::SlotNotAhead { slot: 3, state_slot: 3 }));
}

#[test]
fn the_interop_vote_asks_for_no_deposit_and_changes_with_the_period() {
    let rig = Rig::new(network(u64::MAX), 16);
    let first = get_interop_eth1_vote(&rig.cfg, &rig.state).unwrap();
    assert_eq!(first.deposit_count, 16);
    // SHA-256 of 32 zero bytes, and of that.
    let root = "0x66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925".parse().unwrap();
    assert_eq!(first.deposit_root, root);
    assert_eq!(first.block_hash, crate::ssz::sha256(&root.0));
    assert_eq!(get_interop_eth1_vote(&rig.cfg, &rig.state_at(31)).unwrap(), first);
    assert_ne!(get_interop_eth1_vote(&rig.cfg, &rig.state_at(32)).unwrap(), first);
}
