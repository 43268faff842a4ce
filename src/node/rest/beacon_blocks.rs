//! `/eth/v{1,2}/beacon/blocks` and `/eth/v1/beacon/headers`: reading blocks.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::call::block_id;
use super::{Call, Meta, Refusal, Reply, Route, get, get_ssz};
use crate::api::{BlindedBeaconBlock, SignedBlindedBeaconBlock};
use crate::chain::{BlockId, FoundBlock};
use crate::node::Core;
use crate::spec::execution_payload_header;
use crate::ssz::{Json, Root, Shape, Ssz};
use crate::types::{BeaconBlockHeader, ForkName, SignedBeaconBlock, SignedBeaconBlockHeader, Slot};

pub(super) const ROUTES: &[Route] = &[
    get("/eth/v1/beacon/headers", headers),
    get("/eth/v1/beacon/headers/{block_id}", header),
    get_ssz("/eth/v1/beacon/blocks/{block_id}", block_v1),
    get_ssz("/eth/v2/beacon/blocks/{block_id}", block_v2),
    get_ssz("/eth/v1/beacon/blinded_blocks/{block_id}", blinded_block),
    get("/eth/v1/beacon/blocks/{block_id}/root", root),
    get("/eth/v1/beacon/blocks/{block_id}/attestations", attestations_v1),
    get("/eth/v2/beacon/blocks/{block_id}/attestations", attestations_v2),
];

/// Looks up the path's `block_id`.
pub(super) fn found(core: &Core, call: &Call<'_>) -> Result<FoundBlock, Refusal> {
    Ok(core.chain().block(block_id(call.param("block_id"))?)?)
}

/// The metadata of an answer about a block.
pub(super) fn meta(core: &Core, found: &FoundBlock) -> Meta {
    let optimistic = core.chain().is_optimistic(&found.root);
    Meta { finalized: found.finalized, optimistic, ..Meta::default() }
}

pub(super) fn shape_of(core: &Core, block: &SignedBeaconBlock) -> Shape {
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
    let finalized = !blocks.is_empty() && blocks.iter().all(|found| found.finalized);
    let optimistic = blocks.iter().any(|found| core.chain().is_optimistic(&found.root));
    let meta = Meta { finalized, optimistic, ..Meta::default() };
    let data = blocks.iter().map(|found| header_entry(core, found)).collect();
    Ok(Reply::with_meta(meta.fields(), Value::Array(data)))
}

fn header(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let found = found(core, call)?;
    Ok(Reply::with_meta(meta(core, &found).fields(), header_entry(core, &found)))
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
    let meta = Meta { version: Some(shape.fork), ..meta(core, &found) };
    Ok(Reply::with_meta(meta.fields(), found.block.to_json(shape)).version(shape.fork))
}

/// Before bellatrix a block has nothing to be blinded.
fn blinded_block(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let found = found(core, call)?;
    let shape = shape_of(core, &found.block);
    if shape.fork < ForkName::Bellatrix {
        return block_v2(core, call);
    }
    let SignedBeaconBlock { message, signature } = (*found.block).clone();
    let header = execution_payload_header(shape, &message.body.execution_payload);
    let block = SignedBlindedBeaconBlock { message: BlindedBeaconBlock::of(message, header), signature };
    if call.wants_ssz() {
        return Ok(Reply::ssz(block.encode(shape)).version(shape.fork));
    }
    let meta = Meta { version: Some(shape.fork), ..meta(core, &found) };
    Ok(Reply::with_meta(meta.fields(), block.to_json(shape)).version(shape.fork))
}

fn root(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let found = found(core, call)?;
    Ok(Reply::with_meta(meta(core, &found).fields(), json!({ "root": found.root.to_string() })))
}

fn attestations(core: &Core, call: &Call<'_>, with_version: bool) -> Result<Reply, Refusal> {
    let found = found(core, call)?;
    let shape = shape_of(core, &found.block);
    let meta = Meta { version: with_version.then_some(shape.fork), ..meta(core, &found) };
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
