//! Fetches single blocks that the chain lacks: parents of what came by gossip, and their parents.

use std::collections::BTreeSet;

use super::peers::PeerState;
use super::{Cx, Import, Purpose, Service};
use crate::chain::Origin;
use crate::net::PeerId;
use crate::net::link::{Chunk, Protocol};
use crate::ssz::{Root, Ssz};
use crate::types::BeaconBlocksByRootRequest;

/// Ancestors that are followed one by one; who is further behind syncs by range.
const MAX_DEPTH: u32 = 32;
/// Blocks looked for at once.
const MAX_LOOKUPS: usize = 64;
/// Of these, blocks that the messages of one peer made us look for: roots that don't exist cost it nothing to name.
const MAX_LOOKUPS_PER_SOURCE: usize = 8;
/// Times that all peers are asked for a block.
const MAX_ROUNDS: u32 = 6;
/// Pause between two rounds, milliseconds.
const ROUND_PAUSE_MS: u64 = 500;

pub(super) struct Lookup {
    /// Distance from the block that began it.
    depth: u32,
    /// Whose message began it, if a peer's did: asked first.
    source: Option<PeerId>,
    asked: BTreeSet<PeerId>,
    under_way: bool,
    rounds: u32,
    not_before_ms: u64,
}

impl Service {
    /// The chain needs a block for an object of this origin.
    pub(super) fn block_wanted(&mut self, cx: Cx<'_>, root: Root, origin: Origin) {
        let (depth, source) = match origin {
            Origin::Gossip(id) => (0, self.sources.get(&id).map(|source| source.peer.clone())),
            Origin::Sync(number) => match self.imports.get(&number) {
                Some(Import::Range(start)) => return self.range_parent_missing(cx, *start),
                Some(Import::Lookup { depth, source }) => (depth + 1, source.clone()),
                Some(Import::Sidecar { .. }) | None => return,
            },
            Origin::Api(_) | Origin::Own => (0, None),
        };
        if !self.lookups.contains_key(&root) {
            if depth > MAX_DEPTH || !self.has_room(source.as_ref()) {
                return self.ask_all_statuses(cx);
            }
            let (asked, not_before_ms) = (BTreeSet::new(), cx.now_ms);
            self.lookups.insert(root, Lookup { depth, source, asked, under_way: false, rounds: 0, not_before_ms });
        }
        self.drive_lookups(cx);
    }

    /// Whether one more block may be looked for on behalf of this peer.
    fn has_room(&self, source: Option<&PeerId>) -> bool {
        let of_source = |lookup: &&Lookup| source.is_some() && lookup.source.as_ref() == source;
        self.lookups.len() < MAX_LOOKUPS && self.lookups.values().filter(of_source).count() < MAX_LOOKUPS_PER_SOURCE
    }

    /// Too much to look up. If we are far behind the next statuses will say so, and range sync begins; once per slot is
    /// enough for that, however many unknown roots we are told.
    fn ask_all_statuses(&mut self, cx: Cx<'_>) {
        let slot = Some(self.slot_at(cx.now_ms));
        if self.overflow_slot != slot {
            self.overflow_slot = slot;
            let peers: Vec<PeerId> = self.peers.keys().cloned().collect();
            peers.iter().for_each(|peer| self.send_status(cx, peer));
        }
    }

    /// Asks for what is not under way. While the chain is synced by range most of it will come by itself.
    pub(super) fn drive_lookups(&mut self, cx: Cx<'_>) {
        if self.sync.target().is_some() {
            return;
        }
        self.lookups.retain(|root, lookup| lookup.rounds < MAX_ROUNDS && !cx.chain.has_block(root));
        let due: Vec<Root> = self
            .lookups
            .iter()
            .filter(|(_, lookup)| !lookup.under_way && lookup.not_before_ms <= cx.now_ms)
            .map(|(root, _)| *root)
            .collect();
        for root in due {
            self.ask_for_block(cx, root);
        }
    }

    fn ask_for_block(&mut self, cx: Cx<'_>, root: Root) {
        let Some(lookup) = self.lookups.get_mut(&root) else { return };
        let ready: Vec<&PeerId> =
            self.peers.iter().filter(|(_, p)| p.state == PeerState::Connected).map(|(id, _)| id).collect();
        let fresh = |id: &&&PeerId| !lookup.asked.contains(**id);
        let first = ready.iter().find(|id| lookup.source.as_ref() == Some(**id)).filter(fresh);
        let Some(peer) = first.or_else(|| ready.iter().find(fresh)).map(|id| (*id).clone()) else {
            if !ready.is_empty() {
                lookup.rounds += 1;
            }
            lookup.asked.clear();
            lookup.not_before_ms = cx.now_ms + ROUND_PAUSE_MS;
            return;
        };
        lookup.asked.insert(peer.clone());
        lookup.under_way = true;
        let body = BeaconBlocksByRootRequest::from(vec![root]).encode(self.shape());
        let offers = vec![(Protocol::BlocksByRoot2, body.clone()), (Protocol::BlocksByRoot1, body)];
        self.ask(cx.now_ms, &peer, Purpose::Root(root), offers);
    }

    pub(super) fn root_chunk(&mut self, cx: Cx<'_>, peer: &PeerId, root: Root, chunk: &Chunk) {
        match self.decode_block(chunk) {
            Some(block) if self.block_root(&block) == root => {
                if let Some(Lookup { depth, source, .. }) = self.lookups.remove(&root) {
                    self.import(cx, block, Import::Lookup { depth, source });
                }
            }
            _ => {
                tracing::debug!(%peer, %root, "not the block that was asked for");
                self.misbehaved(cx, peer, "its answer holds another block than was asked for");
            }
        }
    }

    /// A request for this block is over; if the block did not come, others are asked.
    pub(super) fn root_over(&mut self, cx: Cx<'_>, root: Root) {
        if let Some(lookup) = self.lookups.get_mut(&root) {
            lookup.under_way = false;
            self.drive_lookups(cx);
        }
    }
}
