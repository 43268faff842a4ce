//! The queues of electra: cases that made clients disagree on test networks.

use super::*;
use crate::spec::epochs::{process_pending_consolidations, process_pending_deposits};
use crate::types::{
    ConsolidationRequest, ExecutionAddress, PendingConsolidation, PendingDeposit, Validator, Withdrawal,
    WithdrawalRequest,
    constants::{FAR_FUTURE_EPOCH, GENESIS_SLOT},
};

const ETH: u64 = 1_000_000_000;
const OWNER: ExecutionAddress = Bytes([0xaa; 20]);

/// A state of electra at the end of an epoch long after genesis, whose 16 validators have owners and are old enough to
/// leave. No block was ever made; only its epoch's end and single operations are tried on it.
fn old_state() -> (ChainConfig, BeaconState) {
    let cfg = network_of(ForkName::Electra);
    let mut state = Rig::new(cfg.clone(), 16).state;
    for index in 0..16 {
        edit(&mut state, index, |validator| validator.withdrawal_credentials = credentials(1));
    }
    state.slot = 8 * 100 + 7;
    state.deposit_requests_start_index = state.eth1_deposit_index;
    state.finalized_checkpoint.epoch = 98;
    state.cache.clear();
    (cfg, state)
}

fn credentials(prefix: u8) -> Root {
    let mut bytes = [0; 32];
    bytes[0] = prefix;
    bytes[12..].copy_from_slice(&OWNER.0);
    Bytes(bytes)
}

fn edit(state: &mut BeaconState, index: usize, change: impl FnOnce(&mut Validator)) {
    change(state.validators.get_mut(index).unwrap());
}

/// A deposit of the `index`th key as a request that has been finalized; a wrong signature on demand.
fn pending(cfg: &ChainConfig, index: u64, amount: u64, signed: bool) -> PendingDeposit {
    let data = deposit_data(cfg, index, amount);
    let signature = if signed { data.signature } else { G2_POINT_AT_INFINITY };
    let withdrawal_credentials = data.withdrawal_credentials;
    PendingDeposit { pubkey: data.pubkey, withdrawal_credentials, amount, signature, slot: 9 }
}

fn sum(state: &BeaconState) -> u64 {
    state.balances.iter().sum()
}

#[test]
fn two_deposits_of_a_new_key_make_one_validator() {
    let (cfg, mut state) = old_state();
    state.pending_deposits = vec![pending(&cfg, 20, 32 * ETH, true), pending(&cfg, 20, ETH, true)].into();
    process_pending_deposits(&cfg, &mut state).unwrap();
    assert_eq!((state.validators.len(), state.balances[16]), (17, 33 * ETH));
    assert!(state.pending_deposits.is_empty());
}

#[test]
fn a_deposit_with_a_wrong_signature_does_not_spoil_the_next_one() {
    let (cfg, mut state) = old_state();
    state.pending_deposits = vec![pending(&cfg, 20, 32 * ETH, false), pending(&cfg, 20, 5 * ETH, true)].into();
    process_pending_deposits(&cfg, &mut state).unwrap();
    assert_eq!((state.validators.len(), state.balances[16]), (17, 5 * ETH));
    // The other way round the wrong one is a top-up, whose signature is nobody's business.
    let (_, mut state) = old_state();
    state.pending_deposits = vec![pending(&cfg, 20, 5 * ETH, true), pending(&cfg, 20, 32 * ETH, false)].into();
    process_pending_deposits(&cfg, &mut state).unwrap();
    assert_eq!((state.validators.len(), state.balances[16]), (17, 37 * ETH));
}

#[test]
fn a_key_added_on_one_branch_is_unknown_on_the_other() {
    let (cfg, mut state) = old_state();
    let key = secret_key(20).public_key();
    assert_eq!(get_validator_index(&state, &key), None);
    let mut other = state.clone();
    state.pending_deposits = vec![pending(&cfg, 20, 32 * ETH, true)].into();
    process_pending_deposits(&cfg, &mut state).unwrap();
    assert_eq!(get_validator_index(&state, &key), Some(16));
    assert_eq!(get_validator_index(&other, &key), None);
    other.pending_deposits = vec![pending(&cfg, 21, 32 * ETH, true), pending(&cfg, 20, 32 * ETH, true)].into();
    process_pending_deposits(&cfg, &mut other).unwrap();
    assert_eq!(get_validator_index(&other, &key), Some(17));
}

