//! Round trips and refusals. The vectors of `fork_choice` and `networking` hold this against the reference's own blobs.

use super::*;

/// A blob of small numbers that `seed` tells apart.
fn blob(seed: u8) -> Vec<u8> {
    let mut bytes = vec![0; c_kzg::BYTES_PER_BLOB];
    for (index, element) in bytes.chunks_exact_mut(32).enumerate() {
        element[31] = seed;
        element[30] = index as u8;
        element[29] = (index >> 8) as u8;
    }
    bytes
}

/// The point at infinity: the commitment to the blob of zeros, and its proof.
const INFINITY: Point = {
    let mut bytes = [0; 48];
    bytes[0] = 0xc0;
    Bytes(bytes)
};

#[test]
fn the_blob_of_zeros_commits_to_infinity() {
    let zeros = vec![0; c_kzg::BYTES_PER_BLOB];
    assert_eq!(blob_to_commitment(&zeros), Ok(INFINITY));
    assert_eq!(blob_proof(&zeros, &INFINITY), Ok(INFINITY));
    assert_eq!(verify_blob_proofs(&[&zeros], &[INFINITY], &[INFINITY]), Ok(true));
}

#[test]
fn proofs_hold_for_their_blobs_only() {
    let blobs = [blob(1), blob(2)];
    let commitments = blobs.each_ref().map(|blob| blob_to_commitment(blob).unwrap());
    let proofs = [0, 1].map(|i| blob_proof(&blobs[i], &commitments[i]).unwrap());
    let in_order: Vec<&[u8]> = blobs.iter().map(Vec::as_slice).collect();
    assert_eq!(verify_blob_proofs(&in_order, &commitments, &proofs), Ok(true));
    assert_eq!(verify_blob_proofs(&in_order, &commitments, &[proofs[1], proofs[0]]), Ok(false));
    assert_eq!(verify_blob_proofs(&[&blobs[1], &blobs[0]], &commitments, &proofs), Ok(false));
    assert_eq!(verify_blob_proofs(&[], &[], &[]), Ok(true));
}

#[test]
fn cells_are_proved_and_recovered_from_half_of_them() {
    let blob = blob(3);
    let commitment = blob_to_commitment(&blob).unwrap();
    let all = cells_and_proofs(&blob).unwrap();
    assert_eq!(cells(&blob).unwrap(), all.cells);
    assert_eq!((all.cells.len(), all.proofs.len()), (c_kzg::CELLS_PER_EXT_BLOB, c_kzg::CELLS_PER_EXT_BLOB));
    // The first half of the extension is the blob itself.
    assert_eq!(all.cells[..64].concat(), blob);

    let check = |index: u64, cell: usize, proof: usize| {
        verify_cell_proofs(&[commitment], &[index], &[&all.cells[cell]], &[all.proofs[proof]])
    };
    assert_eq!(check(5, 5, 5), Ok(true));
    assert_eq!(check(5, 6, 6), Ok(false));
    assert_eq!(check(5, 5, 6), Ok(false));
    assert!(check(128, 5, 5).is_err());

    let odd: Vec<u64> = (0..128).filter(|index| index % 2 == 1).collect();
    let pick = |indices: &[u64]| -> Result<CellsAndProofs, Error> {
        recover(indices, &indices.iter().map(|i| all.cells[*i as usize % 128].as_slice()).collect::<Vec<_>>())
    };
    assert_eq!(pick(&odd).unwrap(), all);
    assert!(pick(&odd[1..]).is_err(), "63 of 128 are too few");
    let mut twice = odd.clone();
    twice[0] = twice[1];
    assert!(pick(&twice).is_err());
    assert!(pick(&[odd.clone(), vec![200]].concat()).is_err());
}

#[test]
fn what_is_no_blob_cell_or_point_is_refused() {
    let short = vec![0; 31];
    assert_eq!(
        blob_to_commitment(&short),
        Err(Error::Length { what: "blob", expected: c_kzg::BYTES_PER_BLOB, found: 31 })
    );
    assert!(cells_and_proofs(&short).is_err());
    assert!(recover(&[0], &[&short]).is_err());
    // Beyond the field's modulus.
    let beyond = vec![0xff; c_kzg::BYTES_PER_BLOB];
    assert!(blob_to_commitment(&beyond).is_err());
    assert!(cells(&beyond).is_err());
    let zeros = vec![0; c_kzg::BYTES_PER_BLOB];
    let no_point = Bytes([0xff; 48]);
    assert!(blob_proof(&zeros, &no_point).is_err());
    assert!(verify_blob_proofs(&[&zeros], &[no_point], &[INFINITY]).is_err());
    assert!(verify_blob_proofs(&[&zeros], &[INFINITY], &[no_point]).is_err());
    assert!(verify_blob_proofs(&[&zeros], &[INFINITY], &[]).is_err());
    let cell = vec![0; c_kzg::BYTES_PER_CELL];
    assert!(verify_cell_proofs(&[INFINITY], &[0, 1], &[&cell], &[INFINITY]).is_err());
    assert!(verify_cell_proofs(&[no_point], &[0], &[&cell], &[INFINITY]).is_err());
}

#[test]
fn what_is_remembered_is_the_same() {
    let blob = blob(9);
    let commitment = blob_to_commitment(&blob).unwrap();
    let proof = blob_proof(&blob, &commitment).unwrap();
    let all = cells_and_proofs(&blob).unwrap();
    crate::crypto::remember_verdicts(true);
    for _ in 0..2 {
        assert_eq!(blob_to_commitment(&blob), Ok(commitment));
        assert_eq!(blob_proof(&blob, &commitment), Ok(proof));
        assert_eq!(verify_blob_proofs(&[&blob], &[commitment], &[proof]), Ok(true));
        assert_eq!(verify_blob_proofs(&[&blob], &[proof], &[commitment]), Ok(false));
        assert_eq!(cells_and_proofs(&blob).as_ref(), Ok(&all));
        let check = |index| verify_cell_proofs(&[commitment], &[index], &[&all.cells[7]], &[all.proofs[7]]);
        assert_eq!([check(7), check(8)], [Ok(true), Ok(false)]);
        assert!(check(128).is_err());
    }
    crate::crypto::remember_verdicts(false);
}
