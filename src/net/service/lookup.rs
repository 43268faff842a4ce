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
/// Times that all peers are asked for a block.
const MAX_ROUNDS: u32 = 6;
/// Pause between two rounds, milliseconds.
const ROUND_PAUSE_MS: u64 = 500;

pub(super) struct Lookup {
    /// Distance from the block that began it.
    depth: u32,
    /// Whom to ask first.
    first: Option<PeerId>,
    asked: BTreeSet<PeerId>,
    under_way: bool,
    rounds: u32,
    not_before_ms: u64,
}

impl Service {
    /// The chain needs a block for an object of this origin.
    pub(super) fn block_wanted(&mut self, cx: Cx<'_>, root: Root, origin: Origin) {
        let (depth, first) = match origin {
            Origin::Gossip(id) => (0, self.sources.get(&id).cloned()),
            Origin::Sync(number) => match self.imports.get(&number) {
                Some(Import::Range(start)) => return self.range_parent_missing(cx, *start),
                Some(Import::Lookup { depth }) => (depth + 1, None),
                None => return,
            },
            Origin::Api(_) | Origin::Own => (0, None),
        };
        if depth > MAX_DEPTH || self.lookups.len() >= MAX_LOOKUPS {
            // far behind: the next statuses will say so, and range sync begins
            let peers: Vec<PeerId> = self.peers.keys().cloned().collect();
            return peers.iter().for_each(|peer| self.send_status(cx, peer));
        }
        self.lookups.entry(root).or_insert(Lookup {
            depth,
            first,
            asked: BTreeSet::new(),
            under_way: false,
            rounds: 0,
            not_before_ms: cx.now_ms,
        });
        self.drive_lookups(cx);
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
        let first = ready.iter().find(|id| lookup.first.as_ref() == Some(**id)).filter(fresh);
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
        let offers = [Protocol::BlocksByRoot2, Protocol::BlocksByRoot1];
        self.ask(cx.now_ms, &peer, Purpose::Root(root), &offers, body);
    }

    pub(super) fn root_chunk(&mut self, cx: Cx<'_>, peer: &PeerId, root: Root, chunk: &Chunk) {
        match self.decode_block(chunk) {
            Some(block) if self.block_root(&block) == root => {
                if let Some(Lookup { depth, .. }) = self.lookups.remove(&root) {
                    self.import(cx, block, Import::Lookup { depth });
                }
            }
            _ => {
                tracing::debug!(%peer, %root, "not the block that was asked for");
                self.misbehaved(cx, peer);
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
