//! Entries into and exits from the registry.

use crate::{
    spec::{
        Error,
        accessors::{
            compute_activation_exit_epoch, fork_of, get_current_epoch, get_validator_activation_churn_limit,
            is_active_validator, is_eligible_for_activation, is_eligible_for_activation_queue,
        },
        math,
        mutators::{ExitQueue, change_validator, initiate_validator_exit},
    },
    types::{BeaconState, ChainConfig, ForkName, ValidatorIndex},
};

/// Queues new validators, ejects poor ones, and activates as many as may enter (`process_registry_updates` of
/// phase0/beacon-chain.md; of each later fork from then on).
///
/// # Errors
/// If an epoch is beyond 64 bits.
pub fn process_registry_updates(cfg: &ChainConfig, state: &mut BeaconState) -> Result<(), Error> {
    let fork = fork_of(cfg, state);
    if fork >= ForkName::Electra {
        return process_registry_updates_in_one_pass(cfg, state);
    }
    let epoch = get_current_epoch(cfg, state);
    let next_epoch = math::add("activation eligibility epoch", epoch, 1)?;
    let mut queued = Vec::new();
    let mut ejected = Vec::new();
    for (index, validator) in (0..).zip(state.validators.iter()) {
        if is_eligible_for_activation_queue(cfg, fork, validator) {
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

/// What happens to one validator at the end of an epoch of electra; nothing to most.
enum Update {
    Queue,
    Eject,
    Activate,
}

/// `process_registry_updates` of electra/beacon-chain.md: the churn is one of balances, so nobody waits for a place.
fn process_registry_updates_in_one_pass(cfg: &ChainConfig, state: &mut BeaconState) -> Result<(), Error> {
    let fork = fork_of(cfg, state);
    let epoch = get_current_epoch(cfg, state);
    let next_epoch = math::add("activation eligibility epoch", epoch, 1)?;
    let activation_epoch = compute_activation_exit_epoch(cfg, epoch)?;
    // No update of one validator changes what another one's depends on.
    let mut updates: Vec<(ValidatorIndex, Update)> = Vec::new();
    for (index, validator) in (0..).zip(state.validators.iter()) {
        if is_eligible_for_activation_queue(cfg, fork, validator) {
            updates.push((index, Update::Queue));
        } else if is_active_validator(validator, epoch) && validator.effective_balance <= cfg.ejection_balance {
            updates.push((index, Update::Eject));
        } else if is_eligible_for_activation(state, validator) {
            updates.push((index, Update::Activate));
        }
    }
    for (index, update) in updates {
        match update {
            Update::Queue => change_validator(state, index, |v| v.activation_eligibility_epoch = next_epoch)?,
            Update::Eject => initiate_validator_exit(cfg, state, index)?,
            Update::Activate => change_validator(state, index, |v| v.activation_epoch = activation_epoch)?,
        }
    }
    Ok(())
}
