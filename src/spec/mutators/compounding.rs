//! Validators that begin to compound.

use super::{change_validator, set_balance};
use crate::{
    spec::{
        Error, G2_POINT_AT_INFINITY,
        accessors::{fork_of, get_balance, get_validator},
    },
    types::{
        BeaconState, ChainConfig, PendingDeposit, ValidatorIndex,
        constants::{COMPOUNDING_WITHDRAWAL_PREFIX, GENESIS_SLOT},
    },
};

/// Lets a validator compound from now on (electra/beacon-chain.md, `switch_to_compounding_validator`).
///
/// # Errors
/// If the validator is unknown or the queue of deposits is full.
pub fn switch_to_compounding_validator(
    cfg: &ChainConfig,
    state: &mut BeaconState,
    index: ValidatorIndex,
) -> Result<(), Error> {
    change_validator(state, index, |validator| validator.withdrawal_credentials.0[0] = COMPOUNDING_WITHDRAWAL_PREFIX)?;
    queue_excess_active_balance(cfg, state, index)
}

/// Sends what a validator has beyond `MIN_ACTIVATION_BALANCE` through the queue of deposits (electra/beacon-chain.md,
/// `queue_excess_active_balance`).
///
/// # Errors
/// If the validator is unknown or the queue is full.
pub fn queue_excess_active_balance(
    cfg: &ChainConfig,
    state: &mut BeaconState,
    index: ValidatorIndex,
) -> Result<(), Error> {
    let min = cfg.preset.min_activation_balance;
    let balance = get_balance(state, index)?;
    if balance <= min {
        return Ok(());
    }
    set_balance(state, index, |_| Ok(min))?;
    let validator = get_validator(state, index)?;
    let deposit = PendingDeposit {
        pubkey: validator.pubkey,
        withdrawal_credentials: validator.withdrawal_credentials,
        amount: balance - min,
        // These two tell it from a deposit request.
        signature: G2_POINT_AT_INFINITY,
        slot: GENESIS_SLOT,
    };
    push_pending_deposit(cfg, state, deposit)
}

/// Appends to the queue of deposits.
pub(crate) fn push_pending_deposit(
    cfg: &ChainConfig,
    state: &mut BeaconState,
    deposit: PendingDeposit,
) -> Result<(), Error> {
    if state.pending_deposits.is_full(cfg.shape(fork_of(cfg, state))) {
        return Err(Error::ListFull { list: "pending_deposits", len: state.pending_deposits.len() as u64 });
    }
    state.pending_deposits.push(deposit);
    Ok(())
}
