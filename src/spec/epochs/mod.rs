//! Epoch processing: what happens to a state at the last slot of each epoch.
//!
//! The state is still in the epoch that ends, its slot processed. One file a topic, one function a step, in the order
//! of [`process_epoch`].

mod effective_balances;
mod inactivity;
mod justification;
mod pending_attestations;
mod pending_consolidations;
mod pending_deposits;
mod proposer_lookahead;
mod registry;
mod resets;
mod slashings;
mod sync_committees;

pub use effective_balances::process_effective_balance_updates;
pub use inactivity::process_inactivity_updates;
pub use justification::{process_justification_and_finalization, weigh_justification_and_finalization};
pub(crate) use pending_attestations::pending_attesting_indices;
pub use pending_attestations::{
    get_attesting_balance, get_matching_head_attestations, get_matching_source_attestations,
    get_matching_target_attestations, get_unslashed_attesting_indices,
};
pub use pending_consolidations::process_pending_consolidations;
pub use pending_deposits::{apply_pending_deposit, process_pending_deposits};
pub use proposer_lookahead::process_proposer_lookahead;
pub use registry::process_registry_updates;
pub use resets::{
    process_eth1_data_reset, process_historical_roots_update, process_historical_summaries_update,
    process_participation_flag_updates, process_participation_record_updates, process_randao_mixes_reset,
    process_slashings_reset,
};
pub use slashings::process_slashings;
pub use sync_committees::process_sync_committee_updates;

pub use super::rewards::process_rewards_and_penalties;

use crate::{
    spec::{Error, accessors::fork_of},
    types::{BeaconState, ChainConfig, ForkName},
};

/// Ends the epoch that the state is in (`process_epoch` of phase0/beacon-chain.md; of each later fork from then on).
///
/// # Errors
/// If a step fails, which a state made by this transition does not allow.
pub fn process_epoch(cfg: &ChainConfig, state: &mut BeaconState) -> Result<(), Error> {
    let fork = fork_of(cfg, state);
    process_justification_and_finalization(cfg, state)?;
    if fork >= ForkName::Altair {
        process_inactivity_updates(cfg, state)?;
    }
    process_rewards_and_penalties(cfg, state)?;
    process_registry_updates(cfg, state)?;
    process_slashings(cfg, state)?;
    process_eth1_data_reset(cfg, state)?;
    if fork >= ForkName::Electra {
        process_pending_deposits(cfg, state)?;
        process_pending_consolidations(cfg, state)?;
    }
    process_effective_balance_updates(cfg, state)?;
    process_slashings_reset(cfg, state)?;
    process_randao_mixes_reset(cfg, state)?;
    if fork >= ForkName::Capella {
        process_historical_summaries_update(cfg, state)?;
    } else {
        process_historical_roots_update(cfg, state)?;
    }
    if fork == ForkName::Phase0 {
        process_participation_record_updates(cfg, state)?;
    } else {
        process_participation_flag_updates(cfg, state)?;
        process_sync_committee_updates(cfg, state)?;
    }
    if fork >= ForkName::Fulu {
        process_proposer_lookahead(cfg, state)?;
    }
    Ok(())
}
