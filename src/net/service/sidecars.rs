//! Sidecars of blobs and of columns: asked for by the root of their block, as the chain wants them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::peers::PeerState;
use super::{Cx, Import, Purpose, Service};
use crate::chain::{Origin, Outcome};
use crate::net::PeerId;
use crate::net::link::{Chunk, Protocol, RequestError};
use crate::spec::max_blobs_per_block;
use crate::ssz::{Root, Shape, Ssz};
use crate::types::{
    BeaconBlockHeader, BlobIdentifier, BlobSidecar, BlobSidecarsByRootRequest, DataColumnSidecar,
    DataColumnSidecarsByRootRequest, DataColumnsByRootIdentifier, ForkName, SignedBeaconBlockHeader, Slot,
};

/// Blocks whose sidecars are looked for at once; the chain repeats what it wants each slot.
const MAX_SIDECAR_LOOKUPS: usize = 256;
/// Slots after which a wish that was not repeated is forgotten.
const PATIENCE_SLOTS: u64 = 3;

/// A sidecar of either kind.
#[derive(Clone, Debug)]
pub(super) enum Sidecar {
    Blob(Arc<BlobSidecar>),
    Column(Arc<DataColumnSidecar>),
}

impl Sidecar {
    /// What a chunk of this protocol holds.
    pub(super) fn decode(protocol: Protocol, shape: Shape, bytes: &[u8]) -> Option<Sidecar> {
        match protocol {
            Protocol::BlobsByRange1 | Protocol::BlobsByRoot1 => {
                BlobSidecar::decode(shape, bytes).ok().map(|sidecar| Sidecar::Blob(Arc::new(sidecar)))
            }
            Protocol::ColumnsByRange1 | Protocol::ColumnsByRoot1 => {
                DataColumnSidecar::decode(shape, bytes).ok().map(|sidecar| Sidecar::Column(Arc::new(sidecar)))
            }
            _ => None,
        }
    }

    pub(super) fn encode(&self, shape: Shape) -> Vec<u8> {
        match self {
            Sidecar::Blob(sidecar) => sidecar.encode(shape),
            Sidecar::Column(sidecar) => sidecar.encode(shape),
        }
    }

    /// The header of its block.
    pub(super) fn header(&self) -> &BeaconBlockHeader {
        &self.signed_header().message
    }

    /// The same with the signature.
    pub(super) fn signed_header(&self) -> &SignedBeaconBlockHeader {
        match self {
            Sidecar::Blob(sidecar) => &sidecar.signed_block_header,
            Sidecar::Column(sidecar) => &sidecar.signed_block_header,
        }
    }

    /// Number of the blob or column.
    pub(super) fn index(&self) -> u64 {
        match self {
            Sidecar::Blob(sidecar) => sidecar.index,
            Sidecar::Column(sidecar) => sidecar.index,
        }
    }
}

/// Sidecars of one block that are looked for.
pub(super) struct SidecarLookup {
    slot: Slot,
    /// What is still missing.
    indices: BTreeSet<u64>,
    /// Whose message made us look their block up, if one did: asked first.
    source: Option<PeerId>,
    /// Asked since the chain last said that it wants them.
    asked: BTreeSet<PeerId>,
    /// Who sent wrong ones; not asked again.
    liars: BTreeSet<PeerId>,
    under_way: bool,
    until_ms: u64,
}

impl Service {
    /// Decodes a sidecar as it came in a chunk: the context must be its epoch's digest, and its index possible.
    pub(super) fn decode_sidecar(&self, protocol: Protocol, chunk: &Chunk) -> Option<Sidecar> {
        let fork = self.schedule.of_digest(chunk.context?)?.fork;
        let sidecar = Sidecar::decode(protocol, self.cfg.shape(fork), &chunk.body)?;
        let epoch = self.cfg.epoch_of(sidecar.header().slot);
        let most = match &sidecar {
            Sidecar::Blob(_) => max_blobs_per_block(&self.cfg, epoch),
            Sidecar::Column(_) => self.cfg.preset.number_of_columns,
        };
        let fits = chunk.context == Some(self.schedule.at(epoch).digest) && sidecar.index() < most;
        fits.then_some(sidecar)
    }

    /// Forgets what the chain wants no more.
    pub(super) fn expire_sidecar_lookups(&mut self, cx: Cx<'_>) {
        self.sidecar_lookups.retain(|_, lookup| lookup.under_way || lookup.until_ms > cx.now_ms);
    }

