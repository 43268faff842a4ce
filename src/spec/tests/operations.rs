//! Operations that change the registry, and votes for eth1 data.

use super::*;
use crate::types::{
    AttesterSlashing, BeaconBlockHeader, Eth1Block, IndexedAttestation, ProposerSlashing, SignedBeaconBlockHeader,
    SignedVoluntaryExit, VoluntaryExit,
    constants::{DOMAIN_BEACON_PROPOSER, DOMAIN_VOLUNTARY_EXIT, FAR_FUTURE_EPOCH},
};

fn signed_header(rig: &Rig, proposer_index: u64, graffiti: u8) -> SignedBeaconBlockHeader {
    let message = BeaconBlockHeader { slot: 1, proposer_index, body_root: Bytes([graffiti; 32]), ..Default::default() };
    let domain = get_domain(&rig.cfg, &rig.state, DOMAIN_BEACON_PROPOSER, Some(0));
    let root = compute_signing_root(&message, rig.cfg.shape_at_slot(1), domain);
    SignedBeaconBlockHeader { message, signature: secret_key(proposer_index).sign(&root) }
}

#[test]
fn a_proposer_of_two_blocks_for_one_slot_is_slashed_once() {
    let mut rig = Rig::new(network(0), 16);
    rig.run_to(2);
    let slashed = (get_beacon_proposer_index(&rig.cfg, &rig.state_at(3)).unwrap() + 1) % 16;
    let slashing = ProposerSlashing {
        signed_header_1: signed_header(&rig, slashed, 1),
        signed_header_2: signed_header(&rig, slashed, 2),
    };
    let signed = rig.block_with(3, |block| block.body.proposer_slashings.push(slashing));
    rig.import(&signed).unwrap();
    let validator = get_validator(&rig.state, slashed).unwrap();
    assert!(validator.slashed);
    assert_eq!(validator.exit_epoch, 5);
    assert_eq!(validator.withdrawable_epoch, rig.cfg.preset.epochs_per_slashings_vector.max(5 + 256));
    assert!(rig.state.balances[slashed as usize] < rig.cfg.preset.max_effective_balance);

    let mut state = rig.state_at(4);
    let again = blocks::process_proposer_slashing(&rig.cfg, &mut state, &slashing, &mut Signatures::Verify);
    assert!(matches!(again, Err(Error::ProposerSlashing { index, .. }) if index == slashed));
}

#[test]
fn attesters_of_contradicting_votes_are_slashed() {
    let mut rig = Rig::new(network(u64::MAX), 16);
    rig.run_to(2);
    let vote = rig.attestations[0].clone();
    let state = rig.state_at(3);
    let proposer = get_beacon_proposer_index(&rig.cfg, &state).unwrap();
    let first = get_indexed_attestation(&rig.cfg, &state, &vote).unwrap();
    let mut data = vote.data;
    data.beacon_block_root = Bytes([9; 32]);
    let domain = get_domain(&rig.cfg, &state, DOMAIN_BEACON_ATTESTER, Some(0));
    let message = compute_signing_root(&data, rig.cfg.shape_at_slot(2), domain);
    let signatures: Vec<_> = first.attesting_indices.iter().map(|i| secret_key(*i).sign(&message)).collect();
    let signature = crate::crypto::aggregate(&signatures).unwrap();
    let second = IndexedAttestation { attesting_indices: first.attesting_indices.clone(), data, signature };
    assert!(is_valid_indexed_attestation(&rig.cfg, &state, &second));

    let mut slashing = AttesterSlashing { attestation_1: first.clone(), attestation_2: second };
    let mut after = state.clone();
    blocks::process_attester_slashing(&rig.cfg, &mut after, &slashing, &mut Signatures::Verify).unwrap();
    assert!(first.attesting_indices.iter().all(|i| after.validators[*i as usize].slashed));
    assert!(after.balances[proposer as usize] > state.balances[proposer as usize]);

    slashing.attestation_1.attesting_indices = first.attesting_indices.iter().rev().copied().collect();
    let unsorted = blocks::process_attester_slashing(&rig.cfg, &mut state.clone(), &slashing, &mut Signatures::Trust);
    assert!(matches!(unsorted, Err(Error::InvalidAttesters { .. })));
    slashing.attestation_1 = slashing.attestation_2.clone();
    let same = blocks::process_attester_slashing(&rig.cfg, &mut state.clone(), &slashing, &mut Signatures::Trust);
    assert!(matches!(same, Err(Error::AttesterSlashing { .. })));
}

