//! `/eth/v{1,2}/beacon/blocks` and `/eth/v1/beacon/headers`: reading blocks, and publishing them.
//!
//! Deviation: every block is fully verified before it is broadcast, whatever `broadcast_validation` asks, since the
//! chain publishes what it has imported. So 202 (broadcast, but not imported) never happens.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::call::{block_id, kind, parse_json};
use super::{Call, Meta, Refusal, Reply, Route, get, get_ssz, post};
use crate::api::Body;
use crate::chain::{BlockId, Event, FoundBlock, Outcome};
use crate::node::Core;
use crate::ssz::{Json, Root, Shape, Ssz};
use crate::types::{BeaconBlockHeader, ForkName, SignedBeaconBlock, SignedBeaconBlockHeader, Slot};

pub(super) const ROUTES: &[Route] = &[
    get("/eth/v1/beacon/headers", headers),
    get("/eth/v1/beacon/headers/{block_id}", header),
    get_ssz("/eth/v1/beacon/blocks/{block_id}", block_v1),
    get_ssz("/eth/v2/beacon/blocks/{block_id}", block_v2),
    get("/eth/v1/beacon/blocks/{block_id}/root", root),
    get("/eth/v1/beacon/blocks/{block_id}/attestations", attestations_v1),
    get("/eth/v2/beacon/blocks/{block_id}/attestations", attestations_v2),
    post("/eth/v1/beacon/blocks", publish_v1),
    post("/eth/v2/beacon/blocks", publish_v2),
];

fn found(core: &Core, call: &Call<'_>) -> Result<FoundBlock, Refusal> {
    Ok(core.chain().block(block_id(call.param("block_id"))?)?)
}

fn shape_of(core: &Core, block: &SignedBeaconBlock) -> Shape {
    core.chain().config().shape_at_slot(block.message.slot)
}

fn header_entry(core: &Core, found: &FoundBlock) -> Value {
    let shape = shape_of(core, &found.block);
    let message = &found.block.message;
    let header = SignedBeaconBlockHeader {
        message: BeaconBlockHeader {
            slot: message.slot,
            proposer_index: message.proposer_index,
            parent_root: message.parent_root,
            state_root: message.state_root,
            body_root: message.body.hash_tree_root(shape),
        },
        signature: found.block.signature,
    };
    json!({ "root": found.root.to_string(), "canonical": found.canonical, "header": header.to_json(shape) })
}

/// The roots of the blocks that fit: of the slot (default: the head's) and, if given, with this parent.
fn matching(core: &Core, slot: Option<Slot>, parent: Option<Root>) -> BTreeSet<Root> {
    let chain = core.chain();
    if slot.is_none() && parent.is_none() {
        return BTreeSet::from([chain.head().root]);
    }
    let nodes = chain.fork_choice();
    let recent = nodes.iter().filter(|node| slot.is_none_or(|slot| node.slot == slot));
    let recent = recent.filter(|node| parent.is_none() || node.parent == parent);
    let mut roots: BTreeSet<Root> = recent.map(|node| node.root).collect();
    // Blocks before finality are no longer in fork choice, but on the canonical chain.
    match (slot, parent) {
        (Some(slot), _) => {
            let fits = |found: &FoundBlock| parent.is_none_or(|parent| found.block.message.parent_root == parent);
            roots.extend(chain.block(BlockId::Slot(slot)).ok().filter(fits).map(|found| found.root));
        }
        (None, Some(parent)) => {
            let parent_slot = chain.block(BlockId::Root(parent)).ok().map(|found| found.block.message.slot);
            let after = parent_slot.map_or(1..1, |slot| slot + 1..chain.head().slot + 1);
            let child = after.into_iter().find_map(|slot| chain.block(BlockId::Slot(slot)).ok());
            roots.extend(child.filter(|found| found.block.message.parent_root == parent).map(|found| found.root));
        }
        (None, None) => {}
    }
    roots
}

fn headers(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let (slot, parent) = (call.query_number("slot")?, call.query_bytes("parent_root")?);
    let roots = matching(core, slot, parent);
    let blocks: Vec<FoundBlock> =
        roots.into_iter().filter_map(|root| core.chain().block(BlockId::Root(root)).ok()).collect();
    let meta = Meta { finalized: !blocks.is_empty() && blocks.iter().all(|found| found.finalized), ..Meta::default() };
    let data = blocks.iter().map(|found| header_entry(core, found)).collect();
    Ok(Reply::with_meta(meta.fields(), Value::Array(data)))
}

fn header(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let found = found(core, call)?;
    let meta = Meta { finalized: found.finalized, ..Meta::default() };
    Ok(Reply::with_meta(meta.fields(), header_entry(core, &found)))
}

