//! `epoch_processing`: one part of the epoch transition, and the whole of it where the case has that too.

use super::super::case::Case;
use super::super::compare;
use super::unknown_handler;
use lockin::spec::Error;
use lockin::spec::epochs::{
    process_effective_balance_updates, process_epoch, process_eth1_data_reset, process_historical_roots_update,
    process_historical_summaries_update, process_inactivity_updates, process_justification_and_finalization,
    process_participation_flag_updates, process_participation_record_updates, process_pending_consolidations,
    process_pending_deposits, process_proposer_lookahead, process_randao_mixes_reset, process_registry_updates,
    process_rewards_and_penalties, process_slashings, process_slashings_reset, process_sync_committee_updates,
};
use lockin::types::{BeaconState, ChainConfig};

type Process = fn(&ChainConfig, &mut BeaconState) -> Result<(), Error>;

pub fn run(case: &Case) -> Result<(), String> {
    let process: Process = match case.id.handler.as_str() {
        "effective_balance_updates" => process_effective_balance_updates,
        "eth1_data_reset" => process_eth1_data_reset,
        "historical_roots_update" => process_historical_roots_update,
        "historical_summaries_update" => process_historical_summaries_update,
        "inactivity_updates" => process_inactivity_updates,
        "justification_and_finalization" => process_justification_and_finalization,
        "participation_flag_updates" => process_participation_flag_updates,
        "participation_record_updates" => process_participation_record_updates,
        "pending_consolidations" => process_pending_consolidations,
        "pending_deposits" => process_pending_deposits,
        "proposer_lookahead" => process_proposer_lookahead,
        "randao_mixes_reset" => process_randao_mixes_reset,
        "registry_updates" => process_registry_updates,
        "rewards_and_penalties" => process_rewards_and_penalties,
        "slashings" => process_slashings,
        "slashings_reset" => process_slashings_reset,
        "sync_committee_updates" => process_sync_committee_updates,
        _ => return Err(unknown_handler(case)),
    };
    step(case, process, "pre", "post")?;
    if case.has("pre_epoch.ssz_snappy") {
        step(case, process_epoch, "pre_epoch", "post_epoch").map_err(|error| format!("the whole epoch: {error}"))?;
    }
    Ok(())
}

fn step(case: &Case, process: Process, pre: &str, post: &str) -> Result<(), String> {
    let mut state: BeaconState = case.ssz(pre)?;
    let expected: Option<BeaconState> = case.optional_ssz(post)?;
    let outcome = process(&case.config()?, &mut state).map(|()| state);
    compare::outcome(case.shape()?, expected.as_ref(), outcome)
}
