//! Penalties of the slashed, by how many were slashed about the same time.

use crate::{
    spec::{
        Error,
        accessors::{fork_of, get_current_epoch, get_total_active_balance},
        math,
        mutators::decrease_balance,
    },
    types::{BeaconState, ChainConfig, ForkName, Gwei, ValidatorIndex},
};

/// Fines those halfway through their slashing (`process_slashings` of phase0/beacon-chain.md; of each
/// later fork from then on).
///
/// # Errors
/// If an amount is beyond 64 bits.
pub fn process_slashings(cfg: &ChainConfig, state: &mut BeaconState) -> Result<(), Error> {
    let p = cfg.preset;
    let epoch = get_current_epoch(cfg, state);
    let total_balance = get_total_active_balance(cfg, state)?;
    let fork = fork_of(cfg, state);
    let multiplier = match fork {
        ForkName::Phase0 => p.proportional_slashing_multiplier,
        ForkName::Altair => p.proportional_slashing_multiplier_altair,
        _ => p.proportional_slashing_multiplier_bellatrix,
    };
    let slashed = state.slashings.iter().try_fold(0, |sum, slashed| math::add("sum of slashings", sum, *slashed))?;
    let adjusted = math::mul("adjusted slashings", slashed, multiplier)?.min(total_balance);
    let halfway = math::add("slashing epoch", epoch, p.epochs_per_slashings_vector / 2)?;
    let due: Vec<(ValidatorIndex, Gwei)> = (0..)
        .zip(state.validators.iter())
        .filter(|(_, v)| v.slashed && v.withdrawable_epoch == halfway)
        .map(|(index, v)| (index, v.effective_balance))
        .collect();
    let (what, increment) = ("slashing penalty", p.effective_balance_increment);
    for (index, effective_balance) in due {
        let penalty = if fork < ForkName::Electra {
            let numerator = math::mul(what, effective_balance / increment, adjusted)?;
            math::mul(what, numerator / total_balance, increment)?
        } else {
            math::mul(what, adjusted / (total_balance / increment), effective_balance / increment)?
        };
        decrease_balance(state, index, penalty)?;
    }
    Ok(())
}
