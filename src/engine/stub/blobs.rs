//! Blobs for payloads: always the same few, so that each one's KZG proofs are computed once in a process, when they are
//! first wanted.
//!
//! Spec: deneb `kzg_commitment_to_versioned_hash`, EIP-4844 (blob transactions), EIP-7594 (cell proofs).

use crate::crypto::{keccak256, kzg, rlp};
use crate::engine::header::BLOB_TRANSACTION_TYPE;
use crate::engine::ordered_trie_root;
use crate::ssz::{Fork, Root, Uint256, sha256};
use crate::types::constants::VERSIONED_HASH_VERSION_KZG;
use crate::types::{Blob, Hash32, KzgCommitment, KzgProof, LogsBloom, Transaction};
use k256::ecdsa::SigningKey;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

/// Field elements of a blob, and their bytes, as the trusted setup has them.
const ELEMENTS: u64 = 4096;
/// EIP-2718 transactions cost this much before they do anything.
pub(super) const TRANSACTION_GAS: u64 = 21_000;
/// What the transaction offers for gas and blob gas: more than they will ever cost here. Wei.
const MAX_FEE: u64 = 1 << 62;

/// A blob and what belongs to it.
#[derive(Debug)]
pub(super) struct Known {
    pub blob: Blob,
    pub commitment: KzgCommitment,
    pub versioned_hash: Hash32,
    blob_proof: OnceLock<KzgProof>,
    cell_proofs: OnceLock<Vec<KzgProof>>,
}

impl Known {
    fn new(index: u64) -> Result<Self, kzg::Error> {
        let element = |place: u64| {
            let mut element = sha256(&[index.to_be_bytes(), place.to_be_bytes()].concat()).0;
            // Below the modulus, whatever follows.
            element[0] = 0;
            element
        };
        let bytes: Vec<u8> = (0..ELEMENTS).flat_map(element).collect();
        let commitment = kzg::blob_to_commitment(&bytes)?;
        let mut versioned_hash = sha256(&commitment.0);
        versioned_hash.0[0] = VERSIONED_HASH_VERSION_KZG;
        let (blob_proof, cell_proofs) = Default::default();
        Ok(Self { blob: bytes.into(), commitment, versioned_hash, blob_proof, cell_proofs })
    }

    /// The proofs that a block of `fork` carries for this blob: one, or one a cell.
    pub fn proofs(&self, fork: Fork) -> Result<Vec<KzgProof>, kzg::Error> {
        if fork >= Fork::Fulu {
            if let Some(proofs) = self.cell_proofs.get() {
                return Ok(proofs.clone());
            }
            let proofs = kzg::cells_and_proofs(&self.blob)?.proofs;
            return Ok(self.cell_proofs.get_or_init(|| proofs).clone());
        }
        if let Some(proof) = self.blob_proof.get() {
            return Ok(vec![*proof]);
        }
        let proof = kzg::blob_proof(&self.blob, &self.commitment)?;
        Ok(vec![*self.blob_proof.get_or_init(|| proof)])
    }
}

/// The blob with this index: the same in every stub. Computed once in a process, and kept to its end.
pub(super) fn known(index: u64) -> Result<Arc<Known>, kzg::Error> {
    static KNOWN: Mutex<BTreeMap<u64, Arc<Known>>> = Mutex::new(BTreeMap::new());
    let mut all = KNOWN.lock().expect("no code panics while it holds this lock");
    if let Some(blob) = all.get(&index) {
        return Ok(blob.clone());
    }
    let blob = Arc::new(Known::new(index)?);
    all.insert(index, blob.clone());
    Ok(blob)
}

/// A transaction that carries these blobs, signed by a key of the stub's own; it spends `TRANSACTION_GAS`.
pub(super) fn transaction(chain_id: u64, nonce: u64, versioned_hashes: &[Hash32]) -> Transaction {
    let hashes = versioned_hashes.iter().fold(rlp::List::default(), |list, hash| list.bytes(&hash.0)).finish();
    let unsigned = rlp::List::default()
        .number(chain_id)
        .number(nonce)
        .number(0)
        .number(MAX_FEE)
        .number(TRANSACTION_GAS)
        .bytes(&[0xb1; 20])
        .number(0)
        .bytes(&[])
        .item(&rlp::List::default().finish())
        .number(MAX_FEE)
        .item(&hashes);
    let (odd, r, s) = signature(&keccak256(&typed(unsigned.clone())));
    typed(unsigned.number(odd.into()).uint256(&r).uint256(&s)).into()
}

fn typed(list: rlp::List) -> Vec<u8> {
    let mut out = vec![BLOB_TRANSACTION_TYPE];
    out.extend(list.finish());
    out
}

/// `y_parity`, `r`, `s`; deterministic (RFC 6979).
fn signature(hash: &Root) -> (u8, Uint256, Uint256) {
    let key = SigningKey::from_slice(&[0x10; 32]).expect("a number below the group's order");
    let (signature, id) = key.sign_prehash_recoverable(&hash.0);
    let bytes = signature.to_bytes();
    let (r, s) = bytes.split_at(32);
    (u8::from(id.is_y_odd()), Uint256::from_be_slice(r), Uint256::from_be_slice(s))
}

/// The receipts root of a block with nothing but that transaction, which did nothing.
pub(super) fn receipts_root() -> Root {
    let receipt = rlp::List::default().number(1).number(TRANSACTION_GAS).bytes(&LogsBloom::ZERO.0);
    ordered_trie_root([typed(receipt.item(&rlp::List::default().finish()))])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::header::versioned_hashes;
    use crate::ssz::Bytes;

    #[test]
    fn the_transaction_holds_the_hashes_of_its_blobs() {
        let hashes = vec![Bytes([1; 32]), Bytes([2; 32])];
        let bytes = transaction(5, 7, &hashes);
        assert_eq!(versioned_hashes([&*bytes].into_iter()), Ok(hashes.clone()));
        assert_eq!(transaction(5, 7, &hashes), bytes);
        assert_ne!(transaction(5, 8, &hashes), bytes);
        assert!(versioned_hashes([&bytes[..bytes.len() - 1]].into_iter()).is_err());
    }
}
