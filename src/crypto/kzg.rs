//! KZG commitments to blobs and proofs about their cells (the cryptography behind `deneb` and `fulu`), over `c-kzg` with
//! the trusted setup that it has built in.
//!
//! The setup takes about two seconds of processor time to load. It is loaded once in a process, when a blob first
//! appears, or by [`load`] in good time before, as a real node (`node::driver`) does an epoch before deneb: a network that
//! does not come to deneb never pays for it.
//!
//! Never: panics on outside bytes. What is no field element, no curve point or of a wrong length is an [`Error`], which
//! to a verifier means the same as `false`.

mod memo;

pub(super) use memo::clear as forget;

use std::sync::Arc;

use c_kzg::{Blob, Bytes48, Cell, KzgSettings};
use thiserror::Error;

use crate::ssz::Bytes;

/// A compressed G1 point: a commitment or a proof.
type Point = Bytes<48>;

/// Why nothing was computed.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum Error {
    /// Not a blob or cell of the size that the setup is for.
    #[error("a {what} has {expected} bytes, not {found}")]
    Length {
        /// What it should be.
        what: &'static str,
        /// Bytes of one.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// No valid curve points or field elements, or lists that don't belong together.
    #[error("{what} refused: {why}")]
    Refused {
        /// What was to be computed.
        what: &'static str,
        /// What the library says.
        why: String,
    },
}

/// The cells of one extended blob with their proofs, by cell index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellsAndProofs {
    /// The bytes of each cell.
    pub cells: Vec<Vec<u8>>,
    /// A proof for each cell.
    pub proofs: Vec<Point>,
}

/// The setup, loaded on first use. Precomputed tables would cost more than they save at a few blobs a slot.
fn settings() -> &'static KzgSettings {
    c_kzg::ethereum_kzg_settings(0)
}

/// Loads the setup, if it is not there yet: for whoever can tell that blobs are coming, and has no time to lose then.
pub fn load() {
    settings();
}

/// The library's blobs, written where they stay: one takes 128 kB, too much to be handed around on a thread's stack.
fn blobs_of(all: &[&[u8]]) -> Result<Vec<Blob>, Error> {
    let expected = c_kzg::BYTES_PER_BLOB;
    if let Some(wrong) = all.iter().find(|bytes| bytes.len() != expected) {
        return Err(Error::Length { what: "blob", expected, found: wrong.len() });
    }
    let mut blobs = vec![Blob::default(); all.len()];
    blobs.iter_mut().zip(all).for_each(|(blob, bytes)| blob.copy_from_slice(bytes));
    Ok(blobs)
}

fn cell_of(bytes: &[u8]) -> Result<Cell, Error> {
    Cell::from_bytes(bytes).map_err(|_| Error::Length {
        what: "cell",
        expected: c_kzg::BYTES_PER_CELL,
        found: bytes.len(),
    })
}

fn points(points: &[Point]) -> Vec<Bytes48> {
    points.iter().map(|point| Bytes48::new(point.0)).collect()
}

fn bytes_of(points: &[Point]) -> impl Iterator<Item = &[u8]> {
    points.iter().map(|point| point.0.as_slice())
}

fn refused(what: &'static str) -> impl Fn(c_kzg::Error) -> Error {
    move |error| Error::Refused { what, why: error.to_string() }
}

fn cells_and_proofs_of(cells: &[Cell], proofs: &[c_kzg::KzgProof]) -> CellsAndProofs {
    CellsAndProofs {
        cells: cells.iter().map(|cell| cell.to_bytes().to_vec()).collect(),
        proofs: proofs.iter().map(|proof| Bytes(proof.to_bytes().into_inner())).collect(),
    }
}

/// The commitment to a blob (`blob_to_kzg_commitment`).
///
/// # Errors
/// A blob of another length, or with an element that is not in the field.
pub fn blob_to_commitment(blob: &[u8]) -> Result<Point, Error> {
    let what = "the commitment to a blob";
    memo::POINTS.once(what, [blob], || {
        let blobs = blobs_of(&[blob])?;
        let commitment = settings().blob_to_kzg_commitment(&blobs[0]).map_err(refused(what))?;
        Ok(Bytes(commitment.to_bytes().into_inner()))
    })
}

/// The proof that `commitment` is to `blob` (`compute_blob_kzg_proof`).
///
/// # Errors
/// As [`blob_to_commitment`], or a commitment that is no curve point.
pub fn blob_proof(blob: &[u8], commitment: &Point) -> Result<Point, Error> {
    let what = "the proof of a blob";
    memo::POINTS.once(what, [blob, &commitment.0], || {
        let blobs = blobs_of(&[blob])?;
        let proof = settings().compute_blob_kzg_proof(&blobs[0], &Bytes48::new(commitment.0)).map_err(refused(what))?;
        Ok(Bytes(proof.to_bytes().into_inner()))
    })
}

