//! `/eth/v{1,2}/debug`: whole states, all heads, fork choice.

use serde_json::{Value, json};

use super::beacon_states::state;
use super::{Call, Meta, Refusal, Reply, Route, get, get_ssz};
use crate::node::Core;
use crate::ssz::{Json, Ssz};

pub(super) const ROUTES: &[Route] = &[
    get_ssz("/eth/v2/debug/beacon/states/{state_id}", full_state),
    get("/eth/v1/debug/beacon/heads", heads_v1),
    get("/eth/v2/debug/beacon/heads", heads_v2),
    get("/eth/v1/debug/fork_choice", fork_choice),
];

fn full_state(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let found = state(core, call)?;
    let fork = found.shape.fork;
    if call.wants_ssz() {
        return Ok(Reply::ssz(found.state.encode(found.shape)).version(fork));
    }
    let meta = Meta { version: Some(fork), ..found.meta };
    Ok(Reply::with_meta(meta.fields(), found.state.to_json(found.shape)).version(fork))
}

fn heads_v1(core: &mut Core, _: &Call<'_>) -> Result<Reply, Refusal> {
    let heads = core.chain().heads();
    let heads = heads.iter().map(|(slot, root)| json!({ "slot": slot.to_string(), "root": root.to_string() }));
    Ok(Reply::data(Value::Array(heads.collect())))
}

fn heads_v2(core: &mut Core, _: &Call<'_>) -> Result<Reply, Refusal> {
    let heads = core.chain().heads();
    let heads = heads.iter().map(|(slot, root)| {
        let optimistic = core.chain().is_optimistic(root);
        json!({ "root": root.to_string(), "slot": slot.to_string(), "execution_optimistic": optimistic })
    });
    Ok(Reply::data(Value::Array(heads.collect())))
}

fn fork_choice(core: &mut Core, _: &Call<'_>) -> Result<Reply, Refusal> {
    let chain = core.chain();
    let shape = chain.config().shape_at_slot(chain.head().slot);
    let nodes = chain.fork_choice().into_iter().map(|node| {
        json!({
            "slot": node.slot.to_string(),
            "block_root": node.root.to_string(),
            "parent_root": node.parent.unwrap_or_default().to_string(),
            "justified_epoch": node.justified_epoch.to_string(),
            "finalized_epoch": node.finalized_epoch.to_string(),
            "weight": node.weight.to_string(),
            "validity": if node.optimistic { "optimistic" } else { "valid" },
            "execution_block_hash": node.execution_block_hash.unwrap_or_default().to_string(),
            "extra_data": {},
        })
    });
    let nodes = Value::Array(nodes.collect());
    Ok(Reply::json(&json!({
        "justified_checkpoint": chain.justified().to_json(shape),
        "finalized_checkpoint": chain.finalized().to_json(shape),
        "fork_choice_nodes": nodes,
        "extra_data": {},
    })))
}
