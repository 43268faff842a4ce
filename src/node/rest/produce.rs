//! `/eth/v{1,2,3}/validator/...`: what a validator signs, and the aggregates it signed.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::pool::{MOST_SYNC_OBJECTS, current_shape, decode, named_or_current, objects, submit_each};
use super::{Call, Refusal, Reply, Route, Served, get, get_ssz, get_ssz_later, post};
use crate::api::BlockContents;
use crate::chain::{Event, ProducedBlock};
use crate::node::Core;
use crate::ssz::{Json, Shape, Ssz};
use crate::types::constants::{SYNC_COMMITTEE_SUBNET_COUNT, TARGET_AGGREGATORS_PER_COMMITTEE};
use crate::types::{ChainConfig, ForkName, SignedAggregateAndProof, SignedContributionAndProof};

crate::limits! {
    /// Aggregates in one body.
    SubmittedAggregates = |s| s.preset.max_committees_per_slot * TARGET_AGGREGATORS_PER_COMMITTEE;
}

pub(super) const ROUTES: &[Route] = &[
    get_ssz_later("/eth/v2/validator/blocks/{slot}", block_v2),
    get_ssz_later("/eth/v3/validator/blocks/{slot}", block_v3),
    get_ssz("/eth/v1/validator/attestation_data", attestation_data),
    get_ssz("/eth/v1/validator/aggregate_attestation", aggregate_v1),
    get_ssz("/eth/v2/validator/aggregate_attestation", aggregate_v2),
    post("/eth/v1/validator/aggregate_and_proofs", post_aggregates_v1),
    post("/eth/v2/validator/aggregate_and_proofs", post_aggregates_v2),
    get("/eth/v1/validator/sync_committee_contribution", contribution),
    post("/eth/v1/validator/contribution_and_proofs", post_contributions),
];

/// How a produced block is to be handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::node) struct Form {
    version: Version,
    ssz: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    Two,
    Three,
}

fn produce(core: &mut Core, call: &Call<'_>, version: Version) -> Result<Served, Refusal> {
    let slot = call.number_param("slot")?;
    let randao = call.required_bytes("randao_reveal")?;
    let graffiti = call.query_bytes("graffiti")?.unwrap_or_default();
    call.query_number("builder_boost_factor")?;
    core.refuse_while_syncing()?;
    let now = core.chain().current_slot();
    if slot > now + 1 {
        return Err(Refusal::bad_request(format!("slot {slot} is too far ahead: the clock shows slot {now}")));
    }
    let form = Form { version, ssz: call.wants_ssz() };
    let now_ms = call.now_ms;
    Ok(core.produce(form, |id| Event::Produce { id, slot, randao, graffiti, now_ms }))
}

fn block_v2(core: &mut Core, call: &Call<'_>) -> Result<Served, Refusal> {
    produce(core, call, Version::Two)
}

fn block_v3(core: &mut Core, call: &Call<'_>) -> Result<Served, Refusal> {
    produce(core, call, Version::Three)
}

/// The answer with a produced block. It is never blinded, since there is no builder. The third version's two values exist
/// to weigh a builder's bid against our own block: the payload's is the engine's figure; nobody weighs the consensus
/// rewards, which are told as zero.
pub(in crate::node) fn answer(cfg: &ChainConfig, form: Form, produced: ProducedBlock) -> Reply {
    let shape = cfg.shape_at_slot(produced.block.slot);
    let contents =
        BlockContents { block: produced.block, kzg_proofs: produced.proofs.into(), blobs: produced.blobs.into() };
    let value = produced.payload_value.to_string();
    let reply = if form.ssz {
        Reply::ssz(contents.to_ssz(shape))
    } else {
        let mut meta = Map::new();
        meta.insert("version".into(), shape.fork.name().into());
        if form.version == Version::Three {
            meta.insert("execution_payload_blinded".into(), false.into());
            meta.insert("execution_payload_value".into(), value.clone().into());
            meta.insert("consensus_block_value".into(), "0".into());
        }
        Reply::with_meta(meta, contents.to_value(shape))
    };
    let reply = reply.version(shape.fork);
    if form.version == Version::Two {
        return reply;
    }
    reply
        .header("eth-execution-payload-blinded", "false")
        .header("eth-execution-payload-value", value)
        .header("eth-consensus-block-value", "0")
}

