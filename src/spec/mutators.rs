//! Changes that several parts of the transition make: balances, exits, slashings ("beacon state mutators").

mod balance_churn;
mod compounding;

pub use balance_churn::{compute_consolidation_epoch_and_update_churn, compute_exit_epoch_and_update_churn};
pub(crate) use compounding::push_pending_deposit;
pub use compounding::{queue_excess_active_balance, switch_to_compounding_validator};

use crate::{
    spec::{
        Error,
        accessors::{
            compute_activation_exit_epoch, fork_of, get_beacon_proposer_index, get_current_epoch, get_validator,
            get_validator_churn_limit,
        },
        math,
    },
    types::{
        BeaconState, ChainConfig, Epoch, ForkName, Gwei, Validator, ValidatorIndex,
        constants::{FAR_FUTURE_EPOCH, PROPOSER_WEIGHT, WEIGHT_DENOMINATOR},
    },
};

/// Adds `delta` Gwei to a validator's balance (phase0/beacon-chain.md, `increase_balance`).
///
/// # Errors
/// If the validator is unknown or the balance is beyond 64 bits.
pub fn increase_balance(state: &mut BeaconState, index: ValidatorIndex, delta: Gwei) -> Result<(), Error> {
    set_balance(state, index, |balance| math::add("balance", balance, delta))
}

/// Takes `delta` Gwei from a validator's balance, down to zero (phase0/beacon-chain.md, `decrease_balance`).
///
/// # Errors
/// If the validator is unknown.
pub fn decrease_balance(state: &mut BeaconState, index: ValidatorIndex, delta: Gwei) -> Result<(), Error> {
    set_balance(state, index, |balance| Ok(balance.saturating_sub(delta)))
}

fn set_balance(
    state: &mut BeaconState,
    index: ValidatorIndex,
    change: impl FnOnce(Gwei) -> Result<Gwei, Error>,
) -> Result<(), Error> {
    let unknown = Error::UnknownValidator { index, count: state.balances.len() as u64 };
    let at = usize::try_from(index).map_err(|_| unknown.clone())?;
    let old = *state.balances.get(at).ok_or_else(|| unknown.clone())?;
    let new = change(old)?;
    // Writing copies a shared list and forgets its root, so what stays the same is not written.
    if new == old || state.balances.set(at, new) { Ok(()) } else { Err(unknown) }
}

/// Changes the validator of `index` in place.
pub(crate) fn change_validator(
    state: &mut BeaconState,
    index: ValidatorIndex,
    change: impl FnOnce(&mut Validator),
) -> Result<(), Error> {
    let unknown = Error::UnknownValidator { index, count: state.validators.len() as u64 };
    let at = usize::try_from(index).map_err(|_| unknown.clone())?;
    change(state.validators.get_mut(at).ok_or(unknown)?);
    Ok(())
}

/// The end of the exit queue before electra: the epoch of its last exits, how many those are, and how many fit.
pub(crate) struct ExitQueue {
    epoch: Epoch,
    churn: u64,
    limit: u64,
}

impl ExitQueue {
    pub(crate) fn of_state(cfg: &ChainConfig, state: &BeaconState) -> Result<Self, Error> {
        let earliest = compute_activation_exit_epoch(cfg, get_current_epoch(cfg, state))?;
        let exits = || state.validators.iter().map(|v| v.exit_epoch).filter(|epoch| *epoch != FAR_FUTURE_EPOCH);
        let epoch = exits().fold(earliest, Epoch::max);
        let churn = exits().filter(|exit| *exit == epoch).count() as u64;
        Ok(Self { epoch, churn, limit: get_validator_churn_limit(cfg, state) })
    }

    /// Puts one more exit into the queue and returns its epoch.
    fn join(&mut self) -> Result<Epoch, Error> {
        if self.churn >= self.limit {
            self.epoch = math::add("exit queue epoch", self.epoch, 1)?;
            self.churn = 0;
        }
        self.churn += 1;
        Ok(self.epoch)
    }

    /// [`initiate_validator_exit`] for one validator of many.
    pub(crate) fn initiate(
        &mut self,
        cfg: &ChainConfig,
        state: &mut BeaconState,
        index: ValidatorIndex,
    ) -> Result<(), Error> {
        if get_validator(state, index)?.exit_epoch != FAR_FUTURE_EPOCH {
            return Ok(());
        }
        set_exit_epoch(cfg, state, index, self.join()?)
    }
}

