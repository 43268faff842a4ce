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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssz::Ssz;

    #[test]
    fn a_block_wants_what_its_fork_has() {
        let mut cfg = ChainConfig::minimal();
        let empty_block = |cfg: &ChainConfig| BeaconBlock { slot: 1, ..BeaconBlock::zero(cfg.shape_at_slot(1)) };
        for fork in [ForkName::Capella, ForkName::Deneb, ForkName::Electra, ForkName::Fulu] {
            cfg.start_at(fork);
            let mut block = empty_block(&cfg);
            let judge = |block: &BeaconBlock, retrieved| is_data_available(&cfg, block, retrieved);
            let (capella, fulu) = (fork == ForkName::Capella, fork == ForkName::Fulu);
            assert_eq!(judge(&block, Retrieved::Missing), capella, "{fork}");
            assert_eq!(judge(&block, Retrieved::Blobs(&[], &[])), !fulu, "{fork}");
            assert_eq!(judge(&block, Retrieved::Columns(&[])), capella || fulu, "{fork}");
            block.body.blob_kzg_commitments.push(Default::default());
            assert_eq!(judge(&block, Retrieved::Blobs(&[], &[])), capella, "a blob is missing in {fork}");
        }
    }
}
