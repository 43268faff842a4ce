//! The typed client of the Beacon API: one method per endpoint that we use, named after what it gives. It asks once
//! and reads leniently; it never retries, caches or waits (whoever drives it decides that).
//!
//! Blocks and states travel as SSZ where the node offers it, everything else as JSON.

mod validator;

use super::dto;
use super::http::{ContentType, ErrorBody, PAYLOAD_BLINDED, Request, Response, Transport, TransportError, shortened};
use crate::ssz::{DecodeError, Fork, Json, JsonError, Root, Shape, Ssz};
use crate::types::{BeaconState, ChainConfig, Epoch, SignedBeaconBlock, Slot, ValidatorIndex};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

/// What can go wrong between a question and its typed answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// There was no answer.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The node answered that it won't or can't.
    #[error("{request}: the beacon node answered with HTTP status {status}: {body}")]
    Status { request: String, status: u16, body: ErrorBody },
    /// The answer is not what the standard says it is.
    #[error("{request}: the beacon node's answer can't be read: {why}")]
    Malformed { request: String, why: String },
}

impl ApiError {
    /// The HTTP status, if the node answered.
    pub fn status(&self) -> Option<u16> {
        match self {
            ApiError::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether the node said that the thing does not exist.
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(404)
    }

    /// Whether the node may not know this endpoint.
    fn is_unknown_endpoint(&self) -> bool {
        matches!(self.status(), Some(404 | 405))
    }

    /// Whether the node does not read the encoding of what it was sent, or does not write any that was asked for.
    fn is_unread_encoding(&self) -> bool {
        matches!(self.status(), Some(406 | 415))
    }
}

/// The node's own judgement of itself (`/eth/v1/node/health`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// 200
    Ready,
    /// 206: data may be incorrect.
    Syncing,
    /// 503 or anything else.
    NotReady(u16),
}

/// Something with the fork that it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct Versioned<T> {
    pub fork: Fork,
    pub data: T,
}

/// Asks one beacon node. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    transport: Arc<dyn Transport>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client")
    }
}

