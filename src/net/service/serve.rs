//! Answers to peers' requests. Blocks go out a few at a time, as the link reports them sent, and only as fast as the peer's
//! tokens allow: who asks for more waits, as the specification wants, and gets no error. Blocks NEVER go to a peer that has
//! not shown by its status that it is of our network.

use std::collections::VecDeque;
use std::sync::Arc;

use super::peers::PeerState;
use super::{Action, Cx, Goodbye, Service};
use crate::net::PeerId;
use crate::net::link::{Chunk, Command, InboundId, MAX_REQUEST_BLOCKS, Protocol, ResponseCode};
use crate::ssz::{Root, Shape, Ssz};
use crate::types::{BeaconBlocksByRangeRequest, BeaconBlocksByRootRequest, ForkName, SignedBeaconBlock, Slot, Status};

/// Chunks of one answer that may be under way; what the link has room for.
const WINDOW: u32 = 8;
/// Slots looked at for one chunk at most, so that a gap in the chain doesn't hold the node up.
const MAX_SLOTS_PER_STEP: u64 = 256;

/// An answer of blocks under way.
pub(super) struct Serving {
    pub(super) peer: PeerId,
    protocol: Protocol,
    rest: Rest,
    in_flight: u32,
}

/// What is still to be sent.
enum Rest {
    /// Canonical blocks of these slots; the root of the last one sent.
    Range {
        next: Slot,
        end: Slot,
        last: Option<Root>,
    },
    Roots(VecDeque<Root>),
}

impl Rest {
    fn exhausted(&self, cx: Cx<'_>) -> bool {
        match self {
            Rest::Range { next, end, .. } => next >= end || *next > cx.chain.status().head_slot,
            Rest::Roots(roots) => roots.is_empty(),
        }
    }
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
        let shape = self.shape();
        match protocol {
            Protocol::Status1 => match Status::decode(shape, body) {
                Ok(status) => {
                    let ours = self.status_bytes(cx);
                    self.answer_once(id, ours);
                    self.status_known(cx, &peer, status);
                }
                Err(error) => self.refuse(id, &error.to_string()),
            },
            Protocol::Goodbye1 => {
                let reason = u64::decode(shape, body).unwrap_or_default();
                tracing::info!(%peer, reason, "peer says goodbye");
                self.answer_once(id, body.to_vec());
                self.leave(&peer, Goodbye::Shutdown, cx.now_ms);
            }
            Protocol::Ping1 => {
                let seq = self.metadata.seq_number.to_le_bytes().to_vec();
                self.answer_once(id, seq);
                if let Ok(theirs) = u64::decode(shape, body) {
                    self.seq_known(cx, &peer, theirs);
                }
            }
            Protocol::MetaData1 | Protocol::MetaData2 => {
                let metadata = self.metadata.encode(self.metadata_shape(protocol));
                self.answer_once(id, metadata);
            }
            Protocol::BlocksByRange1 | Protocol::BlocksByRange2 => {
                match BeaconBlocksByRangeRequest::decode(shape, body) {
                    Ok(request) if request.step > 0 => {
                        // larger steps are abolished: one block is what they may expect
                        let count = if request.step == 1 { request.count.min(MAX_REQUEST_BLOCKS) } else { 1 };
                        let (next, end) = (request.start_slot, request.start_slot.saturating_add(count));
                        self.serve(cx, id, peer, protocol, Rest::Range { next, end, last: None });
                    }
                    Ok(_) => self.refuse(id, "step must be 1"),
                    Err(error) => self.refuse(id, &error.to_string()),
                }
            }
            Protocol::BlocksByRoot1 | Protocol::BlocksByRoot2 => {
                // the list's limit is the same in every fork
                match BeaconBlocksByRootRequest::decode(shape, body) {
                    Ok(roots) => {
                        let roots = roots.iter().copied().collect();
                        self.serve(cx, id, peer, protocol, Rest::Roots(roots));
                    }
                    Err(error) => self.refuse(id, &error.to_string()),
                }
            }
        }
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
    fn is_peer(&self, id: &PeerId) -> bool {
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
                Some(peer) if peer.tokens == 0 || peer.state != PeerState::Connected => break,
                Some(peer) => peer.tokens -= 1,
            }
            match next_block(&mut serving.rest, cx) {
                Step::Block(block) => {
                    let Some(chunk) = self.block_chunk(serving.protocol, &block) else {
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

    /// A block as a chunk. Version 1 says nothing about forks and so ends where phase0 does.
    fn block_chunk(&self, protocol: Protocol, block: &SignedBeaconBlock) -> Option<Chunk> {
        let entry = self.schedule.at(self.cfg.epoch_of(block.message.slot));
        if !protocol.has_context() && entry.fork != ForkName::Phase0 {
            return None;
        }
        let shape: Shape = self.cfg.shape(entry.fork);
        Some(Chunk::success(protocol.has_context().then_some(entry.digest), block.encode(shape)))
    }
}

/// One look at the chain; it costs a token.
enum Step {
    Block(Arc<SignedBeaconBlock>),
    /// A root that we have no block of.
    Missing,
    /// Nothing found yet, but not at the end either.
    Later,
    Done,
}

fn next_block(rest: &mut Rest, cx: Cx<'_>) -> Step {
    match rest {
        Rest::Roots(roots) => match roots.pop_front() {
            Some(root) => cx.chain.block_by_root(&root).map_or(Step::Missing, Step::Block),
            None => Step::Done,
        },
        Rest::Range { next, end, last } => {
            let head = cx.chain.status().head_slot;
            for _ in 0..MAX_SLOTS_PER_STEP {
                if *next >= *end || *next > head {
                    return Step::Done;
                }
                let slot = *next;
                *next += 1;
                if let Some(block) = cx.chain.canonical_block_at(slot) {
                    // the canonical chain may have changed since the last chunk
                    if last.is_some_and(|last| last != block.message.parent_root) {
                        return Step::Done;
                    }
                    *last = cx.chain.canonical_root_at(slot);
                    return Step::Block(block);
                }
            }
            Step::Later
        }
    }
}
