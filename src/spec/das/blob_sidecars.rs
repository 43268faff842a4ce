//! Blob sidecars of deneb and electra.

use super::inclusion::{kzg_commitment_branch, kzg_commitments_branch, verify_kzg_commitment_inclusion_proof};
use crate::{
    spec::Error,
    ssz::Ssz,
    types::{
        BeaconBlockHeader, Blob, BlobIndex, BlobSidecar, ChainConfig, ForkName, KzgProof, SignedBeaconBlock,
        SignedBeaconBlockHeader,
    },
};

/// The header of a block, with the block's signature, which is the header's too (deneb/validator.md,
/// `compute_signed_block_header`).
pub fn compute_signed_block_header(cfg: &ChainConfig, signed_block: &SignedBeaconBlock) -> SignedBeaconBlockHeader {
    let block = &signed_block.message;
    let message = BeaconBlockHeader {
        slot: block.slot,
        proposer_index: block.proposer_index,
        parent_root: block.parent_root,
        state_root: block.state_root,
        body_root: block.body.hash_tree_root(cfg.shape_at_slot(block.slot)),
    };
    SignedBeaconBlockHeader { message, signature: signed_block.signature }
}

/// The sidecars of a block, one for each blob (deneb/validator.md, `get_blob_sidecars`).
///
/// # Errors
/// If there is not one commitment and one proof for each blob.
pub fn get_blob_sidecars(
    cfg: &ChainConfig,
    signed_block: &SignedBeaconBlock,
    blobs: &[Blob],
    blob_kzg_proofs: &[KzgProof],
) -> Result<Vec<BlobSidecar>, Error> {
    let body = &signed_block.message.body;
    let commitments = &body.blob_kzg_commitments;
    for (what, found) in [("blobs", blobs.len()), ("proofs", blob_kzg_proofs.len())] {
        if found != commitments.len() {
            let (found, commitments) = (found as u64, commitments.len() as u64);
            return Err(Error::SidecarCount { what, found, commitments });
        }
    }
    let shape = cfg.shape_at_slot(signed_block.message.slot);
    let signed_block_header = compute_signed_block_header(cfg, signed_block);
    let list_branch = kzg_commitments_branch(shape, body);
    let sidecar = |(index, ((blob, proof), commitment)): (u64, ((&Blob, &KzgProof), &_))| BlobSidecar {
        index,
        blob: blob.clone(),
        kzg_commitment: *commitment,
        kzg_proof: *proof,
        signed_block_header,
        kzg_commitment_inclusion_proof: kzg_commitment_branch(shape, commitments, index, &list_branch).into(),
    };
    Ok((0..).zip(blobs.iter().zip(blob_kzg_proofs).zip(commitments.iter())).map(sidecar).collect())
}

/// Whether the sidecar's commitment is the one of its index in the block of its header (deneb/p2p-interface.md,
/// `verify_blob_sidecar_inclusion_proof`).
pub fn verify_blob_sidecar_inclusion_proof(cfg: &ChainConfig, blob_sidecar: &BlobSidecar) -> bool {
    let header = &blob_sidecar.signed_block_header.message;
    verify_kzg_commitment_inclusion_proof(
        cfg.shape_at_slot(header.slot),
        &blob_sidecar.kzg_commitment,
        blob_sidecar.index,
        &blob_sidecar.kzg_commitment_inclusion_proof.to_vec(),
        &header.body_root,
    )
}

/// The subnet of a blob sidecar of `fork` (`compute_subnet_for_blob_sidecar` of deneb/validator.md and
/// electra/validator.md).
pub fn compute_subnet_for_blob_sidecar(cfg: &ChainConfig, fork: ForkName, blob_index: BlobIndex) -> u64 {
    let subnets = match fork < ForkName::Electra {
        true => cfg.blob_sidecar_subnet_count,
        false => cfg.blob_sidecar_subnet_count_electra,
    };
    blob_index % subnets.max(1)
}

/// The most blob sidecars that one request may ask for (`compute_max_request_blob_sidecars` of deneb/p2p-interface.md and
/// electra/p2p-interface.md).
pub fn compute_max_request_blob_sidecars(cfg: &ChainConfig, fork: ForkName) -> u64 {
    let blobs = match fork < ForkName::Electra {
        true => cfg.max_blobs_per_block,
        false => cfg.max_blobs_per_block_electra,
    };
    cfg.max_request_blocks_deneb.saturating_mul(blobs)
}
