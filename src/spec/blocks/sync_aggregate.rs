//! The sync committee's signature on the previous slot's block.

use crate::{
    crypto::SignatureSet,
    spec::{
        Error, G2_POINT_AT_INFINITY, Signatures,
        accessors::{
            compute_epoch_at_slot, get_base_reward_per_increment, get_beacon_proposer_index, get_block_root_at_slot,
            get_domain, get_total_active_balance, get_validator_index, signing_root_of,
        },
        math,
        mutators::{decrease_balance, increase_balance},
    },
    types::{
        BeaconState, BlsPubkey, ChainConfig, Gwei, SyncAggregate,
        constants::{DOMAIN_SYNC_COMMITTEE, PROPOSER_WEIGHT, SYNC_REWARD_WEIGHT, WEIGHT_DENOMINATOR},
    },
};

/// Checks the sync committee's signature, rewards those who signed and the proposer, and fines the others
/// (altair/beacon-chain.md, `process_sync_aggregate`).
///
/// # Errors
/// If the signature is not that of the members whose bits are set.
pub fn process_sync_aggregate(
    cfg: &ChainConfig,
    state: &mut BeaconState,
    sync_aggregate: &SyncAggregate,
    sigs: &mut Signatures<'_>,
) -> Result<(), Error> {
    let size = cfg.preset.sync_committee_size;
    let bits = &sync_aggregate.sync_committee_bits;
    let members = state.current_sync_committee.pubkeys.len() as u64;
    if bits.len() as u64 != size || members != size {
        return Err(Error::SyncCommitteeSize { bits: bits.len() as u64, members, size });
    }
    match sync_aggregate_signature_set(cfg, state, sync_aggregate)? {
        Some(set) => sigs.check("sync aggregate", || Ok(set))?,
        None if matches!(sigs, Signatures::Trust) => {}
        None if sync_aggregate.sync_committee_signature == G2_POINT_AT_INFINITY => {}
        None => return Err(Error::InvalidSignature { what: "sync aggregate" }),
    }

    let (participant_reward, proposer_reward) = sync_rewards(cfg, state)?;
    let proposer_index = get_beacon_proposer_index(cfg, state)?;
    let pubkeys = state.current_sync_committee.pubkeys.clone();
    for (pubkey, participated) in pubkeys.iter().zip(bits.iter()) {
        let member = get_validator_index(state, pubkey).ok_or(Error::UnknownSyncCommitteeMember { pubkey: *pubkey })?;
        if participated {
            increase_balance(state, member, participant_reward)?;
            increase_balance(state, proposer_index, proposer_reward)?;
        } else {
            decrease_balance(state, member, participant_reward)?;
        }
    }
    Ok(())
}

/// The signature of a sync aggregate in a block of the state's slot, ready to be checked; `None` when nobody signed.
///
/// The spec subtracts the keys of the few who are missing from the committee's aggregate; here the keys of those who
/// signed are added up, which is the same point, and the aggregate stands for all of them when nobody is missing.
///
/// # Errors
/// If the previous slot's block root is out of reach.
pub fn sync_aggregate_signature_set(
    cfg: &ChainConfig,
    state: &BeaconState,
    sync_aggregate: &SyncAggregate,
) -> Result<Option<SignatureSet>, Error> {
    let committee = &state.current_sync_committee;
    let bits = &sync_aggregate.sync_committee_bits;
    let previous_slot = state.slot.max(1) - 1;
    let epoch = compute_epoch_at_slot(cfg, previous_slot);
    let domain = get_domain(cfg, state, DOMAIN_SYNC_COMMITTEE, Some(epoch));
    let message = signing_root_of(get_block_root_at_slot(cfg, state, previous_slot)?, domain);
    let pubkeys: Vec<BlsPubkey> = if bits.count() == committee.pubkeys.len() {
        vec![committee.aggregate_pubkey]
    } else {
        committee.pubkeys.iter().zip(bits.iter()).filter(|(_, bit)| *bit).map(|(pubkey, _)| *pubkey).collect()
    };
    let signature = sync_aggregate.sync_committee_signature;
    Ok((!pubkeys.is_empty()).then_some(SignatureSet { pubkeys, message, signature }))
}

/// What each participant and, for each of them, the proposer earns, in Gwei.
fn sync_rewards(cfg: &ChainConfig, state: &BeaconState) -> Result<(Gwei, Gwei), Error> {
    let p = cfg.preset;
    let increments = get_total_active_balance(cfg, state)? / p.effective_balance_increment;
    let total = math::mul("total base rewards", get_base_reward_per_increment(cfg, state)?, increments)?;
    let weighted = math::mul("sync committee rewards", total, SYNC_REWARD_WEIGHT)?;
    let participant_reward = weighted / WEIGHT_DENOMINATOR / p.slots_per_epoch / p.sync_committee_size;
    let for_proposer = math::mul("proposer reward", participant_reward, PROPOSER_WEIGHT)?;
    Ok((participant_reward, for_proposer / (WEIGHT_DENOMINATOR - PROPOSER_WEIGHT)))
}
