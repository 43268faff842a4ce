//! Sidecars made here are valid, and no longer are when anything in them is changed.

use super::*;
use crate::{
    crypto::kzg,
    ssz::{Bytes, Root, Ssz},
    types::{BeaconBlock, Blob, ChainConfig, ForkName, KzgProof, SignedBeaconBlock},
};

fn config(fork: ForkName) -> ChainConfig {
    let mut cfg = ChainConfig::minimal();
    cfg.start_at(fork);
    cfg
}

fn blob(seed: u8) -> Blob {
    let mut bytes = vec![0; 131_072];
    bytes.chunks_exact_mut(32).for_each(|element| element[31] = seed);
    bytes.into()
}

fn block_with(cfg: &ChainConfig, commitments: Vec<Bytes<48>>) -> SignedBeaconBlock {
    let mut message = BeaconBlock::zero(cfg.shape_at_slot(9));
    message.slot = 9;
    message.body.graffiti = Bytes([7; 32]);
    message.body.blob_kzg_commitments = commitments.into();
    SignedBeaconBlock { message, signature: Bytes([5; 96]) }
}

#[test]
fn blob_sidecars_prove_their_place_in_the_block() {
    for fork in [ForkName::Deneb, ForkName::Electra] {
        let cfg = config(fork);
        // No point is computed with here, so any bytes do.
        let commitments: Vec<_> = (1..=3).map(|byte| Bytes([byte; 48])).collect();
        let block = block_with(&cfg, commitments);
        let proofs = [Bytes([9; 48]); 3];
        let sidecars = get_blob_sidecars(&cfg, &block, &[blob(1), blob(2), blob(3)], &proofs).unwrap();
        assert_eq!(sidecars.len(), 3);
        for sidecar in &sidecars {
            assert!(verify_blob_sidecar_inclusion_proof(&cfg, sidecar), "{fork}, blob {}", sidecar.index);
            let message = &sidecar.signed_block_header.message;
            assert_eq!(message.hash_tree_root(cfg.shape(fork)), block.message.hash_tree_root(cfg.shape(fork)));
            for index in [sidecar.index ^ 1, 4096, u64::MAX] {
                let mut other = sidecar.clone();
                other.index = index;
                assert!(!verify_blob_sidecar_inclusion_proof(&cfg, &other), "{fork}, blob {index}");
            }
            let mut other = sidecar.clone();
            other.kzg_commitment = Bytes([4; 48]);
            assert!(!verify_blob_sidecar_inclusion_proof(&cfg, &other));
            let mut other = sidecar.clone();
            other.kzg_commitment_inclusion_proof = vec![Root::ZERO; 3].into();
            assert!(!verify_blob_sidecar_inclusion_proof(&cfg, &other));
        }
        assert!(get_blob_sidecars(&cfg, &block, &[blob(1)], &proofs).is_err());
        assert!(get_blob_sidecars(&cfg, &block, &[blob(1), blob(2), blob(3)], &proofs[1..]).is_err());
    }
}

#[test]
fn column_sidecars_are_valid_and_give_the_matrix_back() {
    let cfg = config(ForkName::Fulu);
    let blobs = [blob(1), blob(2)];
    let commitments = blobs.each_ref().map(|blob| kzg::blob_to_commitment(blob).unwrap());
    let block = block_with(&cfg, commitments.to_vec());
    let matrix = compute_matrix(&blobs).unwrap();
    let proofs: Vec<KzgProof> = matrix.iter().map(|entry| entry.kzg_proof).collect();
    let rows = cells_with_proofs(&cfg, &blobs, &proofs).unwrap();
    let sidecars = get_data_column_sidecars_from_block(&cfg, &block, &rows).unwrap();
    assert_eq!(sidecars.len(), 128);
    assert_eq!(get_data_column_sidecars_from_column_sidecar(&cfg, &sidecars[77], &rows).unwrap(), sidecars);
    assert!(get_data_column_sidecars_from_block(&cfg, &block, &rows[1..]).is_err());
    assert!(cells_with_proofs(&cfg, &blobs, &proofs[1..]).is_err());

    for sidecar in [&sidecars[0], &sidecars[127]] {
        assert!(verify_data_column_sidecar(&cfg, sidecar));
        assert!(verify_data_column_sidecar_inclusion_proof(&cfg, sidecar));
        assert!(verify_data_column_sidecar_kzg_proofs(sidecar));
        let mut other = sidecar.clone();
        other.column = vec![sidecar.column[1].clone(), sidecar.column[0].clone()].into();
        assert!(verify_data_column_sidecar(&cfg, &other) && !verify_data_column_sidecar_kzg_proofs(&other));
        let mut other = sidecar.clone();
        other.kzg_commitments = vec![commitments[1], commitments[0]].into();
        assert!(!verify_data_column_sidecar_inclusion_proof(&cfg, &other));
    }

    // The even columns are half of them; backwards, since they may come in any order.
    let half: Vec<_> = matrix.iter().filter(|entry| entry.column_index % 2 == 0).rev().cloned().collect();
    assert_eq!(recover_matrix(&half, 2).unwrap(), matrix);
    assert!(recover_matrix(&half[1..], 2).is_err());
}

