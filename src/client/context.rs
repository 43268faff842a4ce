//! What templates can name: the variables of one node's process.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Serialize;

/// The variables of the templates, by their names there. What is `None` is undefined to a template, and naming it an
/// error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Context {
    /// `lockin`: path of the running binary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lockin: Option<String>,
    /// `data`: folder of this process alone.
    pub data: String,
    /// `network.*`: what all nodes load.
    pub network: NetworkFiles,
    /// `node.*`: this node.
    pub node: Node,
    /// `ports.*`: by the names in the role's definition.
    pub ports: BTreeMap<String, u16>,
    /// `listen`: address to listen on (`127.0.0.1`, or `0.0.0.0` in a container).
    pub listen: String,
    /// `address`: where others reach it (`127.0.0.1`, or its container's address).
    pub address: String,
    /// `peers`: whom this node dials, in the plan's order.
    pub peers: Vec<Peer>,
    /// `keys.*`: the interop keys that this process holds.
    pub keys: Keys,
    /// `beacon.*`: the beacon node that a validator client serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beacon: Option<BeaconUrls>,
    /// `engine.*`: the execution engine of the node; only on networks that ever have execution payloads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<Engine>,
    /// `slot.*`: the slot time.
    pub slot: Slot,
    /// `log_level`: error, warn, info, debug or trace.
    pub log_level: String,
    /// `fee_recipient`: address that is paid for the node's blocks.
    pub fee_recipient: String,
}

/// `network.*`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NetworkFiles {
    /// The folder.
    pub dir: String,
    /// `config.yaml` in it.
    pub config: String,
    /// `genesis.ssz` in it.
    pub genesis: String,
    /// `genesis.json` in it, on networks that start after the merge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_genesis: Option<String>,
    /// `minimal` or `mainnet`.
    pub preset: String,
    /// Chain id of the execution chain.
    pub chain_id: u64,
    /// Address of the deposit contract.
    pub deposit_contract: String,
    /// Validators at genesis.
    pub validators: u64,
    /// Unix seconds.
    pub genesis_time: u64,
}

/// `node.*`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Node {
    /// Its name in the plan.
    pub name: String,
    /// secp256k1 secret of its network identity, hex without 0x.
    pub key: String,
    /// File that holds that secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<String>,
    /// libp2p peer id of that secret.
    pub peer_id: String,
    /// The secret as libp2p encodes it, base64.
    pub libp2p_secret: String,
    /// The public key as libp2p encodes it, base64.
    pub libp2p_public: String,
}

/// One of `peers`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Peer {
    /// Its name in the plan.
    pub name: String,
    /// `/ip4/.../tcp/.../p2p/...`
    pub multiaddr: String,
    /// libp2p peer id.
    pub peer_id: String,
    /// Signed node record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enr: Option<String>,
}

/// `keys.*`: `first` and `count` exist only when the keys are one range, so that a client which knows no other form
/// is not started with half of its keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Keys {
    /// How many keys in all.
    pub total: u64,
    /// Half-open ranges, comma-separated: `0..8,16..24`.
    pub ranges: String,
    /// The first key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<u64>,
    /// The last key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<u64>,
    /// How many from the first on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Folder of keystores and passwords; there only for a client that is given some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dir: Option<String>,
}

impl Keys {
    /// The variables for these ranges of interop keys.
    pub fn interop(ranges: &[Range<u64>]) -> Self {
        let count = |range: &Range<u64>| range.end.saturating_sub(range.start);
        let only = match ranges {
            [range] if count(range) > 0 => Some(range),
            _ => None,
        };
        Keys {
            total: ranges.iter().map(count).sum(),
            ranges: ranges.iter().map(|range| format!("{}..{}", range.start, range.end)).collect::<Vec<_>>().join(","),
            first: only.map(|range| range.start),
            last: only.map(|range| range.end - 1),
            count: only.map(count),
            dir: None,
        }
    }
}

/// `beacon.*`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BeaconUrls {
    /// Beacon API, `http://...`.
    pub rest: String,
    /// Prysm's own API, `host:port`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grpc: Option<String>,
}

/// `engine.*`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Engine {
    /// Engine API, `http://...`.
    pub url: String,
    /// File that holds the secret which node and engine share, 64 hex digits; readable by its owner only.
    pub jwt: String,
    /// Its JSON-RPC, `http://...`, if it serves one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rpc: Option<String>,
    /// File that tells the embedded client's engine what to answer, if the scenario says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
}

/// `slot.*`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Slot {
    /// Milliseconds.
    pub ms: u64,
    /// Whole seconds, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
}
