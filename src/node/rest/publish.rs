//! POST `/eth/v{1,2}/beacon/blocks`: signed blocks, with their blobs from deneb on.
//!
//! Deviation: every block's transition is verified before it is broadcast, whatever `broadcast_validation` asks, since
//! the chain publishes nothing else. Its payload is judged by the execution engine meanwhile or later. So 202 (broadcast,
//! but not imported) never happens.

use std::sync::Arc;

use super::beacon_blocks::shape_of;
use super::call::{json_number, kind, parse_json, shown};
use super::{Call, Refusal, Reply, Route, post};
use crate::api::{Body, SignedBlockContents};
use crate::chain::{Event, Origin, Outcome};
use crate::node::Core;
use crate::ssz::{Fork, Ssz};
use crate::types::{ForkName, Slot};

pub(super) const ROUTES: &[Route] =
    &[post("/eth/v1/beacon/blocks", publish_v1), post("/eth/v2/beacon/blocks", publish_v2)];

/// The block in the body with its blobs, decoded by the fork of its own slot, which the header must agree with.
fn read(core: &Core, call: &Call<'_>, version: Option<ForkName>) -> Result<SignedBlockContents, Refusal> {
    let cfg = core.chain().config();
    let shape_at = |slot: Slot| match (version, cfg.shape_at_slot(slot)) {
        (Some(named), shape) if shape.fork != named => Err(Refusal::bad_request(format!(
            "Eth-Consensus-Version is {named}, but slot {slot} is of {} on this network",
            shape.fork
        ))),
        (_, shape) => Ok(shape),
    };
    let what = |fork: ForkName| if fork < Fork::Deneb { "SignedBeaconBlock" } else { "SignedBlockContents" };
    match &call.request.body {
        Body::Empty => {
            Err(Refusal::bad_request("this endpoint needs a SignedBeaconBlock, or SignedBlockContents, as JSON or SSZ"))
        }
        Body::Ssz(bytes) => {
            let shape = shape_at(slot_of_ssz(bytes))?;
            SignedBlockContents::from_ssz(shape, bytes).map_err(|error| {
                Refusal::bad_request(format!("the body is no {} of {}: {error}", what(shape.fork), shape.fork))
            })
        }
        Body::Json(bytes) => {
            let value = parse_json(bytes)?;
            let block = value.get("signed_block").unwrap_or(&value);
            let slot = block.get("message").and_then(|message| message.get("slot")).ok_or_else(|| {
                Refusal::bad_request(format!(
                    "the body is {} without message.slot or signed_block.message.slot; expected a SignedBeaconBlock, or \
                     SignedBlockContents from deneb on",
                    kind(&value)
                ))
            })?;
            let shape = shape_at(json_number("message.slot", slot)?)?;
            SignedBlockContents::from_value(shape, &value).map_err(|error| {
                Refusal::bad_request(format!("the body is no {} of {}: {error}", what(shape.fork), shape.fork))
            })
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

fn publish(core: &mut Core, call: &Call<'_>, version: Option<ForkName>) -> Result<Reply, Refusal> {
    const LEVELS: [&str; 3] = ["gossip", "consensus", "consensus_and_equivocation"];
    if let Some(level) = call.query("broadcast_validation").filter(|level| !LEVELS.contains(level)) {
        return Err(Refusal::bad_request(format!(
            "invalid broadcast_validation: {:?}; accepted: {}",
            shown(level),
            LEVELS.join(", ")
        )));
    }
    let contents = read(core, call, version)?;
    let shape = shape_of(core, &contents.signed_block);
    let root = contents.signed_block.message.hash_tree_root(shape);
    let slot = contents.signed_block.message.slot;
    let outcome = core.submit(|origin| event(shape.fork, contents, origin, call.now_ms))?;
    match outcome {
        Outcome::Accept | Outcome::Duplicate(_) => Ok(Reply::status(200)),
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
