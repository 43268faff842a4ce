//! What a node says of itself at `/eth/v1/node/identity`.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::Core;
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
    /// Where libp2p listens.
    pub tcp: SocketAddr,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("tcp", &self.tcp).finish_non_exhaustive()
    }
}

impl Core {
    /// The standard's `NetworkIdentity`. The record is for clients that dial by records; nobody answers for it over UDP.
    pub(in crate::node) fn identity_json(&self) -> Value {
        let shape = self.chain.config().shape_at_slot(self.chain.current_slot());
        let enr = self.identity.endpoint.and_then(|endpoint| {
            let record = self.net.node_record(endpoint.tcp, self.now_ms);
            record.sign(&endpoint.secret).ok()
        });
        json!({
            "peer_id": self.identity.peer_id,
            "enr": enr.unwrap_or_default(),
            "p2p_addresses": self.identity.addresses,
            "discovery_addresses": [],
            "metadata": self.net.metadata().to_json(shape),
        })
    }
}
