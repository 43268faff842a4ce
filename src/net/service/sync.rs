//! Range sync: fetches the canonical chain of peers that are ahead, some batches at once, and imports it in order.
//! A batch is its blocks, and those sidecars of them that peers still have to keep: these are fetched after the blocks, for some
//! blocks at once, and for the next ones when those are imported. Sidecars that don't come are no failure: the chain asks for
//! them block by block, and of any peer.
//!
//! It begins after our head. If that turns out not to be on the peers' chain it begins anew after the finalized block; and
//! after the last block imported, if a later one lacks its parent because a peer sent less than it has (it may).
//! A batch that fails (no answer, malformed, invalid block, unknown parent) is fetched again, from another peer if there is one;
//! no peer is dropped for it, since it may be the only one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::batch::{Batch, State};
use super::peers::{Peer, PeerState};
use super::requests::REQUEST_TIMEOUT_MS;
use super::{Cx, Import, Purpose, Service};
use crate::chain::{Outcome, Standing};
use crate::net::PeerId;
use crate::net::link::{Chunk, Protocol, RequestId};
use crate::ssz::{Root, Ssz};
use crate::types::{BeaconBlocksByRangeRequest, Slot, Status};

/// Slots per batch.
const BATCH_SLOTS: u64 = 64;
/// Batches requested, or waiting for import, at once.
const MAX_BATCHES: usize = 4;
/// Batches asked of one peer at once: MAX_CONCURRENT_REQUESTS of the specification.
const MAX_PER_PEER: usize = 2;
/// Pause after a failure, milliseconds; doubled by each further one in a row.
const FIRST_PAUSE_MS: u64 = 250;
/// Longest pause, milliseconds.
const LONGEST_PAUSE_MS: u64 = 12_000;

/// Where range sync stands.
#[derive(Default)]
pub(super) struct RangeSync {
    /// Last slot wanted; `None` while there is nothing to sync.
    target: Option<Slot>,
    /// Somebody promised it whose chain was not found invalid before.
    is_trusted: bool,
    /// First slot not requested yet.
    pub(super) next: Slot,
    pub(super) batches: BTreeMap<Slot, Batch>,
    /// Our head was not on the peers' chain: begin after the finalized block.
    from_finalized: bool,
    /// Slot of the last block imported from the peers' chain since this attempt began.
    imported: Option<Slot>,
    /// The same of the attempt before.
    resume: Option<Slot>,
    failures: u32,
    paused_until_ms: u64,
    /// The blocks are so big that batches are fetched one after the other.
    pub(super) is_heavy: bool,
    /// Peers that said that a whole batch of slots is empty. They are the first to be doubted if something is missing later.
    said_empty: BTreeSet<PeerId>,
}

impl RangeSync {
    /// The slot up to which we sync, while we do.
    pub(super) fn target(&self) -> Option<Slot> {
        self.target
    }

    /// The same, unless nobody promised it who can be trusted.
    pub(super) fn trusted_target(&self) -> Option<Slot> {
        self.target.filter(|_| self.is_trusted)
    }
}

impl Service {
    /// Begins, goes on, or ends, whatever is due.
    pub(super) fn drive_sync(&mut self, cx: Cx<'_>) {
        self.give_up_stuck_import(cx);
        self.resume_import(cx);
        if cx.now_ms < self.sync.paused_until_ms {
            return;
        }
        let promise = self.promise(cx);
        let target = promise.map(|promise| promise.slot);
        if self.sync.target.is_none() {
            let Some(target) = target else { return };
            let status = cx.chain.status();
            let base = match (self.sync.resume, self.sync.from_finalized) {
                (Some(slot), _) => slot,
                (None, true) => self.cfg.start_slot(cx.chain.finalized().epoch),
                (None, false) => status.head_slot,
            };
            if target <= base {
                // the peers' chain is the shorter one so far: nothing can be learnt after our head, but from the fork on
                self.sync.next = self.cfg.start_slot(cx.chain.finalized().epoch) + 1;
            } else {
                self.sync.next = base + 1;
            }
            tracing::info!(from = self.sync.next, to = target, "syncing");
        }
        self.sync.target = self.sync.target.max(target);
        self.sync.is_trusted |= promise.is_some_and(|promise| promise.is_trusted);
        self.request_batches(cx);
        self.import_next(cx);
        self.finish_sync(cx);
    }