#[test]
fn an_exit_waits_for_the_committee_period_and_the_queue_for_its_churn() {
    let rig = Rig::new(network(0), 16);
    let exit = |index: u64| {
        let message = VoluntaryExit { epoch: 0, validator_index: index };
        let domain = get_domain(&rig.cfg, &rig.state, DOMAIN_VOLUNTARY_EXIT, Some(0));
        let root = compute_signing_root(&message, rig.cfg.shape_at_slot(0), domain);
        SignedVoluntaryExit { message, signature: secret_key(index).sign(&root) }
    };
    let early = blocks::process_voluntary_exit(&rig.cfg, &mut rig.state.clone(), &exit(3), &mut Signatures::Verify);
    assert!(matches!(early, Err(Error::VoluntaryExit { index: 3, epoch: 0, .. })));

    let mut state = rig.state.clone();
    state.slot = rig.cfg.shard_committee_period * rig.cfg.preset.slots_per_epoch;
    state.cache.clear();
    for index in 0..3 {
        blocks::process_voluntary_exit(&rig.cfg, &mut state, &exit(index), &mut Signatures::Verify).unwrap();
    }
    let exits: Vec<_> = state.validators.iter().take(4).map(|v| v.exit_epoch).collect();
    let first = rig.cfg.shard_committee_period + 1 + rig.cfg.preset.max_seed_lookahead;
    assert_eq!(exits, [first, first, first + 1, FAR_FUTURE_EPOCH]);
    let again = blocks::process_voluntary_exit(&rig.cfg, &mut state, &exit(1), &mut Signatures::Verify);
    assert!(matches!(again, Err(Error::VoluntaryExit { index: 1, .. })));
    let unknown = blocks::process_voluntary_exit(&rig.cfg, &mut state, &exit(99), &mut Signatures::Trust);
    assert_eq!(unknown, Err(Error::UnknownValidator { index: 99, count: 16 }));
}

#[test]
fn a_deposit_makes_a_validator_tops_one_up_or_is_skipped() {
    let cfg = network(0);
    let rig = Rig::new(cfg.clone(), 8);
    let shape = cfg.shape(ForkName::Altair);
    let mut unsigned = deposit_data(&cfg, 9, 32_000_000_000);
    unsigned.signature = deposit_data(&cfg, 9, 1).signature;
    let data = [deposit_data(&cfg, 8, 32_000_000_000), deposit_data(&cfg, 8, 1_000_000_000), unsigned];
    let mut tree = DepositTree::default();
    deposits(&cfg, 8).iter().for_each(|deposit| tree.push(deposit.data.hash_tree_root(shape)));
    data.iter().for_each(|data| tree.push(data.hash_tree_root(shape)));

    let mut state = rig.state.clone();
    state.eth1_data.deposit_root = tree.root();
    state.eth1_data.deposit_count = 11;
    let mut due = BeaconBlockBody::zero(shape);
    let missing = blocks::process_operations(&cfg, &mut state, &due, &mut Signatures::Verify);
    assert_eq!(missing, Err(Error::DepositCount { found: 0, due: 3 }));
    due.deposits = (8..).zip(data).map(|(i, data)| Deposit { proof: tree.proof(i).unwrap().into(), data }).collect();
    blocks::process_operations(&cfg, &mut state, &due, &mut Signatures::Verify).unwrap();
    assert_eq!(state.validators.len(), 9);
    assert_eq!(state.balances[8], 33_000_000_000);
    assert_eq!((state.inactivity_scores.len(), state.current_epoch_participation.len()), (9, 9));
    assert_eq!(state.eth1_deposit_index, 11);
    assert_eq!(get_validator_index(&state, &secret_key(8).public_key()), Some(8));
    assert_eq!(get_validator_index(&rig.state, &secret_key(8).public_key()), None);

    let repeated = blocks::process_deposit(&cfg, &mut state, &due.deposits[0]);
    assert!(matches!(repeated, Err(Error::DepositProof { index: 11, .. })));
}

#[test]
fn the_eth1_vote_follows_the_majority_then_the_chain_then_the_state() {
    let rig = Rig::new(network(u64::MAX), 8);
    let (cfg, mut state) = (&rig.cfg, rig.state.clone());
    let period_start = voting_period_start_time(cfg, &state).unwrap();
    let follow = cfg.seconds_per_eth1_block * cfg.eth1_follow_distance;
    assert_eq!(get_eth1_vote(cfg, &state, &[]), Ok(state.eth1_data));

    let block = |age: u64, deposit_count| {
        let block = Eth1Block { timestamp: period_start - age, deposit_root: Bytes([age as u8; 32]), deposit_count };
        (block, Bytes([age as u8; 32]))
    };
    let chain = [block(2 * follow + 1, 8), block(follow + 9, 8), block(follow + 5, 8), block(follow + 1, 7)];
    let vote = |i: usize| get_eth1_data(&chain[i].0, chain[i].1);
    assert_eq!(get_eth1_vote(cfg, &state, &chain), Ok(vote(2)));
    state.eth1_data_votes = vec![vote(3), vote(3), vote(1), vote(2)].into();
    assert_eq!(get_eth1_vote(cfg, &state, &chain), Ok(vote(1)));
    state.eth1_data_votes.push(vote(2));
    assert_eq!(get_eth1_vote(cfg, &state, &chain), Ok(vote(2)));
}
