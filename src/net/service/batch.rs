//! A batch of range sync: a stretch of slots, from its request to the import of its last block; and how many bytes all of them
//! may hold. Nothing of a block is checked before its turn to be imported comes, so what waits for it is bounded by size.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::range_sidecars::Expected;
use super::{Action, Cx, Service};
use crate::net::PeerId;
use crate::net::link::{Command, RequestId};
use crate::ssz::Root;
use crate::types::{SignedBeaconBlock, Slot};

/// Bytes of blocks that may wait for import; one more block may come on top.
const MOST_BYTES: usize = 64 << 20;

/// How far a batch has come.
pub(super) enum State {
    Downloading {
        peer: PeerId,
        request: RequestId,
    },
    /// The next blocks are there with their sidecars, and wait for those of the batch before.
    Waiting {
        peer: PeerId,
    },
    /// The sidecars of the next blocks are on their way. `peer` sent the blocks.
    Sidecars {
        peer: PeerId,
        request: RequestId,
    },
    /// The block of `slot` is with the chain since `since_ms`.
    Importing {
        peer: PeerId,
        slot: Slot,
        root: Root,
        since_ms: u64,
    },
}

impl State {
    pub(super) fn peer(&self) -> &PeerId {
        match self {
            State::Downloading { peer, .. }
            | State::Sidecars { peer, .. }
            | State::Waiting { peer }
            | State::Importing { peer, .. } => peer,
        }
    }

    pub(super) fn request(&self) -> Option<RequestId> {
        match self {
            State::Downloading { request, .. } | State::Sidecars { request, .. } => Some(*request),
            State::Waiting { .. } | State::Importing { .. } => None,
        }
    }
}

/// See the module's text.
pub(super) struct Batch {
    pub(super) end: Slot,
    pub(super) blocks: VecDeque<Arc<SignedBeaconBlock>>,
    /// Bytes of the blocks that came, as they were sent.
    pub(super) bytes: usize,
    /// Of the next blocks, by slot; what has no entry here was not asked for.
    pub(super) sidecars: BTreeMap<Slot, Expected>,
    /// Sidecars of blocks before this slot have been asked for.
    pub(super) asked: Slot,
    pub(super) state: State,
}

impl Service {
    /// The blocks that wait for import may become too many bytes: then those of later batches are dropped, to be fetched again
    /// when their turn comes; and if the batch at hand is the first, it ends here, and what came of it is imported.
    pub(super) fn keep_memory_bounded(&mut self, cx: Cx<'_>, start: Slot) {
        if self.sync.batches.values().map(|batch| batch.bytes).sum::<usize>() <= MOST_BYTES {
            return;
        }
        self.sync.is_heavy = true;
        let Some((&first, _)) = self.sync.batches.first_key_value() else { return };
        let later = self.sync.batches.split_off(&(first + 1));
        for (later_start, batch) in later {
            self.sync.next = self.sync.next.min(later_start);
            self.cancel(batch.state.request());
        }
        let ends = |batch: &&mut Batch| first == start && batch.bytes > MOST_BYTES;
        let Some(batch) = self.sync.batches.get_mut(&first).filter(ends) else { return };
        let State::Downloading { peer, request } = &batch.state else { return };
        let (peer, request) = (peer.clone(), *request);
        batch.end = batch.blocks.back().map_or(batch.end, |last| last.message.slot + 1);
        batch.state = State::Waiting { peer };
        self.sync.next = batch.end;
        self.cancel(Some(request));
        if !self.fetch_range_sidecars(cx, first) {
            self.drive_sync(cx);
        }
    }

    pub(super) fn cancel(&mut self, request: Option<RequestId>) {
        if let Some(request) = request {
            self.requests.remove(&request);
            self.out.push(Action::Link(Command::Cancel { id: request }));
        }
    }
}
