//! Questions about single validators, and the lists of those who answer yes.

use crate::{
    spec::{
        Error,
        accessors::{fork_of, get_current_epoch, get_previous_epoch},
    },
    types::{
        BeaconState, BlsPubkey, ChainConfig, Epoch, ForkName, Validator, ValidatorIndex, constants::FAR_FUTURE_EPOCH,
    },
};

/// The validator of `index`.
///
/// # Errors
/// If the registry is shorter.
pub fn get_validator(state: &BeaconState, index: ValidatorIndex) -> Result<&Validator, Error> {
    usize::try_from(index)
        .ok()
        .and_then(|i| state.validators.get(i))
        .ok_or(Error::UnknownValidator { index, count: state.validators.len() as u64 })
}

/// The index of the validator with `pubkey`, from an index kept beside the state.
pub fn get_validator_index(state: &BeaconState, pubkey: &BlsPubkey) -> Option<ValidatorIndex> {
    state.cache.validator_index(pubkey, state.validators.len(), |i| state.validators[i].pubkey)
}

/// Whether `validator` is active in `epoch` (phase0/beacon-chain.md, `is_active_validator`).
pub fn is_active_validator(validator: &Validator, epoch: Epoch) -> bool {
    validator.activation_epoch <= epoch && epoch < validator.exit_epoch
}

/// Whether `validator` may join the activation queue (`is_eligible_for_activation_queue` of phase0/beacon-chain.md; of
/// electra/beacon-chain.md from then on).
pub fn is_eligible_for_activation_queue(cfg: &ChainConfig, fork: ForkName, validator: &Validator) -> bool {
    let has_the_balance = match fork < ForkName::Electra {
        true => validator.effective_balance == cfg.preset.max_effective_balance,
        false => validator.effective_balance >= cfg.preset.min_activation_balance,
    };
    validator.activation_eligibility_epoch == FAR_FUTURE_EPOCH && has_the_balance
}

/// Whether `validator` may leave the activation queue (phase0/beacon-chain.md, `is_eligible_for_activation`).
pub fn is_eligible_for_activation(state: &BeaconState, validator: &Validator) -> bool {
    validator.activation_eligibility_epoch <= state.finalized_checkpoint.epoch
        && validator.activation_epoch == FAR_FUTURE_EPOCH
}

/// Whether `validator` can be slashed in `epoch` (phase0/beacon-chain.md, `is_slashable_validator`).
pub fn is_slashable_validator(validator: &Validator, epoch: Epoch) -> bool {
    !validator.slashed && validator.activation_epoch <= epoch && epoch < validator.withdrawable_epoch
}

/// The active validators of `epoch` in ascending order (phase0/beacon-chain.md, `get_active_validator_indices`).
pub fn get_active_validator_indices(state: &BeaconState, epoch: Epoch) -> Vec<ValidatorIndex> {
    (0..).zip(state.validators.iter()).filter(|(_, v)| is_active_validator(v, epoch)).map(|(i, _)| i).collect()
}

/// How many validators may enter or leave in the current epoch (phase0/beacon-chain.md, `get_validator_churn_limit`).
pub fn get_validator_churn_limit(cfg: &ChainConfig, state: &BeaconState) -> u64 {
    let epoch = get_current_epoch(cfg, state);
    let active = state.validators.iter().filter(|v| is_active_validator(v, epoch)).count() as u64;
    cfg.min_per_epoch_churn_limit.max(active / cfg.churn_limit_quotient)
}

/// How many validators may enter in the current epoch (deneb/beacon-chain.md, `get_validator_activation_churn_limit`;
/// before deneb as many as may leave).
pub fn get_validator_activation_churn_limit(cfg: &ChainConfig, state: &BeaconState) -> u64 {
    let limit = get_validator_churn_limit(cfg, state);
    if fork_of(cfg, state) >= ForkName::Deneb { limit.min(cfg.max_per_epoch_activation_churn_limit) } else { limit }
}

/// Those whose balance the previous epoch's duties change (phase0/beacon-chain.md, `get_eligible_validator_indices`).
pub fn get_eligible_validator_indices(cfg: &ChainConfig, state: &BeaconState) -> Vec<ValidatorIndex> {
    let previous = get_previous_epoch(cfg, state);
    (0..).zip(state.validators.iter()).filter(|(_, v)| is_eligible_validator(v, previous)).map(|(i, _)| i).collect()
}

/// Whether [`get_eligible_validator_indices`] holds the validator, where `previous` is the epoch before the state's.
pub(crate) fn is_eligible_validator(validator: &Validator, previous: Epoch) -> bool {
    is_active_validator(validator, previous) || (validator.slashed && previous + 1 < validator.withdrawable_epoch)
}
