//! `/eth/v{1,2}/beacon/pool`: objects on their way into a block.

use std::sync::Arc;

use serde_json::Value;

use super::call::{Call, kind};
use super::{Refusal, Reply, Route, get, post};
use crate::api::Body;
use crate::chain::{Event, Origin, Outcome};
use crate::node::Core;
use crate::ssz::{Json, Limit, List, Shape, Ssz};
use crate::types::{
    Attestation, AttesterSlashing, ForkName, ProposerSlashing, SignedBlsToExecutionChange, SignedVoluntaryExit,
    SingleAttestation, SyncCommitteeMessage,
};

crate::limits! {
    /// Attestations in one body.
    SubmittedAttestations = |s| s.preset.max_validators_per_committee * s.preset.max_committees_per_slot;
    /// Changes of credentials in one body: more than anybody holds keys.
    SubmittedChanges = |s| super::call::MOST_VALIDATORS;
}

/// Sync committee messages or contributions in one body: more than a whole committee has seats.
pub(super) const MOST_SYNC_OBJECTS: u64 = 1024;

pub(super) const ROUTES: &[Route] = &[
    get("/eth/v1/beacon/pool/attestations", attestations_v1),
    get("/eth/v2/beacon/pool/attestations", attestations_v2),
    post("/eth/v1/beacon/pool/attestations", post_attestations),
    post("/eth/v2/beacon/pool/attestations", post_attestations_v2),
    get("/eth/v1/beacon/pool/attester_slashings", attester_slashings_v1),
    get("/eth/v2/beacon/pool/attester_slashings", attester_slashings_v2),
    post("/eth/v1/beacon/pool/attester_slashings", post_attester_slashing),
    post("/eth/v2/beacon/pool/attester_slashings", post_attester_slashing_v2),
    get("/eth/v1/beacon/pool/proposer_slashings", proposer_slashings),
    post("/eth/v1/beacon/pool/proposer_slashings", post_proposer_slashing),
    get("/eth/v1/beacon/pool/voluntary_exits", voluntary_exits),
    post("/eth/v1/beacon/pool/voluntary_exits", post_voluntary_exit),
    get("/eth/v1/beacon/pool/bls_to_execution_changes", bls_to_execution_changes),
    post("/eth/v1/beacon/pool/bls_to_execution_changes", post_bls_to_execution_changes),
    post("/eth/v1/beacon/pool/sync_committees", post_sync_messages),
];

/// The shape of the slot that the clock shows.
pub(super) fn current_shape(core: &Core) -> Shape {
    core.chain().config().shape_at_slot(core.chain().current_slot())
}

/// The shape of the fork that the header names, or else that of the clock's slot.
pub(super) fn named_or_current(core: &Core, call: &Call<'_>) -> Result<Shape, Refusal> {
    let named = call.consensus_version()?.map(|fork| core.chain().config().shape(fork));
    Ok(named.unwrap_or_else(|| current_shape(core)))
}

/// Submits each object of a list; one refused object does not stop the others, but is told.
///
/// An object that the chain ignores as already known counts as delivered: several validators may well send the same. So does
/// one that is held: it is judged and published when its block comes. (The standard has no status for "later" here, and
/// clients take any but 200 for a failure.)
pub(super) fn submit_each<T>(
    core: &mut Core,
    objects: Vec<Result<T, Refusal>>,
    event: impl Fn(T, Origin) -> Event,
) -> Result<Reply, Refusal> {
    let count = objects.len();
    let mut failures = Vec::new();
    for (index, object) in objects.into_iter().enumerate() {
        let outcome = match object {
            Ok(object) => core.submit(|origin| event(object, origin))?,
            Err(refusal) => Outcome::Reject(refusal.message),
        };
        match outcome {
            Outcome::Accept | Outcome::Duplicate(_) | Outcome::Held(_) => {}
            Outcome::Ignore(why) | Outcome::Reject(why) => failures.push((index, why)),
        }
    }
    if failures.is_empty() { Ok(Reply::status(200)) } else { Err(Refusal::failures(failures, count)) }
}

/// Submits one object; see [`submit_each`] for what counts as delivered.
fn submit_one(core: &mut Core, event: impl FnOnce(Origin) -> Event) -> Result<Reply, Refusal> {
    match core.submit(event)? {
        Outcome::Accept | Outcome::Duplicate(_) | Outcome::Held(_) => Ok(Reply::status(200)),
        Outcome::Ignore(why) | Outcome::Reject(why) => Err(Refusal::bad_request(why)),
    }
}

/// One object out of JSON, with an error that names what was expected.
pub(super) fn decode<T: Json>(what: &str, shape: Shape, value: &Value) -> Result<T, Refusal> {
    T::from_json(shape, value).map_err(|error| Refusal::bad_request(format!("{} is no {what}: {error}", kind(value))))
}

/// The objects of a list in the body. A JSON list is taken item by item, so that one bad item spoils no other; SSZ as
/// a whole; either of at most `L` items.
pub(super) fn objects<T: Json + Ssz, L: Limit>(
    what: &str,
    call: &Call<'_>,
    shape: Shape,
) -> Result<Vec<Result<T, Refusal>>, Refusal> {
    if let Body::Ssz(bytes) = &call.request.body {
        let list = List::<T, L>::decode(shape, bytes)
            .map_err(|error| Refusal::bad_request(format!("the body is no SSZ list of {what}: {error}")))?;
        return Ok(list.iter().cloned().map(Ok).collect());
    }
    Ok(call.json_list(L::value(shape))?.iter().map(|item| decode(what, shape, item)).collect())
}

fn list<'v, T: Json + 'v>(values: impl IntoIterator<Item = &'v T>, shape: Shape) -> Value {
    Value::Array(values.into_iter().map(|value| value.to_json(shape)).collect())
}

