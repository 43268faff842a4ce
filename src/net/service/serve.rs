//! Answers to peers' requests. Blocks and sidecars go out a few at a time, as the link reports them sent, and only as fast as
//! the peer's tokens allow: who asks for more waits, as the specification wants, and gets no error. They NEVER go to a peer
//! that has not shown by its status that it is of our network.

use std::collections::{BTreeSet, VecDeque};

use super::answer::{Kind, Object, Rest, Step};
use super::goodbye::goodbye_reason;
use super::peers::{COLUMN_COST, OBJECT_COST, PeerState};
use super::sidecars::Sidecar;
use super::{Action, Cx, Goodbye, Service};
use crate::net::PeerId;
use crate::net::link::{Chunk, Command, InboundId, MAX_REQUEST_BLOCKS, Protocol, ResponseCode};
use crate::spec::das::{compute_max_request_blob_sidecars, compute_max_request_data_column_sidecars};
use crate::ssz::{DecodeError, Root, Ssz};
use crate::types::{
    BeaconBlocksByRangeRequest, BeaconBlocksByRootRequest, BlobSidecarsByRangeRequest, BlobSidecarsByRootRequest,
    DataColumnSidecarsByRangeRequest, DataColumnSidecarsByRootRequest, ForkName, Status,
};

/// Chunks of one answer that may be under way; what the link has room for.
const WINDOW: u32 = 8;

/// An answer of blocks or sidecars under way.
pub(super) struct Serving {
    pub(super) peer: PeerId,
    protocol: Protocol,
    rest: Rest,
    in_flight: u32,
}

impl Service {
    pub(super) fn request_received(
        &mut self,
        cx: Cx<'_>,
        id: InboundId,
        peer: PeerId,
        protocol: Protocol,
        body: &[u8],
    ) {
        self.metrics.requests_served += 1;
        match protocol {
            Protocol::Status1 | Protocol::Status2 => match Status::decode(self.status_shape(protocol), body) {
                Ok(status) => {
                    let ours = self.status_bytes(cx, protocol);
                    self.answer_once(id, ours);
                    self.status_known(cx, &peer, status);
                }
                Err(error) => self.refuse(id, &error.to_string()),
            },
            Protocol::Goodbye1 => {
                let reason = u64::decode(self.shape(), body).unwrap_or_default();
                let agent = self.peers.get(&peer).and_then(|peer| peer.agent.as_deref());
                tracing::info!(%peer, agent, reason, why = goodbye_reason(reason), "peer says goodbye");
                self.answer_once(id, body.to_vec());
                self.leave(&peer, Goodbye::Shutdown, "it said goodbye", cx.now_ms);
            }
            Protocol::Ping1 => {
                let seq = self.metadata.seq_number.to_le_bytes().to_vec();
                self.answer_once(id, seq);
                if let Ok(theirs) = u64::decode(self.shape(), body) {
                    self.seq_known(cx, &peer, theirs);
                }
            }
            Protocol::MetaData1 | Protocol::MetaData2 | Protocol::MetaData3 => {
                let metadata = self.metadata.encode(self.metadata_shape(protocol));
                self.answer_once(id, metadata);
            }
            Protocol::BlocksByRange1
            | Protocol::BlocksByRange2
            | Protocol::BlocksByRoot1
            | Protocol::BlocksByRoot2
            | Protocol::BlobsByRange1
            | Protocol::BlobsByRoot1
            | Protocol::ColumnsByRange1
            | Protocol::ColumnsByRoot1 => match self.answer_to(cx, protocol, body) {
                Ok(Some(rest)) => self.serve(cx, id, peer, protocol, rest),
                Ok(None) => self.refuse(id, "step must be 1"),
                Err(error) => self.refuse(id, &error.to_string()),
            },
        }
    }

    /// What a request for blocks or sidecars asks for; `None` for a step that no version of the protocol has.
    fn answer_to(&self, cx: Cx<'_>, protocol: Protocol, body: &[u8]) -> Result<Option<Rest>, DecodeError> {
        // the lists' limits, which decoding goes by, are the same in every fork
        let shape = self.shape();
        let fork = self.schedule.at(self.epoch_at(cx.now_ms)).fork;
        let blocks = if fork < ForkName::Deneb { MAX_REQUEST_BLOCKS } else { self.cfg.max_request_blocks_deneb };
        let blobs = compute_max_request_blob_sidecars(&self.cfg, fork);
        let columns = compute_max_request_data_column_sidecars(&self.cfg);
        Ok(Some(match protocol {
            Protocol::BlocksByRoot1 | Protocol::BlocksByRoot2 => {
                let roots = BeaconBlocksByRootRequest::decode(shape, body)?;
                Rest::roots(roots.iter().map(|root| (*root, BTreeSet::new())).collect(), Kind::Blocks, blocks)
            }
            Protocol::BlobsByRange1 => {
                let request = BlobSidecarsByRangeRequest::decode(shape, body)?;
                Rest::range(request.start_slot, request.count, Kind::Blobs, blobs)
            }
            Protocol::BlobsByRoot1 => {
                let wanted = BlobSidecarsByRootRequest::decode(shape, body)?;
                let mut each: VecDeque<(Root, BTreeSet<u64>)> = VecDeque::new();
                for blob in &wanted {
                    match each.back_mut().filter(|(root, _)| *root == blob.block_root) {
                        Some((_, indices)) => drop(indices.insert(blob.index)),
                        None => each.push_back((blob.block_root, BTreeSet::from([blob.index]))),
                    }
                }
                Rest::roots(each, Kind::Blobs, blobs)
            }
            Protocol::ColumnsByRange1 => {
                let request = DataColumnSidecarsByRangeRequest::decode(shape, body)?;
                let wanted = request.columns.iter().copied().collect();
                Rest::range(request.start_slot, request.count, Kind::Columns(wanted), columns)
            }
            Protocol::ColumnsByRoot1 => {
                let wanted = DataColumnSidecarsByRootRequest::decode(shape, body)?;
                let each = wanted.iter().map(|of| (of.block_root, of.columns.iter().copied().collect()));
                Rest::roots(each.collect(), Kind::Columns(BTreeSet::new()), columns)
            }
            _ => {
                let request = BeaconBlocksByRangeRequest::decode(shape, body)?;
                // larger steps are abolished: one block is what they may expect
                let count = match request.step {
                    0 => return Ok(None),
                    1 => request.count.min(blocks),
                    _ => 1,
                };
                Rest::range(request.start_slot, count, Kind::Blocks, blocks)
            }
        }))
    }

