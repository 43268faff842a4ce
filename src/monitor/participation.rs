//! The share of the stake that voted for the right target in an epoch, read from a state that a node serves.

use crate::{
    api::Client,
    spec::{self, Error},
    types::{BeaconState, ChainConfig, Epoch, ForkName, Gwei, constants::TIMELY_TARGET_FLAG_INDEX},
};

/// Asks for the last state of the epoch after `epoch`, when `epoch`'s votes are all in: active and target balance in
/// Gwei. `None` when the node has no such state or none that fits.
pub(super) async fn ask(client: &Client, config: &ChainConfig, epoch: Epoch) -> Option<(Gwei, Gwei)> {
    let first = (epoch + 1) * config.preset.slots_per_epoch;
    // Some clients have no state for an empty slot: the last block of the epoch has all the votes that its end has.
    for slot in (first..first + config.preset.slots_per_epoch).rev() {
        match client.debug_state(config, slot).await {
            Ok(answer) => return target_participation(config, &answer.data).ok().filter(|_| answer.data.slot >= first),
            Err(error) if error.is_not_found() => {}
            // Whoever does not answer now will not for another slot.
            Err(_) => return None,
        }
    }
    None
}

/// Balance of the previous epoch's active validators and, of these, of those whose vote for the epoch's target is in the
/// state, both in Gwei. Slashed validators' votes do not count, as they do not for justification.
///
/// # Errors
/// On a state that contradicts itself.
pub fn target_participation(config: &ChainConfig, state: &BeaconState) -> Result<(Gwei, Gwei), Error> {
    let epoch = spec::get_previous_epoch(config, state);
    let active = spec::get_total_balance(config, state, spec::get_active_validator_indices(state, epoch))?;
    let target = if config.fork_at_slot(state.slot) >= ForkName::Altair {
        let voters = spec::get_unslashed_participating_indices(config, state, TIMELY_TARGET_FLAG_INDEX, epoch)?;
        spec::get_total_balance(config, state, voters.iter())?
    } else {
        let votes = spec::epochs::get_matching_target_attestations(config, state, epoch)?;
        spec::epochs::get_attesting_balance(config, state, &votes)?
    };
    // The spec's sums are one increment at least; a share of nobody's votes is none.
    Ok((active, if target <= config.preset.effective_balance_increment { 0 } else { target }))
}
