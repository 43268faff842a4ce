//! `/eth/v1/beacon/genesis` and `/eth/v1/beacon/states/{state_id}/...`, but for validators (see `validators`).

use std::sync::Arc;

use serde_json::{Value, json};

use super::call::{json_numbers, state_id};
use super::{Call, Meta, Refusal, Reply, Route, get};
use crate::node::Core;
use crate::spec::{
    compute_sync_committee_period, get_beacon_committee, get_committee_count_per_slot, get_validator_index,
    sync_subcommittee_size,
};
use crate::ssz::{Json, Shape, Ssz};
use crate::types::{BeaconState, ForkName};

pub(super) const ROUTES: &[Route] = &[
    get("/eth/v1/beacon/genesis", genesis),
    get("/eth/v1/beacon/states/{state_id}/root", root),
    get("/eth/v1/beacon/states/{state_id}/fork", fork),
    get("/eth/v1/beacon/states/{state_id}/finality_checkpoints", finality_checkpoints),
    get("/eth/v1/beacon/states/{state_id}/committees", committees),
    get("/eth/v1/beacon/states/{state_id}/sync_committees", sync_committees),
    get("/eth/v1/beacon/states/{state_id}/randao", randao),
];

/// The state that the path names, with what answers about it need.
pub(super) struct Found {
    pub state: Arc<BeaconState>,
    pub shape: Shape,
    pub meta: Meta,
}

/// Looks up the path's `state_id`.
pub(super) fn state(core: &Core, call: &Call<'_>) -> Result<Found, Refusal> {
    let id = state_id(call.param("state_id"))?;
    let state = core.chain().state(id)?;
    let (block, finalized) = core.chain().state_block(id)?;
    let shape = core.chain().config().shape_at_slot(state.slot);
    let optimistic = core.chain().is_optimistic(&block);
    Ok(Found { state, shape, meta: Meta { finalized, optimistic, ..Meta::default() } })
}

fn genesis(core: &mut Core, _: &Call<'_>) -> Result<Reply, Refusal> {
    let chain = core.chain();
    Ok(Reply::data(json!({
        "genesis_time": chain.genesis_time().to_string(),
        "genesis_validators_root": chain.genesis_validators_root().to_string(),
        "genesis_fork_version": chain.config().genesis_fork_version.to_string(),
    })))
}

fn root(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let found = state(core, call)?;
    let root = found.state.hash_tree_root(found.shape);
    Ok(Reply::with_meta(found.meta.fields(), json!({ "root": root.to_string() })))
}

fn fork(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let found = state(core, call)?;
    Ok(Reply::with_meta(found.meta.fields(), found.state.fork.to_json(found.shape)))
}

fn finality_checkpoints(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let Found { state, shape, meta } = state(core, call)?;
    let data = json!({
        "previous_justified": state.previous_justified_checkpoint.to_json(shape),
        "current_justified": state.current_justified_checkpoint.to_json(shape),
        "finalized": state.finalized_checkpoint.to_json(shape),
    });
    Ok(Reply::with_meta(meta.fields(), data))
}

