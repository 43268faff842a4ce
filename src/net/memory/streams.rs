//! Requests and answers of the in-memory network.

use super::{
    Cargo, Chunk, LinkEvent, MemoryNetwork, NodeIndex, Payload, PeerId, Protocol, RequestError, RequestId, Stream, key,
};
use crate::net::link::ResponseCode;

impl MemoryNetwork {
    pub(super) fn request(&mut self, node: NodeIndex, id: RequestId, peer: PeerId, offers: Vec<(Protocol, Payload)>) {
        let other = self.index_of(&peer).filter(|other| self.edges.get(&key(node, *other)).is_some_and(|e| e.open));
        match (other, offers.into_iter().next()) {
            (Some(responder), Some((protocol, body))) => {
                let stream = self.sequence;
                self.streams.insert(stream, Stream { requester: node, request: id, responder, protocol });
                self.ship(node, responder, Cargo::Request { stream, body });
            }
            (None, _) => {
                let why = RequestError::Disconnected("not connected".to_string());
                self.ready.push_back((node, LinkEvent::RequestFailed { id, peer, why }));
            }
            (_, None) => {
                let why = RequestError::Unsupported;
                self.ready.push_back((node, LinkEvent::RequestFailed { id, peer, why }));
            }
        }
    }

    pub(super) fn cancel(&mut self, node: NodeIndex, id: RequestId) {
        let stream =
            self.streams.iter().find(|(_, s)| s.requester == node && s.request == id).map(|(stream, _)| *stream);
        if let Some(stream) = stream {
            let responder = self.streams.remove(&stream).expect("found just now").responder;
            self.ship(node, responder, Cargo::Closed { stream });
        }
    }

    pub(super) fn respond(&mut self, node: NodeIndex, stream: u64, chunk: Chunk) {
        let Some(requester) = self.streams.get(&stream).filter(|s| s.responder == node).map(|s| s.requester) else {
            return;
        };
        let last = chunk.code != ResponseCode::Success;
        self.ship(node, requester, Cargo::Chunk { stream, chunk });
        if last {
            self.finish(node, stream);
        }
    }

    pub(super) fn finish(&mut self, node: NodeIndex, stream: u64) {
        if let Some(requester) = self.streams.get(&stream).filter(|s| s.responder == node).map(|s| s.requester) {
            self.ship(node, requester, Cargo::End { stream });
        }
    }
}
