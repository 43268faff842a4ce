//! How much balance may enter, leave and move in an epoch, since electra.

use crate::{
    spec::{Error, accessors::get_total_active_balance, math},
    types::{BeaconState, ChainConfig, Gwei, ValidatorIndex},
};

/// All the balance that may move in the current epoch, in Gwei (electra/beacon-chain.md, `get_balance_churn_limit`).
///
/// # Errors
/// As [`get_total_active_balance`].
pub fn get_balance_churn_limit(cfg: &ChainConfig, state: &BeaconState) -> Result<Gwei, Error> {
    let by_total = get_total_active_balance(cfg, state)? / cfg.churn_limit_quotient;
    let churn = by_total.max(cfg.min_per_epoch_churn_limit_electra);
    Ok(churn - churn % cfg.preset.effective_balance_increment)
}

/// What of it is for activations, and as much again for exits, in Gwei (electra/beacon-chain.md,
/// `get_activation_exit_churn_limit`).
///
/// # Errors
/// As [`get_total_active_balance`].
pub fn get_activation_exit_churn_limit(cfg: &ChainConfig, state: &BeaconState) -> Result<Gwei, Error> {
    Ok(get_balance_churn_limit(cfg, state)?.min(cfg.max_per_epoch_activation_exit_churn_limit))
}

/// What of it is left for consolidations, in Gwei (electra/beacon-chain.md, `get_consolidation_churn_limit`).
///
/// # Errors
/// As [`get_total_active_balance`].
pub fn get_consolidation_churn_limit(cfg: &ChainConfig, state: &BeaconState) -> Result<Gwei, Error> {
    let churn = get_balance_churn_limit(cfg, state)?;
    math::sub("consolidation churn", churn, get_activation_exit_churn_limit(cfg, state)?)
}

/// What partial withdrawals are to take from a validator, in Gwei (electra/beacon-chain.md,
/// `get_pending_balance_to_withdraw`).
///
/// # Errors
/// If the sum is beyond 64 bits.
pub fn get_pending_balance_to_withdraw(state: &BeaconState, validator_index: ValidatorIndex) -> Result<Gwei, Error> {
    let mut own = state.pending_partial_withdrawals.iter().filter(|pending| pending.validator_index == validator_index);
    own.try_fold(0, |sum, pending| math::add("pending balance to withdraw", sum, pending.amount))
}
