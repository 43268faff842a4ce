//! What the service reads of the chain.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::chain::{Chain, Standing};
use crate::ssz::Root;
use crate::types::{BlobSidecar, Checkpoint, DataColumnSidecar, SignedBeaconBlock, Slot, Status};

/// Reads of the chain; tests put a script in its place.
pub trait ChainView {
    /// Head and finalized checkpoint as a status says them: zero finalized root at epoch 0. The digest is not used.
    fn status(&self) -> Status;
    /// Fork choice's finalized checkpoint.
    fn finalized(&self) -> Checkpoint;
    /// Whether a block is imported.
    fn has_block(&self, root: &Root) -> bool;
    /// How far a block has come.
    fn standing(&self, root: &Root) -> Standing;
    /// An imported block.
    fn block_by_root(&self, root: &Root) -> Option<Arc<SignedBeaconBlock>>;
    /// The blob sidecars that are kept of a block, imported or waiting for others of them, by index (deneb, electra).
    fn blob_sidecars(&self, root: &Root) -> Vec<Arc<BlobSidecar>>;
    /// Those of these column sidecars that are kept of a block, likewise (fulu on).
    fn data_column_sidecars(&self, root: &Root, indices: &BTreeSet<u64>) -> Vec<Arc<DataColumnSidecar>>;
    /// The canonical block of exactly this slot.
    fn canonical_block_at(&self, slot: Slot) -> Option<Arc<SignedBeaconBlock>>;
    /// Root of the canonical block at the slot or the latest before it; `None` if that is not known any more.
    fn canonical_root_at(&self, slot: Slot) -> Option<Root>;
}

impl ChainView for Chain {
    fn status(&self) -> Status {
        Chain::status(self)
    }

    fn finalized(&self) -> Checkpoint {
        Chain::finalized(self)
    }

    fn has_block(&self, root: &Root) -> bool {
        Chain::has_block(self, root)
    }

    fn standing(&self, root: &Root) -> Standing {
        Chain::standing(self, root)
    }

    fn block_by_root(&self, root: &Root) -> Option<Arc<SignedBeaconBlock>> {
        Chain::block_by_root(self, root)
    }

    fn blob_sidecars(&self, root: &Root) -> Vec<Arc<BlobSidecar>> {
        Chain::blob_sidecars(self, root)
    }

    fn data_column_sidecars(&self, root: &Root, indices: &BTreeSet<u64>) -> Vec<Arc<DataColumnSidecar>> {
        Chain::some_data_column_sidecars(self, root, indices)
    }

    fn canonical_block_at(&self, slot: Slot) -> Option<Arc<SignedBeaconBlock>> {
        Chain::canonical_block_at(self, slot)
    }

    fn canonical_root_at(&self, slot: Slot) -> Option<Root> {
        Chain::canonical_root_at(self, slot)
    }
}
