//! Inactivity scores of altair.

use crate::{
    spec::{
        Error,
        accessors::{
            get_current_epoch, get_eligible_validator_indices, get_previous_epoch, get_unslashed_participating_indices,
            is_in_inactivity_leak,
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
    let len = state.inactivity_scores.len() as u64;
    let mut scores = state.inactivity_scores.to_vec();
    let mut changed = false;
    for index in get_eligible_validator_indices(cfg, state) {
        let missing = Error::IndexOutOfRange { list: "inactivity_scores", index, len };
        let score = scores.get_mut(index as usize).ok_or(missing)?;
        let old = *score;
        *score = if timely.contains(index) {
            score.saturating_sub(1)
        } else {
            math::add("inactivity score", *score, cfg.inactivity_score_bias)?
        };
        if !leaking {
            *score = score.saturating_sub(cfg.inactivity_score_recovery_rate);
        }
        changed |= *score != old;
    }
    // An unchanged list keeps its root.
    if changed {
        state.inactivity_scores = scores.into();
    }
    Ok(())
}
