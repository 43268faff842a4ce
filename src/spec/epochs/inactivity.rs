//! Inactivity scores of altair.

use crate::{
    spec::{
        Error,
        accessors::{
            get_current_epoch, get_previous_epoch, get_unslashed_participating_indices, is_eligible_validator,
            is_in_inactivity_leak, same_length,
        },
        math,
    },
    types::{
        BeaconState, ChainConfig,
        constants::{GENESIS_EPOCH, TIMELY_TARGET_FLAG_INDEX},
    },
};

/// Raises the scores of those who missed the target, and lowers the others', and everybody's while finality is on time
/// (altair/beacon-chain.md, `process_inactivity_updates`).
///
/// # Errors
/// If the state has fewer scores or flags than validators, or a score is beyond 64 bits.
pub fn process_inactivity_updates(cfg: &ChainConfig, state: &mut BeaconState) -> Result<(), Error> {
    if get_current_epoch(cfg, state) == GENESIS_EPOCH {
        return Ok(());
    }
    let previous = get_previous_epoch(cfg, state);
    let timely = get_unslashed_participating_indices(cfg, state, TIMELY_TARGET_FLAG_INDEX, previous)?;
    let leaking = is_in_inactivity_leak(cfg, state)?;
    same_length("inactivity_scores", state.inactivity_scores.len(), state)?;
    let mut validators = state.validators.iter();
    state.inactivity_scores.try_update(|index, old| {
        if !validators.next().is_some_and(|validator| is_eligible_validator(validator, previous)) {
            return Ok(None);
        }
        let mut score = if timely.contains(index as u64) {
            old.saturating_sub(1)
        } else {
            math::add("inactivity score", *old, cfg.inactivity_score_bias)?
        };
        if !leaking {
            score = score.saturating_sub(cfg.inactivity_score_recovery_rate);
        }
        Ok((score != *old).then_some(score))
    })
}
