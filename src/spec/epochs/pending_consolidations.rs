//! The queue of consolidations of electra.

use crate::{
    spec::{
        Error,
        accessors::{get_balance, get_current_epoch, get_validator},
        math,
        mutators::{decrease_balance, increase_balance},
    },
    types::{BeaconState, ChainConfig},
};

/// Moves the balances of sources that have become withdrawable to their targets (electra/beacon-chain.md,
/// `process_pending_consolidations`).
///
/// # Errors
/// If the queue names an unknown validator, or a balance is beyond 64 bits.
pub fn process_pending_consolidations(cfg: &ChainConfig, state: &mut BeaconState) -> Result<(), Error> {
    let next_epoch = math::add("next epoch", get_current_epoch(cfg, state), 1)?;
    let queue = state.pending_consolidations.clone();
    let mut processed = 0;
    for pending in &queue {
        let source = get_validator(state, pending.source_index)?;
        if !source.slashed {
            if source.withdrawable_epoch > next_epoch {
                break;
            }
            // What is beyond the effective balance is withdrawn, not moved.
            let balance = get_balance(state, pending.source_index)?.min(source.effective_balance);
            decrease_balance(state, pending.source_index, balance)?;
            increase_balance(state, pending.target_index, balance)?;
        }
        processed += 1;
    }
    if processed > 0 {
        state.pending_consolidations = queue.iter().skip(processed).copied().collect();
    }
    Ok(())
}
