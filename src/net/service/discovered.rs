//! Which of the nodes that discovery finds are dialled.

use super::{Action, Cx, Service};
use crate::net::PeerId;
use crate::net::link::Command;

/// With so many peers no more are looked for; who dials us is still welcome.
const ENOUGH_PEERS: usize = 50;

impl Service {
    /// Dials a node if its record says that it is on our fork now (phase0 p2p-interface, "`eth2` field": others would part
    /// after a status), unless we know it already.
    pub(super) fn found(&mut self, cx: Cx<'_>, addr: String, digest: Option<[u8; 4]>) {
        let Ok(peer) = addr.parse::<PeerId>() else { return };
        if self.peers.contains_key(&peer) || self.foreign.contains(&peer) || self.peers.len() >= ENOUGH_PEERS {
            return;
        }
        if digest == Some(self.schedule.at(self.epoch_at(cx.now_ms)).digest) {
            self.out.push(Action::Link(Command::DialOnce { addr }));
        } else {
            tracing::debug!(addr, digest = digest.map(hex::encode), "a record of another network or fork, not dialled");
        }
    }
}
