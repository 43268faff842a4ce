//! Withdrawals: balances that leave for the execution layer.

use crate::{
    spec::{
        Error,
        accessors::{
            fork_of, get_balance, get_current_epoch, get_max_effective_balance, get_validator,
            is_eligible_for_partial_withdrawals, is_fully_withdrawable_validator, is_partially_withdrawable_validator,
            withdrawal_address,
        },
        math,
        mutators::decrease_balance,
    },
    types::{BeaconState, ChainConfig, ExecutionPayload, ForkName, Gwei, ValidatorIndex, Withdrawal, WithdrawalIndex},
};

/// The withdrawals that the next payload must have, and what they leave to do (`ExpectedWithdrawals` of
/// capella/beacon-chain.md and electra/beacon-chain.md).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpectedWithdrawals {
    /// In order.
    pub withdrawals: Vec<Withdrawal>,
    /// How many pending partial withdrawals are done with; none before electra.
    pub processed_partial_withdrawals_count: u64,
    /// How many validators the sweep looked at.
    pub processed_sweep_withdrawals_count: u64,
}

/// Takes the withdrawals that are due from the balances; the payload must list just these (capella/beacon-chain.md,
/// `process_withdrawals`).
///
/// # Errors
/// If it lists others.
pub fn process_withdrawals(
    cfg: &ChainConfig,
    state: &mut BeaconState,
    payload: &ExecutionPayload,
) -> Result<(), Error> {
    let expected = get_expected_withdrawals(cfg, state)?;
    let withdrawals = &expected.withdrawals;
    if !payload.withdrawals.iter().eq(withdrawals) {
        let (found, expected) = (payload.withdrawals.len() as u64, withdrawals.len() as u64);
        return Err(Error::Withdrawals { found, expected });
    }
    for withdrawal in withdrawals {
        decrease_balance(state, withdrawal.validator_index, withdrawal.amount)?;
    }
    update_next_withdrawal_index(state, withdrawals)?;
    update_pending_partial_withdrawals(state, expected.processed_partial_withdrawals_count);
    update_next_withdrawal_validator_index(cfg, state, withdrawals)
}

/// The withdrawals that the payload of a block at the state's slot must list (capella/beacon-chain.md,
/// `get_expected_withdrawals`).
///
/// # Errors
/// If the state's balances or next index don't fit its registry, or an index is beyond 64 bits.
pub fn get_expected_withdrawals(cfg: &ChainConfig, state: &BeaconState) -> Result<ExpectedWithdrawals, Error> {
    let first_index = state.next_withdrawal_index;
    let (mut withdrawals, index, processed_partial_withdrawals_count) = match fork_of(cfg, state) < ForkName::Electra {
        true => (Vec::new(), first_index, 0),
        false => get_pending_partial_withdrawals(cfg, state, first_index, &[])?,
    };
    let (swept, _, processed_sweep_withdrawals_count) =
        get_validators_sweep_withdrawals(cfg, state, index, &withdrawals)?;
    withdrawals.extend(swept);
    Ok(ExpectedWithdrawals { withdrawals, processed_partial_withdrawals_count, processed_sweep_withdrawals_count })
}

/// What is due of the queue of partial withdrawals: the withdrawals, the index after them, and how many of the queue are
/// done with (electra/beacon-chain.md, `get_pending_partial_withdrawals`).
///
/// # Errors
/// If the queue names an unknown validator, `prior_withdrawals` leave no room, or an index is beyond 64 bits.
pub fn get_pending_partial_withdrawals(
    cfg: &ChainConfig,
    state: &BeaconState,
    withdrawal_index: WithdrawalIndex,
    prior_withdrawals: &[Withdrawal],
) -> Result<(Vec<Withdrawal>, WithdrawalIndex, u64), Error> {
    let p = cfg.preset;
    let prior = prior_withdrawals.len() as u64;
    // One place is left to the sweep.
    let limit = prior
        .saturating_add(p.max_pending_partials_per_withdrawals_sweep)
        .min(p.max_withdrawals_per_payload.saturating_sub(1));
    if prior > limit {
        return Err(no_room(prior_withdrawals));
    }
    let epoch = get_current_epoch(cfg, state);
    let mut all = prior_withdrawals.to_vec();
    let mut withdrawal_index = withdrawal_index;
    let mut processed = 0;
    for pending in &state.pending_partial_withdrawals {
        if pending.withdrawable_epoch > epoch || all.len() as u64 >= limit {
            break;
        }
        let validator_index = pending.validator_index;
        let validator = get_validator(state, validator_index)?;
        let balance = get_balance_after_withdrawals(state, validator_index, &all)?;
        if is_eligible_for_partial_withdrawals(cfg, validator, balance) {
            let amount = math::sub("withdrawal", balance, p.min_activation_balance)?.min(pending.amount);
            let address = withdrawal_address(validator);
            all.push(Withdrawal { index: withdrawal_index, validator_index, address, amount });
            withdrawal_index = math::add("withdrawal index", withdrawal_index, 1)?;
        }
        processed += 1;
    }
    Ok((all.split_off(prior_withdrawals.len()), withdrawal_index, processed))
}

