//! `/eth/v1/config`: what network this is.

use serde_json::{Map, Value, json};

use super::{Call, Refusal, Reply, Route, get};
use crate::node::Core;
use crate::ssz::Json;
use crate::types::{FAR_FUTURE_EPOCH, ForkName, Version};

pub(super) const ROUTES: &[Route] = &[
    get("/eth/v1/config/spec", spec),
    get("/eth/v1/config/fork_schedule", fork_schedule),
    get("/eth/v1/config/deposit_contract", deposit_contract),
];

fn spec(core: &mut Core, _: &Call<'_>) -> Result<Reply, Refusal> {
    let cfg = core.chain().config();
    let entries = cfg.entries();
    let mut data: Map<String, Value> =
        entries.into_iter().map(|(name, value)| (name.to_string(), value.into())).collect();
    let schedule = cfg.blob_schedule.iter().map(|entry| {
        json!({ "EPOCH": entry.epoch.to_string(), "MAX_BLOBS_PER_BLOCK": entry.max_blobs_per_block.to_string() })
    });
    data.insert("BLOB_SCHEDULE".into(), schedule.collect());
    Ok(Reply::data(Value::Object(data)))
}

fn fork_schedule(core: &mut Core, _: &Call<'_>) -> Result<Reply, Refusal> {
    let cfg = core.chain().config();
    let shape = cfg.shape(ForkName::Phase0);
    let mut forks: Vec<Value> = Vec::new();
    let mut previous: Version = cfg.fork_version(ForkName::Phase0);
    for fork in ForkName::ALL {
        let epoch = cfg.fork_epoch(fork);
        if epoch == FAR_FUTURE_EPOCH {
            continue;
        }
        let current = cfg.fork_version(fork);
        let entry = crate::types::Fork { previous_version: previous, current_version: current, epoch };
        forks.push(entry.to_json(shape));
        previous = current;
    }
    Ok(Reply::data(Value::Array(forks)))
}

fn deposit_contract(core: &mut Core, _: &Call<'_>) -> Result<Reply, Refusal> {
    let entries = core.chain().config().entries();
    let entry = |name: &str| entries.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
    match (entry("DEPOSIT_CHAIN_ID"), entry("DEPOSIT_CONTRACT_ADDRESS")) {
        (Some(chain_id), Some(address)) => Ok(Reply::data(json!({ "chain_id": chain_id, "address": address }))),
        _ => Err(Refusal::not_found("this network's configuration names no deposit contract")),
    }
}
