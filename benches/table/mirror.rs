//! The same state as the crate `libssz` has it, for comparison.

use libssz::SszDecode;
use libssz_derive::{HashTreeRoot, SszDecode, SszEncode};
use libssz_merkle::{HashTreeRoot, Sha2Hasher};
use libssz_types::{SszBitvector, SszList, SszVector};
use std::{
    hint::black_box,
    time::{Duration, Instant},
};

type Root = [u8; 32];

#[derive(SszEncode, SszDecode, HashTreeRoot)]
struct Fork {
    previous_version: [u8; 4],
    current_version: [u8; 4],
    epoch: u64,
}

#[derive(SszEncode, SszDecode, HashTreeRoot)]
struct Checkpoint {
    epoch: u64,
    root: Root,
}

#[derive(SszEncode, SszDecode, HashTreeRoot)]
struct Header {
    slot: u64,
    proposer_index: u64,
    parent_root: Root,
    state_root: Root,
    body_root: Root,
}

#[derive(SszEncode, SszDecode, HashTreeRoot)]
struct Eth1Data {
    deposit_root: Root,
    deposit_count: u64,
    block_hash: Root,
}

#[derive(SszEncode, SszDecode, HashTreeRoot)]
struct Validator {
    pubkey: [u8; 48],
    withdrawal_credentials: Root,
    effective_balance: u64,
    slashed: bool,
    activation_eligibility_epoch: u64,
    activation_epoch: u64,
    exit_epoch: u64,
    withdrawable_epoch: u64,
}

#[derive(SszEncode, SszDecode, HashTreeRoot)]
struct SyncCommittee<const SIZE: usize> {
    pubkeys: SszVector<[u8; 48], SIZE>,
    aggregate_pubkey: [u8; 48],
}

#[derive(SszEncode, SszDecode, HashTreeRoot)]
struct PayloadHeader {
    parent_hash: Root,
    fee_recipient: [u8; 20],
    state_root: Root,
    receipts_root: Root,
    logs_bloom: [u8; 256],
    prev_randao: Root,
    block_number: u64,
    gas_limit: u64,
    gas_used: u64,
    timestamp: u64,
    extra_data: SszList<u8, 32>,
    base_fee_per_gas: Root,
    block_hash: Root,
    transactions_root: Root,
    withdrawals_root: Root,
    blob_gas_used: u64,
    excess_blob_gas: u64,
}

#[derive(SszEncode, SszDecode, HashTreeRoot)]
struct HistoricalSummary {
    block_summary_root: Root,
    state_summary_root: Root,
}

#[derive(SszEncode, SszDecode, HashTreeRoot)]
struct PendingDeposit {
    pubkey: [u8; 48],
    withdrawal_credentials: Root,
    amount: u64,
    signature: [u8; 96],
    slot: u64,
}

#[derive(SszEncode, SszDecode, HashTreeRoot)]
struct PendingPartialWithdrawal {
    validator_index: u64,
    amount: u64,
    withdrawable_epoch: u64,
}

#[derive(SszEncode, SszDecode, HashTreeRoot)]
struct PendingConsolidation {
    source_index: u64,
    target_index: u64,
}

/// The state of fulu; lengths and limits are those of a preset.
#[derive(SszEncode, SszDecode, HashTreeRoot)]
struct State<
    const ROOTS: usize,
    const VOTES: usize,
    const MIXES: usize,
    const SLASHINGS: usize,
    const COMMITTEE: usize,
    const PARTIALS: usize,
    const CONSOLIDATIONS: usize,
    const LOOKAHEAD: usize,
> {
    genesis_time: u64,
    genesis_validators_root: Root,
    slot: u64,
    fork: Fork,
    latest_block_header: Header,
    block_roots: SszVector<Root, ROOTS>,
    state_roots: SszVector<Root, ROOTS>,
    historical_roots: SszList<Root, 16_777_216>,
    eth1_data: Eth1Data,
    eth1_data_votes: SszList<Eth1Data, VOTES>,
    eth1_deposit_index: u64,
    validators: SszList<Validator, 1_099_511_627_776>,
    balances: SszList<u64, 1_099_511_627_776>,
    randao_mixes: SszVector<Root, MIXES>,
    slashings: SszVector<u64, SLASHINGS>,
    previous_epoch_participation: SszList<u8, 1_099_511_627_776>,
    current_epoch_participation: SszList<u8, 1_099_511_627_776>,
    justification_bits: SszBitvector<4>,
    previous_justified_checkpoint: Checkpoint,
    current_justified_checkpoint: Checkpoint,
    finalized_checkpoint: Checkpoint,
    inactivity_scores: SszList<u64, 1_099_511_627_776>,
    current_sync_committee: SyncCommittee<COMMITTEE>,
    next_sync_committee: SyncCommittee<COMMITTEE>,
    latest_execution_payload_header: PayloadHeader,
    next_withdrawal_index: u64,
    next_withdrawal_validator_index: u64,
    historical_summaries: SszList<HistoricalSummary, 16_777_216>,
    deposit_requests_start_index: u64,
    deposit_balance_to_consume: u64,
    exit_balance_to_consume: u64,
    earliest_exit_epoch: u64,
    consolidation_balance_to_consume: u64,
    earliest_consolidation_epoch: u64,
    pending_deposits: SszList<PendingDeposit, 134_217_728>,
    pending_partial_withdrawals: SszList<PendingPartialWithdrawal, PARTIALS>,
    pending_consolidations: SszList<PendingConsolidation, CONSOLIDATIONS>,
    proposer_lookahead: SszVector<u64, LOOKAHEAD>,
}

type Minimal = State<64, 32, 64, 64, 32, 64, 64, 16>;
type Mainnet = State<8192, 2048, 65_536, 8192, 512, 134_217_728, 262_144, 64>;

/// The best time of so many for the root of the state that `bytes` encode, and that root.
pub fn cold_root(preset: &str, bytes: &[u8], times: usize) -> (Duration, Root) {
    match preset {
        "minimal" => timed_root::<Minimal>(bytes, times),
        _ => timed_root::<Mainnet>(bytes, times),
    }
}

fn timed_root<S: SszDecode + HashTreeRoot>(bytes: &[u8], times: usize) -> (Duration, Root) {
    let Ok(state) = S::from_ssz_bytes(bytes) else { panic!("libssz refuses the state") };
    let timed = |_| {
        let start = Instant::now();
        let root = black_box(&state).hash_tree_root(&Sha2Hasher);
        (start.elapsed(), root)
    };
    (0..times).map(timed).min_by_key(|(time, _)| *time).expect("several times")
}