impl Client {
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self { transport }
    }

    // --- node ---

    /// `/eth/v1/node/health`; an error only if there was no answer.
    pub async fn health(&self) -> Result<Health, ApiError> {
        let response = self.transport.send(Request::get("/eth/v1/node/health")).await?;
        Ok(match response.status {
            200 => Health::Ready,
            206 => Health::Syncing,
            other => Health::NotReady(other),
        })
    }

    /// The node's name and version.
    pub async fn node_version(&self) -> Result<String, ApiError> {
        Ok(self.data::<dto::NodeVersion>(Request::get("/eth/v1/node/version")).await?.version)
    }

    pub async fn identity(&self) -> Result<dto::Identity, ApiError> {
        self.data(Request::get("/eth/v1/node/identity")).await
    }

    pub async fn peers(&self) -> Result<Vec<dto::Peer>, ApiError> {
        self.data(Request::get("/eth/v1/node/peers")).await
    }

    pub async fn peer_count(&self) -> Result<dto::PeerCount, ApiError> {
        self.data(Request::get("/eth/v1/node/peer_count")).await
    }

    pub async fn syncing(&self) -> Result<dto::Syncing, ApiError> {
        self.data(Request::get("/eth/v1/node/syncing")).await
    }

    // --- config ---

    /// Every value that the node serves, by its upper-case name; most are strings.
    pub async fn spec(&self) -> Result<BTreeMap<String, Value>, ApiError> {
        self.data(Request::get("/eth/v1/config/spec")).await
    }

    pub async fn fork_schedule(&self) -> Result<Vec<dto::Fork>, ApiError> {
        self.data(Request::get("/eth/v1/config/fork_schedule")).await
    }

    // --- beacon ---

    pub async fn genesis(&self) -> Result<dto::Genesis, ApiError> {
        self.data(Request::get("/eth/v1/beacon/genesis")).await
    }

    pub async fn state_root(&self, state_id: impl Display) -> Result<Root, ApiError> {
        let request = Request::get(format!("/eth/v1/beacon/states/{state_id}/root"));
        Ok(self.data::<dto::RootOf>(request).await?.root)
    }

    pub async fn fork(&self, state_id: impl Display) -> Result<dto::Fork, ApiError> {
        self.data(Request::get(format!("/eth/v1/beacon/states/{state_id}/fork"))).await
    }

    pub async fn finality_checkpoints(&self, state_id: impl Display) -> Result<dto::FinalityCheckpoints, ApiError> {
        self.data(Request::get(format!("/eth/v1/beacon/states/{state_id}/finality_checkpoints"))).await
    }

    /// Validators by index or public key; all of them if `ids` is empty. Unknown ones are left out of the answer.
    pub async fn validators(
        &self,
        state_id: impl Display,
        ids: &[String],
    ) -> Result<Vec<dto::ValidatorData>, ApiError> {
        let path = format!("/eth/v1/beacon/states/{state_id}/validators");
        if ids.is_empty() {
            return self.data(Request::get(path)).await;
        }
        let filter = dto::ValidatorsFilter { ids: ids.to_vec(), statuses: Vec::new() };
        match self.data(Request::post(&path).with_json(&to_value(&filter))).await {
            // older nodes know only the GET form, whose length is limited; a list is a repeated parameter to all of them,
            // with commas to some
            Err(ApiError::Status { status: 404 | 405, .. }) => {
                let mut found = Vec::new();
                for some in ids.chunks(64) {
                    let request = some.iter().fold(Request::get(&path), |request, id| request.with_query("id", id));
                    found.extend(self.data::<Vec<_>>(request).await?);
                }
                Ok(found)
            }
            other => other,
        }
    }

    pub async fn committees(&self, state_id: impl Display, epoch: Epoch) -> Result<Vec<dto::Committee>, ApiError> {
        let request = Request::get(format!("/eth/v1/beacon/states/{state_id}/committees"));
        self.data(request.with_query("epoch", epoch)).await
    }

    /// The head block's header and root.
    pub async fn head_header(&self) -> Result<dto::HeaderData, ApiError> {
        self.header("head").await
    }

    pub async fn header(&self, block_id: impl Display) -> Result<dto::HeaderData, ApiError> {
        self.data(Request::get(format!("/eth/v1/beacon/headers/{block_id}"))).await
    }

    pub async fn block_root(&self, block_id: impl Display) -> Result<Root, ApiError> {
        Ok(self.block_root_and_validity(block_id).await?.0)
    }

    /// The root, and whether the block is optimistic: whether its payload waits for an execution engine's verdict.
    pub async fn block_root_and_validity(&self, block_id: impl Display) -> Result<(Root, bool), ApiError> {
        let request = Request::get(format!("/eth/v1/beacon/blocks/{block_id}/root"));
        let answer = self.envelope::<dto::RootOf>(request).await?;
        Ok((answer.data.root, answer.execution_optimistic.unwrap_or(false)))
    }

    pub async fn block(
        &self,
        config: &ChainConfig,
        block_id: impl Display,
    ) -> Result<Versioned<SignedBeaconBlock>, ApiError> {
        let request = Request::get(format!("/eth/v2/beacon/blocks/{block_id}")).accepting_ssz();
        self.container(config, request, |bytes| slot_of_signed_block(bytes).map(|slot| config.fork_at_slot(slot))).await
    }

    // --- debug ---

    pub async fn debug_state(
        &self,
        config: &ChainConfig,
        state_id: impl Display,
    ) -> Result<Versioned<BeaconState>, ApiError> {
        let request = Request::get(format!("/eth/v2/debug/beacon/states/{state_id}")).accepting_ssz();
        self.container(config, request, |bytes| slot_of_state(bytes).map(|slot| config.fork_at_slot(slot))).await
    }

    pub async fn heads(&self) -> Result<Vec<dto::DebugHead>, ApiError> {
        self.data(Request::get("/eth/v2/debug/beacon/heads")).await
    }

    pub async fn fork_choice(&self) -> Result<dto::ForkChoice, ApiError> {
        let (request, response) = self.ask(Request::get("/eth/v1/debug/fork_choice")).await?;
        read_json(&request, &response.body)
    }

    // --- the ways of asking ---

    /// Asks, and turns a status that is no success into an error.
    async fn ask(&self, request: Request) -> Result<(String, Response), ApiError> {
        let name = request.to_string();
        let response = self.transport.send(request).await?;
        match response.is_success() {
            true => Ok((name, response)),
            false => Err(ApiError::Status { request: name, status: response.status, body: response.error_body() }),
        }
    }

    async fn done(&self, request: Request) -> Result<(), ApiError> {
        self.ask(request).await.map(|_| ())
    }

    async fn envelope<T: DeserializeOwned>(&self, request: Request) -> Result<dto::Envelope<T>, ApiError> {
        let (request, response) = self.ask(request).await?;
        read_json(&request, &response.body)
    }

    async fn data<T: DeserializeOwned>(&self, request: Request) -> Result<T, ApiError> {
        Ok(self.envelope(request).await?.data)
    }

    /// A container in a JSON envelope. Its fork is the one that the node names, or else `shape`'s.
    async fn json<T: Json>(&self, shape: Shape, request: Request) -> Result<T, ApiError> {
        let (request, response) = self.ask(request).await?;
        let envelope: dto::Envelope<Value> = read_json(&request, &response.body)?;
        let fork = named_fork(&request, envelope.version.as_deref())?.unwrap_or(shape.fork);
        from_json(&request, Shape::new(fork, shape.preset), &envelope.data)
    }

    /// A container in SSZ, or in a JSON envelope if the node prefers that. `guess` tells the fork from the bytes for
    /// nodes that don't name it.
    async fn container<T: Ssz + Json>(
        &self,
        config: &ChainConfig,
        request: Request,
        guess: impl Fn(&[u8]) -> Option<Fork>,
    ) -> Result<Versioned<T>, ApiError> {
        self.forked(config, request, guess, T::decode, T::from_json).await
    }

    /// As [`Client::container`], for what is read by functions of its own.
    async fn forked<T>(
        &self,
        config: &ChainConfig,
        request: Request,
        guess: impl Fn(&[u8]) -> Option<Fork>,
        from_ssz: impl Fn(Shape, &[u8]) -> Result<T, DecodeError>,
        from_json: impl Fn(Shape, &Value) -> Result<T, JsonError>,
    ) -> Result<Versioned<T>, ApiError> {
        let (request, response) = self.ask(request).await?;
        let named = named_fork(&request, response.consensus_version.as_deref())?;
        let malformed = |why: &str| ApiError::Malformed { request: request.clone(), why: why.to_owned() };
        let blinded = response.header(PAYLOAD_BLINDED).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        if response.content_type == ContentType::Ssz {
            if blinded {
                return Err(malformed("a blinded block, which was not asked for"));
            }
            let fork = named.or_else(|| guess(&response.body)).ok_or_else(|| malformed("its fork is unknown"))?;
            let decoded = from_ssz(config.shape(fork), &response.body);
            let data = decoded.map_err(|error| malformed(&format!("as {fork} SSZ: {error}")))?;
            return Ok(Versioned { fork, data });
        }
        let envelope: dto::Envelope<Value> = read_json(&request, &response.body)?;
        if blinded || envelope.execution_payload_blinded == Some(true) {
            return Err(malformed("a blinded block, which was not asked for"));
        }
        let named = named_fork(&request, envelope.version.as_deref())?.or(named);
        let fork = named.ok_or_else(|| malformed("it does not name its fork in `version`"))?;
        let read = from_json(config.shape(fork), &envelope.data);
        Ok(Versioned { fork, data: read.map_err(|error| malformed(&format!("as {fork}: {error}")))? })
    }
}