fn committees(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let found = state(core, call)?;
    let cfg = core.chain().config();
    let (wanted_index, wanted_slot) = (call.query_number("index")?, call.query_number("slot")?);
    let epoch = match call.query_number("epoch")? {
        Some(epoch) => epoch,
        None => wanted_slot.map_or(cfg.epoch_of(found.state.slot), |slot| cfg.epoch_of(slot)),
    };
    if wanted_slot.is_some_and(|slot| cfg.epoch_of(slot) != epoch) {
        return Err(Refusal::bad_request(format!("the given slot does not belong in epoch {epoch}")));
    }
    let state_epoch = cfg.epoch_of(found.state.slot);
    // Shufflings are fixed from the state's previous epoch to its next one.
    if epoch > state_epoch + 1 || epoch + cfg.preset.epochs_per_historical_vector <= state_epoch + 2 {
        return Err(Refusal::bad_request(format!(
            "epoch {epoch} is out of the range of the state of epoch {state_epoch}: accepted up to {}",
            state_epoch + 1
        )));
    }
    let per_slot = get_committee_count_per_slot(cfg, &found.state, epoch);
    if let Some(index) = wanted_index.filter(|index| *index >= per_slot) {
        return Err(Refusal::bad_request(format!("committee index {index}: epoch {epoch} has {per_slot} per slot")));
    }
    let start = cfg.start_slot(epoch);
    let mut data = Vec::new();
    for slot in
        (start..start + cfg.preset.slots_per_epoch).filter(|slot| wanted_slot.is_none_or(|wanted| wanted == *slot))
    {
        for index in (0..per_slot).filter(|index| wanted_index.is_none_or(|wanted| wanted == *index)) {
            let members = get_beacon_committee(cfg, &found.state, slot, index)
                .map_err(|error| Refusal::internal(format!("committee {index} of slot {slot}: {error}")))?;
            data.push(json!({
                "index": index.to_string(),
                "slot": slot.to_string(),
                "validators": json_numbers(members),
            }));
        }
    }
    Ok(Reply::with_meta(found.meta.fields(), Value::Array(data)))
}

fn sync_committees(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let found = state(core, call)?;
    let cfg = core.chain().config();
    if found.shape.fork < ForkName::Altair {
        return Err(Refusal::bad_request("the state is of phase0, which has no sync committees"));
    }
    let period_of = |epoch: u64| compute_sync_committee_period(cfg, epoch);
    let state_epoch = cfg.epoch_of(found.state.slot);
    let epoch = call.query_number("epoch")?.unwrap_or(state_epoch);
    let committee = match period_of(epoch).checked_sub(period_of(state_epoch)) {
        Some(0) => &found.state.current_sync_committee,
        Some(1) => &found.state.next_sync_committee,
        _ => {
            return Err(Refusal::bad_request(format!(
                "epoch {epoch} is outside the sync committee periods of the state: accepted {} to {}",
                period_of(state_epoch) * cfg.preset.epochs_per_sync_committee_period,
                (period_of(state_epoch) + 2) * cfg.preset.epochs_per_sync_committee_period - 1
            )));
        }
    };
    let mut members: Vec<u64> = Vec::new();
    for pubkey in committee.pubkeys.iter() {
        let index = get_validator_index(&found.state, pubkey);
        members.push(index.ok_or_else(|| Refusal::internal("a sync committee member is not in the registry"))?);
    }
    let subcommittee = (sync_subcommittee_size(cfg.preset) as usize).max(1);
    let aggregates: Vec<Value> = members.chunks(subcommittee).map(|part| json_numbers(part.iter().copied())).collect();
    let data = json!({ "validators": json_numbers(members.iter().copied()), "validator_aggregates": aggregates });
    Ok(Reply::with_meta(found.meta.fields(), data))
}

fn randao(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let found = state(core, call)?;
    let cfg = core.chain().config();
    let vector = cfg.preset.epochs_per_historical_vector;
    let state_epoch = cfg.epoch_of(found.state.slot);
    let epoch = call.query_number("epoch")?.unwrap_or(state_epoch);
    if epoch > state_epoch || epoch.saturating_add(vector) <= state_epoch {
        return Err(Refusal::bad_request(format!(
            "epoch {epoch} is out of range for the randao_mixes of the state: accepted {} to {state_epoch}",
            (state_epoch + 1).saturating_sub(vector)
        )));
    }
    let position = usize::try_from(epoch % vector).map_err(|_| Refusal::internal("randao vector too long"))?;
    let mix = found.state.randao_mixes.get(position).ok_or_else(|| Refusal::internal("randao vector too short"))?;
    Ok(Reply::with_meta(found.meta.fields(), json!({ "randao": mix.to_string() })))
}