#[test]
fn column_sidecars_of_wrong_lengths_are_refused_before_any_proof() {
    let cfg = config(ForkName::Fulu);
    let of = |blobs: usize| {
        let mut sidecar = crate::types::DataColumnSidecar::zero(cfg.shape(ForkName::Fulu));
        sidecar.column = vec![crate::types::Cell::zero(cfg.shape(ForkName::Fulu)); blobs].into();
        sidecar.kzg_commitments = vec![Bytes([1; 48]); blobs].into();
        sidecar.kzg_proofs = vec![Bytes([1; 48]); blobs].into();
        sidecar
    };
    assert!(verify_data_column_sidecar(&cfg, &of(1)) && verify_data_column_sidecar(&cfg, &of(9)));
    assert!(!verify_data_column_sidecar(&cfg, &of(0)) && !verify_data_column_sidecar(&cfg, &of(10)));
    let mut beyond = of(1);
    beyond.index = 128;
    assert!(!verify_data_column_sidecar(&cfg, &beyond));
    let mut uneven = of(2);
    uneven.kzg_proofs.truncate(1);
    assert!(!verify_data_column_sidecar(&cfg, &uneven));
    let mut uneven = of(2);
    uneven.column.truncate(1);
    assert!(!verify_data_column_sidecar(&cfg, &uneven));
    // Points that are none are no panic.
    assert!(!verify_data_column_sidecar_kzg_proofs(&of(1)));
}

#[test]
fn custody_grows_by_adding_groups_and_ends_with_all() {
    let cfg = config(ForkName::Fulu);
    let node_id = Bytes([0xff; 32]);
    let four = get_custody_groups(&cfg, &node_id, 4).unwrap();
    let eight = get_custody_groups(&cfg, &node_id, 8).unwrap();
    assert_eq!((four.len(), eight.len()), (4, 8));
    assert!(four.iter().all(|group| eight.contains(group)));
    assert_eq!(get_custody_groups(&cfg, &node_id, 128).unwrap(), (0..128).collect::<Vec<_>>());
    assert_eq!(get_custody_groups(&cfg, &node_id, 127).unwrap().len(), 127);
    assert!(get_custody_groups(&cfg, &node_id, 129).is_err());
    assert_eq!(compute_columns_for_custody_group(&cfg, 127).unwrap(), [127]);
    assert!(compute_columns_for_custody_group(&cfg, 128).is_err());
    let mut fewer = cfg.clone();
    fewer.number_of_custody_groups = 32;
    assert_eq!(compute_columns_for_custody_group(&fewer, 3).unwrap(), [3, 35, 67, 99]);
}

#[test]
fn subnets_follow_the_index() {
    let cfg = ChainConfig::mainnet();
    assert_eq!(compute_subnet_for_blob_sidecar(&cfg, ForkName::Deneb, 7), 1);
    assert_eq!(compute_subnet_for_blob_sidecar(&cfg, ForkName::Electra, 7), 7);
    assert_eq!(compute_subnet_for_data_column_sidecar(&cfg, 127), 127);
    assert_eq!(compute_max_request_blob_sidecars(&cfg, ForkName::Deneb), 768);
    assert_eq!(compute_max_request_blob_sidecars(&cfg, ForkName::Electra), 1152);
    assert_eq!(compute_max_request_data_column_sidecars(&cfg), 16_384);
}
