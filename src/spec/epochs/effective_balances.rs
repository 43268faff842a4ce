//! Effective balances.

use crate::{
    spec::{
        Error,
        accessors::{fork_of, get_max_effective_balance, same_length},
        math,
    },
    types::{BeaconState, ChainConfig, Gwei},
};

/// Lets effective balances follow balances that have moved far enough (`process_effective_balance_updates` of
/// phase0/beacon-chain.md; of electra/beacon-chain.md from then on).
///
/// # Errors
/// If the state has fewer balances than validators, or a balance is near the end of 64 bits.
pub fn process_effective_balance_updates(cfg: &ChainConfig, state: &mut BeaconState) -> Result<(), Error> {
    let p = cfg.preset;
    let fork = fork_of(cfg, state);
    let hysteresis_increment = p.effective_balance_increment / p.hysteresis_quotient;
    let what = "effective balance threshold";
    let downward = math::mul(what, hysteresis_increment, p.hysteresis_downward_multiplier)?;
    let upward = math::mul(what, hysteresis_increment, p.hysteresis_upward_multiplier)?;
    let mut updates: Vec<(usize, Gwei)> = Vec::new();
    same_length("balances", state.balances.len(), state)?;
    for (i, (validator, &balance)) in state.validators.iter().zip(&state.balances).enumerate() {
        if math::add(what, balance, downward)? < validator.effective_balance
            || math::add(what, validator.effective_balance, upward)? < balance
        {
            updates.push((
                i,
                (balance - balance % p.effective_balance_increment)
                    .min(get_max_effective_balance(cfg, fork, validator)),
            ));
        }
    }
    for (i, effective_balance) in updates {
        if let Some(validator) = state.validators.get_mut(i) {
            validator.effective_balance = effective_balance;
        }
    }
    state.cache.forget_balances();
    Ok(())
}
