//! Which of the nodes that discovery finds are dialled.

use super::{Action, Cx, Service};
use crate::net::PeerId;
use crate::net::link::Command;
use crate::ssz::Ssz;
use crate::types::EnrForkId;

/// With so many peers no more are looked for; who dials us is still welcome.
const ENOUGH_PEERS: usize = 50;

impl Service {
    /// Dials a node if by its record it is on our fork now (phase0 p2p-interface, "`eth2` field": others would part after a
    /// status), unless we know it already.
    pub(super) fn found(&mut self, cx: Cx<'_>, addr: String, eth2: Option<[u8; 16]>, nfd: Option<[u8; 4]>) {
        let Ok(peer) = addr.parse::<PeerId>() else { return };
        if self.peers.contains_key(&peer) || self.foreign.contains(&peer) || self.peers.len() >= ENOUGH_PEERS {
            return;
        }
        let told = eth2.and_then(|eth2| EnrForkId::decode(self.shape(), &eth2).ok());
        if told.is_some_and(|told| self.schedule.has_come_to(self.epoch_at(cx.now_ms), &told, nfd)) {
            self.out.push(Action::Link(Command::DialOnce { addr }));
        } else {
            tracing::debug!(addr, eth2 = eth2.map(hex::encode), "a record of another network or fork, not dialled");
        }
    }
}