    /// Blocks that don't link to each other are held by the chain and may never be judged. The time that our execution
    /// engine takes is not the peer's.
    fn give_up_stuck_import(&mut self, cx: Cx<'_>) {
        let Some(mut first) = self.sync.batches.first_entry() else { return };
        let start = *first.key();
        let State::Importing { root, since_ms, .. } = &mut first.get_mut().state else { return };
        if cx.chain.standing(root) == Standing::AwaitsEngine {
            *since_ms = cx.now_ms;
        } else if cx.now_ms >= since_ms.saturating_add(REQUEST_TIMEOUT_MS) {
            self.sync_failed(cx, start, "blocks that the chain could not judge");
        }
    }

    /// A block that came to the chain in another way, too, may be imported long after its outcome here.
    fn resume_import(&mut self, cx: Cx<'_>) {
        let Some((&start, batch)) = self.sync.batches.first_key_value() else { return };
        let State::Importing { slot, root, .. } = batch.state else { return };
        let awaited = self.imports.values().any(|import| matches!(import, Import::Range(of) if *of == start));
        if !awaited && cx.chain.standing(&root) == Standing::Imported {
            self.sync.imported = Some(slot);
            self.import_block_of(cx, start);
        }
    }

    fn request_batches(&mut self, cx: Cx<'_>) {
        let Some(target) = self.sync.target else { return };
        let most = if self.sync.is_heavy { 1 } else { MAX_BATCHES };
        while self.sync.batches.len() < most && self.sync.next <= target {
            let start = self.sync.next;
            let end = start.saturating_add(BATCH_SLOTS).min(target + 1);
            let Some((peer, request)) = self.request_range(cx, start, end) else { return };
            self.sync.next = end;
            let state = State::Downloading { peer, request };
            let (blocks, sidecars) = (VecDeque::new(), BTreeMap::new());
            self.sync.batches.insert(start, Batch { end, blocks, bytes: 0, sidecars, asked: start, state });
        }
    }

    /// Asks the least busy of those peers that have the slots and have failed least. `None` while they have enough to do.
    fn request_range(&mut self, cx: Cx<'_>, start: Slot, end: Slot) -> Option<(PeerId, RequestId)> {
        let busy = |id: &PeerId| self.requests.values().filter(|p| p.peer == *id && p.purpose.is_range()).count();
        let covers = |s: &Status| s.head_slot >= start && s.earliest_available_slot <= start;
        let has = |p: &Peer| p.state == PeerState::Connected && p.status.as_ref().is_some_and(covers);
        let able: Vec<(&PeerId, &Peer)> = self.peers.iter().filter(|(_, p)| has(p)).collect();
        let best = able.iter().map(|(_, p)| p.failures).min()?;
        let peer = able
            .iter()
            .filter(|(id, p)| p.failures == best && busy(id) < MAX_PER_PEER)
            .min_by_key(|(id, _)| busy(id))
            .map(|(id, _)| (*id).clone())?;
        let request = BeaconBlocksByRangeRequest { start_slot: start, count: end - start, step: 1 };
        let body = request.encode(self.shape());
        let offers = vec![(Protocol::BlocksByRange2, body.clone()), (Protocol::BlocksByRange1, body)];
        let request = self.ask(cx.now_ms, &peer, Purpose::Range(start), offers);
        Some((peer, request))
    }

