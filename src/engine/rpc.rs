//! JSON-RPC over a [`Stub`]: bytes in, bytes out. The `engine` namespace as far as the spec has it up to Osaka, and the
//! `eth` methods that consensus clients use.
//!
//! Spec: execution-apis `src/engine/*.md`, JSON-RPC 2.0. Never: does I/O, or panics on what it is sent.

use super::call::{Answer, Call, Failure, Validity};
use super::client::ClientVersion;
use super::json::{
    self, Forks, JsonRpcError, MAX_REQUESTED, answer_to, code, data, data_from, elements, field, header_to, parse,
    quantity, quantity_from, quantity256, quantity256_from, withdrawals_to,
};
use super::stub::{Block, Say, Stub};
use crate::crypto::keccak256;
use crate::ssz::Fork;
use crate::types::Hash32;
use serde_json::{Value, json};

/// Questions in one request, at most.
const MAX_BATCH: usize = 128;

/// What goes back to whoever asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// This JSON.
    Now(Value),
    /// Nothing: the stub is told to give no answer.
    Never,
}

/// Methods of the `engine` namespace that are here, but for `engine_exchangeCapabilities` itself.
pub const CAPABILITIES: &[&str] = &[
    "engine_exchangeTransitionConfigurationV1",
    "engine_forkchoiceUpdatedV1",
    "engine_forkchoiceUpdatedV2",
    "engine_forkchoiceUpdatedV3",
    "engine_getBlobsV1",
    "engine_getBlobsV2",
    "engine_getClientVersionV1",
    "engine_getPayloadBodiesByHashV1",
    "engine_getPayloadBodiesByRangeV1",
    "engine_getPayloadV1",
    "engine_getPayloadV2",
    "engine_getPayloadV3",
    "engine_getPayloadV4",
    "engine_getPayloadV5",
    "engine_newPayloadV1",
    "engine_newPayloadV2",
    "engine_newPayloadV3",
    "engine_newPayloadV4",
];

/// Our own: what to answer from now on, as a script has it, or `null`: as the script says. No engine but ours has it, and it
/// is no capability.
pub const TELL: &str = "lockin_tell";

/// Why a method has no result.
enum Fault {
    Error(JsonRpcError),
    Silence,
}

impl<E: Into<JsonRpcError>> From<E> for Fault {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

impl From<Failure> for JsonRpcError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused { code, message } => Self::new(code, message),
            other => Self::new(code::SERVER_ERROR, other.to_string()),
        }
    }
}

/// Answers a request, or a batch of them, that came at `now_ms` (unix milliseconds).
pub fn answer(stub: &mut Stub, now_ms: u64, body: &[u8]) -> Reply {
    let failed = |code, message: &str| Reply::Now(response(&Value::Null, Err(JsonRpcError::new(code, message))));
    let Ok(request) = serde_json::from_slice::<Value>(body) else {
        return failed(code::PARSE_ERROR, "Parse error");
    };
    let Value::Array(batch) = request else { return single(stub, now_ms, &request) };
    if batch.is_empty() || batch.len() > MAX_BATCH {
        return failed(code::INVALID_REQUEST, "Invalid Request: a batch of none or too many");
    }
    let mut out = Vec::with_capacity(batch.len());
    for request in &batch {
        match single(stub, now_ms, request) {
            Reply::Now(value) => out.push(value),
            Reply::Never => return Reply::Never,
        }
    }
    Reply::Now(Value::Array(out))
}

fn single(stub: &mut Stub, now_ms: u64, request: &Value) -> Reply {
    let id = request.get("id").filter(|id| id.is_string() || id.is_number()).unwrap_or(&Value::Null);
    let no_params = Value::Array(Vec::new());
    let params = json::optional(request, "params").unwrap_or(&no_params).as_array();
    let (Some(method), Some(params)) = (request.get("method").and_then(Value::as_str), params) else {
        let error = JsonRpcError::new(code::INVALID_REQUEST, "Invalid Request: no method, or parameters in no array");
        return Reply::Now(response(id, Err(error)));
    };
    match dispatch(stub, now_ms, method, params) {
        Ok(result) => Reply::Now(response(id, Ok(result))),
        Err(Fault::Error(error)) => Reply::Now(response(id, Err(error))),
        Err(Fault::Silence) => Reply::Never,
    }
}

