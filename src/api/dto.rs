//! What the Beacon API says that is no SSZ container: serde structs with the standard's field names, numbers as
//! decimal strings. Servers write them, clients read them. Reading is lenient: a field that the standard marks
//! optional, or that real nodes are known to leave out, may be missing.
//!
//! Nothing here converts units or judges values.

mod duties;

pub use duties::*;

use super::quoted;
use crate::ssz::Root;
use crate::types::{BlsPubkey, BlsSignature, Version};
use serde::{Deserialize, Serialize};

/// The frame around nearly every answer: `data`, and metadata where the endpoint has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Envelope<T> {
    /// Fork name of `data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Block or slot that duties depend on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dependent_root: Option<Root>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_optimistic: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finalized: Option<bool>,
    /// produceBlockV3 only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_payload_blinded: Option<bool>,
    /// produceBlockV3 only: Wei, decimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_payload_value: Option<String>,
    /// produceBlockV3 only: Wei, decimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consensus_block_value: Option<String>,
    pub data: T,
    /// Number of items, for `node/peers`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl<T> Envelope<T> {
    /// Only `data`.
    pub fn new(data: T) -> Self {
        Self {
            version: None,
            dependent_root: None,
            execution_optimistic: None,
            finalized: None,
            execution_payload_blinded: None,
            execution_payload_value: None,
            consensus_block_value: None,
            data,
            meta: None,
        }
    }

    /// Duties: with the dependent root, where the endpoint has one.
    pub fn of_duties(data: T, dependent_root: Option<Root>) -> Self {
        Self { execution_optimistic: Some(false), dependent_root, ..Self::new(data) }
    }

    /// The same with its fork named.
    pub fn with_version(mut self, version: &str) -> Self {
        self.version = Some(version.to_owned());
        self
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    #[serde(with = "quoted::number")]
    pub count: u64,
}

// --- beacon/genesis, config ---

/// `/eth/v1/beacon/genesis`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Genesis {
    /// Unix seconds.
    #[serde(with = "quoted::string")]
    pub genesis_time: u64,
    pub genesis_validators_root: Root,
    pub genesis_fork_version: Version,
}

/// One entry of `/eth/v1/config/fork_schedule`, and `/eth/v1/beacon/states/{state_id}/fork`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fork {
    pub previous_version: Version,
    pub current_version: Version,
    /// First epoch of `current_version`.
    #[serde(with = "quoted::string")]
    pub epoch: u64,
}

// --- beacon/states ---

/// `{"root": ...}` of states and blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootOf {
    pub root: Root,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    #[serde(with = "quoted::string")]
    pub epoch: u64,
    pub root: Root,
}

/// `/eth/v1/beacon/states/{state_id}/finality_checkpoints`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinalityCheckpoints {
    pub previous_justified: Checkpoint,
    pub current_justified: Checkpoint,
    pub finalized: Checkpoint,
}

/// One entry of `/eth/v1/beacon/states/{state_id}/validators`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidatorData {
    #[serde(with = "quoted::string")]
    pub index: u64,
    /// Gwei.
    #[serde(with = "quoted::string")]
    pub balance: u64,
    /// The standard's status, e.g. `active_ongoing`; kept as text, since nodes have invented others.
    pub status: String,
    pub validator: ValidatorInfo,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidatorInfo {
    pub pubkey: BlsPubkey,
    pub withdrawal_credentials: Root,
    /// Gwei.
    #[serde(with = "quoted::string")]
    pub effective_balance: u64,
    pub slashed: bool,
    #[serde(with = "quoted::string")]
    pub activation_eligibility_epoch: u64,
    #[serde(with = "quoted::string")]
    pub activation_epoch: u64,
    #[serde(with = "quoted::string")]
    pub exit_epoch: u64,
    #[serde(with = "quoted::string")]
    pub withdrawable_epoch: u64,
}

/// Body of POST `/eth/v1/beacon/states/{state_id}/validators`; empty lists mean no filter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidatorsFilter {
    /// Indices (decimal) or public keys (hex).
    #[serde(default, deserialize_with = "null_as_empty", skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<String>,
    #[serde(default, deserialize_with = "null_as_empty", skip_serializing_if = "Vec::is_empty")]
    pub statuses: Vec<String>,
}