    /// The chain needs sidecars for a block of this origin.
    pub(super) fn sidecars_wanted(&mut self, cx: Cx<'_>, root: Root, slot: Slot, indices: &[u64], origin: Origin) {
        let indices: BTreeSet<u64> = indices.iter().copied().collect();
        let until_ms = cx.now_ms.saturating_add(PATIENCE_SLOTS.saturating_mul(self.cfg.slot_duration_ms));
        if let Some(lookup) = self.sidecar_lookups.get_mut(&root) {
            // asked again: those who did not have them may have them by now
            (lookup.indices, lookup.until_ms) = (indices, until_ms);
            if !lookup.under_way {
                lookup.asked.clear();
            }
        } else {
            if self.sidecar_lookups.len() >= MAX_SIDECAR_LOOKUPS {
                return;
            }
            let source = match origin {
                Origin::Sync(number) => match self.imports.get(&number) {
                    Some(Import::Lookup { source, .. }) => source.clone(),
                    _ => None,
                },
                // who sent a block by gossip is forgotten once it is forwarded, long before its sidecars are missed
                Origin::Gossip(_) | Origin::Api(_) | Origin::Own => None,
            };
            let (asked, liars, under_way) = (BTreeSet::new(), BTreeSet::new(), false);
            let lookup = SidecarLookup { slot, indices, source, asked, liars, under_way, until_ms };
            self.sidecar_lookups.insert(root, lookup);
        }
        self.ask_for_sidecars(cx, root);
    }

    /// Asks the next peer, of those who have failed us least the one whose message made us look the block up; when all were asked, the lookup
    /// rests until the chain repeats its wish.
    fn ask_for_sidecars(&mut self, cx: Cx<'_>, root: Root) {
        let Some(lookup) = self.sidecar_lookups.get_mut(&root).filter(|lookup| !lookup.under_way) else { return };
        if lookup.indices.is_empty() || cx.chain.has_block(&root) {
            self.sidecar_lookups.remove(&root);
            return;
        }
        let ready = self.peers.iter().filter(|(_, peer)| peer.state == PeerState::Connected);
        let fresh = ready.filter(|(id, _)| !lookup.asked.contains(*id) && !lookup.liars.contains(*id));
        let best = fresh.min_by_key(|(id, peer)| (peer.failures, lookup.source.as_ref() != Some(*id)));
        let Some(peer) = best.map(|(id, _)| id.clone()) else { return };
        lookup.asked.insert(peer.clone());
        lookup.under_way = true;
        let fork = self.cfg.fork_at_slot(lookup.slot);
        let offer = by_root(self.cfg.shape(fork), root, &lookup.indices);
        self.ask(cx.now_ms, &peer, Purpose::Sidecars(root), vec![offer]);
    }

    pub(super) fn sidecar_chunk(&mut self, cx: Cx<'_>, peer: &PeerId, root: Root, protocol: Protocol, chunk: &Chunk) {
        let sidecar = self.decode_sidecar(protocol, chunk);
        let root_of = |sidecar: &Sidecar| {
            let header = sidecar.header();
            header.hash_tree_root(self.cfg.shape_at_slot(header.slot))
        };
        let Some(sidecar) = sidecar.filter(|sidecar| root_of(sidecar) == root) else {
            tracing::debug!(%peer, %root, "not the sidecars that were asked for");
            return self.sent_wrong_sidecar(cx, peer, root);
        };
        let wanted = self.sidecar_lookups.get_mut(&root).is_some_and(|lookup| lookup.indices.remove(&sidecar.index()));
        if wanted {
            self.import_sidecar(cx, peer, root, sidecar);
        }
    }

    /// What came of a fetched sidecar. A wrong one is held against its sender, and still missing.
    pub(super) fn sidecar_imported(&mut self, cx: Cx<'_>, id: &PeerId, root: Root, index: u64, outcome: &Outcome) {
        let Outcome::Reject(why) = outcome else { return };
        tracing::debug!(peer = %id, %root, index, why, "a wrong sidecar");
        if let Some(lookup) = self.sidecar_lookups.get_mut(&root) {
            lookup.indices.insert(index);
        }
        self.sent_wrong_sidecar(cx, id, root);
    }

    fn sent_wrong_sidecar(&mut self, cx: Cx<'_>, id: &PeerId, root: Root) {
        if let Some(lookup) = self.sidecar_lookups.get_mut(&root) {
            lookup.liars.insert(id.clone());
        }
        self.failed_us(id);
        self.misbehaved(cx, id, "it sent a wrong sidecar");
    }

    /// A request for sidecars of this block is over; if some are still missing, others are asked.
    pub(super) fn sidecars_over(&mut self, cx: Cx<'_>, peer: &PeerId, root: Root, failure: Option<&RequestError>) {
        if let Some(RequestError::Timeout | RequestError::Malformed(_)) = failure {
            self.failed_us(peer);
        }
        if let Some(lookup) = self.sidecar_lookups.get_mut(&root) {
            lookup.under_way = false;
            self.ask_for_sidecars(cx, root);
        }
    }
}

/// The request for these sidecars of one block: blobs before fulu, columns from then on.
fn by_root(shape: Shape, block_root: Root, indices: &BTreeSet<u64>) -> (Protocol, Vec<u8>) {
    if shape.fork < ForkName::Fulu {
        let blobs = indices.iter().map(|index| BlobIdentifier { block_root, index: *index });
        (Protocol::BlobsByRoot1, blobs.collect::<BlobSidecarsByRootRequest>().encode(shape))
    } else {
        let columns = indices.iter().copied().collect();
        let request: DataColumnSidecarsByRootRequest = vec![DataColumnsByRootIdentifier { block_root, columns }].into();
        (Protocol::ColumnsByRoot1, request.encode(shape))
    }
}