#[test]
fn deposits_wait_for_finality_the_bridge_and_the_churn() {
    let (cfg, state) = old_state();
    let apply = |state: &BeaconState, deposits: Vec<PendingDeposit>| {
        let mut state = state.clone();
        state.pending_deposits = deposits.into();
        process_pending_deposits(&cfg, &mut state).unwrap();
        (state.validators.len() - 16, state.pending_deposits.len(), state.deposit_balance_to_consume)
    };
    let one = pending(&cfg, 20, 32 * ETH, true);
    assert_eq!(apply(&state, vec![PendingDeposit { slot: 98 * 8, ..one }]), (1, 0, 0));
    assert_eq!(apply(&state, vec![PendingDeposit { slot: 98 * 8 + 1, ..one }]), (0, 1, 0));
    let mut before_bridge = state.clone();
    before_bridge.deposit_requests_start_index += 1;
    assert_eq!(apply(&before_bridge, vec![one]), (0, 1, 0));
    assert_eq!(apply(&before_bridge, vec![PendingDeposit { slot: GENESIS_SLOT, ..one }]), (1, 0, 0));
    // 64 ETH an epoch: what does not fit is saved up.
    let large = pending(&cfg, 21, 80 * ETH, true);
    assert_eq!(apply(&state, vec![large]), (0, 1, 64 * ETH));
    assert_eq!(apply(&state, vec![one, large]), (1, 1, 32 * ETH));
    let mut saved = state.clone();
    saved.deposit_balance_to_consume = 16 * ETH;
    assert_eq!(apply(&saved, vec![large]), (1, 0, 0));
}

#[test]
fn deposits_of_the_leaving_are_postponed_and_of_the_gone_free() {
    let (cfg, mut state) = old_state();
    edit(&mut state, 3, |validator| (validator.exit_epoch, validator.withdrawable_epoch) = (99, 400));
    edit(&mut state, 4, |validator| (validator.exit_epoch, validator.withdrawable_epoch) = (50, 60));
    let (leaving, gone) = (pending(&cfg, 3, 32 * ETH, true), pending(&cfg, 4, 320 * ETH, true));
    state.pending_deposits = vec![leaving, gone, pending(&cfg, 5, ETH, true), pending(&cfg, 6, 63 * ETH, true)].into();
    process_pending_deposits(&cfg, &mut state).unwrap();
    assert_eq!(state.pending_deposits.to_vec(), [leaving]);
    assert_eq!([3, 4, 5, 6].map(|i| state.balances[i] / ETH), [32, 352, 33, 95]);
}

#[test]
fn a_consolidation_moves_the_balance_once_its_source_is_out_and_keeps_the_sum() {
    let (cfg, mut state) = old_state();
    for (source, target) in [(1, 2), (3, 2), (5, 2)] {
        state.pending_consolidations.push(PendingConsolidation { source_index: source, target_index: target });
    }
    // The first is slashed: passed over. The second leaves just now, the third an epoch later.
    edit(&mut state, 1, |validator| validator.slashed = true);
    edit(&mut state, 3, |validator| (validator.exit_epoch, validator.withdrawable_epoch) = (90, 101));
    edit(&mut state, 5, |validator| (validator.exit_epoch, validator.withdrawable_epoch) = (91, 102));
    assert!(state.balances.set(3, 33 * ETH));
    let before = sum(&state);
    process_pending_consolidations(&cfg, &mut state).unwrap();
    assert_eq!([1, 2, 3, 5].map(|i| state.balances[i] / ETH), [32, 64, 1, 32]);
    assert_eq!(sum(&state), before);
    assert_eq!(state.pending_consolidations.len(), 1);
}

