//! Sums of effective balances, and the base rewards derived from them.

use crate::{
    spec::{
        Error,
        accessors::{fork_of, get_current_epoch, get_previous_epoch, get_validator, is_active_validator},
        math,
    },
    types::{BeaconState, ChainConfig, ForkName, Gwei, ValidatorIndex, constants::BASE_REWARDS_PER_EPOCH},
};

/// The balance of a validator, in Gwei.
///
/// # Errors
/// If the validator is unknown.
pub fn get_balance(state: &BeaconState, index: ValidatorIndex) -> Result<Gwei, Error> {
    let unknown = Error::UnknownValidator { index, count: state.balances.len() as u64 };
    usize::try_from(index).ok().and_then(|i| state.balances.get(i)).copied().ok_or(unknown)
}

/// The effective balances of `indices` together, in Gwei, one increment at least (phase0/beacon-chain.md,
/// `get_total_balance`). An index given twice counts twice: pass a set.
///
/// # Errors
/// If an index is unknown or the sum is beyond 64 bits.
pub fn get_total_balance(
    cfg: &ChainConfig,
    state: &BeaconState,
    indices: impl IntoIterator<Item = ValidatorIndex>,
) -> Result<Gwei, Error> {
    let sum = indices
        .into_iter()
        .try_fold(0, |sum, index| math::add("total balance", sum, get_validator(state, index)?.effective_balance))?;
    Ok(sum.max(cfg.preset.effective_balance_increment))
}

/// The effective balances of all active validators together, in Gwei (phase0/beacon-chain.md,
/// `get_total_active_balance`).
///
/// # Errors
/// If the sum is beyond 64 bits.
pub fn get_total_active_balance(cfg: &ChainConfig, state: &BeaconState) -> Result<Gwei, Error> {
    let epoch = get_current_epoch(cfg, state);
    if let Some(balance) = state.cache.total_active_balance(epoch) {
        return Ok(balance);
    }
    let active = state.validators.iter().filter(|v| is_active_validator(v, epoch));
    let sum = active.map(|v| v.effective_balance).try_fold(0, |sum, b| math::add("total active balance", sum, b))?;
    let balance = sum.max(cfg.preset.effective_balance_increment);
    state.cache.remember_total_active_balance(epoch, balance);
    Ok(balance)
}

/// The base reward of one increment, in Gwei (altair/beacon-chain.md, `get_base_reward_per_increment`).
///
/// # Errors
/// As [`get_total_active_balance`].
pub fn get_base_reward_per_increment(cfg: &ChainConfig, state: &BeaconState) -> Result<Gwei, Error> {
    let p = cfg.preset;
    let numerator = math::mul("base reward", p.effective_balance_increment, p.base_reward_factor)?;
    Ok(numerator / math::integer_squareroot(get_total_active_balance(cfg, state)?))
}

/// What a validator's base reward is made of, read once for many validators.
#[derive(Clone, Copy, Debug)]
pub(crate) enum BaseReward {
    /// By the square root of the total balance and the number of rewards in an epoch.
    Phase0 { factor: u64, sqrt_total: u64 },
    /// By whole increments of the effective balance.
    Altair { increment: Gwei, per_increment: Gwei },
}

impl BaseReward {
    pub(crate) fn of_state(cfg: &ChainConfig, state: &BeaconState) -> Result<Self, Error> {
        if fork_of(cfg, state) == ForkName::Phase0 {
            let sqrt_total = math::integer_squareroot(get_total_active_balance(cfg, state)?);
            Ok(Self::Phase0 { factor: cfg.preset.base_reward_factor, sqrt_total })
        } else {
            let per_increment = get_base_reward_per_increment(cfg, state)?;
            Ok(Self::Altair { increment: cfg.preset.effective_balance_increment, per_increment })
        }
    }

    pub(crate) fn of(self, effective_balance: Gwei) -> Result<Gwei, Error> {
        match self {
            Self::Phase0 { factor, sqrt_total } => {
                Ok(math::mul("base reward", effective_balance, factor)? / sqrt_total / BASE_REWARDS_PER_EPOCH)
            }
            Self::Altair { increment, per_increment } => {
                math::mul("base reward", effective_balance / increment, per_increment)
            }
        }
    }
}

/// The base reward of a validator, in Gwei (`get_base_reward` of phase0/beacon-chain.md; of altair/beacon-chain.md
/// from then on).
///
/// # Errors
/// If the validator is unknown, or as [`get_total_active_balance`].
pub fn get_base_reward(cfg: &ChainConfig, state: &BeaconState, index: ValidatorIndex) -> Result<Gwei, Error> {
    BaseReward::of_state(cfg, state)?.of(get_validator(state, index)?.effective_balance)
}

/// The proposer's part of an attester's base reward, in Gwei (phase0/beacon-chain.md, `get_proposer_reward`).
///
/// # Errors
/// As [`get_base_reward`].
pub fn get_proposer_reward(cfg: &ChainConfig, state: &BeaconState, index: ValidatorIndex) -> Result<Gwei, Error> {
    Ok(get_base_reward(cfg, state, index)? / cfg.preset.proposer_reward_quotient)
}

/// Epochs between the finalized and the previous one (phase0/beacon-chain.md, `get_finality_delay`).
///
/// # Errors
/// If the finalized epoch is later than the previous one.
pub fn get_finality_delay(cfg: &ChainConfig, state: &BeaconState) -> Result<u64, Error> {
    math::sub("finality delay", get_previous_epoch(cfg, state), state.finalized_checkpoint.epoch)
}

/// Whether finality is so late that idle validators lose their balance (phase0/beacon-chain.md,
/// `is_in_inactivity_leak`).
///
/// # Errors
/// As [`get_finality_delay`].
pub fn is_in_inactivity_leak(cfg: &ChainConfig, state: &BeaconState) -> Result<bool, Error> {
    Ok(get_finality_delay(cfg, state)? > cfg.preset.min_epochs_to_inactivity_penalty)
}
