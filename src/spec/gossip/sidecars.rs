//! Sidecars of blobs and of columns.

use super::block::{Proposal, Reasons};
use super::{Fault, Seen, View, reject_unless, unseen};
use crate::crypto::kzg;
use crate::spec::das::{
    compute_subnet_for_blob_sidecar, compute_subnet_for_data_column_sidecar, verify_blob_sidecar_inclusion_proof,
    verify_data_column_sidecar, verify_data_column_sidecar_inclusion_proof, verify_data_column_sidecar_kzg_proofs,
};
use crate::spec::max_blobs_per_block;
use crate::types::{BlobSidecar, ChainConfig, DataColumnSidecar};

const BLOB: Reasons = Reasons {
    future: "blob sidecar is from a future slot",
    finalized: "blob sidecar is not from a slot greater than the latest finalized slot",
    signature: "invalid proposer signature on blob sidecar block header",
    parent_unseen: "blob sidecar's parent has not been seen",
    parent_invalid: "blob sidecar's parent failed validation",
    not_higher: "blob sidecar is not from a higher slot than its parent",
    not_descendant: "finalized checkpoint is not an ancestor of blob sidecar's block",
    wrong_proposer: "blob sidecar proposer_index does not match expected proposer",
};

const COLUMN: Reasons = Reasons {
    future: "sidecar is from a future slot",
    finalized: "sidecar is not from a slot greater than the latest finalized slot",
    signature: "invalid proposer signature on sidecar block header",
    parent_unseen: "sidecar's parent has not been seen",
    parent_invalid: "sidecar's parent failed validation",
    not_higher: "sidecar is not from a higher slot than its parent",
    not_descendant: "finalized checkpoint is not an ancestor of sidecar's block",
    wrong_proposer: "sidecar proposer_index does not match expected proposer",
};

/// The conditions that a blob sidecar meets wherever it comes from: its index, its place in its block, and its blob.
///
/// # Errors
/// [`Fault::Reject`] where it does not.
pub fn check_blob_sidecar(cfg: &ChainConfig, blob_sidecar: &BlobSidecar) -> Result<(), Fault> {
    let BlobSidecar { index, blob, kzg_commitment, kzg_proof, signed_block_header, .. } = blob_sidecar;
    let limit = max_blobs_per_block(cfg, cfg.epoch_of(signed_block_header.message.slot));
    reject_unless(*index < limit, "blob index out of range")?;
    reject_unless(verify_blob_sidecar_inclusion_proof(cfg, blob_sidecar), "invalid blob sidecar inclusion proof")?;
    let valid = kzg::verify_blob_proofs(&[blob.as_ref()], &[*kzg_commitment], &[*kzg_proof]);
    reject_unless(valid == Ok(true), "invalid blob kzg proof")
}

/// The conditions that a column sidecar meets wherever it comes from: its index and lengths, its commitments' place in
/// their block, and its cells.
///
/// # Errors
/// [`Fault::Reject`] where it does not.
pub fn check_data_column_sidecar(cfg: &ChainConfig, sidecar: &DataColumnSidecar) -> Result<(), Fault> {
    reject_unless(verify_data_column_sidecar(cfg, sidecar), "invalid sidecar")?;
    reject_unless(verify_data_column_sidecar_inclusion_proof(cfg, sidecar), "invalid sidecar inclusion proof")?;
    reject_unless(verify_data_column_sidecar_kzg_proofs(sidecar), "invalid sidecar kzg proofs")
}

/// Whether a blob sidecar is forwarded (deneb/p2p-interface.md, electra/p2p-interface.md,
/// `validate_blob_sidecar_gossip`). `subnet_id` is the topic's.
///
/// # Errors
/// Why not.
pub fn validate_blob_sidecar_gossip<V: View + ?Sized>(
    view: &V,
    seen: &Seen,
    blob_sidecar: &BlobSidecar,
    subnet_id: u64,
) -> Result<(), Fault> {
    let cfg = view.cfg();
    let header = &blob_sidecar.signed_block_header.message;
    let limit = max_blobs_per_block(cfg, cfg.epoch_of(header.slot));
    reject_unless(blob_sidecar.index < limit, "blob index out of range")?;
    let subnet = compute_subnet_for_blob_sidecar(cfg, cfg.fork_at_slot(header.slot), blob_sidecar.index);
    reject_unless(subnet == subnet_id, "blob sidecar is for wrong subnet")?;
    let first = !seen.has_blob_sidecar(header.slot, header.proposer_index, blob_sidecar.index);
    unseen(first, "already seen blob sidecar from this proposer for this slot and index")?;
    let proposal = Proposal::of_header(view, seen, &blob_sidecar.signed_block_header, &BLOB);
    proposal.check_signed(view)?;
    proposal.check_parent_seen(view)?;
    proposal.check_parent(view)?;
    proposal.check_proposer(view)?;
    check_blob_sidecar(cfg, blob_sidecar)
}

/// Whether a column sidecar is forwarded (fulu/p2p-interface.md, `validate_data_column_sidecar_gossip`). `subnet_id` is
/// the topic's.
///
/// # Errors
/// Why not.
pub fn validate_data_column_sidecar_gossip<V: View + ?Sized>(
    view: &V,
    seen: &Seen,
    sidecar: &DataColumnSidecar,
    subnet_id: u64,
) -> Result<(), Fault> {
    let cfg = view.cfg();
    let header = &sidecar.signed_block_header.message;
    let first = !seen.has_data_column_sidecar(header.slot, header.proposer_index, sidecar.index);
    unseen(first, "already seen sidecar from this proposer for this slot and index")?;
    reject_unless(verify_data_column_sidecar(cfg, sidecar), "invalid sidecar")?;
    let subnet = compute_subnet_for_data_column_sidecar(cfg, sidecar.index);
    reject_unless(subnet == subnet_id, "sidecar is for wrong subnet")?;
    let proposal = Proposal::of_header(view, seen, &sidecar.signed_block_header, &COLUMN);
    proposal.check_signed(view)?;
    proposal.check_parent_seen(view)?;
    proposal.check_parent(view)?;
    proposal.check_proposer(view)?;
    check_data_column_sidecar(cfg, sidecar)
}