fn response(id: &Value, result: Result<Value, JsonRpcError>) -> Value {
    match result {
        Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
        Err(error) if error.code == code::SERVER_ERROR => {
            let data = json!({"err": error.message});
            json!({"jsonrpc": "2.0", "id": id, "error": {"code": error.code, "message": "Server error", "data": data}})
        }
        Err(error) => json!({"jsonrpc": "2.0", "id": id, "error": {"code": error.code, "message": error.message}}),
    }
}

fn tell(stub: &mut Stub, say: &Value) -> Result<Value, Fault> {
    let say: Option<Say> = serde_json::from_value(say.clone())
        .map_err(|_| JsonRpcError::new(code::INVALID_PARAMS, "Invalid params: not an answer, and not null"))?;
    stub.tell(say);
    Ok(Value::Null)
}

fn dispatch(stub: &mut Stub, now_ms: u64, method: &str, params: &[Value]) -> Result<Value, Fault> {
    let parsed = {
        let at = |timestamp| stub.fork_at(timestamp);
        parse(Forks { preset: stub.config().network.preset, at: &at }, method, params)
    };
    if let Some(parsed) = parsed {
        let (call, later) = parsed?;
        return ask(stub, now_ms, method, call, later);
    }
    let first = params.first().unwrap_or(&Value::Null);
    let network = &stub.config().network;
    match method {
        "engine_exchangeCapabilities" => Ok(json!(CAPABILITIES)),
        "engine_exchangeTransitionConfigurationV1" => transition_configuration(stub, first),
        "engine_getClientVersionV1" => Ok(json!([ClientVersion::own()])),
        "engine_getPayloadBodiesByHashV1" => bodies_by_hash(stub, first),
        "engine_getPayloadBodiesByRangeV1" => bodies_by_range(stub, params),
        "eth_chainId" => Ok(quantity(network.deposit_chain_id)),
        "net_version" => Ok(json!(network.deposit_network_id.to_string())),
        "web3_clientVersion" => Ok(json!(concat!("lockin/v", env!("CARGO_PKG_VERSION"), "/stub"))),
        "eth_syncing" => Ok(json!(false)),
        "eth_blockNumber" => Ok(quantity(stub.head().header.number)),
        "eth_getBlockByNumber" => Ok(by_number(stub, first)?.map_or(Value::Null, block_to)),
        "eth_getBlockByHash" => Ok(stub.block(&data_from(first)?).map_or(Value::Null, block_to)),
        TELL => tell(stub, first),
        // No transaction ever did anything: no logs, no code, nothing that a call would return.
        "eth_getLogs" => Ok(json!([])),
        "eth_call" | "eth_getCode" => Ok(json!("0x")),
        "eth_sendRawTransaction" => {
            Err(JsonRpcError::new(code::SERVER_ERROR, "this engine has no transaction pool").into())
        }
        _ => {
            let name: String = method.chars().take(80).collect();
            Err(JsonRpcError::new(code::METHOD_NOT_FOUND, format!("Method not found: {name}")).into())
        }
    }
}

/// A question that the stub takes; `later` is the error to give once the fork choice state is applied.
fn ask(
    stub: &mut Stub,
    now_ms: u64,
    method: &str,
    mut call: Call,
    later: Option<JsonRpcError>,
) -> Result<Value, Fault> {
    let version = method.bytes().last().map_or(1, |digit| digit.wrapping_sub(b'0'));
    let mut of = match &call {
        Call::NewPayload(asked) => asked.fork,
        Call::ForkchoiceUpdated { fork, .. } | Call::GetPayload { fork, .. } | Call::GetBlobs { fork, .. } => *fork,
        Call::PowBlock { .. } | Call::TerminalPowBlock { .. } => Fork::Bellatrix,
    };
    // V2 also gives payloads of before Shanghai.
    if let Call::GetPayload { fork, id } = &mut call
        && version == 2
        && stub.job_fork(id) == Some(Fork::Bellatrix)
    {
        (*fork, of) = (Fork::Bellatrix, Fork::Bellatrix);
    }
    let answer = stub.call(now_ms, &call).map_err(|failure| match failure {
        Failure::Unreachable(_) => Fault::Silence,
        other => Fault::Error(other.into()),
    })?;
    if let (Answer::ForkchoiceUpdated { status, .. }, Some(error)) = (&answer, later)
        && status.status == Validity::Valid
    {
        return Err(error.into());
    }
    Ok(answer_to(version, of, &answer))
}

