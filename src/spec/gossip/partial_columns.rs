//! Partial columns: some cells of a column, and the header that lets them be checked.

use super::block::{Proposal, Reasons};
use super::time::is_future_slot;
use super::{Fault, Seen, View, ignore_unless, reject_unless};
use crate::crypto::kzg;
use crate::spec::das::verify_kzg_commitments_inclusion_proof;
use crate::types::{
    BlobKzgCommitments, ChainConfig, ColumnIndex, PartialDataColumnGroupId, PartialDataColumnHeader,
    PartialDataColumnSidecar,
};

const HEADER: Reasons = Reasons {
    future: "header is from a future slot",
    finalized: "header is not from a slot greater than the latest finalized slot",
    signature: "invalid proposer signature on header",
    parent_unseen: "header's parent has not been seen",
    parent_invalid: "header's parent failed validation",
    not_higher: "header is not from a higher slot than its parent",
    not_descendant: "finalized checkpoint is not an ancestor of header's block",
    wrong_proposer: "header proposer_index does not match expected proposer",
};

/// Whether the header's commitments are those of its block (fulu/partial-columns/p2p-interface.md,
/// `verify_partial_data_column_header_inclusion_proof`).
pub fn verify_partial_data_column_header_inclusion_proof(cfg: &ChainConfig, header: &PartialDataColumnHeader) -> bool {
    let block_header = &header.signed_block_header.message;
    verify_kzg_commitments_inclusion_proof(
        cfg.shape_at_slot(block_header.slot),
        &header.kzg_commitments,
        &header.kzg_commitments_inclusion_proof.to_vec(),
        &block_header.body_root,
    )
}

/// Whether the cells are those of the column in the blobs committed to (fulu/partial-columns/p2p-interface.md,
/// `verify_partial_data_column_sidecar_kzg_proofs`). A bit beyond the commitments makes it `false`.
pub fn verify_partial_data_column_sidecar_kzg_proofs(
    sidecar: &PartialDataColumnSidecar,
    all_commitments: &BlobKzgCommitments,
    column_index: ColumnIndex,
) -> bool {
    let commitments = sidecar.cells_present_bitmap.ones().map(|blob| all_commitments.get(blob).copied());
    let Some(commitments) = commitments.collect::<Option<Vec<_>>>() else { return false };
    let cells: Vec<&[u8]> = sidecar.partial_column.iter().map(|cell| &**cell).collect();
    let indices = vec![column_index; commitments.len()];
    kzg::verify_cell_proofs(&commitments, &indices, &cells, &sidecar.kzg_proofs.to_vec()).unwrap_or(false)
}

/// Whether some cells of a column are taken (fulu/partial-columns/p2p-interface.md,
/// `validate_partial_data_column_sidecar_gossip`). Unlike the other functions it marks what it finds valid itself: the
/// header that the cells are judged by may come with them, and stays valid if they are not.
///
/// # Errors
/// Why not.
pub fn validate_partial_data_column_sidecar_gossip<V: View + ?Sized>(
    view: &V,
    seen: &mut Seen,
    sidecar: &PartialDataColumnSidecar,
    group_id: &PartialDataColumnGroupId,
    column_index: ColumnIndex,
) -> Result<(), Fault> {
    let cells = sidecar.cells_present_bitmap.count();
    let header = sidecar.header.get(0);
    reject_unless(header.is_some() || cells > 0, "partial message is semantically empty")?;
    reject_unless(sidecar.partial_column.len() == cells, "number of cells does not match number of set bits")?;
    reject_unless(sidecar.kzg_proofs.len() == cells, "number of proofs does not match number of set bits")?;
    if let Some(header) = header {
        check_header(view, seen, header, group_id)?;
        seen.add_partial_data_column_header(group_id.beacon_block_root, header.clone());
    }
    if cells == 0 { Ok(()) } else { check_cells(view, seen, sidecar, group_id, column_index) }
}

fn check_header<V: View + ?Sized>(
    view: &V,
    seen: &Seen,
    header: &PartialDataColumnHeader,
    group_id: &PartialDataColumnGroupId,
) -> Result<(), Fault> {
    let prior = seen.partial_data_column_header(&group_id.beacon_block_root);
    reject_unless(prior.is_none_or(|prior| prior == header), "header differs from previously validated header")?;
    let proposal = Proposal::of_header(view, seen, &header.signed_block_header, &HEADER);
    let of_group = proposal.root == group_id.beacon_block_root;
    reject_unless(of_group, "header's block root does not match group id's block root")?;
    reject_unless(!header.kzg_commitments.is_empty(), "header's kzg_commitments is empty")?;
    proposal.check_signed(view)?;
    proposal.check_parent_seen(view)?;
    proposal.check_parent(view)?;
    let included = verify_partial_data_column_header_inclusion_proof(view.cfg(), header);
    reject_unless(included, "invalid header inclusion proof")?;
    proposal.check_proposer(view)
}

fn check_cells<V: View + ?Sized>(
    view: &V,
    seen: &Seen,
    sidecar: &PartialDataColumnSidecar,
    group_id: &PartialDataColumnGroupId,
    column_index: ColumnIndex,
) -> Result<(), Fault> {
    let header = seen.partial_data_column_header(&group_id.beacon_block_root);
    let header = header.ok_or(Fault::Ignore("valid corresponding header has not been seen"))?;
    let slot = header.signed_block_header.message.slot;
    ignore_unless(!is_future_slot(view, slot), "corresponding header is from a future slot")?;
    let finalized_slot = view.cfg().start_slot(view.finalized_checkpoint().epoch);
    let why = "corresponding header is not from a slot greater than the latest finalized slot";
    ignore_unless(slot > finalized_slot, why)?;
    let one_bit_each = sidecar.cells_present_bitmap.len() == header.kzg_commitments.len();
    reject_unless(one_bit_each, "bitmap length does not match commitments length")?;
    let valid = verify_partial_data_column_sidecar_kzg_proofs(sidecar, &header.kzg_commitments, column_index);
    reject_unless(valid, "invalid sidecar kzg proofs")
}
