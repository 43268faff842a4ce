//! What a node says of itself at `/eth/v1/node/identity`.

use serde_json::{Value, json};

use super::Core;
use crate::crypto::enr::Record;
use crate::net::service::Reach;
use crate::ssz::Json;

/// What a node says of itself at `/eth/v1/node/identity`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// libp2p peer id, base58.
    pub peer_id: String,
    /// Multiaddrs to be dialled at, with the peer id.
    pub addresses: Vec<String>,
    /// What its node record is made of; without it there is none.
    pub endpoint: Option<Endpoint>,
}

/// Where a node listens, and the secret that its record is signed with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    /// The secp256k1 secret of the peer id.
    pub secret: [u8; 32],
    /// Where it listens.
    pub reach: Reach,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("reach", &self.reach).finish_non_exhaustive()
    }
}

impl Core {
    /// The node's record, as it is at `now_ms`; `None` if it listens nowhere.
    pub fn record(&self, now_ms: u64) -> Option<Record> {
        let endpoint = self.identity.endpoint?;
        Some(self.net.node_record(endpoint.reach, now_ms))
    }

    /// The standard's `NetworkIdentity`. Clients that dial by records may use the record, even if nobody answers for it over
    /// UDP.
    pub(in crate::node) fn identity_json(&self) -> Value {
        let shape = self.chain.config().shape_at_slot(self.chain.current_slot());
        let endpoint = self.identity.endpoint;
        let enr = self.record(self.now_ms).zip(endpoint).and_then(|(record, of)| record.sign(&of.secret).ok());
        let discovery = endpoint.and_then(|endpoint| endpoint.reach.udp).map(|udp| {
            let kind = if udp.is_ipv4() { "ip4" } else { "ip6" };
            format!("/{kind}/{}/udp/{}/p2p/{}", udp.ip(), udp.port(), self.identity.peer_id)
        });
        json!({
            "peer_id": self.identity.peer_id,
            "enr": enr.unwrap_or_default(),
            "p2p_addresses": self.identity.addresses,
            "discovery_addresses": Vec::from_iter(discovery),
            "metadata": self.net.metadata().to_json(shape),
        })
    }
}
