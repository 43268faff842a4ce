//! Sidecars of a batch of range sync: asked for by range after the batch's blocks, of the peer that sent them. What does not
//! come so is no failure: the chain asks for it block by block, and of any peer.

use super::sidecars::Sidecar;
use super::sync::State;
use super::{Cx, Purpose, Service};
use crate::net::PeerId;
use crate::net::link::{Chunk, Protocol, RequestId};
use crate::ssz::Ssz;
use crate::types::{
    BlobSidecarsByRangeRequest, ChainConfig, DataColumnSidecarsByRangeRequest, Epoch, ForkName, SignedBeaconBlock, Slot,
};

/// A protocol and the body of a request by it.
type Offer = (Protocol, Vec<u8>);

impl Service {
    /// The blocks of a batch are there: asks for the sidecars that peers still have to keep.
    pub(super) fn fetch_range_sidecars(&mut self, cx: Cx<'_>, start: Slot) {
        let Some(batch) = self.sync.batches.get(&start) else { return };
        let now = self.epoch_at(cx.now_ms);
        let wanted: Vec<&SignedBeaconBlock> =
            batch.blocks.iter().map(AsRef::as_ref).filter(|block| has_sidecars(&self.cfg, block, now)).collect();
        let rest = requests(&self.cfg, &wanted);
        let roots: Vec<_> = wanted.into_iter().map(|block| (self.block_root(block), Vec::new())).collect();
        let peer = batch.state.peer().clone();
        if let Some(batch) = self.sync.batches.get_mut(&start) {
            batch.sidecars.extend(roots);
        }
        self.next_range_sidecars(cx, start, peer, rest);
    }

    /// Makes the next of these requests; without one the batch is complete.
    fn next_range_sidecars(&mut self, cx: Cx<'_>, start: Slot, peer: PeerId, mut rest: Vec<Offer>) {
        let state = match rest.pop() {
            Some(offer) => {
                let request = self.ask(cx.now_ms, &peer, Purpose::RangeSidecars(start), vec![offer]);
                State::Sidecars { peer, request, rest }
            }
            None => State::Waiting { peer },
        };
        let complete = matches!(state, State::Waiting { .. });
        if let Some(batch) = self.sync.batches.get_mut(&start) {
            batch.state = state;
        }
        if complete {
            self.drive_sync(cx);
        }
    }

    pub(super) fn range_sidecar_chunk(
        &mut self,
        cx: Cx<'_>,
        id: RequestId,
        start: Slot,
        protocol: Protocol,
        chunk: &Chunk,
    ) {
        let sidecar = self.decode_sidecar(protocol, chunk);
        let Some(batch) = self.sync.batches.get_mut(&start).filter(|batch| batch.state.request() == Some(id)) else {
            return;
        };
        let Some(sidecar) = sidecar else { return self.sync_failed(cx, start, "a sidecar that can't be decoded") };
        let header = sidecar.header();
        let root = header.hash_tree_root(self.cfg.shape_at_slot(header.slot));
        // others are of another branch, or were not asked for
        if let Some(kept) = batch.sidecars.get_mut(&root)
            && !kept.iter().any(|other: &Sidecar| other.index() == sidecar.index())
        {
            kept.push(sidecar);
        }
    }

    pub(super) fn range_sidecars_over(&mut self, cx: Cx<'_>, id: RequestId, start: Slot, well: bool) {
        let Some(batch) = self.sync.batches.get_mut(&start) else { return };
        let State::Sidecars { peer, request, rest } = &mut batch.state else { return };
        if *request != id {
            return;
        }
        if !well {
            tracing::debug!(%peer, start, "no complete answer with sidecars");
        }
        let (peer, rest) = (peer.clone(), std::mem::take(rest));
        self.next_range_sidecars(cx, start, peer, rest);
    }
}

/// Whether the block has sidecars that peers still have to keep in epoch `now`.
fn has_sidecars(cfg: &ChainConfig, block: &SignedBeaconBlock, now: Epoch) -> bool {
    let epochs = match cfg.fork_at_slot(block.message.slot) < ForkName::Fulu {
        true => cfg.min_epochs_for_blob_sidecars_requests,
        false => cfg.min_epochs_for_data_column_sidecars_requests,
    };
    let is_kept = cfg.epoch_of(block.message.slot) >= now.saturating_sub(epochs);
    is_kept && !block.message.body.blob_kzg_commitments.is_empty()
}

/// The requests for all sidecars of these blocks: blobs before fulu, columns from then on.
fn requests(cfg: &ChainConfig, blocks: &[&SignedBeaconBlock]) -> Vec<Offer> {
    let shape = cfg.shape(ForkName::Fulu);
    let slots = blocks.iter().map(|block| block.message.slot);
    let (before, since): (Vec<Slot>, Vec<Slot>) = slots.partition(|slot| cfg.fork_at_slot(*slot) < ForkName::Fulu);
    let span = |slots: &[Slot]| Some((*slots.first()?, slots.last()? + 1 - slots.first()?));
    let blobs = span(&before).map(|(start_slot, count)| {
        (Protocol::BlobsByRange1, BlobSidecarsByRangeRequest { start_slot, count }.encode(shape))
    });
    let columns = span(&since).map(|(start_slot, count)| {
        let columns = (0..cfg.preset.number_of_columns).collect();
        (Protocol::ColumnsByRange1, DataColumnSidecarsByRangeRequest { start_slot, count, columns }.encode(shape))
    });
    blobs.into_iter().chain(columns).collect()
}