/// Whether each blob is what the commitment of its position commits to, by the proof of its position
/// (`verify_blob_kzg_proof_batch`). No blobs at all: `true`.
///
/// # Errors
/// Lists of different length, or what is no blob, commitment or proof.
pub fn verify_blob_proofs(blobs: &[&[u8]], commitments: &[Point], proofs: &[Point]) -> Result<bool, Error> {
    let what = "the check of blobs";
    same_length(what, blobs.len(), &[commitments.len(), proofs.len()])?;
    if blobs.is_empty() {
        return Ok(true);
    }
    let inputs = blobs.iter().copied().chain(bytes_of(commitments)).chain(bytes_of(proofs));
    memo::VERDICTS.once(what, inputs, || {
        let blobs = blobs_of(blobs)?;
        settings().verify_blob_kzg_proof_batch(&blobs, &points(commitments), &points(proofs)).map_err(refused(what))
    })
}

/// The cells of a blob's extension (`compute_cells`).
///
/// # Errors
/// As [`blob_to_commitment`].
pub fn cells(blob: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
    let blobs = blobs_of(&[blob])?;
    let cells = settings().compute_cells(&blobs[0]).map_err(refused("the cells of a blob"))?;
    Ok(cells.iter().map(|cell| cell.to_bytes().to_vec()).collect())
}

/// The cells of a blob's extension and their proofs (`compute_cells_and_kzg_proofs`).
///
/// # Errors
/// As [`blob_to_commitment`].
pub fn cells_and_proofs(blob: &[u8]) -> Result<CellsAndProofs, Error> {
    let what = "the cells of a blob";
    let extended = memo::EXTENDED.once(what, [blob], || {
        let blobs = blobs_of(&[blob])?;
        let (cells, proofs) = settings().compute_cells_and_kzg_proofs(&blobs[0]).map_err(refused(what))?;
        Ok(Arc::new(cells_and_proofs_of(cells.as_slice(), proofs.as_slice())))
    })?;
    Ok(Arc::unwrap_or_clone(extended))
}

/// Whether each cell is the one of its index in the blob that its commitment commits to, by its proof; all four lists by
/// position (`verify_cell_kzg_proof_batch`). No cells at all: `true`.
///
/// # Errors
/// Lists of different length, an index beyond the last cell, or what is no cell, commitment or proof.
pub fn verify_cell_proofs(
    commitments: &[Point],
    cell_indices: &[u64],
    cells: &[&[u8]],
    proofs: &[Point],
) -> Result<bool, Error> {
    let what = "the check of cells";
    same_length(what, cells.len(), &[commitments.len(), cell_indices.len(), proofs.len()])?;
    if cells.is_empty() {
        return Ok(true);
    }
    let indices: Vec<u8> = cell_indices.iter().flat_map(|index| index.to_le_bytes()).collect();
    let inputs = [indices.as_slice()].into_iter().chain(cells.iter().copied());
    memo::VERDICTS.once(what, inputs.chain(bytes_of(commitments)).chain(bytes_of(proofs)), || {
        let cells = cells.iter().map(|cell| cell_of(cell)).collect::<Result<Vec<_>, _>>()?;
        settings()
            .verify_cell_kzg_proof_batch(&points(commitments), cell_indices, &cells, &points(proofs))
            .map_err(refused(what))
    })
}

/// All cells of an extended blob and their proofs, from at least half of the cells, given with their indices in ascending
/// order (`recover_cells_and_kzg_proofs`).
///
/// # Errors
/// Too few cells, indices that repeat, are not ascending or beyond the last cell, or what is no cell.
pub fn recover(cell_indices: &[u64], cells: &[&[u8]]) -> Result<CellsAndProofs, Error> {
    let what = "the recovery of cells";
    same_length(what, cells.len(), &[cell_indices.len()])?;
    let indices: Vec<u8> = cell_indices.iter().flat_map(|index| index.to_le_bytes()).collect();
    let inputs = [indices.as_slice()].into_iter().chain(cells.iter().copied());
    let extended = memo::EXTENDED.once(what, inputs, || {
        let cells = cells.iter().map(|cell| cell_of(cell)).collect::<Result<Vec<_>, _>>()?;
        let (cells, proofs) = settings().recover_cells_and_kzg_proofs(cell_indices, &cells).map_err(refused(what))?;
        Ok(Arc::new(cells_and_proofs_of(cells.as_slice(), proofs.as_slice())))
    })?;
    Ok(Arc::unwrap_or_clone(extended))
}

fn same_length(what: &'static str, count: usize, others: &[usize]) -> Result<(), Error> {
    match others.iter().find(|other| **other != count) {
        None => Ok(()),
        Some(other) => Err(Error::Refused { what, why: format!("its lists have {count} and {other} entries") }),
    }
}

#[cfg(test)]
mod tests;
