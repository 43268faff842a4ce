//! Withdrawals: balances that leave for the execution layer.

use crate::{
    spec::{
        Error,
        accessors::{
            get_current_epoch, get_validator, is_fully_withdrawable_validator, is_partially_withdrawable_validator,
        },
        math,
        mutators::decrease_balance,
    },
    ssz::Bytes,
    types::{
        BeaconState, ChainConfig, ExecutionAddress, ExecutionPayload, Gwei, Validator, ValidatorIndex, Withdrawal,
        WithdrawalIndex,
    },
};

/// The withdrawals that the next payload must have, and what they leave to do (capella/beacon-chain.md,
/// `ExpectedWithdrawals`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpectedWithdrawals {
    /// In order.
    pub withdrawals: Vec<Withdrawal>,
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
    update_next_withdrawal_validator_index(cfg, state, withdrawals)
}

/// The withdrawals that the payload of a block at the state's slot must list (capella/beacon-chain.md,
/// `get_expected_withdrawals`).
///
/// # Errors
/// If the state's balances or next index don't fit its registry, or an index is beyond 64 bits.
pub fn get_expected_withdrawals(cfg: &ChainConfig, state: &BeaconState) -> Result<ExpectedWithdrawals, Error> {
    let mut withdrawals = Vec::new();
    let (swept, _, processed_sweep_withdrawals_count) =
        get_validators_sweep_withdrawals(cfg, state, state.next_withdrawal_index, &withdrawals)?;
    withdrawals.extend(swept);
    Ok(ExpectedWithdrawals { withdrawals, processed_sweep_withdrawals_count })
}

/// What is due of the next validators in turn: the withdrawals, the index after them, and how many validators were
/// looked at (capella/beacon-chain.md, `get_validators_sweep_withdrawals`).
///
/// # Errors
/// As [`get_expected_withdrawals`].
pub fn get_validators_sweep_withdrawals(
    cfg: &ChainConfig,
    state: &BeaconState,
    withdrawal_index: WithdrawalIndex,
    prior_withdrawals: &[Withdrawal],
) -> Result<(Vec<Withdrawal>, WithdrawalIndex, u64), Error> {
    let p = cfg.preset;
    let epoch = get_current_epoch(cfg, state);
    let count = state.validators.len() as u64;
    let mut all = prior_withdrawals.to_vec();
    let mut withdrawal_index = withdrawal_index;
    let mut validator_index = state.next_withdrawal_validator_index;
    let mut processed = 0;
    while processed < count.min(p.max_validators_per_withdrawals_sweep) && !is_full(cfg, &all) {
        let validator = get_validator(state, validator_index)?;
        let balance = get_balance_after_withdrawals(state, validator_index, &all)?;
        let amount = if is_fully_withdrawable_validator(validator, balance, epoch) {
            Some(balance)
        } else if is_partially_withdrawable_validator(cfg, validator, balance) {
            Some(math::sub("withdrawal", balance, p.max_effective_balance)?)
        } else {
            None
        };
        if let Some(amount) = amount {
            let address = execution_address(validator);
            all.push(Withdrawal { index: withdrawal_index, validator_index, address, amount });
            withdrawal_index = math::add("withdrawal index", withdrawal_index, 1)?;
        }
        validator_index = (validator_index + 1) % count;
        processed += 1;
    }
    Ok((all.split_off(prior_withdrawals.len()), withdrawal_index, processed))
}

fn is_full(cfg: &ChainConfig, withdrawals: &[Withdrawal]) -> bool {
    withdrawals.len() as u64 >= cfg.preset.max_withdrawals_per_payload
}

/// The address in withdrawal credentials that hold one.
fn execution_address(validator: &Validator) -> ExecutionAddress {
    Bytes(std::array::from_fn(|i| validator.withdrawal_credentials.0[12 + i]))
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
    let unknown = Error::UnknownValidator { index: validator_index, count: state.balances.len() as u64 };
    let at = usize::try_from(validator_index).map_err(|_| unknown.clone())?;
    let balance = *state.balances.get(at).ok_or(unknown)?;
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