/// Lets a validator leave in `exit_epoch`.
pub(crate) fn set_exit_epoch(
    cfg: &ChainConfig,
    state: &mut BeaconState,
    index: ValidatorIndex,
    exit_epoch: Epoch,
) -> Result<(), Error> {
    let withdrawable = math::add("withdrawable epoch", exit_epoch, cfg.min_validator_withdrawability_delay)?;
    change_validator(state, index, |validator| {
        validator.exit_epoch = exit_epoch;
        validator.withdrawable_epoch = withdrawable;
    })
}

/// Puts a validator into the exit queue, unless it is there (`initiate_validator_exit` of phase0/beacon-chain.md; of
/// electra/beacon-chain.md from then on).
///
/// # Errors
/// If the validator is unknown or the queue's end is beyond 64 bits.
pub fn initiate_validator_exit(cfg: &ChainConfig, state: &mut BeaconState, index: ValidatorIndex) -> Result<(), Error> {
    if fork_of(cfg, state) < ForkName::Electra {
        return ExitQueue::of_state(cfg, state)?.initiate(cfg, state, index);
    }
    let validator = get_validator(state, index)?;
    if validator.exit_epoch != FAR_FUTURE_EPOCH {
        return Ok(());
    }
    let exit_epoch = compute_exit_epoch_and_update_churn(cfg, state, validator.effective_balance)?;
    set_exit_epoch(cfg, state, index, exit_epoch)
}

/// Slashes a validator and rewards whoever reported it, by default the proposer (`slash_validator` of
/// phase0/beacon-chain.md; of each later fork from then on).
///
/// # Errors
/// If a validator is unknown or an amount is beyond 64 bits.
pub fn slash_validator(
    cfg: &ChainConfig,
    state: &mut BeaconState,
    slashed_index: ValidatorIndex,
    whistleblower_index: Option<ValidatorIndex>,
) -> Result<(), Error> {
    let p = cfg.preset;
    let epoch = get_current_epoch(cfg, state);
    initiate_validator_exit(cfg, state, slashed_index)?;
    let slashable_until = math::add("withdrawable epoch", epoch, p.epochs_per_slashings_vector)?;
    change_validator(state, slashed_index, |validator| {
        validator.slashed = true;
        validator.withdrawable_epoch = validator.withdrawable_epoch.max(slashable_until);
    })?;
    let effective_balance = get_validator(state, slashed_index)?.effective_balance;
    add_slashing(cfg, state, epoch, effective_balance)?;
    let fork = fork_of(cfg, state);
    let penalty_quotient = match fork {
        ForkName::Phase0 => p.min_slashing_penalty_quotient,
        ForkName::Altair => p.min_slashing_penalty_quotient_altair,
        ForkName::Bellatrix | ForkName::Capella | ForkName::Deneb => p.min_slashing_penalty_quotient_bellatrix,
        ForkName::Electra | ForkName::Fulu => p.min_slashing_penalty_quotient_electra,
    };
    decrease_balance(state, slashed_index, effective_balance / penalty_quotient)?;

    let proposer_index = get_beacon_proposer_index(cfg, state)?;
    let whistleblower_quotient = match fork < ForkName::Electra {
        true => p.whistleblower_reward_quotient,
        false => p.whistleblower_reward_quotient_electra,
    };
    let whistleblower_reward = effective_balance / whistleblower_quotient;
    let proposer_reward = match fork {
        ForkName::Phase0 => whistleblower_reward / p.proposer_reward_quotient,
        _ => math::mul("proposer reward", whistleblower_reward, PROPOSER_WEIGHT)? / WEIGHT_DENOMINATOR,
    };
    increase_balance(state, proposer_index, proposer_reward)?;
    let rest = math::sub("whistleblower reward", whistleblower_reward, proposer_reward)?;
    increase_balance(state, whistleblower_index.unwrap_or(proposer_index), rest)
}

/// Adds a slashed balance to the sum of the epoch.
fn add_slashing(cfg: &ChainConfig, state: &mut BeaconState, epoch: Epoch, balance: Gwei) -> Result<(), Error> {
    let index = epoch % cfg.preset.epochs_per_slashings_vector;
    let missing = Error::IndexOutOfRange { list: "slashings", index, len: state.slashings.len() as u64 };
    let sum = state.slashings.get_mut(index as usize).ok_or(missing)?;
    *sum = math::add("slashings of the epoch", *sum, balance)?;
    Ok(())
}
