//! Entries into and exits from the registry.

use crate::{
    spec::{
        Error,
        accessors::{
            compute_activation_exit_epoch, get_current_epoch, get_validator_activation_churn_limit,
            is_active_validator, is_eligible_for_activation, is_eligible_for_activation_queue,
        },
        math,
        mutators::{ExitQueue, change_validator},
    },
    types::{BeaconState, ChainConfig, ValidatorIndex},
};

/// Queues new validators, ejects poor ones, and activates as many as may enter (`process_registry_updates` of
/// phase0/beacon-chain.md; of each later fork from then on).
///
/// # Errors
/// If an epoch is beyond 64 bits.
pub fn process_registry_updates(cfg: &ChainConfig, state: &mut BeaconState) -> Result<(), Error> {
    let epoch = get_current_epoch(cfg, state);
    let next_epoch = math::add("activation eligibility epoch", epoch, 1)?;
    let mut queued = Vec::new();
    let mut ejected = Vec::new();
    for (index, validator) in (0..).zip(state.validators.iter()) {
        if is_eligible_for_activation_queue(cfg, validator) {
            queued.push(index);
        }
        if is_active_validator(validator, epoch) && validator.effective_balance <= cfg.ejection_balance {
            ejected.push(index);
        }
    }
    for index in queued {
        change_validator(state, index, |v| v.activation_eligibility_epoch = next_epoch)?;
    }
    if !ejected.is_empty() {
        let mut queue = ExitQueue::of_state(cfg, state)?;
        for index in ejected {
            queue.initiate(cfg, state, index)?;
        }
    }

    let mut activation_queue: Vec<(u64, ValidatorIndex)> = (0..)
        .zip(state.validators.iter())
        .filter(|(_, v)| is_eligible_for_activation(state, v))
        .map(|(index, v)| (v.activation_eligibility_epoch, index))
        .collect();
    if activation_queue.is_empty() {
        return Ok(());
    }
    activation_queue.sort_unstable();
    let churn_limit = usize::try_from(get_validator_activation_churn_limit(cfg, state)).unwrap_or(usize::MAX);
    let activation_epoch = compute_activation_exit_epoch(cfg, epoch)?;
    for (_, index) in activation_queue.into_iter().take(churn_limit) {
        change_validator(state, index, |v| v.activation_epoch = activation_epoch)?;
    }
    Ok(())
}
