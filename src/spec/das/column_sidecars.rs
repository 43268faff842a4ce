//! Data column sidecars of fulu.

use super::{
    blob_sidecars::compute_signed_block_header,
    inclusion::{kzg_commitments_branch, verify_kzg_commitments_inclusion_proof},
};
use crate::{
    crypto::kzg::{self, CellsAndProofs},
    spec::{
        Error,
        accessors::{compute_epoch_at_slot, get_blob_parameters},
    },
    ssz::Vector,
    types::{
        Blob, BlobKzgCommitments, Cell, ChainConfig, ColumnIndex, DataColumnSidecar, KzgProof, Root, SignedBeaconBlock,
        SignedBeaconBlockHeader, limits::KzgCommitmentsInclusionProofDepth,
    },
};

/// Whether the sidecar's index and lengths are such that its proofs can be looked at (fulu/p2p-interface.md,
/// `verify_data_column_sidecar`).
pub fn verify_data_column_sidecar(cfg: &ChainConfig, sidecar: &DataColumnSidecar) -> bool {
    let commitments = sidecar.kzg_commitments.len();
    let epoch = compute_epoch_at_slot(cfg, sidecar.signed_block_header.message.slot);
    sidecar.index < cfg.preset.number_of_columns
        && commitments > 0
        && commitments as u64 <= get_blob_parameters(cfg, epoch).max_blobs_per_block
        && sidecar.column.len() == commitments
        && sidecar.kzg_proofs.len() == commitments
}

/// Whether every cell of the column is proved (fulu/p2p-interface.md, `verify_data_column_sidecar_kzg_proofs`). Cells,
/// commitments and proofs that are none at all count as not proved.
pub fn verify_data_column_sidecar_kzg_proofs(sidecar: &DataColumnSidecar) -> bool {
    let cells: Vec<&[u8]> = sidecar.column.iter().map(|cell| &**cell).collect();
    let indices = vec![sidecar.index; cells.len()];
    let (commitments, proofs) = (sidecar.kzg_commitments.to_vec(), sidecar.kzg_proofs.to_vec());
    kzg::verify_cell_proofs(&commitments, &indices, &cells, &proofs).unwrap_or(false)
}

/// Whether the sidecar's commitments are those of the block of its header (fulu/p2p-interface.md,
/// `verify_data_column_sidecar_inclusion_proof`).
pub fn verify_data_column_sidecar_inclusion_proof(cfg: &ChainConfig, sidecar: &DataColumnSidecar) -> bool {
    let header = &sidecar.signed_block_header.message;
    verify_kzg_commitments_inclusion_proof(
        cfg.shape_at_slot(header.slot),
        &sidecar.kzg_commitments,
        &sidecar.kzg_commitments_inclusion_proof.to_vec(),
        &header.body_root,
    )
}

/// The subnet of a column (fulu/p2p-interface.md, `compute_subnet_for_data_column_sidecar`).
pub fn compute_subnet_for_data_column_sidecar(cfg: &ChainConfig, column_index: ColumnIndex) -> u64 {
    column_index % cfg.data_column_sidecar_subnet_count.max(1)
}

/// The most column sidecars that one request may ask for (fulu/p2p-interface.md,
/// `compute_max_request_data_column_sidecars`).
pub fn compute_max_request_data_column_sidecars(cfg: &ChainConfig) -> u64 {
    cfg.max_request_blocks_deneb.saturating_mul(cfg.preset.number_of_columns)
}

/// The cells of each blob with the proofs that the execution engine gave for all of them in a row (fulu/validator.md,
/// "`get_data_column_sidecars`").
///
/// # Errors
/// If there is not one proof for each cell, or a blob is none.
pub fn cells_with_proofs(
    cfg: &ChainConfig,
    blobs: &[Blob],
    cell_proofs: &[KzgProof],
) -> Result<Vec<CellsAndProofs>, Error> {
    let per_blob = cfg.preset.cells_per_ext_blob as usize;
    if per_blob == 0 || cell_proofs.len() != blobs.len() * per_blob {
        let (found, commitments) = (cell_proofs.len() as u64, blobs.len() as u64);
        return Err(Error::SidecarCount { what: "cell proofs", found, commitments });
    }
    let with_cells = |(blob, proofs): (&Blob, &[KzgProof])| -> Result<CellsAndProofs, Error> {
        Ok(CellsAndProofs { cells: kzg::cells(blob)?, proofs: proofs.to_vec() })
    };
    blobs.iter().zip(cell_proofs.chunks_exact(per_blob)).map(with_cells).collect()
}

