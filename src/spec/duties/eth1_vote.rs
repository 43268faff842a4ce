//! Which eth1 data a proposer votes for.

use std::cmp::Reverse;

use crate::{
    spec::{
        Error,
        accessors::{compute_time_at_slot, fork_of},
        math,
    },
    ssz::{Bytes, Root, sha256},
    types::{BeaconState, ChainConfig, Eth1Block, Eth1Data, ForkName, Slot},
};

fn slots_per_voting_period(cfg: &ChainConfig) -> Result<u64, Error> {
    math::mul("slots of a voting period", cfg.preset.epochs_per_eth1_voting_period, cfg.preset.slots_per_epoch)
}

/// When the voting period of the state began, in seconds since the Unix epoch (phase0/validator.md,
/// `voting_period_start_time`).
///
/// # Errors
/// If the time is beyond 64 bits.
pub fn voting_period_start_time(cfg: &ChainConfig, state: &BeaconState) -> Result<u64, Error> {
    let start: Slot = state.slot - state.slot % slots_per_voting_period(cfg)?;
    compute_time_at_slot(cfg, state, start)
}

/// Whether the block is old enough to vote for, and not too old (phase0/validator.md, `is_candidate_block`).
pub fn is_candidate_block(cfg: &ChainConfig, block: &Eth1Block, period_start: u64) -> bool {
    let follow = u128::from(cfg.seconds_per_eth1_block) * u128::from(cfg.eth1_follow_distance);
    let timestamp = u128::from(block.timestamp);
    let start = u128::from(period_start);
    timestamp + follow <= start && timestamp + follow * 2 >= start
}

/// The vote that follows the eth1 chain and what others voted for; none of them any more once deposits come as requests
/// (`get_eth1_vote` of phase0/validator.md; of electra/validator.md from then on).
///
/// `eth1_chain` is in ascending order: each block's data and its hash.
///
/// # Errors
/// If the start of the voting period is beyond 64 bits.
pub fn get_eth1_vote(
    cfg: &ChainConfig,
    state: &BeaconState,
    eth1_chain: &[(Eth1Block, Root)],
) -> Result<Eth1Data, Error> {
    // Before electra the state has no such index.
    if fork_of(cfg, state) >= ForkName::Electra && state.eth1_deposit_index == state.deposit_requests_start_index {
        return Ok(state.eth1_data);
    }
    let period_start = voting_period_start_time(cfg, state)?;
    let votes_to_consider: Vec<Eth1Data> = eth1_chain
        .iter()
        .filter(|(block, _)| is_candidate_block(cfg, block, period_start))
        .filter(|(block, _)| block.deposit_count >= state.eth1_data.deposit_count)
        .map(|(block, hash)| get_eth1_data(block, *hash))
        .collect();
    let valid_votes: Vec<&Eth1Data> =
        state.eth1_data_votes.iter().filter(|vote| votes_to_consider.contains(vote)).collect();
    let default_vote = votes_to_consider.last().copied().unwrap_or(state.eth1_data);
    // Most votes win; of equals, the one cast first.
    let best = valid_votes.iter().enumerate().max_by_key(|(position, vote)| {
        let count = valid_votes.iter().filter(|other| other == vote).count();
        (count, Reverse(*position))
    });
    Ok(best.map_or(default_vote, |(_, vote)| **vote))
}

/// The eth1 data of a block with this hash (phase0/validator.md, `get_eth1_data`).
pub fn get_eth1_data(block: &Eth1Block, block_hash: Root) -> Eth1Data {
    Eth1Data { deposit_root: block.deposit_root, deposit_count: block.deposit_count, block_hash }
}

/// The vote of networks without a deposit contract (the "mocked eth1 data" of the 2019 interop): everybody in a voting
/// period agrees on it, and it asks for no deposit.
///
/// # Errors
/// If the preset's voting period is beyond 64 bits.
pub fn get_interop_eth1_vote(cfg: &ChainConfig, state: &BeaconState) -> Result<Eth1Data, Error> {
    let period = state.slot / slots_per_voting_period(cfg)?;
    let mut input = [0; 32];
    input[..8].copy_from_slice(&period.to_le_bytes());
    let deposit_root = sha256(&Bytes::<32>(input).0);
    Ok(Eth1Data { deposit_root, deposit_count: state.eth1_deposit_index, block_hash: sha256(&deposit_root.0) })
}
