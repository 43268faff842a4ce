//! Our requests to peers: what each is for, how long it may take, and to whom its answer goes.

use std::sync::Arc;

use bytes::Bytes as Payload;

use super::{Action, Cx, Service};
use crate::net::PeerId;
use crate::net::link::{Chunk, Command, Protocol, RequestError, RequestId, ResponseCode};
use crate::ssz::Root;
use crate::types::{SignedBeaconBlock, Slot};

/// How long a request may take, and the answer to one for a range from one chunk to the next, milliseconds. The link has limits
/// of its own.
pub(super) const REQUEST_TIMEOUT_MS: u64 = 15_000;
/// How long the answer to a request for a range may take as a whole, milliseconds: who sends it in drips holds up the sync.
const LONGEST_ANSWER_MS: u64 = 120_000;
/// MAX_CONCURRENT_REQUESTS of the phase0 p2p specification: requests by one protocol that may be under way to one peer. Of
/// the versions of a protocol a peer speaks one, so they count together.
const MAX_CONCURRENT_REQUESTS: usize = 2;

/// A request of ours under way.
pub(super) struct Pending {
    pub(super) peer: PeerId,
    pub(super) purpose: Purpose,
    pub(super) deadline_ms: u64,
    /// The deadline that no chunk puts off.
    last_ms: u64,
    /// Which message it is, whatever the version.
    message: &'static str,
    /// What to send once the peer has answered enough of what it was asked before. Until then time does not count.
    held: Option<Vec<(Protocol, Payload)>>,
    /// A chunk that fits came.
    answered: bool,
}

/// What a request of ours is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Status,
    Ping,
    MetaData,
    Goodbye,
    /// The range batch that begins at this slot.
    Range(Slot),
    /// The block with this root.
    Root(Root),
    /// Sidecars of the range batch that begins at this slot.
    RangeSidecars(Slot),
    /// Sidecars of the block with this root.
    Sidecars(Root),
}

impl Purpose {
    /// Whether it belongs to range sync.
    pub(super) fn is_range(self) -> bool {
        matches!(self, Purpose::Range(_) | Purpose::RangeSidecars(_))
    }
}

impl Service {
    /// Asks a peer, by the first of the offered protocols that it knows; later, if it has enough to answer already.
    pub(super) fn ask(
        &mut self,
        now_ms: u64,
        peer: &PeerId,
        purpose: Purpose,
        offers: Vec<(Protocol, Vec<u8>)>,
    ) -> RequestId {
        let id = RequestId(self.number());
        let message = offers.first().map_or("", |(protocol, _)| protocol.name().0);
        let held = Some(offers.into_iter().map(|(protocol, body)| (protocol, Payload::from(body))).collect());
        let (deadline_ms, last_ms) = (u64::MAX, u64::MAX);
        let pending = Pending { peer: peer.clone(), purpose, deadline_ms, last_ms, message, held, answered: false };
        self.requests.insert(id, pending);
        self.send_held(now_ms);
        id
    }

    /// Sends what was held back, oldest first, as far as peers may be asked it now.
    pub(super) fn send_held(&mut self, now_ms: u64) {
        let held: Vec<RequestId> = self.requests.iter().filter(|(_, p)| p.held.is_some()).map(|(id, _)| *id).collect();
        for id in held {
            let Some(Pending { peer, message, .. }) = self.requests.get(&id) else { continue };
            let same = |p: &&Pending| p.held.is_none() && p.peer == *peer && p.message == *message;
            if self.requests.values().filter(same).count() >= MAX_CONCURRENT_REQUESTS {
                continue;
            }
            let Some(pending) = self.requests.get_mut(&id) else { continue };
            let longest = if pending.purpose.is_range() { LONGEST_ANSWER_MS } else { REQUEST_TIMEOUT_MS };
            (pending.deadline_ms, pending.last_ms) = (now_ms + REQUEST_TIMEOUT_MS, now_ms + longest);
            let (peer, offers) = (pending.peer.clone(), pending.held.take().unwrap_or_default());
            self.metrics.requests_sent += 1;
            self.out.push(Action::Link(Command::Request { id, peer, offers }));
        }
    }

    pub(super) fn chunk_received(
        &mut self,
        cx: Cx<'_>,
        id: RequestId,
        peer: &PeerId,
        protocol: Protocol,
        chunk: Chunk,
    ) {
        let Some(pending) = self.requests.get_mut(&id) else { return };
        if chunk.code != ResponseCode::Success {
            let message = String::from_utf8_lossy(&chunk.body).into_owned();
            tracing::debug!(%peer, %protocol, code = ?chunk.code, message, "a peer answered with an error");
            return;
        }
        pending.answered = true;
        let purpose = pending.purpose;
        if !matches!(purpose, Purpose::RangeSidecars(_)) {
            self.put_off(cx, id);
        }
        match purpose {
            Purpose::Status => self.status_answer(cx, peer, protocol, &chunk.body),
            Purpose::Ping => self.ping_answer(cx, peer, &chunk.body),
            Purpose::MetaData => self.metadata_answer(cx, peer, protocol, &chunk.body),
            Purpose::Goodbye => {}
            Purpose::Range(start) => self.range_chunk(cx, id, start, &chunk),
            Purpose::Root(root) => self.root_chunk(cx, peer, root, &chunk),
            Purpose::RangeSidecars(start) => self.range_sidecar_chunk(cx, id, peer, start, protocol, &chunk),
            Purpose::Sidecars(root) => self.sidecar_chunk(cx, peer, root, protocol, &chunk),
        }
    }

    /// Something that was asked for came: the rest may take its time, too.
    pub(super) fn put_off(&mut self, cx: Cx<'_>, id: RequestId) {
        if let Some(pending) = self.requests.get_mut(&id) {
            pending.deadline_ms = (cx.now_ms + REQUEST_TIMEOUT_MS).min(pending.last_ms);
        }
    }

    /// A request of ours has ended, well or with `failure`.
    pub(super) fn request_over(&mut self, cx: Cx<'_>, id: RequestId, failure: Option<RequestError>) {
        let Some(Pending { peer, purpose, answered, .. }) = self.requests.remove(&id) else { return };
        if let Some(why) = &failure {
            tracing::debug!(%peer, ?purpose, %why, "request failed");
        }
        match purpose {
            Purpose::Status if !answered => self.no_status(cx, &peer, failure),
            Purpose::Ping if !answered => self.no_pong(cx, &peer, failure),
            Purpose::Range(start) => self.range_over(cx, id, start, failure.is_none()),
            Purpose::Root(root) => self.root_over(cx, root),
            Purpose::RangeSidecars(start) => self.range_sidecars_over(cx, id, start, failure.as_ref()),
            Purpose::Sidecars(root) => self.sidecars_over(cx, &peer, root, failure.as_ref()),
            _ => {}
        }
    }

    /// Decodes a block as it came in a chunk; the context, where there is one, must be its epoch's digest.
    pub(super) fn decode_block(&self, chunk: &Chunk) -> Option<Arc<SignedBeaconBlock>> {
        let block = self.cfg.decode_signed_block(&chunk.body).ok()?;
        let digest = self.schedule.at(self.cfg.epoch_of(block.message.slot)).digest;
        chunk.context.is_none_or(|context| context == digest).then(|| Arc::new(block))
    }
}