fn versioned(data: Value, shape: Shape) -> Reply {
    let mut meta = serde_json::Map::new();
    meta.insert("version".into(), shape.fork.name().into());
    Reply::with_meta(meta, data).version(shape.fork)
}

fn pool_attestations(core: &Core, call: &Call<'_>) -> Result<(Value, Shape), Refusal> {
    let (slot, committee) = (call.query_number("slot")?, call.query_number("committee_index")?);
    let shape = slot.map_or_else(|| current_shape(core), |slot| core.chain().config().shape_at_slot(slot));
    Ok((list(&core.chain().pool_attestations(slot, committee), shape), shape))
}

fn attestations_v1(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    Ok(Reply::data(pool_attestations(core, call)?.0))
}

fn attestations_v2(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let (data, shape) = pool_attestations(core, call)?;
    Ok(versioned(data, shape))
}

fn submit_attestations(core: &mut Core, call: &Call<'_>, shape: Shape) -> Result<Reply, Refusal> {
    let now_ms = call.now_ms;
    if shape.fork >= ForkName::Electra {
        let objects = objects::<SingleAttestation, SubmittedAttestations>("SingleAttestation", call, shape)?;
        return submit_each(core, objects, |attestation, origin| Event::SingleAttestation {
            attestation: Arc::new(attestation),
            subnet: None,
            origin,
            now_ms,
        });
    }
    let objects = objects::<Attestation, SubmittedAttestations>("Attestation", call, shape)?;
    submit_each(core, objects, |attestation, origin| Event::Attestation {
        attestation: Arc::new(attestation),
        subnet: None,
        origin,
        now_ms,
    })
}

/// The first version takes whole attestations only, so it ends with electra.
fn post_attestations(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let shape = named_or_current(core, call)?;
    if shape.fork >= ForkName::Electra {
        return Err(Refusal::bad_request("from electra on votes are SingleAttestations, which only /eth/v2 takes"));
    }
    submit_attestations(core, call, shape)
}

fn post_attestations_v2(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let version = call.required_version()?;
    submit_attestations(core, call, core.chain().config().shape(version))
}

fn attester_slashings_v1(core: &mut Core, _: &Call<'_>) -> Result<Reply, Refusal> {
    let shape = current_shape(core);
    let slashings = core.chain().pool_attester_slashings();
    Ok(Reply::data(list(slashings.iter().map(|slashing| &**slashing), shape)))
}

fn attester_slashings_v2(core: &mut Core, _: &Call<'_>) -> Result<Reply, Refusal> {
    let shape = current_shape(core);
    let slashings = core.chain().pool_attester_slashings();
    Ok(versioned(list(slashings.iter().map(|slashing| &**slashing), shape), shape))
}

fn submit_attester_slashing(core: &mut Core, call: &Call<'_>, shape: Shape) -> Result<Reply, Refusal> {
    let slashing: AttesterSlashing = decode("AttesterSlashing", shape, &call.json()?)?;
    let (slashing, now_ms) = (Arc::new(slashing), call.now_ms);
    submit_one(core, |origin| Event::AttesterSlashing { slashing, origin, now_ms })
}

fn post_attester_slashing(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let shape = named_or_current(core, call)?;
    submit_attester_slashing(core, call, shape)
}

fn post_attester_slashing_v2(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let version = call.required_version()?;
    submit_attester_slashing(core, call, core.chain().config().shape(version))
}

fn proposer_slashings(core: &mut Core, _: &Call<'_>) -> Result<Reply, Refusal> {
    let slashings = core.chain().pool_proposer_slashings();
    Ok(Reply::data(list(slashings.iter().map(|slashing| &**slashing), current_shape(core))))
}

fn post_proposer_slashing(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let slashing: ProposerSlashing = decode("ProposerSlashing", current_shape(core), &call.json()?)?;
    let (slashing, now_ms) = (Arc::new(slashing), call.now_ms);
    submit_one(core, |origin| Event::ProposerSlashing { slashing, origin, now_ms })
}

fn voluntary_exits(core: &mut Core, _: &Call<'_>) -> Result<Reply, Refusal> {
    let exits = core.chain().pool_voluntary_exits();
    Ok(Reply::data(list(exits.iter().map(|exit| &**exit), current_shape(core))))
}

fn post_voluntary_exit(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let exit: SignedVoluntaryExit = decode("SignedVoluntaryExit", current_shape(core), &call.json()?)?;
    let (exit, now_ms) = (Arc::new(exit), call.now_ms);
    submit_one(core, |origin| Event::VoluntaryExit { exit, origin, now_ms })
}

fn bls_to_execution_changes(core: &mut Core, _: &Call<'_>) -> Result<Reply, Refusal> {
    let changes = core.chain().pool_bls_to_execution_changes();
    Ok(Reply::data(list(changes.iter().map(|change| &**change), current_shape(core))))
}

fn post_bls_to_execution_changes(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let objects = objects::<_, SubmittedChanges>("SignedBLSToExecutionChange", call, current_shape(core))?;
    let now_ms = call.now_ms;
    submit_each(core, objects, |change: SignedBlsToExecutionChange, origin| Event::BlsToExecutionChange {
        change: Arc::new(change),
        origin,
        now_ms,
    })
}

fn post_sync_messages(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let shape = current_shape(core);
    let items = call.json_list(MOST_SYNC_OBJECTS)?;
    let objects =
        items.iter().map(|item| decode::<SyncCommitteeMessage>("SyncCommitteeMessage", shape, item)).collect();
    let now_ms = call.now_ms;
    submit_each(core, objects, |message, origin| Event::SyncMessage {
        message: Arc::new(message),
        subnet: None,
        origin,
        now_ms,
    })
}
