//! Attestation deltas of phase0, from the attestations kept in the state.

use super::{Deltas, credit};
use crate::{
    spec::{
        Error,
        accessors::{
            BaseReward, get_eligible_validator_indices, get_finality_delay, get_previous_epoch,
            get_total_active_balance, get_total_balance, get_validator, is_in_inactivity_leak,
        },
        epochs::{
            get_matching_head_attestations, get_matching_source_attestations, get_matching_target_attestations,
            get_unslashed_attesting_indices, pending_attesting_indices,
        },
        math,
    },
    types::{BeaconState, ChainConfig, PendingAttestation, constants::BASE_REWARDS_PER_EPOCH},
};

/// What source, target and head votes have in common (phase0/beacon-chain.md, `get_attestation_component_deltas`).
fn get_attestation_component_deltas(
    cfg: &ChainConfig,
    state: &BeaconState,
    attestations: &[&PendingAttestation],
) -> Result<Deltas, Error> {
    let mut deltas = Deltas::of_registry(state);
    let increment = cfg.preset.effective_balance_increment;
    let total_increments = get_total_active_balance(cfg, state)? / increment;
    let attesters = get_unslashed_attesting_indices(cfg, state, attestations)?;
    let attesting_increments = get_total_balance(cfg, state, attesters.iter())? / increment;
    let leaking = is_in_inactivity_leak(cfg, state)?;
    let base_rewards = BaseReward::of_state(cfg, state)?;
    for index in get_eligible_validator_indices(cfg, state) {
        let base_reward = base_rewards.of(get_validator(state, index)?.effective_balance)?;
        if !attesters.contains(index) {
            credit(&mut deltas.penalties, index, base_reward)?;
        } else if leaking {
            // The inactivity penalty takes the full base reward back from everybody.
            credit(&mut deltas.rewards, index, base_reward)?;
        } else {
            let numerator = math::mul("attestation reward", base_reward, attesting_increments)?;
            credit(&mut deltas.rewards, index, numerator / total_increments)?;
        }
    }
    Ok(deltas)
}

/// Deltas by source votes (phase0/beacon-chain.md, `get_source_deltas`).
///
/// # Errors
/// If a pending attestation does not fit the state or an amount is beyond 64 bits.
pub fn get_source_deltas(cfg: &ChainConfig, state: &BeaconState) -> Result<Deltas, Error> {
    let matching = get_matching_source_attestations(cfg, state, get_previous_epoch(cfg, state))?;
    get_attestation_component_deltas(cfg, state, &matching)
}

/// Deltas by target votes (phase0/beacon-chain.md, `get_target_deltas`).
///
/// # Errors
/// As [`get_source_deltas`].
pub fn get_target_deltas(cfg: &ChainConfig, state: &BeaconState) -> Result<Deltas, Error> {
    let matching = get_matching_target_attestations(cfg, state, get_previous_epoch(cfg, state))?;
    get_attestation_component_deltas(cfg, state, &matching)
}

/// Deltas by head votes (phase0/beacon-chain.md, `get_head_deltas`).
///
/// # Errors
/// As [`get_source_deltas`].
pub fn get_head_deltas(cfg: &ChainConfig, state: &BeaconState) -> Result<Deltas, Error> {
    let matching = get_matching_head_attestations(cfg, state, get_previous_epoch(cfg, state))?;
    get_attestation_component_deltas(cfg, state, &matching)
}

/// Rewards by how soon votes were included, and of those who included them (phase0/beacon-chain.md,
/// `get_inclusion_delay_deltas`).
///
/// # Errors
/// As [`get_source_deltas`].
pub fn get_inclusion_delay_deltas(cfg: &ChainConfig, state: &BeaconState) -> Result<Deltas, Error> {
    let mut deltas = Deltas::of_registry(state);
    let matching = get_matching_source_attestations(cfg, state, get_previous_epoch(cfg, state))?;
    // Each attester's soonest inclusion; of equals, the first.
    let mut soonest: Vec<Option<&PendingAttestation>> = vec![None; state.validators.len()];
    for &attestation in &matching {
        for index in pending_attesting_indices(cfg, state, attestation)? {
            let unknown = Error::UnknownValidator { index, count: state.validators.len() as u64 };
            let best = soonest.get_mut(index as usize).ok_or(unknown)?;
            if best.is_none_or(|best| attestation.inclusion_delay < best.inclusion_delay) {
                *best = Some(attestation);
            }
        }
    }
    let base_rewards = BaseReward::of_state(cfg, state)?;
    for ((index, validator), attestation) in (0..).zip(state.validators.iter()).zip(soonest) {
        let Some(attestation) = attestation.filter(|_| !validator.slashed) else { continue };
        let base_reward = base_rewards.of(validator.effective_balance)?;
        let proposer_reward = base_reward / cfg.preset.proposer_reward_quotient;
        credit(&mut deltas.rewards, attestation.proposer_index, proposer_reward)?;
        let max_attester_reward = math::sub("attester reward", base_reward, proposer_reward)?;
        let reward = max_attester_reward.checked_div(attestation.inclusion_delay);
        credit(&mut deltas.rewards, index, reward.ok_or(Error::Arithmetic { what: "inclusion delay" })?)?;
    }
    Ok(deltas)
}

/// What idleness costs while finality is late (phase0/beacon-chain.md, `get_inactivity_penalty_deltas`).
pub(super) fn get_inactivity_penalty_deltas(cfg: &ChainConfig, state: &BeaconState) -> Result<Deltas, Error> {
    let mut deltas = Deltas::of_registry(state);
    if !is_in_inactivity_leak(cfg, state)? {
        return Ok(deltas);
    }
    let p = cfg.preset;
    let finality_delay = get_finality_delay(cfg, state)?;
    let matching = get_matching_target_attestations(cfg, state, get_previous_epoch(cfg, state))?;
    let on_target = get_unslashed_attesting_indices(cfg, state, &matching)?;
    let base_rewards = BaseReward::of_state(cfg, state)?;
    for index in get_eligible_validator_indices(cfg, state) {
        let effective_balance = get_validator(state, index)?.effective_balance;
        let base_reward = base_rewards.of(effective_balance)?;
        // Takes away what a perfect attester was rewarded with.
        let all_rewards = math::mul("inactivity penalty", BASE_REWARDS_PER_EPOCH, base_reward)?;
        let penalty = math::sub("inactivity penalty", all_rewards, base_reward / p.proposer_reward_quotient)?;
        credit(&mut deltas.penalties, index, penalty)?;
        if !on_target.contains(index) {
            let leak = math::mul("inactivity penalty", effective_balance, finality_delay)?;
            credit(&mut deltas.penalties, index, leak / p.inactivity_penalty_quotient)?;
        }
    }
    Ok(deltas)
}

/// All components together (phase0/beacon-chain.md, `get_attestation_deltas`).
///
/// # Errors
/// As [`get_source_deltas`].
pub fn get_attestation_deltas(cfg: &ChainConfig, state: &BeaconState) -> Result<Deltas, Error> {
    let mut sum = get_source_deltas(cfg, state)?;
    for part in [
        get_target_deltas(cfg, state)?,
        get_head_deltas(cfg, state)?,
        get_inclusion_delay_deltas(cfg, state)?,
        get_inactivity_penalty_deltas(cfg, state)?,
    ] {
        for (index, (reward, penalty)) in (0..).zip(part.rewards.iter().zip(&part.penalties)) {
            credit(&mut sum.rewards, index, *reward)?;
            credit(&mut sum.penalties, index, *penalty)?;
        }
    }
    Ok(sum)
}