#[test]
fn switching_to_compounding_changes_the_root_and_queues_the_excess() {
    let (cfg, mut state) = old_state();
    let shape = cfg.shape(ForkName::Electra);
    assert!(state.balances.set(7, 40 * ETH));
    let remembered = state.validators.hash_tree_root(shape);
    let key = secret_key(7).public_key();
    let request = ConsolidationRequest { source_address: OWNER, source_pubkey: key, target_pubkey: key };
    let stranger = ConsolidationRequest { source_address: Bytes([0xbb; 20]), ..request };
    blocks::process_consolidation_request(&cfg, &mut state, &stranger).unwrap();
    assert_eq!(state.validators.hash_tree_root(shape), remembered);
    blocks::process_consolidation_request(&cfg, &mut state, &request).unwrap();
    assert!(has_compounding_withdrawal_credential(&state.validators[7]));
    assert_eq!(state.balances[7], 32 * ETH);
    assert_eq!((state.pending_deposits.len(), state.pending_deposits[0].amount), (1, 8 * ETH));
    let read = BeaconState::decode(shape, &state.encode(shape)).unwrap();
    assert_ne!(state.validators.hash_tree_root(shape), remembered);
    assert_eq!(state.hash_tree_root(shape), read.hash_tree_root(shape));
    // A second time it compounds already, and is no consolidation with itself either.
    let once = state.clone();
    blocks::process_consolidation_request(&cfg, &mut state, &request).unwrap();
    assert_eq!(state, once);
}

#[test]
fn partial_withdrawals_are_for_who_compounds_and_block_exits_until_they_are_paid() {
    let (cfg, mut state) = old_state();
    let request = |index, amount| WithdrawalRequest {
        source_address: OWNER,
        validator_pubkey: secret_key(index).public_key(),
        amount,
    };
    assert!(state.balances.set(8, 50 * ETH) && state.balances.set(9, 50 * ETH));
    edit(&mut state, 9, |validator| validator.withdrawal_credentials = credentials(2));
    blocks::process_withdrawal_request(&cfg, &mut state, &request(8, ETH)).unwrap();
    assert!(state.pending_partial_withdrawals.is_empty(), "credentials don't compound");
    for amount in [10 * ETH, 10 * ETH, 10 * ETH] {
        blocks::process_withdrawal_request(&cfg, &mut state, &request(9, amount)).unwrap();
    }
    let amounts: Vec<u64> = state.pending_partial_withdrawals.iter().map(|pending| pending.amount / ETH).collect();
    assert_eq!(amounts, [10, 8], "no more than what is beyond 32 ETH");
    assert_eq!(get_pending_balance_to_withdraw(&state, 9), Ok(18 * ETH));
    // Amount 0 asks for an exit.
    blocks::process_withdrawal_request(&cfg, &mut state, &request(9, 0)).unwrap();
    assert_eq!(state.validators[9].exit_epoch, FAR_FUTURE_EPOCH);
    blocks::process_withdrawal_request(&cfg, &mut state, &request(8, 0)).unwrap();
    assert_ne!(state.validators[8].exit_epoch, FAR_FUTURE_EPOCH);
}

#[test]
fn the_sweep_has_a_place_of_its_own() {
    let (cfg, mut state) = old_state();
    assert!(state.balances.set(3, 33 * ETH));
    let sweep = |prior: u64| {
        let prior: Vec<Withdrawal> = (0..prior).map(|index| Withdrawal { index, ..Withdrawal::default() }).collect();
        blocks::get_validators_sweep_withdrawals(&cfg, &state, prior.len() as u64, &prior)
    };
    let most = cfg.preset.max_withdrawals_per_payload;
    let (withdrawals, next, _) = sweep(most - 1).unwrap();
    assert_eq!((withdrawals.len(), withdrawals[0].validator_index, next), (1, 3, most));
    assert!(matches!(sweep(most), Err(Error::ListFull { .. })));
}

#[test]
fn exits_are_spread_by_their_balance() {
    let (cfg, mut state) = old_state();
    state.earliest_exit_epoch = 0;
    let exits: Vec<u64> = (0..5)
        .map(|index| {
            initiate_validator_exit(&cfg, &mut state, index).unwrap();
            state.validators[index as usize].exit_epoch
        })
        .collect();
    // 64 ETH an epoch, from the fifth after the current one.
    assert_eq!(exits, [105, 105, 106, 106, 107]);
    assert_eq!((state.earliest_exit_epoch, state.exit_balance_to_consume), (107, 32 * ETH));
    initiate_validator_exit(&cfg, &mut state, 0).unwrap();
    assert_eq!(state.exit_balance_to_consume, 32 * ETH, "nobody leaves twice");
}