/// Spec: `paris.md` `engine_exchangeTransitionConfigurationV1`. What the other side has is looked at, and not judged: it
/// sees ours.
fn transition_configuration(stub: &Stub, theirs: &Value) -> Result<Value, Fault> {
    field(theirs, "terminalTotalDifficulty", quantity256_from)?;
    field(theirs, "terminalBlockHash", data_from::<32>)?;
    let network = &stub.config().network;
    Ok(json!({
        "terminalTotalDifficulty": quantity256(&network.terminal_total_difficulty),
        "terminalBlockHash": data(network.terminal_block_hash),
        "terminalBlockNumber": "0x0",
    }))
}

fn bodies_by_hash(stub: &Stub, hashes: &Value) -> Result<Value, Fault> {
    if hashes.as_array().is_some_and(|hashes| hashes.len() > MAX_REQUESTED) {
        return Err(JsonRpcError::new(code::TOO_LARGE_REQUEST, "Too large request").into());
    }
    let hashes: Vec<Hash32> = elements(hashes, MAX_REQUESTED as u64, data_from)?;
    let body = |hash: &Hash32| stub.block(hash).filter(|block| !block.proof_of_work).map_or(Value::Null, body_to);
    Ok(hashes.iter().map(body).collect())
}

fn bodies_by_range(stub: &Stub, params: &[Value]) -> Result<Value, Fault> {
    let [start, count] = params else { return Err(JsonRpcError::params("start and count are expected").into()) };
    let (start, count) = (quantity_from(start)?, quantity_from(count)?);
    if start == 0 || count == 0 {
        return Err(JsonRpcError::params("start and count are at least 1").into());
    }
    if count > MAX_REQUESTED as u64 {
        return Err(JsonRpcError::new(code::TOO_LARGE_REQUEST, "Too large request").into());
    }
    let latest = stub.head().header.number;
    let body = |number| stub.block_at(number).filter(|block| !block.proof_of_work).map_or(Value::Null, body_to);
    Ok((start..start.saturating_add(count)).take_while(|number| *number <= latest).map(body).collect())
}

/// `ExecutionPayloadBodyV1`.
fn body_to(block: &Block) -> Value {
    json!({
        "transactions": block.transactions.iter().map(|bytes| data(&**bytes)).collect::<Vec<_>>(),
        "withdrawals": block.withdrawals.as_ref().map(|list| withdrawals_to(list.iter())),
    })
}

fn by_number<'a>(stub: &'a Stub, which: &Value) -> Result<Option<&'a Block>, JsonRpcError> {
    Ok(match which.as_str() {
        Some("latest" | "pending") => Some(stub.head()),
        Some("safe") => stub.block(&stub.forkchoice().safe_block_hash),
        Some("finalized") => stub.block(&stub.forkchoice().finalized_block_hash),
        Some("earliest") => stub.block_at(0),
        _ => stub.block_at(quantity_from(which)?),
    })
}

/// A block as the `eth` namespace shows it; of transactions the hashes only, also if they were asked for in full.
fn block_to(block: &Block) -> Value {
    let mut out = header_to(&block.header, &block.hash);
    out["totalDifficulty"] = quantity256(&block.total_difficulty);
    out["size"] = quantity(block.header.rlp().len() as u64);
    out["uncles"] = json!([]);
    out["transactions"] = block.transactions.iter().map(|bytes| data(keccak256(bytes))).collect();
    if let Some(withdrawals) = &block.withdrawals {
        out["withdrawals"] = withdrawals_to(withdrawals.iter());
    }
    out
}