/// Takes those that are done with out of the queue (electra/beacon-chain.md, `update_pending_partial_withdrawals`).
fn update_pending_partial_withdrawals(state: &mut BeaconState, processed_partial_withdrawals_count: u64) {
    if processed_partial_withdrawals_count > 0 {
        let done = processed_partial_withdrawals_count as usize;
        state.pending_partial_withdrawals = state.pending_partial_withdrawals.iter().skip(done).copied().collect();
    }
}

/// What is due of the next validators in turn: the withdrawals, the index after them, and how many validators were
/// looked at (capella/beacon-chain.md, `get_validators_sweep_withdrawals`).
///
/// # Errors
/// If `prior_withdrawals` leave no room; else as [`get_expected_withdrawals`].
pub fn get_validators_sweep_withdrawals(
    cfg: &ChainConfig,
    state: &BeaconState,
    withdrawal_index: WithdrawalIndex,
    prior_withdrawals: &[Withdrawal],
) -> Result<(Vec<Withdrawal>, WithdrawalIndex, u64), Error> {
    let p = cfg.preset;
    if is_full(cfg, prior_withdrawals) {
        return Err(no_room(prior_withdrawals));
    }
    let (fork, epoch) = (fork_of(cfg, state), get_current_epoch(cfg, state));
    let count = state.validators.len() as u64;
    let mut all = prior_withdrawals.to_vec();
    let mut withdrawal_index = withdrawal_index;
    let mut validator_index = state.next_withdrawal_validator_index;
    let mut processed = 0;
    while processed < count.min(p.max_validators_per_withdrawals_sweep) && !is_full(cfg, &all) {
        let validator = get_validator(state, validator_index)?;
        let balance = get_balance_after_withdrawals(state, validator_index, &all)?;
        let amount = if is_fully_withdrawable_validator(fork, validator, balance, epoch) {
            Some(balance)
        } else if is_partially_withdrawable_validator(cfg, fork, validator, balance) {
            Some(math::sub("withdrawal", balance, get_max_effective_balance(cfg, fork, validator))?)
        } else {
            None
        };
        if let Some(amount) = amount {
            let address = withdrawal_address(validator);
            all.push(Withdrawal { index: withdrawal_index, validator_index, address, amount });
            withdrawal_index = math::add("withdrawal index", withdrawal_index, 1)?;
        }
        validator_index = (validator_index + 1) % count;
        processed += 1;
    }
    Ok((all.split_off(prior_withdrawals.len()), withdrawal_index, processed))
}

fn no_room(withdrawals: &[Withdrawal]) -> Error {
    Error::ListFull { list: "withdrawals of a payload", len: withdrawals.len() as u64 }
}

fn is_full(cfg: &ChainConfig, withdrawals: &[Withdrawal]) -> bool {
    withdrawals.len() as u64 >= cfg.preset.max_withdrawals_per_payload
}

/// A validator's balance less what `withdrawals` take (capella/beacon-chain.md, `get_balance_after_withdrawals`).
///
/// # Errors
/// If the validator is unknown, or they take more than there is.
pub fn get_balance_after_withdrawals(
    state: &BeaconState,
    validator_index: ValidatorIndex,
    withdrawals: &[Withdrawal],
) -> Result<Gwei, Error> {
    let balance = get_balance(state, validator_index)?;
    let mut own = withdrawals.iter().filter(|withdrawal| withdrawal.validator_index == validator_index);
    own.try_fold(balance, |balance, withdrawal| math::sub("balance after withdrawals", balance, withdrawal.amount))
}

/// Numbers the next withdrawal (capella/beacon-chain.md, `update_next_withdrawal_index`).
fn update_next_withdrawal_index(state: &mut BeaconState, withdrawals: &[Withdrawal]) -> Result<(), Error> {
    if let Some(latest) = withdrawals.last() {
        state.next_withdrawal_index = math::add("withdrawal index", latest.index, 1)?;
    }
    Ok(())
}

/// Says where the next sweep begins: after the last validator of a full payload, else after those looked at
/// (capella/beacon-chain.md, `update_next_withdrawal_validator_index`).
fn update_next_withdrawal_validator_index(
    cfg: &ChainConfig,
    state: &mut BeaconState,
    withdrawals: &[Withdrawal],
) -> Result<(), Error> {
    let what = "next withdrawal validator index";
    let next = match withdrawals.last() {
        Some(latest) if withdrawals.len() as u64 == cfg.preset.max_withdrawals_per_payload => {
            math::add(what, latest.validator_index, 1)?
        }
        _ => {
            let sweep = cfg.preset.max_validators_per_withdrawals_sweep;
            math::add(what, state.next_withdrawal_validator_index, sweep)?
        }
    };
    let no_validators = Error::UnknownValidator { index: next, count: 0 };
    state.next_withdrawal_validator_index = next.checked_rem(state.validators.len() as u64).ok_or(no_validators)?;
    Ok(())
}
