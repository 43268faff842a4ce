//! Sidecars of range sync: asked for by range, for the next blocks of a batch; so there are never more in memory than one request
//! for each batch may bring. What is kept of an answer is what belongs to its block by header, signature and
//! commitments; its proofs are the chain's to judge. What does not come so is no failure: the chain asks for it block by block,
//! and of any peer.

use super::batch::{Batch, State};
use super::sidecars::Sidecar;
use super::{Cx, Purpose, Service};
use crate::net::PeerId;
use crate::net::link::{Chunk, Protocol, RequestError, RequestId};
use crate::spec::das::compute_signed_block_header;
use crate::spec::max_blobs_per_block;
use crate::ssz::Ssz;
use crate::types::{
    BlobSidecarsByRangeRequest, ChainConfig, DataColumnSidecarsByRangeRequest, Epoch, ForkName, KzgCommitment,
    SignedBeaconBlock, SignedBeaconBlockHeader, Slot,
};

/// Bytes of blobs whose sidecars are asked for at once; columns have twice as many. A single block may have more.
const MOST_BYTES: u64 = 8 << 20;

/// The sidecars of one block that were asked for.
pub(super) struct Expected {
    header: SignedBeaconBlockHeader,
    commitments: Vec<KzgCommitment>,
    pub(super) came: Vec<Sidecar>,
}

impl Expected {
    fn of(cfg: &ChainConfig, block: &SignedBeaconBlock) -> Expected {
        Expected {
            header: compute_signed_block_header(cfg, block),
            commitments: block.message.body.blob_kzg_commitments.to_vec(),
            came: Vec::new(),
        }
    }

    /// Keeps a sidecar that belongs to the block; whether it is a new one. One of another block is none of our business: the
    /// peer's chain may have changed since it sent the block.
    fn take(&mut self, sidecar: Sidecar) -> Result<bool, &'static str> {
        let header = sidecar.signed_header();
        if header.message != self.header.message {
            return Ok(false);
        }
        if header.signature != self.header.signature {
            return Err("a sidecar that is not signed as its block is");
        }
        if !self.has_commitments_of(&sidecar) {
            return Err("a sidecar without its block's commitments");
        }
        let is_new = !self.came.iter().any(|other| other.index() == sidecar.index());
        if is_new {
            self.came.push(sidecar);
        }
        Ok(is_new)
    }

    fn has_commitments_of(&self, sidecar: &Sidecar) -> bool {
        match sidecar {
            Sidecar::Blob(blob) => {
                let index = usize::try_from(blob.index).unwrap_or(usize::MAX);
                self.commitments.get(index) == Some(&blob.kzg_commitment)
            }
            Sidecar::Column(column) => {
                let lengths = [column.column.len(), column.kzg_proofs.len()];
                lengths == [self.commitments.len(); 2] && column.kzg_commitments.iter().eq(&self.commitments)
            }
        }
    }
}

impl Service {
    /// Asks whoever sent the blocks of a batch for the sidecars of the next ones, those that peers still have to keep. False
    /// if there are none, so that the blocks can be imported.
    pub(super) fn fetch_range_sidecars(&mut self, cx: Cx<'_>, start: Slot) -> bool {
        let Some(batch) = self.sync.batches.get(&start) else { return false };
        let peer = batch.state.peer().clone();
        let wanted = self.next_with_sidecars(batch, self.epoch_at(cx.now_ms));
        let asked = wanted.last().map_or(Slot::MAX, |block| block.message.slot.saturating_add(1));
        let expected = wanted.iter().map(|block| (block.message.slot, Expected::of(&self.cfg, block))).collect();
        let offer = request(&self.cfg, &wanted);
        if offer.is_some() && !self.is_peer(&peer) {
            // nobody else can be blamed for sidecars that don't fit its blocks
            self.begin_anew(cx, "who sent the blocks is gone");
            return true;
        }
        let request = offer.map(|offer| self.ask(cx.now_ms, &peer, Purpose::RangeSidecars(start), vec![offer]));
        let Some(batch) = self.sync.batches.get_mut(&start) else { return false };
        (batch.asked, batch.sidecars) = (asked, expected);
        let Some(request) = request else { return false };
        batch.state = State::Sidecars { peer, request };
        true
    }

