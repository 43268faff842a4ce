//! Exits and withdrawals that the owners of withdrawal credentials ask for.

use crate::{
    spec::{
        Error,
        accessors::{
            fork_of, get_balance, get_current_epoch, get_pending_balance_to_withdraw, get_validator,
            get_validator_index, has_compounding_withdrawal_credential, has_execution_withdrawal_credential,
            is_active_validator, withdrawal_address,
        },
        math,
        mutators::{compute_exit_epoch_and_update_churn, initiate_validator_exit},
    },
    types::{
        BeaconState, ChainConfig, Gwei, PendingPartialWithdrawal, Validator, ValidatorIndex, WithdrawalRequest,
        constants::{FAR_FUTURE_EPOCH, FULL_EXIT_REQUEST_AMOUNT},
    },
};

/// Lets a validator exit, or queues a partial withdrawal; a request that may not be followed changes nothing
/// (electra/beacon-chain.md, `process_withdrawal_request`).
///
/// # Errors
/// If an epoch or amount is beyond 64 bits.
pub fn process_withdrawal_request(
    cfg: &ChainConfig,
    state: &mut BeaconState,
    withdrawal_request: &WithdrawalRequest,
) -> Result<(), Error> {
    let amount = withdrawal_request.amount;
    let is_full_exit_request = amount == FULL_EXIT_REQUEST_AMOUNT;
    let queue_is_full = state.pending_partial_withdrawals.is_full(cfg.shape(fork_of(cfg, state)));
    if queue_is_full && !is_full_exit_request {
        return Ok(());
    }
    let Some(index) = get_validator_index(state, &withdrawal_request.validator_pubkey) else { return Ok(()) };
    let validator = get_validator(state, index)?;
    if !may_leave(cfg, state, validator, withdrawal_request)? {
        return Ok(());
    }
    let pending = get_pending_balance_to_withdraw(state, index)?;
    if is_full_exit_request {
        return if pending == 0 { initiate_validator_exit(cfg, state, index) } else { Ok(()) };
    }
    let kept = math::add("balance to keep", cfg.preset.min_activation_balance, pending)?;
    let excess = get_balance(state, index)?.saturating_sub(kept);
    let may_have_excess = has_compounding_withdrawal_credential(validator)
        && validator.effective_balance >= cfg.preset.min_activation_balance;
    if may_have_excess && excess > 0 { queue_partial(cfg, state, index, excess.min(amount)) } else { Ok(()) }
}

/// Whether the request comes from the validator's owner, and the validator is active, long enough, and not leaving.
fn may_leave(
    cfg: &ChainConfig,
    state: &BeaconState,
    validator: &Validator,
    request: &WithdrawalRequest,
) -> Result<bool, Error> {
    let epoch = get_current_epoch(cfg, state);
    let authorized =
        has_execution_withdrawal_credential(validator) && withdrawal_address(validator) == request.source_address;
    if !authorized || !is_active_validator(validator, epoch) || validator.exit_epoch != FAR_FUTURE_EPOCH {
        return Ok(false);
    }
    Ok(epoch >= math::add("earliest exit", validator.activation_epoch, cfg.shard_committee_period)?)
}

fn queue_partial(
    cfg: &ChainConfig,
    state: &mut BeaconState,
    validator_index: ValidatorIndex,
    amount: Gwei,
) -> Result<(), Error> {
    let exit_queue_epoch = compute_exit_epoch_and_update_churn(cfg, state, amount)?;
    let delay = cfg.min_validator_withdrawability_delay;
    let withdrawable_epoch = math::add("withdrawable epoch", exit_queue_epoch, delay)?;
    state.pending_partial_withdrawals.push(PendingPartialWithdrawal { validator_index, amount, withdrawable_epoch });
    Ok(())
}
