//! `/eth/v{1,2,3}/validator/...`: what a validator signs, and the aggregates it signed.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::pool::{MOST_SYNC_OBJECTS, current_shape, decode, named_or_current, objects, submit_each};
use super::{Call, Refusal, Reply, Route, Served, call, get_ssz, get_ssz_later, post};
use crate::api::{BlindedBeaconBlock, BlockContents};
use crate::chain::Event;
use crate::node::Core;
use crate::spec::execution_payload_header;
use crate::ssz::{Json, Root, Shape, Ssz, Uint256};
use crate::types::constants::{SYNC_COMMITTEE_SUBNET_COUNT, TARGET_AGGREGATORS_PER_COMMITTEE};
use crate::types::{ForkName, SignedAggregateAndProof, SignedContributionAndProof};

crate::limits! {
    /// Aggregates in one body.
    SubmittedAggregates = |s| s.preset.max_committees_per_slot * TARGET_AGGREGATORS_PER_COMMITTEE;
}

pub(super) const ROUTES: &[Route] = &[
    get_ssz_later("/eth/v1/validator/blocks/{slot}", block_v1),
    get_ssz_later("/eth/v2/validator/blocks/{slot}", block_v2),
    get_ssz_later("/eth/v3/validator/blocks/{slot}", block_v3),
    get_ssz_later("/eth/v1/validator/blinded_blocks/{slot}", blinded_block),
    get_ssz("/eth/v1/validator/attestation_data", attestation_data),
    get_ssz("/eth/v1/validator/aggregate_attestation", aggregate_v1),
    get_ssz("/eth/v2/validator/aggregate_attestation", aggregate_v2),
    post("/eth/v1/validator/aggregate_and_proofs", post_aggregates_v1),
    post("/eth/v2/validator/aggregate_and_proofs", post_aggregates_v2),
    get_ssz("/eth/v1/validator/sync_committee_contribution", contribution),
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
    One,
    Two,
    Three,
    Blinded,
}

impl Form {
    /// Whether the payload's header takes its place.
    pub(in crate::node) fn is_blinded(self) -> bool {
        self.version == Version::Blinded
    }
}

/// The query's graffiti: 32 bytes of hex, as the standard has it. Some clients send fewer bytes, or the text itself.
fn graffiti(call: &Call<'_>) -> Result<Root, Refusal> {
    let text = call.query("graffiti").unwrap_or_default();
    let bytes = match text.strip_prefix("0x") {
        Some(digits) => hex::decode(digits).ok(),
        None => Some(text.as_bytes().to_vec()),
    };
    let mut graffiti = Root::default();
    match bytes.filter(|bytes| bytes.len() <= graffiti.0.len()) {
        Some(bytes) => graffiti.0[..bytes.len()].copy_from_slice(&bytes),
        None => {
            return Err(Refusal::bad_request(format!(
                "invalid graffiti: {:?}; expected at most 32 bytes, as text or as 0x and hexadecimal digits",
                call::shown(text)
            )));
        }
    }
    Ok(graffiti)
}

fn produce(core: &mut Core, call: &Call<'_>, version: Version) -> Result<Served, Refusal> {
    let slot = call.number_param("slot")?;
    let randao = call.required_bytes("randao_reveal")?;
    let graffiti = graffiti(call)?;
    call.query_number("builder_boost_factor")?;
    core.refuse_while_syncing()?;
    let now = core.chain().current_slot();
    if slot > now + 1 {
        return Err(Refusal::bad_request(format!("slot {slot} is too far ahead: the clock shows slot {now}")));
    }
    let fork = core.chain().config().fork_at_slot(slot);
    if version == Version::One && fork > ForkName::Phase0 {
        return Err(Refusal::bad_request(format!(
            "slot {slot} is of {fork}, whose blocks only /eth/v2 and /eth/v3 make"
        )));
    }
    if version == Version::Blinded && fork < ForkName::Bellatrix {
        return Err(Refusal::bad_request(format!("slot {slot} is of {fork}, whose blocks have nothing to be blinded")));
    }
    let form = Form { version, ssz: call.wants_ssz() };
    let now_ms = call.now_ms;
    Ok(core.produce(form, |id| Event::Produce { id, slot, randao, graffiti, now_ms }))
}

fn block_v1(core: &mut Core, call: &Call<'_>) -> Result<Served, Refusal> {
    produce(core, call, Version::One)
}

fn block_v2(core: &mut Core, call: &Call<'_>) -> Result<Served, Refusal> {
    produce(core, call, Version::Two)
}

fn block_v3(core: &mut Core, call: &Call<'_>) -> Result<Served, Refusal> {
    produce(core, call, Version::Three)
}

/// The node's own block, blinded: nobody bids here, but there are clients that ask for nothing else.
fn blinded_block(core: &mut Core, call: &Call<'_>) -> Result<Served, Refusal> {
    produce(core, call, Version::Blinded)
}

/// The answer with a produced block. The third version's is never blinded, since there is no builder. Its two values
/// exist to weigh a builder's bid against our own block: the payload's is the engine's figure; nobody weighs the consensus
/// rewards, which are told as zero. `block_value` is what the earlier versions once had for the former.
pub(in crate::node) fn answer(shape: Shape, form: Form, contents: &BlockContents, value: Uint256) -> Reply {
    let value = value.to_string();
    let blinded = form.is_blinded().then(|| {
        let header = execution_payload_header(shape, &contents.block.body.execution_payload);
        BlindedBeaconBlock::of(contents.block.clone(), header)
    });
    let reply = if form.ssz {
        Reply::ssz(blinded.map_or_else(|| contents.to_ssz(shape), |block| block.encode(shape)))
    } else {
        let mut meta = Map::new();
        meta.insert("version".into(), shape.fork.name().into());
        if form.version == Version::Three {
            meta.insert("execution_payload_blinded".into(), false.into());
            meta.insert("execution_payload_value".into(), value.clone().into());
            meta.insert("consensus_block_value".into(), "0".into());
        } else {
            meta.insert("block_value".into(), value.clone().into());
        }
        Reply::with_meta(meta, blinded.map_or_else(|| contents.to_value(shape), |block| block.to_json(shape)))
    };
    let reply = reply.version(shape.fork);
    if form.version != Version::Three {
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
    Ok(if call.wants_ssz() { Reply::ssz(contribution.encode(shape)) } else { Reply::data(contribution.to_json(shape)) })
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