/// A sidecar for each column, from the cells and proofs of every blob (fulu/validator.md, `get_data_column_sidecars`).
///
/// # Errors
/// If the blobs are not as many as the commitments, or one of them has too few cells or proofs.
pub fn get_data_column_sidecars(
    cfg: &ChainConfig,
    signed_block_header: &SignedBeaconBlockHeader,
    kzg_commitments: &BlobKzgCommitments,
    kzg_commitments_inclusion_proof: &Vector<Root, KzgCommitmentsInclusionProofDepth>,
    cells_and_kzg_proofs: &[CellsAndProofs],
) -> Result<Vec<DataColumnSidecar>, Error> {
    let commitments = kzg_commitments.len() as u64;
    let found = cells_and_kzg_proofs.len() as u64;
    if found != commitments {
        return Err(Error::SidecarCount { what: "blobs", found, commitments });
    }
    let mut sidecars = Vec::with_capacity(cfg.preset.number_of_columns as usize);
    for index in 0..cfg.preset.number_of_columns {
        let mut column: Vec<Cell> = Vec::with_capacity(cells_and_kzg_proofs.len());
        let mut proofs = Vec::with_capacity(cells_and_kzg_proofs.len());
        for blob in cells_and_kzg_proofs {
            let len = blob.cells.len().min(blob.proofs.len()) as u64;
            let missing = Error::IndexOutOfRange { list: "cells of a blob", index, len };
            column.push(blob.cells.get(index as usize).ok_or_else(|| missing.clone())?.as_slice().into());
            proofs.push(*blob.proofs.get(index as usize).ok_or(missing)?);
        }
        sidecars.push(DataColumnSidecar {
            index,
            column: column.into(),
            kzg_commitments: kzg_commitments.clone(),
            kzg_proofs: proofs.into(),
            signed_block_header: *signed_block_header,
            kzg_commitments_inclusion_proof: kzg_commitments_inclusion_proof.clone(),
        });
    }
    Ok(sidecars)
}

/// The sidecars of a block (fulu/validator.md, `get_data_column_sidecars_from_block`).
///
/// # Errors
/// As [`get_data_column_sidecars`].
pub fn get_data_column_sidecars_from_block(
    cfg: &ChainConfig,
    signed_block: &SignedBeaconBlock,
    cells_and_kzg_proofs: &[CellsAndProofs],
) -> Result<Vec<DataColumnSidecar>, Error> {
    let body = &signed_block.message.body;
    let branch = kzg_commitments_branch(cfg.shape_at_slot(signed_block.message.slot), body).into();
    let header = compute_signed_block_header(cfg, signed_block);
    get_data_column_sidecars(cfg, &header, &body.blob_kzg_commitments, &branch, cells_and_kzg_proofs)
}

/// All sidecars of a block, given one of them (fulu/validator.md, `get_data_column_sidecars_from_column_sidecar`).
///
/// # Errors
/// As [`get_data_column_sidecars`].
pub fn get_data_column_sidecars_from_column_sidecar(
    cfg: &ChainConfig,
    sidecar: &DataColumnSidecar,
    cells_and_kzg_proofs: &[CellsAndProofs],
) -> Result<Vec<DataColumnSidecar>, Error> {
    let branch = &sidecar.kzg_commitments_inclusion_proof;
    let header = &sidecar.signed_block_header;
    get_data_column_sidecars(cfg, header, &sidecar.kzg_commitments, branch, cells_and_kzg_proofs)
}
