//! Sidecars that have not come for a while: computed from half of the columns (fulu), or asked for.

use std::sync::Arc;

use super::Sidecar;
use crate::chain::Chain;
use crate::chain::effect::{Effect, Level};
use crate::crypto::kzg::CellsAndProofs;
use crate::spec::{self, das};
use crate::ssz::Root;
use crate::types::{DataColumnSidecar, MatrixEntry, RowIndex};

impl Chain {
    /// Does what it can about the missing sidecars of a waiting block.
    pub(in crate::chain) fn find_missing_sidecars(&mut self, root: &Root) {
        let Some(waiting) = self.waiting.get(root) else { return };
        let block = waiting.arrival.block.clone();
        let origin = waiting.arrival.asker.origin;
        match self.reconstruct(root) {
            Some(Ok(columns)) => return self.complete_with(*root, columns),
            Some(Err(error)) => self.log(Level::Warn, format!("computing the columns of block {root}: {error}")),
            None => {}
        }
        let missing = (0..self.sidecars_of(&block)).filter(|index| !self.has_sidecar(root, *index));
        let indices: Vec<u64> = missing.collect();
        self.out.push(Effect::RequestSidecars { root: *root, slot: block.message.slot, indices, origin });
    }

    /// All columns of a block, if at least half of them are here: `recover_matrix` of the spec.
    fn reconstruct(&self, root: &Root) -> Option<Result<Vec<Sidecar>, spec::Error>> {
        let family = self.sidecars.family(root)?;
        let columns: Vec<&Arc<DataColumnSidecar>> = family
            .values()
            .filter_map(|sidecar| if let Sidecar::Column(column) = sidecar { Some(column) } else { None })
            .collect();
        let first = *columns.first()?;
        let half = self.cfg.preset.number_of_columns.div_ceil(2);
        if (columns.len() as u64) < half {
            return None;
        }
        let entries: Vec<MatrixEntry> = columns.iter().flat_map(|column| matrix_entries(column)).collect();
        let rows = first.kzg_commitments.len() as u64;
        let all = das::recover_matrix(&entries, rows).and_then(|matrix| {
            let cells: Vec<CellsAndProofs> = (0..rows).map(|row| row_of(&matrix, row)).collect();
            das::get_data_column_sidecars_from_column_sidecar(&self.cfg, first, &cells)
        });
        Some(all.map(|columns| columns.into_iter().map(|column| Sidecar::Column(Arc::new(column))).collect()))
    }
}

fn matrix_entries(column: &DataColumnSidecar) -> Vec<MatrixEntry> {
    let cells = column.column.iter().zip(column.kzg_proofs.iter());
    let entry = |(row_index, (cell, proof)): (RowIndex, (&_, &_))| MatrixEntry {
        cell: Clone::clone(cell),
        kzg_proof: *proof,
        column_index: column.index,
        row_index,
    };
    (0..).zip(cells).map(entry).collect()
}

fn row_of(matrix: &[MatrixEntry], row: RowIndex) -> CellsAndProofs {
    let entries = || matrix.iter().filter(|entry| entry.row_index == row);
    CellsAndProofs {
        cells: entries().map(|entry| entry.cell.to_vec()).collect(),
        proofs: entries().map(|entry| entry.kzg_proof).collect(),
    }
}
