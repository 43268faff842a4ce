//! The upgrade to electra.

use super::set_fork;
use crate::{
    spec::{
        Error, G2_POINT_AT_INFINITY,
        accessors::{
            compute_activation_exit_epoch, get_activation_exit_churn_limit, get_balance, get_consolidation_churn_limit,
            get_current_epoch, get_validator, has_compounding_withdrawal_credential,
        },
        math,
        mutators::{change_validator, decrease_balance, push_pending_deposit, queue_excess_active_balance},
    },
    types::{
        BeaconState, ChainConfig, Epoch, ForkName, PendingDeposit, ValidatorIndex,
        constants::{FAR_FUTURE_EPOCH, GENESIS_SLOT, UNSET_DEPOSIT_REQUESTS_START_INDEX},
    },
};

/// Turns a deneb state at the first slot of an epoch into an electra state (electra/fork.md, `upgrade_to_electra`).
///
/// # Errors
/// If an epoch is beyond 64 bits, or the balances don't fit the registry.
pub fn upgrade_to_electra(cfg: &ChainConfig, state: &mut BeaconState) -> Result<(), Error> {
    set_fork(cfg, state, ForkName::Electra);
    initialize_balance_queues(cfg, state)?;
    queue_balances_of_inactive(cfg, state)?;
    // Who had compounding credentials before they meant anything goes through the churn as well.
    let compounding: Vec<ValidatorIndex> = (0..)
        .zip(state.validators.iter())
        .filter(|(_, v)| has_compounding_withdrawal_credential(v))
        .map(|(index, _)| index)
        .collect();
    compounding.into_iter().try_for_each(|index| queue_excess_active_balance(cfg, state, index))
}

/// Sets where the queues of deposits, exits and consolidations begin: what a state of electra has beside those queues.
///
/// # Errors
/// If an epoch or balance is beyond 64 bits.
pub(crate) fn initialize_balance_queues(cfg: &ChainConfig, state: &mut BeaconState) -> Result<(), Error> {
    let earliest = compute_activation_exit_epoch(cfg, get_current_epoch(cfg, state))?;
    let exits = state.validators.iter().map(|v| v.exit_epoch).filter(|epoch| *epoch != FAR_FUTURE_EPOCH);
    let last_exit = exits.fold(earliest, Epoch::max);
    state.deposit_requests_start_index = UNSET_DEPOSIT_REQUESTS_START_INDEX;
    state.deposit_balance_to_consume = 0;
    state.earliest_exit_epoch = math::add("earliest exit epoch", last_exit, 1)?;
    state.earliest_consolidation_epoch = earliest;
    state.exit_balance_to_consume = get_activation_exit_churn_limit(cfg, state)?;
    state.consolidation_balance_to_consume = get_consolidation_churn_limit(cfg, state)?;
    Ok(())
}

/// Makes pending deposits of the balances of validators that were never activated, in the order of the activation queue.
fn queue_balances_of_inactive(cfg: &ChainConfig, state: &mut BeaconState) -> Result<(), Error> {
    let mut pre_activation: Vec<(Epoch, ValidatorIndex)> = (0..)
        .zip(state.validators.iter())
        .filter(|(_, v)| v.activation_epoch == FAR_FUTURE_EPOCH)
        .map(|(index, v)| (v.activation_eligibility_epoch, index))
        .collect();
    pre_activation.sort_unstable();
    for (_, index) in pre_activation {
        let amount = get_balance(state, index)?;
        decrease_balance(state, index, amount)?;
        change_validator(state, index, |validator| {
            validator.effective_balance = 0;
            validator.activation_eligibility_epoch = FAR_FUTURE_EPOCH;
        })?;
        let validator = get_validator(state, index)?;
        let deposit = PendingDeposit {
            pubkey: validator.pubkey,
            withdrawal_credentials: validator.withdrawal_credentials,
            amount,
            // These two tell it from a deposit request.
            signature: G2_POINT_AT_INFINITY,
            slot: GENESIS_SLOT,
        };
        push_pending_deposit(cfg, state, deposit)?;
    }
    Ok(())
}