fn read_json<T: DeserializeOwned>(request: &str, body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| ApiError::Malformed {
        request: request.to_owned(),
        why: format!("{error}; it begins with {:?}", shortened(&String::from_utf8_lossy(body), 80)),
    })
}

fn from_json<T: Json>(request: &str, shape: Shape, value: &Value) -> Result<T, ApiError> {
    T::from_json(shape, value).map_err(|error| ApiError::Malformed {
        request: request.to_owned(),
        why: format!("as {}: {error}", shape.fork),
    })
}

fn named_fork(request: &str, name: Option<&str>) -> Result<Option<Fork>, ApiError> {
    let read = |name: &str| {
        Fork::from_str(&name.to_ascii_lowercase()).map_err(|_| ApiError::Malformed {
            request: request.to_owned(),
            why: format!("it is of a fork that is not known here: {:?}", shortened(name, 40)),
        })
    };
    name.map(read).transpose()
}

fn to_value<T: serde::Serialize + ?Sized>(value: &T) -> Value {
    serde_json::to_value(value).expect("DTOs hold no maps with other keys than strings")
}

fn to_json_list<T: Json>(shape: Shape, items: &[T]) -> Value {
    items.iter().map(|item| item.to_json(shape)).collect()
}

fn quoted_list(indices: &[ValidatorIndex]) -> Value {
    indices.iter().map(|index| Value::String(index.to_string())).collect()
}

/// A signed block begins with the offset of its message (4 bytes) and its signature (96); the message with its slot.
fn slot_of_signed_block(bytes: &[u8]) -> Option<Slot> {
    read_u64(bytes, 4 + 96)
}

/// A state begins with genesis time (8 bytes) and genesis validators root (32); then comes its slot.
fn slot_of_state(bytes: &[u8]) -> Option<Slot> {
    read_u64(bytes, 8 + 32)
}

fn read_u64(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at + 8)?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}
