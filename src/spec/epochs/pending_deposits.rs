//! The queue of deposits of electra.

use crate::{
    spec::{
        Error,
        accessors::{
            compute_start_slot_at_epoch, fork_of, get_activation_exit_churn_limit, get_current_epoch, get_validator,
            get_validator_index,
        },
        blocks::{add_validator_to_registry, is_valid_deposit_signature},
        math,
        mutators::increase_balance,
    },
    types::{
        BeaconState, ChainConfig, DepositData, Epoch, ForkName, PendingDeposit,
        constants::{FAR_FUTURE_EPOCH, GENESIS_SLOT},
    },
};

/// What becomes of a deposit whose turn it is.
enum Turn {
    /// Its validator has left: the balance never becomes active again and takes nothing of the churn.
    Withdrawn,
    /// Its validator is leaving: it waits until that is over.
    Exiting,
    /// It takes its part of the churn.
    Counts,
}

/// Applies the deposits whose turn has come, as many as the churn allows (`process_pending_deposits` of
/// electra/beacon-chain.md; of fulu/beacon-chain.md from then on).
///
/// # Errors
/// If an amount is beyond 64 bits or the registry is full.
pub fn process_pending_deposits(cfg: &ChainConfig, state: &mut BeaconState) -> Result<(), Error> {
    let what = "processed deposits";
    let next_epoch = math::add("next epoch", get_current_epoch(cfg, state), 1)?;
    let churn = get_activation_exit_churn_limit(cfg, state)?;
    let available = math::add(what, state.deposit_balance_to_consume, churn)?;
    let finalized_slot = compute_start_slot_at_epoch(cfg, state.finalized_checkpoint.epoch)?;
    let mut processed_amount = 0;
    let mut next_deposit_index = 0;
    let mut postponed = Vec::new();
    let mut is_churn_limit_reached = false;

    let queue = state.pending_deposits.clone();
    for deposit in &queue {
        if waits_for_bridge(cfg, state, deposit)
            || deposit.slot > finalized_slot
            || next_deposit_index as u64 >= cfg.preset.max_pending_deposits_per_epoch
        {
            break;
        }
        match turn_of(state, deposit, next_epoch)? {
            Turn::Withdrawn => apply_pending_deposit(cfg, state, deposit)?,
            Turn::Exiting => postponed.push(*deposit),
            Turn::Counts => {
                let with_this = math::add(what, processed_amount, deposit.amount)?;
                is_churn_limit_reached = with_this > available;
                if is_churn_limit_reached {
                    break;
                }
                processed_amount = with_this;
                apply_pending_deposit(cfg, state, deposit)?;
            }
        }
        next_deposit_index += 1;
    }

    if next_deposit_index > 0 {
        state.pending_deposits = queue.iter().skip(next_deposit_index).copied().chain(postponed).collect();
    }
    state.deposit_balance_to_consume =
        if is_churn_limit_reached { math::sub(what, available, processed_amount)? } else { 0 };
    Ok(())
}

/// Whether a deposit request has to wait for deposits of the former mechanism, which fulu knows no more.
fn waits_for_bridge(cfg: &ChainConfig, state: &BeaconState, deposit: &PendingDeposit) -> bool {
    fork_of(cfg, state) < ForkName::Fulu
        && deposit.slot > GENESIS_SLOT
        && state.eth1_deposit_index < state.deposit_requests_start_index
}

fn turn_of(state: &BeaconState, deposit: &PendingDeposit, next_epoch: Epoch) -> Result<Turn, Error> {
    let Some(index) = get_validator_index(state, &deposit.pubkey) else { return Ok(Turn::Counts) };
    let validator = get_validator(state, index)?;
    Ok(if validator.withdrawable_epoch < next_epoch {
        Turn::Withdrawn
    } else if validator.exit_epoch < FAR_FUTURE_EPOCH {
        Turn::Exiting
    } else {
        Turn::Counts
    })
}

/// Adds to a validator's balance; a new key becomes a validator if its signature is right (electra/beacon-chain.md,
/// `apply_pending_deposit`).
///
/// # Errors
/// If the balance is beyond 64 bits or the registry is full.
pub fn apply_pending_deposit(
    cfg: &ChainConfig,
    state: &mut BeaconState,
    deposit: &PendingDeposit,
) -> Result<(), Error> {
    let PendingDeposit { pubkey, withdrawal_credentials, amount, signature, .. } = *deposit;
    if let Some(index) = get_validator_index(state, &pubkey) {
        return increase_balance(state, index, amount);
    }
    if is_valid_deposit_signature(cfg, &DepositData { pubkey, withdrawal_credentials, amount, signature }) {
        add_validator_to_registry(cfg, state, pubkey, withdrawal_credentials, amount)?;
    }
    Ok(())
}
