//! Connections of the in-memory network: opening, breaking, dialling.

use rand::RngExt;

use super::{
    Cargo, Delivery, InboundId, LinkEvent, MemoryNetwork, NodeIndex, PeerId, Protocol, REDIAL_AFTER_REFUSAL_MS,
    RequestError, key,
};
use crate::net::link::Direction;

impl MemoryNetwork {
    pub(super) fn open_later(&mut self, (a, b): (NodeIndex, NodeIndex), after_ms: u64) {
        if !self.nodes[a].up || !self.nodes[b].up || self.cut.contains(&(a, b)) {
            return;
        }
        let latency = self.rng.random_range(self.latency_ms.clone());
        let Some(edge) = self.edges.get(&(a, b)).filter(|edge| !edge.open) else { return };
        let (dialer, generation) = (edge.dialer, edge.generation);
        let listener = if dialer == a { b } else { a };
        // a dialer is patient: it tries until it gets through
        let mut delay = 0;
        for (from, to) in [(dialer, listener), (listener, dialer)] {
            delay += self.delay(from, to, 0).unwrap_or(REDIAL_AFTER_REFUSAL_MS);
        }
        let delivery = Delivery { from: dialer, to: listener, generation, cargo: Cargo::Open };
        self.enqueue(self.now_ms + after_ms + latency + delay, delivery);
    }

    pub(super) fn close(&mut self, (a, b): (NodeIndex, NodeIndex), reason: &str) {
        let Some(edge) = self.edges.get_mut(&(a, b)) else { return };
        edge.generation += 1;
        edge.last_arrival = [0; 2];
        if !std::mem::take(&mut edge.open) {
            return;
        }
        let broken: Vec<u64> =
            self.streams.iter().filter(|(_, s)| key(s.requester, s.responder) == (a, b)).map(|(id, _)| *id).collect();
        for id in broken {
            let stream = self.streams.remove(&id).expect("listed just now");
            let why = RequestError::Disconnected(reason.to_string());
            let peer = self.peer(stream.responder);
            self.ready.push_back((stream.requester, LinkEvent::RequestFailed { id: stream.request, peer, why }));
            self.ready.push_back((stream.responder, LinkEvent::InboundClosed { id: InboundId(id) }));
        }
        for (node, other) in [(a, b), (b, a)] {
            let event = LinkEvent::Disconnected { peer: self.peer(other), reason: reason.to_string() };
            self.ready.push_back((node, event));
        }
    }

    pub(super) fn dial(&mut self, node: NodeIndex, addr: String) {
        let target = addr.parse::<PeerId>().ok().and_then(|peer| self.index_of(&peer));
        match target {
            Some(other) if other != node => self.connect(node, other, self.now_ms),
            _ => {
                let reason = "no such node in this network".to_string();
                self.ready.push_back((node, LinkEvent::DialFailed { addr, reason }));
            }
        }
    }

    pub(super) fn opened(&mut self, dialer: NodeIndex, listener: NodeIndex) {
        for (node, other, direction) in
            [(dialer, listener, Direction::Outbound), (listener, dialer, Direction::Inbound)]
        {
            let (peer, addr) = (self.peer(other), self.address(other));
            self.ready.push_back((node, LinkEvent::Connected { peer: peer.clone(), direction, addr }));
            let protocols = Protocol::ALL.iter().map(|p| p.id().to_string()).collect();
            let agent = self.nodes[other].agent.clone();
            self.ready.push_back((node, LinkEvent::Identified { peer, agent, protocols }));
        }
    }
}
