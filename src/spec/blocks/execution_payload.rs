//! The execution payload: what consensus itself checks of it, and what the state keeps.

use crate::{
    spec::{
        Error,
        accessors::{
            compute_time_at_slot, fork_of, get_current_epoch, get_randao_mix, is_merge_transition_complete,
            max_blobs_per_block,
        },
    },
    ssz::{Shape, Ssz, sha256},
    types::{
        BeaconBlockBody, BeaconState, ChainConfig, ExecutionPayload, ExecutionPayloadHeader, ForkName, Hash32,
        KzgCommitment, constants::VERSIONED_HASH_VERSION_KZG,
    },
};

/// Checks a payload against the chain and keeps its header (`process_execution_payload` of bellatrix/beacon-chain.md;
/// of each later fork from then on). The engine's verdict, the spec's `verify_and_notify_new_payload`, is asked for
/// elsewhere: see the head of [`crate::spec`].
///
/// # Errors
/// If the payload does not follow the latest one, is of another time or RANDAO mix, or the block has too many blobs.
pub fn process_execution_payload(
    cfg: &ChainConfig,
    state: &mut BeaconState,
    body: &BeaconBlockBody,
) -> Result<(), Error> {
    let payload = &body.execution_payload;
    let fork = fork_of(cfg, state);
    let latest = state.latest_execution_payload_header.block_hash;
    let follows_payload = fork >= ForkName::Capella || is_merge_transition_complete(state);
    if follows_payload && payload.parent_hash != latest {
        return Err(Error::PayloadParent { claimed: payload.parent_hash, expected: latest });
    }
    let mix = get_randao_mix(cfg, state, get_current_epoch(cfg, state))?;
    if payload.prev_randao != mix {
        return Err(Error::PayloadRandao { claimed: payload.prev_randao, expected: mix });
    }
    let time = compute_time_at_slot(cfg, state, state.slot)?;
    if payload.timestamp != time {
        return Err(Error::PayloadTime { claimed: payload.timestamp, expected: time });
    }
    if fork >= ForkName::Deneb {
        let limit = max_blobs_per_block(cfg, get_current_epoch(cfg, state));
        let found = body.blob_kzg_commitments.len() as u64;
        if found > limit {
            return Err(Error::BlobCount { found, limit });
        }
    }
    state.latest_execution_payload_header = execution_payload_header(cfg.shape(fork), payload);
    Ok(())
}

/// The header that a state keeps of `payload`: the roots of its lists in place of these.
pub fn execution_payload_header(shape: Shape, payload: &ExecutionPayload) -> ExecutionPayloadHeader {
    let capella = shape.fork >= ForkName::Capella;
    ExecutionPayloadHeader {
        parent_hash: payload.parent_hash,
        fee_recipient: payload.fee_recipient,
        state_root: payload.state_root,
        receipts_root: payload.receipts_root,
        logs_bloom: payload.logs_bloom,
        prev_randao: payload.prev_randao,
        block_number: payload.block_number,
        gas_limit: payload.gas_limit,
        gas_used: payload.gas_used,
        timestamp: payload.timestamp,
        extra_data: payload.extra_data.clone(),
        base_fee_per_gas: payload.base_fee_per_gas,
        block_hash: payload.block_hash,
        transactions_root: payload.transactions.hash_tree_root(shape),
        withdrawals_root: if capella { payload.withdrawals.hash_tree_root(shape) } else { Hash32::default() },
        blob_gas_used: payload.blob_gas_used,
        excess_blob_gas: payload.excess_blob_gas,
    }
}

/// The name of a blob in execution payloads (deneb/beacon-chain.md, `kzg_commitment_to_versioned_hash`).
pub fn kzg_commitment_to_versioned_hash(kzg_commitment: &KzgCommitment) -> Hash32 {
    let mut hash = sha256(&kzg_commitment.0);
    hash.0[0] = VERSIONED_HASH_VERSION_KZG;
    hash
}
