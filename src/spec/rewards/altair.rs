//! Deltas of altair, from participation flags and inactivity scores.

use super::Deltas;
use crate::{
    spec::{
        Error,
        accessors::{
            BaseReward, fork_of, get_previous_epoch, get_total_active_balance, get_unslashed_participating_indices,
            has_flag, is_active_validator, is_eligible_validator, is_in_inactivity_leak, same_length,
            total_balance_of_set,
        },
        math,
    },
    types::{
        BeaconState, ChainConfig, Epoch, ForkName, Gwei, Validator,
        constants::{PARTICIPATION_FLAG_WEIGHTS, TIMELY_HEAD_FLAG_INDEX, TIMELY_TARGET_FLAG_INDEX, WEIGHT_DENOMINATOR},
    },
};

/// Deltas by one participation flag of the previous epoch (altair/beacon-chain.md, `get_flag_index_deltas`).
///
/// # Errors
/// If there is no such flag, the state has fewer flags than validators, or an amount is beyond 64 bits.
pub fn get_flag_index_deltas(cfg: &ChainConfig, state: &BeaconState, flag_index: usize) -> Result<Deltas, Error> {
    let rule = FlagRule::of_state(cfg, state, flag_index)?;
    let mut deltas = Deltas::default();
    for (validator, flags) in state.validators.iter().zip(&state.previous_epoch_participation) {
        let (reward, penalty) = rule.delta(validator, *flags)?;
        deltas.rewards.push(reward);
        deltas.penalties.push(penalty);
    }
    Ok(deltas)
}

/// What idleness costs by inactivity scores (`get_inactivity_penalty_deltas` of altair/beacon-chain.md; of
/// bellatrix/beacon-chain.md from then on).
pub(super) fn get_inactivity_penalty_deltas(cfg: &ChainConfig, state: &BeaconState) -> Result<Deltas, Error> {
    let rule = InactivityRule::of_state(cfg, state)?;
    let mut deltas = Deltas::of_registry(state);
    let lists = state.previous_epoch_participation.iter().zip(&state.inactivity_scores);
    for ((place, validator), (flags, score)) in deltas.penalties.iter_mut().zip(&state.validators).zip(lists) {
        *place = rule.penalty(validator, *flags, *score)?;
    }
    Ok(deltas)
}

/// The balances after all components, in one pass over the validators: each component after the other, because a penalty
/// stops at zero.
pub(super) fn process_rewards_and_penalties(cfg: &ChainConfig, state: &mut BeaconState) -> Result<(), Error> {
    let flag_indices = 0..PARTICIPATION_FLAG_WEIGHTS.len();
    let flag_rules =
        flag_indices.map(|flag| FlagRule::of_state(cfg, state, flag)).collect::<Result<Vec<_>, Error>>()?;
    let inactivity = InactivityRule::of_state(cfg, state)?;
    same_length("balances", state.balances.len(), state)?;
    let lists = state.previous_epoch_participation.iter().zip(&state.inactivity_scores);
    let mut validators = state.validators.iter().zip(lists);
    state.balances.try_update(|_, old| {
        let Some((validator, (flags, score))) = validators.next() else { return Ok(None) };
        let mut balance = *old;
        for rule in &flag_rules {
            let (reward, penalty) = rule.delta(validator, *flags)?;
            balance = math::add("balance", balance, reward)?.saturating_sub(penalty);
        }
        balance = balance.saturating_sub(inactivity.penalty(validator, *flags, *score)?);
        Ok((balance != *old).then_some(balance))
    })
}

/// Whether the validator has the flag of the previous epoch: whether `get_unslashed_participating_indices` holds it.
fn participates(validator: &Validator, flags: u8, flag_index: usize, previous: Epoch) -> bool {
    has_flag(flags, flag_index) && !validator.slashed && is_active_validator(validator, previous)
}

/// What the deltas by one flag depend on beside the validator.
struct FlagRule {
    flag_index: usize,
    weight: u64,
    previous: Epoch,
    leaking: bool,
    base_rewards: BaseReward,
    participating_increments: u64,
    denominator: u64,
}

impl FlagRule {
    fn of_state(cfg: &ChainConfig, state: &BeaconState, flag_index: usize) -> Result<Self, Error> {
        let len = PARTICIPATION_FLAG_WEIGHTS.len() as u64;
        let no_flag = Error::IndexOutOfRange { list: "participation flags", index: flag_index as u64, len };
        let weight = *PARTICIPATION_FLAG_WEIGHTS.get(flag_index).ok_or(no_flag)?;
        let previous = get_previous_epoch(cfg, state);
        let participants = get_unslashed_participating_indices(cfg, state, flag_index, previous)?;
        let increment = cfg.preset.effective_balance_increment;
        let active_increments = get_total_active_balance(cfg, state)? / increment;
        Ok(Self {
            flag_index,
            weight,
            previous,
            leaking: is_in_inactivity_leak(cfg, state)?,
            base_rewards: BaseReward::of_state(cfg, state)?,
            participating_increments: total_balance_of_set(cfg, state, &participants)? / increment,
            denominator: math::mul("attestation reward", active_increments, WEIGHT_DENOMINATOR)?,
        })
    }

    /// Reward and penalty of a validator with these flags.
    fn delta(&self, validator: &Validator, flags: u8) -> Result<(Gwei, Gwei), Error> {
        if !is_eligible_validator(validator, self.previous) {
            return Ok((0, 0));
        }
        let what = "attestation reward";
        let weighted = math::mul(what, self.base_rewards.of(validator.effective_balance)?, self.weight)?;
        Ok(if participates(validator, flags, self.flag_index, self.previous) {
            match self.leaking {
                true => (0, 0),
                false => (math::mul(what, weighted, self.participating_increments)? / self.denominator, 0),
            }
        } else if self.flag_index != TIMELY_HEAD_FLAG_INDEX {
            (0, weighted / WEIGHT_DENOMINATOR)
        } else {
            (0, 0)
        })
    }
}

/// What penalties for idleness depend on beside the validator.
struct InactivityRule {
    previous: Epoch,
    denominator: u64,
}

impl InactivityRule {
    fn of_state(cfg: &ChainConfig, state: &BeaconState) -> Result<Self, Error> {
        let quotient = match fork_of(cfg, state) {
            ForkName::Altair => cfg.preset.inactivity_penalty_quotient_altair,
            _ => cfg.preset.inactivity_penalty_quotient_bellatrix,
        };
        same_length("epoch participation", state.previous_epoch_participation.len(), state)?;
        same_length("inactivity_scores", state.inactivity_scores.len(), state)?;
        let denominator = math::mul("inactivity penalty", cfg.inactivity_score_bias, quotient)?;
        Ok(Self { previous: get_previous_epoch(cfg, state), denominator })
    }

    /// The penalty of a validator with these flags and this score.
    fn penalty(&self, validator: &Validator, flags: u8, score: u64) -> Result<Gwei, Error> {
        if !is_eligible_validator(validator, self.previous)
            || participates(validator, flags, TIMELY_TARGET_FLAG_INDEX, self.previous)
        {
            return Ok(0);
        }
        Ok(math::mul("inactivity penalty", validator.effective_balance, score)? / self.denominator)
    }
}
