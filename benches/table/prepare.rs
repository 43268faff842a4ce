//! What is measured on: a state one slot before the end of an epoch, and a full block for that last slot.
//!
//! Validators are interop validators; balances differ, nearly everybody voted, and the chain finalizes. The block carries
//! eight aggregates of whole slots, a full sync aggregate and withdrawals, all of it valid.

use super::FORK;
use lockin::{
    crypto::SecretKey,
    genesis::{InteropKey, interop_key, interop_keys, interop_secret},
    spec,
    ssz::{BitVector, List, Root, Shape, Ssz, Uint256, sha256},
    types::{
        Attestation, AttestationData, BeaconBlock, BeaconBlockBody, BeaconState, BlsSignature, ChainConfig, Checkpoint,
        ExecutionPayload, FAR_FUTURE_EPOCH, SignedBeaconBlock, SyncAggregate, Validator,
        constants::{DOMAIN_BEACON_ATTESTER, DOMAIN_SYNC_COMMITTEE},
    },
};
use std::{fs, path::Path};

/// Epochs before the one whose end is measured.
const EPOCH: u64 = 4;

/// A number that depends on `seed` as by chance.
fn dice(seed: u64) -> u64 {
    let hash = sha256(&seed.to_le_bytes()).0;
    u64::from_le_bytes(std::array::from_fn(|i| hash[i]))
}

/// Writes `state.ssz` and `block.ssz` to `dir`.
pub fn prepare(cfg: &ChainConfig, validators: u64, dir: &Path) {
    let shape = cfg.shape(FORK);
    let mut state = start(cfg, validators);
    let last_slot = (EPOCH + 1) * cfg.preset.slots_per_epoch - 1;
    spec::process_slots(cfg, &mut state, last_slot - 1).expect("empty slots");
    liven_up(cfg, &mut state);
    fs::write(dir.join("state.ssz"), state.encode(shape)).expect("state.ssz is written");
    spec::process_slots(cfg, &mut state, last_slot).expect("an empty slot");
    fs::write(dir.join("block.ssz"), full_block(cfg, &state).encode(shape)).expect("block.ssz is written");
}

/// The state at slot 0.
fn start(cfg: &ChainConfig, validators: u64) -> BeaconState {
    let shape = cfg.shape(FORK);
    let version = cfg.fork_version(FORK);
    let mut state = BeaconState::zero(shape);
    state.genesis_time = 1_600_000_000;
    state.fork.previous_version = version;
    state.fork.current_version = version;
    let validator = |key: InteropKey| {
        let mut withdrawal_credentials = sha256(&key.pubkey.0);
        withdrawal_credentials.0[..12].copy_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        Validator {
            pubkey: key.pubkey,
            withdrawal_credentials,
            effective_balance: cfg.preset.min_activation_balance,
            exit_epoch: FAR_FUTURE_EPOCH,
            withdrawable_epoch: FAR_FUTURE_EPOCH,
            ..Validator::default()
        }
    };
    state.validators = interop_keys(0..validators).into_iter().map(validator).collect();
    state.balances =
        (0..validators).map(|i| cfg.preset.min_activation_balance - 5_000_000 + dice(i) % 10_000_000).collect();
    state.previous_epoch_participation = List::repeat(0, validators as usize);
    state.current_epoch_participation = List::repeat(0, validators as usize);
    state.inactivity_scores = List::repeat(0, validators as usize);
    state.randao_mixes.update(|i, _| Some(sha256(&i.to_le_bytes())));
    state.block_roots.update(|i, _| Some(sha256(&[b"block", &i.to_le_bytes()[..]].concat())));
    state.state_roots.update(|i, _| Some(sha256(&[b"state", &i.to_le_bytes()[..]].concat())));
    state.genesis_validators_root = state.validators.hash_tree_root(shape);
    state.latest_block_header.body_root = BeaconBlockBody::zero(shape).hash_tree_root(shape);
    state.deposit_requests_start_index = u64::MAX;
    let committee = spec::get_next_sync_committee(cfg, &state).expect("a sync committee");
    (state.current_sync_committee, state.next_sync_committee) = (committee.clone(), committee);
    state.proposer_lookahead = spec::initialize_proposer_lookahead(cfg, &state).expect("proposers").into();
    state
}

/// Makes the state one of a chain that works: one validator of a hundred missed each vote, two epochs back is final.
fn liven_up(cfg: &ChainConfig, state: &mut BeaconState) {
    let flags = |i: usize, epoch: u64| if dice(i as u64 ^ epoch << 32).is_multiple_of(100) { 0 } else { 7 };
    state.previous_epoch_participation.update(|i, _| Some(flags(i, EPOCH - 1)));
    // Two slots of three have their votes of this epoch in.
    state.current_epoch_participation.update(|i, _| (i % 3 > 0).then(|| flags(i, EPOCH)));
    state.inactivity_scores.update(|i, _| Some(u64::from(i.is_multiple_of(1000))));
    let checkpoint = |state: &BeaconState, epoch| Checkpoint {
        epoch,
        root: spec::get_block_root(cfg, state, epoch).expect("recent"),
    };
    state.finalized_checkpoint = checkpoint(state, EPOCH - 2);
    state.previous_justified_checkpoint = checkpoint(state, EPOCH - 2);
    state.current_justified_checkpoint = checkpoint(state, EPOCH - 1);
    state.justification_bits = (0..4).map(|bit| bit > 0).collect();
}

