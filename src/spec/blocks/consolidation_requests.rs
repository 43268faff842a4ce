//! Consolidations of two validators, and switches to compounding, that the owners of withdrawal credentials ask for.

use crate::{
    spec::{
        Error,
        accessors::{
            fork_of, get_consolidation_churn_limit, get_current_epoch, get_pending_balance_to_withdraw, get_validator,
            get_validator_index, has_compounding_withdrawal_credential, has_eth1_withdrawal_credential,
            has_execution_withdrawal_credential, is_active_validator, withdrawal_address,
        },
        math,
        mutators::{compute_consolidation_epoch_and_update_churn, set_exit_epoch, switch_to_compounding_validator},
    },
    types::{
        BeaconState, ChainConfig, ConsolidationRequest, Epoch, PendingConsolidation, Validator, ValidatorIndex,
        constants::FAR_FUTURE_EPOCH,
    },
};

/// Lets a validator compound, or its balance move to another one; a request that may not be followed changes nothing
/// (electra/beacon-chain.md, `process_consolidation_request`).
///
/// # Errors
/// If an epoch is beyond 64 bits or the queue of deposits is full.
pub fn process_consolidation_request(
    cfg: &ChainConfig,
    state: &mut BeaconState,
    consolidation_request: &ConsolidationRequest,
) -> Result<(), Error> {
    let request = consolidation_request;
    let source = get_validator_index(state, &request.source_pubkey);
    if let Some(source_index) = source
        && is_valid_switch_to_compounding_request(cfg, state, request)?
    {
        return switch_to_compounding_validator(cfg, state, source_index);
    }
    // A consolidation with itself would be an exit.
    if request.source_pubkey == request.target_pubkey
        || state.pending_consolidations.is_full(cfg.shape(fork_of(cfg, state)))
        || get_consolidation_churn_limit(cfg, state)? <= cfg.preset.min_activation_balance
    {
        return Ok(());
    }
    let target = get_validator_index(state, &request.target_pubkey);
    let (Some(source_index), Some(target_index)) = (source, target) else { return Ok(()) };
    if !may_consolidate(cfg, state, request, source_index, target_index)? {
        return Ok(());
    }
    let balance = get_validator(state, source_index)?.effective_balance;
    let exit_epoch = compute_consolidation_epoch_and_update_churn(cfg, state, balance)?;
    set_exit_epoch(cfg, state, source_index, exit_epoch)?;
    state.pending_consolidations.push(PendingConsolidation { source_index, target_index });
    Ok(())
}

/// Whether the request is for a validator of 0x01 credentials to compound (electra/beacon-chain.md,
/// `is_valid_switch_to_compounding_request`).
///
/// # Errors
/// None on a state made by this transition.
pub fn is_valid_switch_to_compounding_request(
    cfg: &ChainConfig,
    state: &BeaconState,
    consolidation_request: &ConsolidationRequest,
) -> Result<bool, Error> {
    let request = consolidation_request;
    if request.source_pubkey != request.target_pubkey {
        return Ok(false);
    }
    let Some(index) = get_validator_index(state, &request.source_pubkey) else { return Ok(false) };
    let source = get_validator(state, index)?;
    Ok(withdrawal_address(source) == request.source_address
        && has_eth1_withdrawal_credential(source)
        && is_staying(source, get_current_epoch(cfg, state)))
}

/// Whether the validator is active and has not begun to leave.
fn is_staying(validator: &Validator, epoch: Epoch) -> bool {
    is_active_validator(validator, epoch) && validator.exit_epoch == FAR_FUTURE_EPOCH
}

fn may_consolidate(
    cfg: &ChainConfig,
    state: &BeaconState,
    request: &ConsolidationRequest,
    source_index: ValidatorIndex,
    target_index: ValidatorIndex,
) -> Result<bool, Error> {
    let (source, target) = (get_validator(state, source_index)?, get_validator(state, target_index)?);
    let epoch = get_current_epoch(cfg, state);
    let authorized =
        has_execution_withdrawal_credential(source) && withdrawal_address(source) == request.source_address;
    if !authorized
        || !has_compounding_withdrawal_credential(target)
        || !is_staying(source, epoch)
        || !is_staying(target, epoch)
        || epoch < math::add("earliest exit", source.activation_epoch, cfg.shard_committee_period)?
    {
        return Ok(false);
    }
    Ok(get_pending_balance_to_withdraw(state, source_index)? == 0)
}
