//! Questions: which method and version asks them, and their parameters, written and read.

use super::payload::{
    attributes_from, attributes_to, forkchoice_state_from, forkchoice_state_to, payload_from, payload_to,
};
use super::value::{bytes_from, data, data_from, elements, field, quantity_from};
use super::{JsonRpcError, MAX_REQUESTED, code};
use crate::engine::call::{Call, ForkchoiceState, NewPayload, PayloadAttributes};
use crate::engine::requests::{self, MAX_KINDS};
use crate::ssz::{Bytes, Fork, JsonError, Preset, Shape};
use crate::types::ExecutionRequests;
use serde_json::{Value, json};

/// The number after a method's `V`.
pub type Version = u8;

/// `engine_newPayload` for a payload of `fork`.
fn new_payload_version(fork: Fork) -> Version {
    match fork {
        Fork::Phase0 | Fork::Altair | Fork::Bellatrix => 1,
        Fork::Capella => 2,
        Fork::Deneb => 3,
        Fork::Electra | Fork::Fulu => 4,
    }
}

/// `engine_forkchoiceUpdated` for attributes, or a head, of `fork`.
fn forkchoice_updated_version(fork: Fork) -> Version {
    match fork {
        Fork::Phase0 | Fork::Altair | Fork::Bellatrix => 1,
        Fork::Capella => 2,
        Fork::Deneb | Fork::Electra | Fork::Fulu => 3,
    }
}

/// `engine_getPayload` for a payload of `fork`.
pub fn get_payload_version(fork: Fork) -> Version {
    match fork {
        Fork::Phase0 | Fork::Altair | Fork::Bellatrix => 1,
        Fork::Capella => 2,
        Fork::Deneb => 3,
        Fork::Electra => 4,
        Fork::Fulu => 5,
    }
}

/// `engine_getBlobs` for blobs of `fork`.
fn get_blobs_version(fork: Fork) -> Version {
    if fork >= Fork::Fulu { 2 } else { 1 }
}

/// The methods without which nobody can follow and build a chain in `fork`, without and with their versions.
/// (`engine_getBlobs` is a shortcut: blobs come by gossip, too.)
pub fn method_versions(fork: Fork) -> [(&'static str, Version); 3] {
    [
        ("engine_newPayload", new_payload_version(fork)),
        ("engine_forkchoiceUpdated", forkchoice_updated_version(fork)),
        ("engine_getPayload", get_payload_version(fork)),
    ]
}

/// The method that asks `call`, with its version; the first, of those that ask several.
pub fn method_of(call: &Call) -> String {
    match call {
        Call::NewPayload(asked) => format!("engine_newPayloadV{}", new_payload_version(asked.fork)),
        Call::ForkchoiceUpdated { fork, .. } => {
            format!("engine_forkchoiceUpdatedV{}", forkchoice_updated_version(*fork))
        }
        Call::GetPayload { fork, .. } => format!("engine_getPayloadV{}", get_payload_version(*fork)),
        Call::GetBlobs { fork, .. } => format!("engine_getBlobsV{}", get_blobs_version(*fork)),
        Call::PowBlock { .. } => "eth_getBlockByHash".into(),
        Call::TerminalPowBlock { .. } => "eth_getBlockByNumber".into(),
    }
}

/// A call's method and parameters. (The walk of [`Call::TerminalPowBlock`] begins with what is written here.)
pub fn request(call: &Call) -> (String, Value) {
    let hashes = |hashes: &[Bytes<32>]| Value::Array(hashes.iter().map(data).collect());
    let params = match call {
        Call::NewPayload(asked) => {
            let mut params = vec![payload_to(asked.fork, &asked.payload)];
            if asked.fork >= Fork::Deneb {
                params.extend([hashes(&asked.versioned_hashes), data(asked.parent_beacon_block_root)]);
            }
            if asked.fork >= Fork::Electra {
                params.push(Value::Array(requests::to_list(&asked.execution_requests).iter().map(data).collect()));
            }
            Value::Array(params)
        }
        Call::ForkchoiceUpdated { fork, state, attributes } => {
            let attributes = attributes.as_ref().map(|attributes| attributes_to(*fork, attributes));
            json!([forkchoice_state_to(state), attributes])
        }
        Call::GetPayload { id, .. } => json!([data(id)]),
        Call::GetBlobs { versioned_hashes, .. } => json!([hashes(versioned_hashes)]),
        Call::PowBlock { hash } => json!([data(hash), false]),
        Call::TerminalPowBlock { .. } => json!(["latest", false]),
    };
    (method_of(call), params)
}

/// What the reader of a question must know of the network.
#[derive(Clone, Copy)]
pub struct Forks<'a> {
    /// Limits of lists.
    pub preset: &'static Preset,
    /// The fork of a payload with this timestamp (unix seconds).
    pub at: &'a dyn Fn(u64) -> Fork,
}