fn attestation_data(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let slot = call.required_number("slot")?;
    let index = call.query_number("committee_index")?.unwrap_or(0);
    core.refuse_while_syncing()?;
    let data = core.chain().attestation_data(slot, index)?;
    let shape = core.chain().config().shape_at_slot(slot);
    Ok(if call.wants_ssz() { Reply::ssz(data.encode(shape)) } else { Reply::data(data.to_json(shape)) })
}

fn aggregate(core: &Core, call: &Call<'_>, with_version: bool) -> Result<Reply, Refusal> {
    let data_root = call.required_bytes("attestation_data_root")?;
    let slot = call.required_number("slot")?;
    let committee = if with_version { Some(call.required_number("committee_index")?) } else { None };
    let shape = core.chain().config().shape_at_slot(slot);
    if !with_version && shape.fork >= ForkName::Electra {
        return Err(Refusal::bad_request("from electra on aggregates are of a committee, which only /eth/v2 takes"));
    }
    let aggregate = core.chain().aggregate(slot, &data_root, committee);
    let aggregate = aggregate.ok_or_else(|| {
        Refusal::not_found(format!("no attestation of slot {slot} with data root {data_root} is known"))
    })?;
    if core.chain().is_optimistic(&aggregate.data.beacon_block_root) {
        return Err(Refusal::optimistic());
    }
    let reply = match (call.wants_ssz(), with_version) {
        (true, _) => Reply::ssz(aggregate.encode(shape)),
        (false, false) => return Ok(Reply::data(aggregate.to_json(shape))),
        (false, true) => {
            let mut meta = Map::new();
            meta.insert("version".into(), shape.fork.name().into());
            Reply::with_meta(meta, aggregate.to_json(shape))
        }
    };
    Ok(reply.version(shape.fork))
}

fn aggregate_v1(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    aggregate(core, call, false)
}

fn aggregate_v2(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    aggregate(core, call, true)
}

fn submit_aggregates(core: &mut Core, call: &Call<'_>, shape: Shape) -> Result<Reply, Refusal> {
    let objects = objects::<SignedAggregateAndProof, SubmittedAggregates>("SignedAggregateAndProof", call, shape)?;
    let now_ms = call.now_ms;
    submit_each(core, objects, |aggregate, origin| Event::Aggregate { aggregate: Arc::new(aggregate), origin, now_ms })
}

fn post_aggregates_v1(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let shape = named_or_current(core, call)?;
    submit_aggregates(core, call, shape)
}

fn post_aggregates_v2(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let version = call.required_version()?;
    submit_aggregates(core, call, core.chain().config().shape(version))
}

fn contribution(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let slot = call.required_number("slot")?;
    let subcommittee = call.required_number("subcommittee_index")?;
    let block = call.required_bytes("beacon_block_root")?;
    if subcommittee >= SYNC_COMMITTEE_SUBNET_COUNT {
        return Err(Refusal::bad_request(format!(
            "invalid subcommittee_index: {subcommittee}; accepted: 0 to {}",
            SYNC_COMMITTEE_SUBNET_COUNT - 1
        )));
    }
    core.refuse_while_syncing()?;
    let shape = core.chain().config().shape_at_slot(slot);
    if shape.fork < ForkName::Altair {
        return Err(Refusal::bad_request(format!("slot {slot} is of phase0, which has no sync committees")));
    }
    if core.chain().is_optimistic(&block) {
        return Err(Refusal::optimistic());
    }
    let contribution = core.chain().sync_contribution(slot, &block, subcommittee);
    let contribution = contribution.ok_or_else(|| {
        Refusal::not_found(format!(
            "no sync committee message of subcommittee {subcommittee} for block {block} is known"
        ))
    })?;
    Ok(Reply::data(contribution.to_json(shape)))
}

fn post_contributions(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let shape = current_shape(core);
    let items = call.json_list(MOST_SYNC_OBJECTS)?;
    let decode_one = |item: &Value| decode::<SignedContributionAndProof>("SignedContributionAndProof", shape, item);
    let objects = items.iter().map(decode_one).collect();
    let now_ms = call.now_ms;
    submit_each(core, objects, |contribution, origin| Event::Contribution {
        contribution: Arc::new(contribution),
        origin,
        now_ms,
    })
}
