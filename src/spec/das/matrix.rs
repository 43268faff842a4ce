//! The matrix of a block's extended blobs: a row for each blob, a column for each cell index.

use crate::{
    crypto::kzg::{self, CellsAndProofs},
    spec::Error,
    types::{Blob, MatrixEntry, RowIndex},
};

/// All entries of the matrix, row by row (fulu/das-core.md, `compute_matrix`).
///
/// # Errors
/// If a blob is none.
pub fn compute_matrix(blobs: &[Blob]) -> Result<Vec<MatrixEntry>, Error> {
    let rows = (0..).zip(blobs).map(|(row, blob)| Ok(entries(row, kzg::cells_and_proofs(blob)?)));
    Ok(rows.collect::<Result<Vec<_>, Error>>()?.concat())
}

/// All entries of a matrix of `blob_count` rows, row by row, from at least half of the cells of each row, in any order
/// (fulu/das-core.md, `recover_matrix`).
///
/// # Errors
/// If a row has too few cells, or two for one column, or a cell is none.
pub fn recover_matrix(partial_matrix: &[MatrixEntry], blob_count: u64) -> Result<Vec<MatrixEntry>, Error> {
    let recover = |row: RowIndex| -> Result<Vec<MatrixEntry>, Error> {
        let mut known: Vec<&MatrixEntry> = partial_matrix.iter().filter(|entry| entry.row_index == row).collect();
        // The library wants them so; where they came from has no order.
        known.sort_by_key(|entry| entry.column_index);
        let indices: Vec<u64> = known.iter().map(|entry| entry.column_index).collect();
        let cells: Vec<&[u8]> = known.iter().map(|entry| &*entry.cell).collect();
        Ok(entries(row, kzg::recover(&indices, &cells)?))
    };
    Ok((0..blob_count).map(recover).collect::<Result<Vec<_>, Error>>()?.concat())
}

fn entries(row_index: RowIndex, row: CellsAndProofs) -> Vec<MatrixEntry> {
    let entry = |(column_index, (cell, kzg_proof)): (u64, (Vec<u8>, _))| MatrixEntry {
        cell: cell.into(),
        kzg_proof,
        column_index,
        row_index,
    };
    (0..).zip(row.cells.into_iter().zip(row.proofs)).map(entry).collect()
}
