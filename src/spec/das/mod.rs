//! Blobs beside blocks: sidecars and their proofs (deneb), the columns that fulu cuts blobs into, and who keeps which.
//!
//! Pure functions over what the caller holds. Nothing here fetches, keeps or times sidecars.

mod blob_sidecars;
mod column_sidecars;
mod custody;
mod inclusion;
mod matrix;

pub use blob_sidecars::{
    compute_max_request_blob_sidecars, compute_signed_block_header, compute_subnet_for_blob_sidecar, get_blob_sidecars,
    verify_blob_sidecar_inclusion_proof,
};
pub use column_sidecars::{
    cells_with_proofs, compute_max_request_data_column_sidecars, compute_subnet_for_data_column_sidecar,
    get_data_column_sidecars, get_data_column_sidecars_from_block, get_data_column_sidecars_from_column_sidecar,
    verify_data_column_sidecar, verify_data_column_sidecar_inclusion_proof, verify_data_column_sidecar_kzg_proofs,
};
pub use custody::{compute_columns_for_custody_group, get_custody_groups, get_validators_custody_requirement};
pub use inclusion::{kzg_commitment_branch, kzg_commitments_branch, verify_kzg_commitments_inclusion_proof};
pub use matrix::{compute_matrix, recover_matrix};

#[cfg(test)]
mod tests;