    pub(super) fn range_chunk(&mut self, cx: Cx<'_>, id: RequestId, start: Slot, chunk: &Chunk) {
        let block = self.decode_block(chunk);
        let Some(batch) = self.sync.batches.get_mut(&start) else { return };
        match (&batch.state, block) {
            (State::Downloading { request, .. }, Some(block)) if *request == id => {
                let slot = block.message.slot;
                let after = batch.blocks.back().map_or(start, |last| last.message.slot + 1);
                if (after..batch.end).contains(&slot) {
                    batch.blocks.push_back(block);
                    batch.bytes += chunk.body.len();
                    self.keep_memory_bounded(cx, start);
                } else {
                    self.sync_failed(cx, start, "a block outside of what was asked for");
                }
            }
            (State::Downloading { request, .. }, None) if *request == id => {
                self.sync_failed(cx, start, "a block that can't be decoded");
            }
            _ => {}
        }
    }

    pub(super) fn range_over(&mut self, cx: Cx<'_>, id: RequestId, start: Slot, well: bool) {
        let Some(batch) = self.sync.batches.get_mut(&start) else { return };
        let State::Downloading { peer, request } = &batch.state else { return };
        if *request != id {
            return;
        }
        if well {
            batch.state = State::Waiting { peer: peer.clone() };
            if !self.fetch_range_sidecars(cx, start) {
                self.drive_sync(cx);
            }
        } else {
            self.sync_failed(cx, start, "no complete answer");
        }
    }

    /// Hands the first batch to the chain once it is there.
    fn import_next(&mut self, cx: Cx<'_>) {
        while let Some(mut entry) = self.sync.batches.first_entry() {
            let start = *entry.key();
            let batch = entry.get_mut();
            let State::Waiting { peer } = &batch.state else { return };
            if batch.blocks.is_empty() {
                // every slot of it was empty; if that is a lie, the next batch lacks a parent
                let peer = peer.clone();
                entry.remove();
                self.sync.said_empty.insert(peer);
                self.request_batches(cx);
                continue;
            }
            if !cx.chain.has_block(&batch.blocks[0].message.parent_root) {
                return self.range_parent_missing(cx, start);
            }
            batch.state = State::Importing { peer: peer.clone(), slot: start, root: Root::ZERO, since_ms: cx.now_ms };
            return self.import_block_of(cx, start);
        }
    }

    /// Hands the next block of a batch to the chain, and its sidecars after it, once they have been asked for. One at a time:
    /// what comes of a block may take an execution engine's word, and its children can't be judged before.
    fn import_block_of(&mut self, cx: Cx<'_>, start: Slot) {
        let Some(batch) = self.sync.batches.get(&start) else { return };
        let next = batch.blocks.front().map(|block| (block.message.slot, self.block_root(block)));
        if next.is_some_and(|(slot, _)| slot >= batch.asked) && self.fetch_range_sidecars(cx, start) {
            return;
        }
        let Some(batch) = self.sync.batches.get_mut(&start) else { return };
        let State::Importing { peer, slot: at, root: of, since_ms } = &mut batch.state else { return };
        let peer = peer.clone();
        let (Some(block), Some((slot, root))) = (batch.blocks.pop_front(), next) else {
            self.sync.failures = 0;
            self.sync.batches.remove(&start);
            return self.drive_sync(cx);
        };
        (*at, *of, *since_ms) = (slot, root, cx.now_ms);
        let expected = batch.sidecars.remove(&slot);
        self.import(cx, block, Import::Range(start));
        for sidecar in expected.into_iter().flat_map(|expected| expected.came) {
            self.import_sidecar(cx, &peer, root, sidecar);
        }
    }