    fn answer_once(&mut self, id: InboundId, body: Vec<u8>) {
        self.out.push(Action::Link(Command::Respond { id, chunk: Chunk::success(None, body) }));
        self.out.push(Action::Link(Command::Finish { id }));
    }

    fn refuse(&mut self, id: InboundId, why: &str) {
        let chunk = Chunk::error(ResponseCode::InvalidRequest, why);
        self.out.push(Action::Link(Command::Respond { id, chunk }));
    }

    fn serve(&mut self, cx: Cx<'_>, id: InboundId, peer: PeerId, protocol: Protocol, rest: Rest) {
        // a peer that we asked for its status may have sent it already: the order of streams is nobody's promise
        if !self.is_peer(&peer) && !self.awaits_status(&peer) {
            return self.refuse(id, "status comes first");
        }
        self.serving.insert(id, Serving { peer, protocol, rest, in_flight: 0 });
        self.pump(cx, id);
    }

    pub(super) fn chunk_sent(&mut self, cx: Cx<'_>, id: InboundId) {
        if let Some(serving) = self.serving.get_mut(&id) {
            serving.in_flight = serving.in_flight.saturating_sub(1);
            self.pump(cx, id);
        }
    }

    /// Whether the status of this peer is known and fits ours.
    pub(super) fn is_peer(&self, id: &PeerId) -> bool {
        self.peers.get(id).is_some_and(|peer| peer.state == PeerState::Connected)
    }

    /// Goes on with answers that waited for tokens, or for their peer's status.
    pub(super) fn serve_waiting(&mut self, cx: Cx<'_>) {
        for peer in self.peers.values_mut() {
            peer.refill(cx.now_ms);
        }
        let waiting: Vec<InboundId> = self.serving.keys().copied().collect();
        for id in waiting {
            self.pump(cx, id);
        }
    }

    /// Sends as many chunks as window and tokens allow.
    fn pump(&mut self, cx: Cx<'_>, id: InboundId) {
        let Some(mut serving) = self.serving.remove(&id) else { return };
        while serving.in_flight < WINDOW {
            if serving.rest.exhausted(cx) {
                return self.out.push(Action::Link(Command::Finish { id }));
            }
            match self.peers.get_mut(&serving.peer) {
                // the answer goes nowhere
                None => return,
                Some(peer) if peer.state == PeerState::Disconnecting => return,
                Some(peer) if peer.tokens < OBJECT_COST || peer.state != PeerState::Connected => break,
                Some(_) => {}
            }
            let step = serving.rest.next(cx);
            if let Some(peer) = self.peers.get_mut(&serving.peer) {
                peer.tokens -= match &step {
                    Step::Object(Object::Sidecar(Sidecar::Column(_))) => COLUMN_COST,
                    _ => OBJECT_COST,
                };
            }
            match step {
                Step::Object(object) => {
                    let Some(chunk) = self.chunk_of(serving.protocol, &object) else {
                        return self.out.push(Action::Link(Command::Finish { id }));
                    };
                    serving.in_flight += 1;
                    self.out.push(Action::Link(Command::Respond { id, chunk }));
                }
                Step::Missing => {}
                Step::Later => break,
                Step::Done => return self.out.push(Action::Link(Command::Finish { id })),
            }
        }
        self.serving.insert(id, serving);
    }

    /// A block or sidecar as a chunk. Version 1 of blocks says nothing about forks and so ends where phase0 does.
    fn chunk_of(&self, protocol: Protocol, object: &Object) -> Option<Chunk> {
        let entry = self.schedule.at(self.cfg.epoch_of(object.slot()));
        if !protocol.has_context() && entry.fork != ForkName::Phase0 {
            return None;
        }
        let shape = self.cfg.shape(entry.fork);
        let body = match object {
            Object::Block(block) => block.encode(shape),
            Object::Sidecar(sidecar) => sidecar.encode(shape),
        };
        Some(Chunk::success(protocol.has_context().then_some(entry.digest), body))
    }
}
