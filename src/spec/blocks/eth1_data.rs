//! Votes on the deposit contract's chain.

use crate::{
    spec::{Error, accessors::fork_of, math},
    types::{BeaconBlockBody, BeaconState, ChainConfig},
};

/// Counts the proposer's vote, and follows it when it has the majority of the period (phase0/beacon-chain.md,
/// `process_eth1_data`).
///
/// # Errors
/// If the state has no room for another vote.
pub fn process_eth1_data(cfg: &ChainConfig, state: &mut BeaconState, body: &BeaconBlockBody) -> Result<(), Error> {
    if state.eth1_data_votes.is_full(cfg.shape(fork_of(cfg, state))) {
        return Err(Error::ListFull { list: "eth1_data_votes", len: state.eth1_data_votes.len() as u64 });
    }
    state.eth1_data_votes.push(body.eth1_data);
    let votes = state.eth1_data_votes.iter().filter(|vote| **vote == body.eth1_data).count() as u64;
    let p = cfg.preset;
    if votes * 2 > math::mul("votes in a period", p.epochs_per_eth1_voting_period, p.slots_per_epoch)? {
        state.eth1_data = body.eth1_data;
    }
    Ok(())
}
