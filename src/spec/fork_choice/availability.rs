//! Whether the blobs of a block are there (`deneb/fork-choice.md`, `fulu/fork-choice.md`).

use crate::crypto::kzg;
use crate::spec::das::{verify_data_column_sidecar, verify_data_column_sidecar_kzg_proofs};
use crate::types::{BeaconBlock, Blob, ChainConfig, DataColumnSidecar, ForkName, KzgProof};

/// What came beside a block: the answers to the spec's `retrieve_blobs_and_proofs` and `retrieve_column_sidecars`.
#[derive(Clone, Copy, Debug)]
pub enum Retrieved<'a> {
    /// Deneb and electra: every blob of the block with its proof, in order.
    Blobs(&'a [Blob], &'a [KzgProof]),
    /// From fulu on: those columns of the block that this node has to have.
    Columns(&'a [DataColumnSidecar]),
    /// They could not be retrieved.
    Missing,
}

/// Spec `is_data_available`. Nothing is asked of a block before deneb.
pub fn is_data_available(cfg: &ChainConfig, block: &BeaconBlock, retrieved: Retrieved<'_>) -> bool {
    match (cfg.fork_at_slot(block.slot), retrieved) {
        (ForkName::Phase0 | ForkName::Altair | ForkName::Bellatrix | ForkName::Capella, _) => true,
        (ForkName::Deneb | ForkName::Electra, Retrieved::Blobs(blobs, proofs)) => {
            let blobs: Vec<&[u8]> = blobs.iter().map(|blob| &**blob).collect();
            let commitments = block.body.blob_kzg_commitments.to_vec();
            // Lists that don't belong together, and what is no blob or proof at all, prove nothing.
            kzg::verify_blob_proofs(&blobs, &commitments, proofs).unwrap_or(false)
        }
        (ForkName::Fulu, Retrieved::Columns(columns)) => columns
            .iter()
            .all(|column| verify_data_column_sidecar(cfg, column) && verify_data_column_sidecar_kzg_proofs(column)),
        _ => false,
    }
}