    /// The next blocks of a batch with sidecars, of one kind, as many as may be asked for at once.
    fn next_with_sidecars<'a>(&self, batch: &'a Batch, now: Epoch) -> Vec<&'a SignedBeaconBlock> {
        let blob = self.cfg.preset.field_elements_per_blob.saturating_mul(32);
        let blocks = batch.blocks.iter().map(AsRef::as_ref).filter(|block| has_sidecars(&self.cfg, block, now));
        let (mut wanted, mut bytes) = (Vec::<&SignedBeaconBlock>::new(), 0u64);
        for block in blocks {
            bytes = bytes.saturating_add(blob.saturating_mul(block.message.body.blob_kzg_commitments.len() as u64));
            let fits = |first: &&SignedBeaconBlock| {
                bytes <= MOST_BYTES && has_columns(&self.cfg, first) == has_columns(&self.cfg, block)
            };
            if !wanted.first().is_none_or(fits) {
                break;
            }
            wanted.push(block);
        }
        wanted
    }

    pub(super) fn range_sidecar_chunk(
        &mut self,
        cx: Cx<'_>,
        id: RequestId,
        peer: &PeerId,
        start: Slot,
        protocol: Protocol,
        chunk: &Chunk,
    ) {
        let sidecar = self.decode_sidecar(protocol, chunk);
        let Some(batch) = self.sync.batches.get_mut(&start).filter(|batch| batch.state.request() == Some(id)) else {
            return;
        };
        let taken = match sidecar {
            Some(sidecar) => match batch.sidecars.get_mut(&sidecar.header().slot) {
                Some(expected) => expected.take(sidecar),
                None => Ok(false),
            },
            None => Err("a sidecar that can't be decoded"),
        };
        match taken {
            // nothing else puts the deadline off: who sends what nobody asked for would hold up the sync
            Ok(true) => self.put_off(cx, id),
            Ok(false) => {}
            Err(why) => {
                self.failed_us(peer);
                self.misbehaved(cx, peer, why);
                self.begin_anew(cx, why);
            }
        }
    }

    /// A request for sidecars of a batch is over; with or without them, its blocks can be imported.
    pub(super) fn range_sidecars_over(
        &mut self,
        cx: Cx<'_>,
        id: RequestId,
        start: Slot,
        failure: Option<&RequestError>,
    ) {
        let Some(batch) = self.sync.batches.get_mut(&start) else { return };
        let State::Sidecars { peer, request } = &batch.state else { return };
        if *request != id {
            return;
        }
        let peer = peer.clone();
        batch.state = State::Waiting { peer: peer.clone() };
        if let Some(RequestError::Timeout | RequestError::Malformed(_)) = failure {
            self.failed_us(&peer);
        }
        self.drive_sync(cx);
    }
}

fn has_columns(cfg: &ChainConfig, block: &SignedBeaconBlock) -> bool {
    cfg.fork_at_slot(block.message.slot) >= ForkName::Fulu
}

/// Whether the block has sidecars that peers still have to keep in epoch `now`. One with too many is not valid anyway.
fn has_sidecars(cfg: &ChainConfig, block: &SignedBeaconBlock, now: Epoch) -> bool {
    let epochs = match has_columns(cfg, block) {
        false => cfg.min_epochs_for_blob_sidecars_requests,
        true => cfg.min_epochs_for_data_column_sidecars_requests,
    };
    let epoch = cfg.epoch_of(block.message.slot);
    let count = block.message.body.blob_kzg_commitments.len() as u64;
    epoch >= now.saturating_sub(epochs) && (1..=max_blobs_per_block(cfg, epoch)).contains(&count)
}

/// The request for all sidecars of these blocks: blobs before fulu, columns from then on. `None` without blocks.
fn request(cfg: &ChainConfig, blocks: &[&SignedBeaconBlock]) -> Option<(Protocol, Vec<u8>)> {
    let shape = cfg.shape(ForkName::Fulu);
    let (first, last) = (blocks.first()?, blocks.last()?);
    let start_slot = first.message.slot;
    let count = last.message.slot.saturating_sub(start_slot).saturating_add(1);
    Some(if has_columns(cfg, first) {
        let columns = (0..cfg.preset.number_of_columns).collect();
        let request = DataColumnSidecarsByRangeRequest { start_slot, count, columns };
        (Protocol::ColumnsByRange1, request.encode(shape))
    } else {
        (Protocol::BlobsByRange1, BlobSidecarsByRangeRequest { start_slot, count }.encode(shape))
    })
}
