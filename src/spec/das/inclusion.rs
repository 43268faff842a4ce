//! Merkle proofs that a block's body holds commitments.

use crate::{
    ssz::{Bytes, Container, Limit, Root, Shape, Ssz, is_valid_merkle_branch, merkle_branch},
    types::{BeaconBlockBody, BlobKzgCommitments, KzgCommitment, limits::MaxBlobCommitmentsPerBlock},
};

/// Where `blob_kzg_commitments` is among the fields of a body, and how many those are; `None` before deneb.
fn commitments_field(shape: Shape) -> Option<(u64, u64)> {
    let names = BeaconBlockBody::field_names(shape);
    let index = names.iter().position(|name| *name == "blob_kzg_commitments")?;
    Some((index as u64, names.len() as u64))
}

fn levels(limit: u64) -> u32 {
    limit.max(1).next_power_of_two().trailing_zeros()
}

/// The branch from the list of commitments to the root of `body`, lowest node first: `compute_merkle_proof` for the
/// generalized index of `blob_kzg_commitments`. Empty before deneb.
pub fn kzg_commitments_branch(shape: Shape, body: &BeaconBlockBody) -> Vec<Root> {
    let Some((index, count)) = commitments_field(shape) else { return Vec::new() };
    merkle_branch(body.field_roots(shape), count, index)
}

/// The branch from the commitment at `index` to the root of the body, given the branch of the whole list: `compute_merkle_proof`
/// for the generalized index of one element of `blob_kzg_commitments`.
pub fn kzg_commitment_branch(
    shape: Shape,
    commitments: &BlobKzgCommitments,
    index: u64,
    list_branch: &[Root],
) -> Vec<Root> {
    let roots = commitments.iter().map(|commitment| commitment.hash_tree_root(shape)).collect();
    let mut branch = merkle_branch(roots, MaxBlobCommitmentsPerBlock::value(shape), index);
    let mut length = [0; 32];
    length[..8].copy_from_slice(&(commitments.len() as u64).to_le_bytes());
    branch.push(Bytes(length));
    branch.extend_from_slice(list_branch);
    branch
}

/// Whether `branch` proves that the body with `body_root` has `commitment` at `index`.
pub(super) fn verify_kzg_commitment_inclusion_proof(
    shape: Shape,
    commitment: &KzgCommitment,
    index: u64,
    branch: &[Root],
    body_root: &Root,
) -> bool {
    let limit = MaxBlobCommitmentsPerBlock::value(shape);
    let Some((field, _)) = commitments_field(shape).filter(|_| index < limit) else { return false };
    // Below the field: the list's length, then its elements.
    let index = (field << (1 + levels(limit))) | index;
    let depth = shape.preset.kzg_commitment_inclusion_proof_depth as usize;
    is_valid_merkle_branch(&commitment.hash_tree_root(shape), branch, depth, index, body_root)
}

/// Whether `branch` proves that the body with `body_root` has exactly these `commitments`: what
/// `verify_data_column_sidecar_inclusion_proof` and `verify_partial_data_column_header_inclusion_proof` of fulu have in
/// common.
pub fn verify_kzg_commitments_inclusion_proof(
    shape: Shape,
    commitments: &BlobKzgCommitments,
    branch: &[Root],
    body_root: &Root,
) -> bool {
    let Some((field, _)) = commitments_field(shape) else { return false };
    let depth = shape.preset.kzg_commitments_inclusion_proof_depth as usize;
    is_valid_merkle_branch(&commitments.hash_tree_root(shape), branch, depth, field, body_root)
}