/// The sum of the secret keys of `members`: what it signs is their aggregate signature.
fn joint_key(members: impl IntoIterator<Item = u64>) -> SecretKey {
    let order = Uint256::from_be_bytes(std::array::from_fn::<u8, 32, _>(|i| {
        *b"\x73\xed\xa7\x53\x29\x9d\x7d\x48\x33\x39\xd8\x08\x09\xa1\xd8\x05\x53\xbd\xa4\x02\xff\xfe\x5b\xfe\xff\xff\xff\xff\x00\x00\x00\x01"
            .get(i)
            .expect("32 bytes")
    }));
    let secrets = members.into_iter().map(|member| Uint256::from_be_bytes(interop_secret(member)));
    let sum = secrets.fold(Uint256::ZERO, |sum, secret| sum.add_mod(secret, order));
    SecretKey::from_bytes(&sum.to_be_bytes()).expect("no sum of these is zero")
}

/// The vote of every committee of `slot`.
fn aggregate(cfg: &ChainConfig, state: &BeaconState, slot: u64) -> Attestation {
    let epoch = cfg.epoch_of(slot);
    let committees = spec::get_committee_count_per_slot(cfg, state, epoch);
    let members: Vec<u64> = (0..committees)
        .flat_map(|index| spec::get_beacon_committee(cfg, state, slot, index).expect("a committee"))
        .collect();
    let current = epoch == cfg.epoch_of(state.slot);
    let data = AttestationData {
        slot,
        index: 0,
        beacon_block_root: spec::get_block_root_at_slot(cfg, state, slot).expect("recent"),
        source: if current { state.current_justified_checkpoint } else { state.previous_justified_checkpoint },
        target: Checkpoint { epoch, root: spec::get_block_root(cfg, state, epoch).expect("recent") },
    };
    let domain = spec::get_domain(cfg, state, DOMAIN_BEACON_ATTESTER, Some(epoch));
    let signature =
        joint_key(members.iter().copied()).sign(&spec::compute_signing_root(&data, cfg.shape(FORK), domain));
    let mut committee_bits = BitVector::with_len(cfg.preset.max_committees_per_slot as usize);
    (0..committees).for_each(|index| committee_bits.set(index as usize, true));
    Attestation { aggregation_bits: members.iter().map(|_| true).collect(), data, signature, committee_bits }
}

/// The sync committee's signature of the block before.
fn sync_aggregate(cfg: &ChainConfig, state: &BeaconState) -> SyncAggregate {
    let committee = &state.current_sync_committee.pubkeys;
    let members: Vec<u64> =
        committee.iter().map(|pubkey| spec::get_validator_index(state, pubkey).expect("a member")).collect();
    let domain = spec::get_domain(cfg, state, DOMAIN_SYNC_COMMITTEE, Some(cfg.epoch_of(state.slot - 1)));
    let root = spec::get_block_root_at_slot(cfg, state, state.slot - 1).expect("recent");
    let sync_committee_signature: BlsSignature = joint_key(members).sign(&spec::signing_root_of(root, domain));
    SyncAggregate { sync_committee_bits: committee.iter().map(|_| true).collect(), sync_committee_signature }
}

fn payload(cfg: &ChainConfig, state: &BeaconState) -> ExecutionPayload {
    ExecutionPayload {
        parent_hash: state.latest_execution_payload_header.block_hash,
        prev_randao: spec::get_randao_mix(cfg, state, cfg.epoch_of(state.slot)).expect("recent"),
        timestamp: spec::compute_time_at_slot(cfg, state, state.slot).expect("within 64 bits"),
        withdrawals: spec::get_expected_withdrawals(cfg, state).expect("withdrawals").withdrawals.into(),
        block_hash: sha256(b"payload"),
        ..ExecutionPayload::zero(cfg.shape(FORK))
    }
}

/// A valid block of the state's slot.
fn full_block(cfg: &ChainConfig, state: &BeaconState) -> SignedBeaconBlock {
    let shape: Shape = cfg.shape(FORK);
    let proposer_index = spec::get_beacon_proposer_index(cfg, state).expect("a proposer");
    let proposer = interop_key(proposer_index).secret;
    let mut body = BeaconBlockBody::zero(shape);
    body.eth1_data = state.eth1_data;
    body.attestations =
        (1..=cfg.preset.max_attestations_electra).map(|back| aggregate(cfg, state, state.slot - back)).collect();
    body.sync_aggregate = sync_aggregate(cfg, state);
    body.execution_payload = payload(cfg, state);
    let parent_root: Root = state.latest_block_header.hash_tree_root(shape);
    let mut message = BeaconBlock { slot: state.slot, proposer_index, parent_root, state_root: Root::ZERO, body };
    message.body.randao_reveal = spec::get_epoch_signature(cfg, state, &message, &proposer);
    message.state_root = spec::compute_new_state_root(cfg, state, &message).expect("a valid block");
    let signature = spec::get_block_signature(cfg, state, &message, &proposer);
    SignedBeaconBlock { message, signature }
}
