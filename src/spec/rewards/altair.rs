//! Deltas of altair, from participation flags and inactivity scores.

use super::{Deltas, credit};
use crate::{
    spec::{
        Error,
        accessors::{
            BaseReward, fork_of, get_eligible_validator_indices, get_previous_epoch, get_total_active_balance,
            get_total_balance, get_unslashed_participating_indices, get_validator, is_in_inactivity_leak,
        },
        math,
    },
    types::{
        BeaconState, ChainConfig, ForkName,
        constants::{PARTICIPATION_FLAG_WEIGHTS, TIMELY_HEAD_FLAG_INDEX, TIMELY_TARGET_FLAG_INDEX, WEIGHT_DENOMINATOR},
    },
};

/// Deltas by one participation flag of the previous epoch (altair/beacon-chain.md, `get_flag_index_deltas`).
///
/// # Errors
/// If there is no such flag, the state has fewer flags than validators, or an amount is beyond 64 bits.
pub fn get_flag_index_deltas(cfg: &ChainConfig, state: &BeaconState, flag_index: usize) -> Result<Deltas, Error> {
    let what = "attestation reward";
    let len = PARTICIPATION_FLAG_WEIGHTS.len() as u64;
    let no_flag = Error::IndexOutOfRange { list: "participation flags", index: flag_index as u64, len };
    let weight = *PARTICIPATION_FLAG_WEIGHTS.get(flag_index).ok_or(no_flag)?;
    let mut deltas = Deltas::of_registry(state);
    let previous = get_previous_epoch(cfg, state);
    let participants = get_unslashed_participating_indices(cfg, state, flag_index, previous)?;
    let increment = cfg.preset.effective_balance_increment;
    let participating_increments = get_total_balance(cfg, state, participants.iter())? / increment;
    let active_increments = get_total_active_balance(cfg, state)? / increment;
    let denominator = math::mul(what, active_increments, WEIGHT_DENOMINATOR)?;
    let leaking = is_in_inactivity_leak(cfg, state)?;
    let base_rewards = BaseReward::of_state(cfg, state)?;
    for index in get_eligible_validator_indices(cfg, state) {
        let base_reward = base_rewards.of(get_validator(state, index)?.effective_balance)?;
        let weighted = math::mul(what, base_reward, weight)?;
        if participants.contains(index) {
            if !leaking {
                let numerator = math::mul(what, weighted, participating_increments)?;
                credit(&mut deltas.rewards, index, numerator / denominator)?;
            }
        } else if flag_index != TIMELY_HEAD_FLAG_INDEX {
            credit(&mut deltas.penalties, index, weighted / WEIGHT_DENOMINATOR)?;
        }
    }
    Ok(deltas)
}

/// What idleness costs by inactivity scores (`get_inactivity_penalty_deltas` of altair/beacon-chain.md; of
/// bellatrix/beacon-chain.md from then on).
pub(super) fn get_inactivity_penalty_deltas(cfg: &ChainConfig, state: &BeaconState) -> Result<Deltas, Error> {
    let mut deltas = Deltas::of_registry(state);
    let previous = get_previous_epoch(cfg, state);
    let on_target = get_unslashed_participating_indices(cfg, state, TIMELY_TARGET_FLAG_INDEX, previous)?;
    let quotient = match fork_of(cfg, state) {
        ForkName::Altair => cfg.preset.inactivity_penalty_quotient_altair,
        _ => cfg.preset.inactivity_penalty_quotient_bellatrix,
    };
    let denominator = math::mul("inactivity penalty", cfg.inactivity_score_bias, quotient)?;
    for index in get_eligible_validator_indices(cfg, state) {
        if !on_target.contains(index) {
            let len = state.inactivity_scores.len() as u64;
            let missing = Error::IndexOutOfRange { list: "inactivity_scores", index, len };
            let score = *state.inactivity_scores.get(index as usize).ok_or(missing)?;
            let balance = get_validator(state, index)?.effective_balance;
            let penalty = math::mul("inactivity penalty", balance, score)? / denominator;
            credit(&mut deltas.penalties, index, penalty)?;
        }
    }
    Ok(deltas)
}