    pub(super) fn range_imported(&mut self, cx: Cx<'_>, start: Slot, outcome: &Outcome) {
        let Some(batch) = self.sync.batches.get(&start) else { return };
        let State::Importing { slot, root, ref peer, .. } = batch.state else { return };
        let (peer, standing) = (peer.clone(), cx.chain.standing(&root));
        let is_rejected = matches!(outcome, Outcome::Reject(_));
        if is_rejected || standing == Standing::Invalid {
            self.led_astray(cx, &peer);
        }
        match standing {
            _ if is_rejected => self.sync_failed(cx, start, &format!("an invalid block: {outcome:?}")),
            Standing::Imported => {
                self.sync.imported = Some(slot);
                self.import_block_of(cx, start);
            }
            // It came in another way before and waits; so do its children here.
            Standing::Awaits | Standing::AwaitsEngine => {}
            // Nobody's fault, but what follows can't be imported either: another peer may have another chain.
            Standing::Unknown | Standing::Invalid => {
                self.sync_failed(cx, start, &format!("a block that is not taken: {outcome:?}"));
            }
        }
    }

    /// A block of a batch lacks its parent: our chains part before what we asked for.
    pub(super) fn range_parent_missing(&mut self, cx: Cx<'_>, start: Slot) {
        if self.sync.batches.contains_key(&start) {
            self.sync.from_finalized = true;
            let why = "a block whose parent we don't have";
            match self.sync.said_empty.is_empty() {
                true => self.sync_failed(cx, start, why),
                false => {
                    self.doubt_empty_answers();
                    self.begin_anew(cx, why);
                }
            }
        }
    }

    /// Nothing comes of this batch: other peers are asked first from now on.
    pub(super) fn sync_failed(&mut self, cx: Cx<'_>, start: Slot, why: &str) {
        let Some(batch) = self.sync.batches.get(&start) else { return };
        let peer = batch.state.peer().clone();
        tracing::debug!(%peer, start, "sync batch failed");
        self.failed_us(&peer);
        self.begin_anew(cx, why);
    }

    /// Others are asked first from now on.
    pub(super) fn failed_us(&mut self, id: &PeerId) {
        if let Some(peer) = self.peers.get_mut(id) {
            peer.failures += 1;
        }
    }

    /// Gives up what is under way; after a pause sync begins anew.
    pub(super) fn begin_anew(&mut self, cx: Cx<'_>, why: &str) {
        tracing::debug!(why, "sync begins anew");
        let failures = self.sync.failures + 1;
        let resume = self.sync.imported;
        let from_finalized = resume.is_none() && (self.sync.from_finalized || failures > 1);
        for batch in std::mem::take(&mut self.sync.batches).into_values() {
            self.cancel(batch.state.request());
        }
        self.imports.retain(|_, import| !matches!(import, Import::Range(_)));
        let paused_until_ms = cx.now_ms + pause_after(failures);
        let is_heavy = self.sync.is_heavy;
        self.sync = RangeSync { from_finalized, resume, failures, paused_until_ms, is_heavy, ..RangeSync::default() };
    }

    fn doubt_empty_answers(&mut self) {
        for peer in std::mem::take(&mut self.sync.said_empty) {
            self.failed_us(&peer);
        }
    }

    fn finish_sync(&mut self, cx: Cx<'_>) {
        let Some(target) = self.sync.target else { return };
        if !self.sync.batches.is_empty() || self.sync.next <= target {
            return;
        }
        tracing::info!(head = cx.chain.status().head_slot, "synced");
        // a head that was promised and not delivered: statuses are asked for anew, and the next try takes its time
        let lacking = self.promise(cx).is_some();
        if lacking {
            self.doubt_empty_answers();
        }
        let failures = if lacking { self.sync.failures + 1 } else { 0 };
        let pause = if failures > 0 { pause_after(failures) } else { 0 };
        let paused_until_ms = cx.now_ms + pause;
        self.sync = RangeSync { failures, from_finalized: failures > 1, paused_until_ms, ..RangeSync::default() };
        let peers: Vec<PeerId> =
            self.peers.iter().filter(|(_, p)| p.state == PeerState::Connected).map(|(id, _)| id.clone()).collect();
        for peer in peers {
            self.send_status(cx, &peer);
        }
        self.drive_lookups(cx);
    }
}

fn pause_after(failures: u32) -> u64 {
    FIRST_PAUSE_MS.saturating_mul(1 << (failures - 1).min(10)).min(LONGEST_PAUSE_MS)
}
