//! Sync committees: who is drawn into the next one.

use crate::{
    crypto,
    spec::{
        Error,
        accessors::{BalanceWeightedDraws, get_active_validator_indices, get_current_epoch, get_seed, get_validator},
        math,
    },
    types::{BeaconState, BlsPubkey, ChainConfig, SyncCommittee, ValidatorIndex, constants::DOMAIN_SYNC_COMMITTEE},
};

/// The members of the next sync committee, perhaps some more than once (`get_next_sync_committee_indices` of
/// altair/beacon-chain.md; of electra/beacon-chain.md from then on).
///
/// # Errors
/// If no validator is active in the next epoch.
pub fn get_next_sync_committee_indices(cfg: &ChainConfig, state: &BeaconState) -> Result<Vec<ValidatorIndex>, Error> {
    let epoch = math::add("next epoch", get_current_epoch(cfg, state), 1)?;
    let active = get_active_validator_indices(state, epoch);
    let seed = get_seed(cfg, state, epoch, DOMAIN_SYNC_COMMITTEE)?;
    let size = cfg.preset.sync_committee_size;
    let mut draws = BalanceWeightedDraws::new(cfg, state, &active, seed, size)?;
    (0..size).map(|_| draws.next_index()).collect()
}

/// The next sync committee (altair/beacon-chain.md, `get_next_sync_committee`). Only asked at the boundaries of sync
/// committee periods and at the upgrade to altair.
///
/// # Errors
/// If no validator is active in the next epoch, or a member's public key is not one.
pub fn get_next_sync_committee(cfg: &ChainConfig, state: &BeaconState) -> Result<SyncCommittee, Error> {
    let indices = get_next_sync_committee_indices(cfg, state)?;
    let pubkeys: Vec<BlsPubkey> =
        indices.iter().map(|&i| Ok(get_validator(state, i)?.pubkey)).collect::<Result<_, Error>>()?;
    let aggregate_pubkey = crypto::eth_aggregate_pubkeys(&pubkeys)
        .map_err(|error| Error::AggregatePubkeys { count: pubkeys.len(), why: error.to_string() })?;
    Ok(SyncCommittee { pubkeys: pubkeys.into(), aggregate_pubkey })
}