/// One entry of `/eth/v1/beacon/states/{state_id}/committees`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Committee {
    #[serde(with = "quoted::string")]
    pub index: u64,
    #[serde(with = "quoted::string")]
    pub slot: u64,
    #[serde(with = "quoted::list")]
    pub validators: Vec<u64>,
}

// --- beacon/headers ---

/// `/eth/v1/beacon/headers/{block_id}`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderData {
    pub root: Root,
    /// Whether the block is an ancestor of the head, or the head.
    #[serde(default)]
    pub canonical: bool,
    pub header: SignedHeader,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedHeader {
    pub message: Header,
    pub signature: BlsSignature,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    #[serde(with = "quoted::string")]
    pub slot: u64,
    #[serde(with = "quoted::string")]
    pub proposer_index: u64,
    pub parent_root: Root,
    pub state_root: Root,
    pub body_root: Root,
}

// --- debug ---

/// One entry of `/eth/v2/debug/beacon/heads`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DebugHead {
    pub root: Root,
    #[serde(with = "quoted::string")]
    pub slot: u64,
    #[serde(default)]
    pub execution_optimistic: bool,
}

/// `/eth/v1/debug/fork_choice`, which has no `data` around it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ForkChoice {
    pub justified_checkpoint: Checkpoint,
    pub finalized_checkpoint: Checkpoint,
    pub fork_choice_nodes: Vec<ForkChoiceNode>,
    #[serde(default)]
    pub extra_data: serde_json::Value,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ForkChoiceNode {
    #[serde(with = "quoted::string")]
    pub slot: u64,
    pub block_root: Root,
    #[serde(default)]
    pub parent_root: Option<Root>,
    #[serde(with = "quoted::string")]
    pub justified_epoch: u64,
    #[serde(with = "quoted::string")]
    pub finalized_epoch: u64,
    /// Gwei.
    #[serde(with = "quoted::string")]
    pub weight: u64,
    /// `valid`, `invalid` or `optimistic`.
    #[serde(default)]
    pub validity: String,
    #[serde(default)]
    pub execution_block_hash: Option<Root>,
    #[serde(default)]
    pub extra_data: serde_json::Value,
}

// --- node ---

/// `/eth/v1/node/version`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeVersion {
    pub version: String,
}

/// `/eth/v1/node/identity`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub peer_id: String,
    /// May be empty.
    #[serde(default)]
    pub enr: String,
    #[serde(default)]
    pub p2p_addresses: Vec<String>,
    #[serde(default)]
    pub discovery_addresses: Vec<String>,
    #[serde(default)]
    pub metadata: MetaData,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetaData {
    #[serde(with = "quoted::string")]
    pub seq_number: u64,
    /// Bitvector as hex.
    pub attnets: String,
    /// Bitvector as hex, from altair on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub syncnets: Option<String>,
    /// From fulu on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custody_group_count: Option<String>,
}

/// One entry of `/eth/v1/node/peers`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    pub peer_id: String,
    #[serde(default)]
    pub enr: Option<String>,
    #[serde(default)]
    pub last_seen_p2p_address: String,
    /// `disconnected`, `connecting`, `connected` or `disconnecting`.
    pub state: String,
    /// `inbound` or `outbound`; null with some nodes.
    #[serde(default)]
    pub direction: Option<String>,
}

/// `/eth/v1/node/peer_count`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerCount {
    #[serde(with = "quoted::string")]
    pub disconnected: u64,
    #[serde(with = "quoted::string")]
    pub connecting: u64,
    #[serde(with = "quoted::string")]
    pub connected: u64,
    #[serde(with = "quoted::string")]
    pub disconnecting: u64,
}

/// `/eth/v1/node/syncing`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Syncing {
    #[serde(with = "quoted::string")]
    pub head_slot: u64,
    /// Slots behind the clock.
    #[serde(with = "quoted::string")]
    pub sync_distance: u64,
    pub is_syncing: bool,
    #[serde(default)]
    pub is_optimistic: bool,
    #[serde(default)]
    pub el_offline: bool,
}

fn null_as_empty<'de, D: serde::Deserializer<'de>>(input: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::<Vec<String>>::deserialize(input)?.unwrap_or_default())
}