fn block_v1(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let found = found(core, call)?;
    let shape = shape_of(core, &found.block);
    if call.wants_ssz() {
        return Ok(Reply::ssz(found.block.encode(shape)).version(shape.fork));
    }
    Ok(Reply::data(found.block.to_json(shape)).version(shape.fork))
}

fn block_v2(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let found = found(core, call)?;
    let shape = shape_of(core, &found.block);
    if call.wants_ssz() {
        return Ok(Reply::ssz(found.block.encode(shape)).version(shape.fork));
    }
    let meta = Meta { finalized: found.finalized, version: Some(shape.fork), ..Meta::default() };
    Ok(Reply::with_meta(meta.fields(), found.block.to_json(shape)).version(shape.fork))
}

fn root(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let found = found(core, call)?;
    let meta = Meta { finalized: found.finalized, ..Meta::default() };
    Ok(Reply::with_meta(meta.fields(), json!({ "root": found.root.to_string() })))
}

fn attestations(core: &Core, call: &Call<'_>, with_version: bool) -> Result<Reply, Refusal> {
    let found = found(core, call)?;
    let shape = shape_of(core, &found.block);
    let meta = Meta { finalized: found.finalized, version: with_version.then_some(shape.fork), ..Meta::default() };
    let data = found.block.message.body.attestations.iter().map(|attestation| attestation.to_json(shape)).collect();
    let reply = Reply::with_meta(meta.fields(), Value::Array(data));
    Ok(if with_version { reply.version(shape.fork) } else { reply })
}

fn attestations_v1(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    attestations(core, call, false)
}

fn attestations_v2(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    attestations(core, call, true)
}

/// The block in the body, decoded by the fork of its own slot, which the header must agree with.
fn read_block(core: &Core, call: &Call<'_>, version: Option<ForkName>) -> Result<SignedBeaconBlock, Refusal> {
    let cfg = core.chain().config();
    let agree = |slot: Slot| match version {
        Some(fork) if cfg.fork_at_slot(slot) != fork => Err(Refusal::bad_request(format!(
            "Eth-Consensus-Version is {fork}, but slot {slot} is of {} on this network",
            cfg.fork_at_slot(slot)
        ))),
        _ => Ok(()),
    };
    match &call.request.body {
        Body::Empty => Err(Refusal::bad_request("this endpoint needs a SignedBeaconBlock, as JSON or SSZ")),
        Body::Ssz(bytes) => {
            let block = cfg
                .decode_signed_block(bytes)
                .map_err(|error| Refusal::bad_request(format!("the body is no SignedBeaconBlock: {error}")))?;
            agree(block.message.slot)?;
            Ok(block)
        }
        Body::Json(bytes) => {
            let value = parse_json(bytes)?;
            let slot = value.get("message").and_then(|message| message.get("slot"));
            let slot = slot.ok_or_else(|| {
                Refusal::bad_request(format!(
                    "the body is {} without message.slot; expected a SignedBeaconBlock",
                    kind(&value)
                ))
            })?;
            let slot = super::call::json_number("message.slot", slot)?;
            agree(slot)?;
            SignedBeaconBlock::from_json(cfg.shape_at_slot(slot), &value)
                .map_err(|error| Refusal::bad_request(format!("the body is no SignedBeaconBlock: {error}")))
        }
    }
}

fn publish(core: &mut Core, call: &Call<'_>, version: Option<ForkName>) -> Result<Reply, Refusal> {
    const LEVELS: [&str; 3] = ["gossip", "consensus", "consensus_and_equivocation"];
    if let Some(level) = call.query("broadcast_validation").filter(|level| !LEVELS.contains(level)) {
        return Err(Refusal::bad_request(format!(
            "invalid broadcast_validation: {:?}; accepted: {}",
            super::call::shown(level),
            LEVELS.join(", ")
        )));
    }
    let block = read_block(core, call, version)?;
    let root = block.message.hash_tree_root(shape_of(core, &block));
    let slot = block.message.slot;
    let now_ms = call.now_ms;
    let outcome = core.submit(|origin| Event::Block { block: Arc::new(block), origin, now_ms })?;
    match outcome {
        Outcome::Accept | Outcome::Duplicate(_) => Ok(Reply::status(200)),
        // An old one, which finality has passed.
        Outcome::Ignore(_) if core.chain().has_block(&root) => Ok(Reply::status(200)),
        Outcome::Ignore(why) | Outcome::Reject(why) => {
            Err(Refusal::bad_request(format!("block {root} of slot {slot} was not broadcast: {why}")))
        }
    }
}

fn publish_v1(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let version = call.consensus_version()?;
    publish(core, call, version)
}

fn publish_v2(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let version = call.required_version()?;
    publish(core, call, Some(version))
}