/// Reads a question of the `engine` namespace that [`Call`] can express. `None` for another method. Beside the call:
/// what must be answered in its place once the fork choice state has been applied and found valid, if that is so
/// (payload attributes that can't be used don't undo the update, `paris.md`).
///
/// # Errors
/// Wrong parameters, or a method whose version does not go with the fork.
pub fn parse(
    forks: Forks<'_>,
    method: &str,
    params: &[Value],
) -> Option<Result<(Call, Option<JsonRpcError>), JsonRpcError>> {
    let (name, version) = method.rsplit_once('V')?;
    let version: Version = version.parse().ok()?;
    match (name, version) {
        ("engine_newPayload", 1..=4) => {
            Some(new_payload(forks, version, params).map(|asked| (Call::NewPayload(Box::new(asked)), None)))
        }
        ("engine_forkchoiceUpdated", 1..=3) => Some(forkchoice_updated(forks, version, params)),
        ("engine_getPayload", 1..=5) => {
            let fork = [Fork::Bellatrix, Fork::Capella, Fork::Deneb, Fork::Electra, Fork::Fulu];
            let fork = fork[usize::from(version) - 1];
            Some(one(params, data_from).map(|id| (Call::GetPayload { fork, id }, None)))
        }
        ("engine_getBlobs", 1..=2) => {
            let fork = if version == 1 { Fork::Deneb } else { Fork::Fulu };
            Some(hashes(params).map(|versioned_hashes| (Call::GetBlobs { fork, versioned_hashes }, None)))
        }
        _ => None,
    }
}

fn count<const N: usize>(params: &[Value]) -> Result<&[Value; N], JsonRpcError> {
    let wrong = || JsonRpcError::params(format!("{} parameters, expected {N}", params.len()));
    params.try_into().map_err(|_| wrong())
}

fn one<T>(params: &[Value], read: impl FnOnce(&Value) -> Result<T, JsonError>) -> Result<T, JsonRpcError> {
    let [value] = count(params)?;
    Ok(read(value)?)
}

fn hashes(params: &[Value]) -> Result<Vec<Bytes<32>>, JsonRpcError> {
    let [value] = count(params)?;
    if value.as_array().is_some_and(|hashes| hashes.len() > MAX_REQUESTED) {
        return Err(JsonRpcError::new(code::TOO_LARGE_REQUEST, "Too large request"));
    }
    Ok(elements(value, MAX_REQUESTED as u64, data_from)?)
}

fn new_payload(forks: Forks<'_>, version: Version, params: &[Value]) -> Result<NewPayload, JsonRpcError> {
    let expected = [1, 1, 3, 4][usize::from(version) - 1];
    if params.len() != expected {
        return Err(JsonRpcError::params(format!("{} parameters, expected {expected}", params.len())));
    }
    let fork = (forks.at)(field(&params[0], "timestamp", quantity_from)?);
    let of_fork = new_payload_version(fork);
    // V2 also takes payloads of before Shanghai.
    if of_fork != version && (of_fork, version) != (1, 2) {
        return Err(unsupported(fork));
    }
    let shape = Shape::new(fork, forks.preset);
    let mut asked = NewPayload {
        fork,
        payload: payload_from(shape, &params[0]).map_err(|error| error.inside("executionPayload"))?,
        versioned_hashes: Vec::new(),
        parent_beacon_block_root: Bytes::ZERO,
        execution_requests: ExecutionRequests::default(),
    };
    if let [_, versioned_hashes, root, ..] = params {
        let limit = forks.preset.max_blob_commitments_per_block;
        asked.versioned_hashes = elements(versioned_hashes, limit, data_from)?;
        asked.parent_beacon_block_root = data_from(root)?;
    }
    if let [.., list] = params
        && version >= 4
    {
        let list = elements(list, MAX_KINDS, bytes_from)?;
        asked.execution_requests = requests::from_list(forks.preset, &list).map_err(JsonRpcError::params)?;
    }
    Ok(asked)
}

fn unsupported(fork: Fork) -> JsonRpcError {
    JsonRpcError::new(code::UNSUPPORTED_FORK, format!("Unsupported fork: the timestamp is of {fork}"))
}

fn forkchoice_updated(
    forks: Forks<'_>,
    version: Version,
    params: &[Value],
) -> Result<(Call, Option<JsonRpcError>), JsonRpcError> {
    let (state, attributes) = match params {
        [state] => (state, None),
        [state, attributes] => (state, Some(attributes).filter(|value| !value.is_null())),
        _ => return Err(JsonRpcError::params(format!("{} parameters, expected 2", params.len()))),
    };
    let state: ForkchoiceState = forkchoice_state_from(state)?;
    let oldest = [Fork::Bellatrix, Fork::Capella, Fork::Deneb][usize::from(version) - 1];
    let call = |fork, attributes| Call::ForkchoiceUpdated { fork, state, attributes };
    let Some(value) = attributes else {
        return Ok((call(oldest, None), None));
    };
    match read_attributes(forks, version, oldest, value) {
        Ok((fork, attributes)) => Ok((call(fork, Some(attributes)), None)),
        Err(error) => Ok((call(oldest, None), Some(error))),
    }
}

fn read_attributes(
    forks: Forks<'_>,
    version: Version,
    oldest: Fork,
    value: &Value,
) -> Result<(Fork, PayloadAttributes), JsonRpcError> {
    let wrong = |error: JsonError| {
        JsonRpcError::new(code::INVALID_PAYLOAD_ATTRIBUTES, format!("Invalid payload attributes: {error}"))
    };
    let fork = (forks.at)(field(value, "timestamp", quantity_from).map_err(wrong)?);
    let of_fork = forkchoice_updated_version(fork);
    // V2 also takes attributes of before Shanghai.
    let supported = of_fork == version || (of_fork, version) == (1, 2);
    // `cancun.md`: the structure is checked first, then the fork.
    let structure = if supported { fork } else { oldest };
    let attributes = attributes_from(Shape::new(structure, forks.preset), value).map_err(wrong)?;
    if supported { Ok((fork, attributes)) } else { Err(unsupported(fork)) }
}
