//! POST `/eth/v{1,2}/beacon/blocks` and `blinded_blocks`: signed blocks, with their blobs from deneb on.
//!
//! Deviation: every block's transition is verified before it is broadcast, whatever `broadcast_validation` asks, since
//! the chain publishes nothing else. Its payload is judged by the execution engine meanwhile or later. So 202 does not mean
//! that a block was broadcast and not imported, but that both come later: in its slot, or after its parent.

use std::fmt::Display;
use std::sync::Arc;

use serde_json::Value;

use super::beacon_blocks::shape_of;
use super::call::{json_number, kind as json_kind, parse_json, shown};
use super::{Call, Refusal, Reply, Route, post};
use crate::api::{BlockContents, Body, SignedBlindedBeaconBlock, SignedBlockContents};
use crate::chain::{Event, Origin, Outcome};
use crate::node::Core;
use crate::ssz::{DecodeError, Fork, Json, JsonError, Shape, Ssz};
use crate::types::{ForkName, SignedBeaconBlock, Slot};

pub(super) const ROUTES: &[Route] = &[
    post("/eth/v1/beacon/blocks", publish_v1),
    post("/eth/v2/beacon/blocks", publish_v2),
    post("/eth/v1/beacon/blinded_blocks", publish_blinded_v1),
    post("/eth/v2/beacon/blinded_blocks", publish_blinded_v2),
];

/// How a kind of signed block is read, by the fork of its own slot.
struct Kind<T> {
    name: fn(Fork) -> &'static str,
    from_ssz: fn(Shape, &[u8]) -> Result<T, DecodeError>,
    from_json: fn(Shape, &Value) -> Result<T, JsonError>,
}

const WHOLE: Kind<SignedBlockContents> = Kind {
    name: |fork| if fork < Fork::Deneb { "SignedBeaconBlock" } else { "SignedBlockContents" },
    from_ssz: SignedBlockContents::from_ssz,
    from_json: SignedBlockContents::from_value,
};

const BLINDED: Kind<SignedBlindedBeaconBlock> = Kind {
    name: |_| "SignedBlindedBeaconBlock",
    from_ssz: SignedBlindedBeaconBlock::decode,
    from_json: SignedBlindedBeaconBlock::from_json,
};

/// The block in the body, decoded by the fork of its own slot, which the header must agree with.
fn read<T>(core: &Core, call: &Call<'_>, version: Option<ForkName>, kind: &Kind<T>) -> Result<T, Refusal> {
    let cfg = core.chain().config();
    let shape_at = |slot: Slot| match (version, cfg.shape_at_slot(slot)) {
        (Some(named), shape) if shape.fork != named => Err(Refusal::bad_request(format!(
            "Eth-Consensus-Version is {named}, but slot {slot} is of {} on this network",
            shape.fork
        ))),
        (_, shape) => Ok(shape),
    };
    let wrong = |fork: Fork, error: &dyn Display| {
        Refusal::bad_request(format!("the body is no {} of {fork}: {error}", (kind.name)(fork)))
    };
    match &call.request.body {
        Body::Empty => Err(Refusal::bad_request(format!(
            "this endpoint needs a {} as JSON or SSZ",
            (kind.name)(version.unwrap_or(Fork::Phase0))
        ))),
        Body::Ssz(bytes) => {
            let shape = shape_at(slot_of_ssz(bytes))?;
            (kind.from_ssz)(shape, bytes).map_err(|error| wrong(shape.fork, &error))
        }
        Body::Json(bytes) => {
            let value = parse_json(bytes)?;
            let block = value.get("signed_block").unwrap_or(&value);
            let slot = block.get("message").and_then(|message| message.get("slot")).ok_or_else(|| {
                Refusal::bad_request(format!(
                    "the body is {} without message.slot or signed_block.message.slot; expected a SignedBeaconBlock, or \
                     SignedBlockContents from deneb on",
                    json_kind(&value)
                ))
            })?;
            let shape = shape_at(json_number("message.slot", slot)?)?;
            (kind.from_json)(shape, &value).map_err(|error| wrong(shape.fork, &error))
        }
    }
}

/// The slot of a block, alone or in contents; 0 if there is none, which decoding then tells.
fn slot_of_ssz(bytes: &[u8]) -> Slot {
    /// Three offsets: where the block begins in contents.
    const CONTENTS: usize = 12;
    /// An offset and a signature: where the message begins in a signed block, with its slot.
    const MESSAGE: usize = 4 + 96;
    let first = bytes.first_chunk::<4>().map_or(0, |offset| u32::from_le_bytes(*offset) as usize);
    let block = if first == CONTENTS { CONTENTS } else { 0 };
    let slot = bytes.get(block + MESSAGE..).and_then(|rest| rest.first_chunk::<8>());
    slot.map_or(0, |slot| u64::from_le_bytes(*slot))
}

fn check_level(call: &Call<'_>) -> Result<(), Refusal> {
    const LEVELS: [&str; 3] = ["gossip", "consensus", "consensus_and_equivocation"];
    match call.query("broadcast_validation").filter(|level| !LEVELS.contains(level)) {
        Some(level) => Err(Refusal::bad_request(format!(
            "invalid broadcast_validation: {:?}; accepted: {}",
            shown(level),
            LEVELS.join(", ")
        ))),
        None => Ok(()),
    }
}

fn publish(core: &mut Core, call: &Call<'_>, version: Option<ForkName>) -> Result<Reply, Refusal> {
    check_level(call)?;
    let contents = read(core, call, version, &WHOLE)?;
    hand_in(core, call, contents)
}

/// Publishes what was handed out blinded, whole again. Before bellatrix there is nothing to be blinded.
fn publish_blinded(core: &mut Core, call: &Call<'_>, version: Option<ForkName>) -> Result<Reply, Refusal> {
    if version.is_some_and(|fork| fork < ForkName::Bellatrix) {
        return publish(core, call, version);
    }
    check_level(call)?;
    let SignedBlindedBeaconBlock { message, signature } = read(core, call, version, &BLINDED)?;
    let slot = message.slot;
    let root = message.hash_tree_root(core.chain().config().shape_at_slot(slot));
    if core.chain().has_block(&root) {
        return Ok(Reply::status(200));
    }
    let Some(BlockContents { block, kzg_proofs, blobs }) = core.handed_out_blinded(&root).cloned() else {
        return Err(Refusal::bad_request(format!(
            "block {root} of slot {slot} was not made by this node lately, so its payload is not known here"
        )));
    };
    let signed_block = SignedBeaconBlock { message: block, signature };
    hand_in(core, call, SignedBlockContents { signed_block, kzg_proofs, blobs })
}

fn hand_in(core: &mut Core, call: &Call<'_>, contents: SignedBlockContents) -> Result<Reply, Refusal> {
    let shape = shape_of(core, &contents.signed_block);
    let root = contents.signed_block.message.hash_tree_root(shape);
    let slot = contents.signed_block.message.slot;
    let outcome = core.submit(|origin| event(shape.fork, contents, origin, call.now_ms))?;
    match outcome {
        Outcome::Accept | Outcome::Duplicate(_) => Ok(Reply::status(200)),
        // From a caller whose clock is ahead, or on a parent that is still to come: broadcast when it is there.
        Outcome::Held(_) => Ok(Reply::status(202)),
        // An old one, which finality has passed.
        Outcome::Ignore(_) if core.chain().has_block(&root) => Ok(Reply::status(200)),
        Outcome::Ignore(why) | Outcome::Reject(why) => {
            Err(Refusal::bad_request(format!("block {root} of slot {slot} was not broadcast: {why}")))
        }
    }
}

fn event(fork: ForkName, contents: SignedBlockContents, origin: Origin, now_ms: u64) -> Event {
    let block = Arc::new(contents.signed_block);
    if fork < Fork::Deneb {
        return Event::Block { block, origin, now_ms };
    }
    let (proofs, blobs) = (contents.kzg_proofs.to_vec(), contents.blobs.to_vec());
    Event::BlockContents { block, proofs, blobs, origin, now_ms }
}

fn publish_v1(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let version = call.consensus_version()?;
    publish(core, call, version)
}

fn publish_v2(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let version = call.required_version()?;
    publish(core, call, Some(version))
}

fn publish_blinded_v1(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let version = call.consensus_version()?;
    publish_blinded(core, call, version)
}

fn publish_blinded_v2(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let version = call.required_version()?;
    publish_blinded(core, call, Some(version))
}
