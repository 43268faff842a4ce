//! Signed transactions: what gives a real execution client something to execute. The stub knows no accounts.
//!
//! Spec: EIP-155, the plainest transaction that every fork takes; EIP-4844 and, for its cell proofs, EIP-7594.

use k256::ecdsa::SigningKey;

use crate::crypto::enr::BadNodeKey;
use crate::crypto::rlp::List;
use crate::crypto::{keccak256, kzg};
use crate::ssz::{Bytes, Root, Uint256, sha256};
use crate::types::ExecutionAddress;
use crate::types::constants::VERSIONED_HASH_VERSION_KZG;

/// Gas that a transfer takes.
const GAS: u64 = 21_000;
/// The type byte of a transaction with blobs (EIP-4844, `BLOB_TX_TYPE`).
const BLOB_TX_TYPE: u8 = 3;

/// Why a transaction can't be made.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The secret is none.
    #[error(transparent)]
    Key(#[from] BadNodeKey),
    /// The blob is none.
    #[error(transparent)]
    Blob(#[from] kzg::Error),
}

/// A transfer to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Transactions that the sender has sent before.
    pub nonce: u64,
    /// Wei a gas, and, with a blob, wei a blob gas.
    pub gas_price: u64,
    /// Who gets it.
    pub to: ExecutionAddress,
    /// Wei.
    pub value: u64,
    /// Of the chain that it is for.
    pub chain_id: u64,
}

/// How blobs are proved to the pool that takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proofs {
    /// One a blob, until fulu.
    Blobs,
    /// One a cell, from fulu on.
    Cells,
}

impl Transfer {
    /// The transaction as `eth_sendRawTransaction` takes it, and its hash.
    ///
    /// # Errors
    /// Bytes that are no secret of the curve.
    pub fn sign(&self, secret: &[u8; 32]) -> Result<(Vec<u8>, Root), TransferError> {
        let fields = || {
            let list = List::default().number(self.nonce).number(self.gas_price).number(GAS);
            list.bytes(&self.to.0).number(self.value).bytes(&[])
        };
        let unsigned = fields().number(self.chain_id).number(0).number(0).finish();
        let Signature { odd, r, s } = signature(secret, &unsigned)?;
        let v = self.chain_id.saturating_mul(2).saturating_add(35 + u64::from(odd));
        let signed = fields().number(v).uint256(&r).uint256(&s).finish();
        let hash = keccak256(&signed);
        Ok((signed, hash))
    }

    /// The same with a blob, in the form in which it is handed to a pool.
    ///
    /// # Errors
    /// Bytes that are no secret of the curve, or no blob.
    pub fn sign_with_blob(
        &self,
        secret: &[u8; 32],
        blob: &[u8],
        proofs: Proofs,
    ) -> Result<(Vec<u8>, Root), TransferError> {
        let commitment = kzg::blob_to_commitment(blob)?;
        let mut versioned_hash = sha256(&commitment.0);
        versioned_hash.0[0] = VERSIONED_HASH_VERSION_KZG;
        let body = || {
            let fees = List::default().number(self.chain_id).number(self.nonce).number(self.gas_price);
            let call = fees.number(self.gas_price).number(GAS).bytes(&self.to.0).number(self.value).bytes(&[]);
            let name = List::default().bytes(&versioned_hash.0).finish();
            call.item(&List::default().finish()).number(self.gas_price).item(&name)
        };
        let typed = |list: List| [vec![BLOB_TX_TYPE], list.finish()].concat();
        let Signature { odd, r, s } = signature(secret, &typed(body()))?;
        let signed = body().number(u64::from(odd)).uint256(&r).uint256(&s);
        let hash = keccak256(&typed(signed.clone()));
        let mut wrapped = List::default().item(&signed.finish());
        let proofs = match proofs {
            Proofs::Blobs => vec![kzg::blob_proof(blob, &commitment)?],
            Proofs::Cells => {
                // the version of this form
                wrapped = wrapped.number(1);
                kzg::cells_and_proofs(blob)?.proofs
            }
        };
        let proofs = proofs.iter().fold(List::default(), |list, proof: &Bytes<48>| list.bytes(&proof.0));
        let blobs = List::default().bytes(blob).finish();
        let commitments = List::default().bytes(&commitment.0).finish();
        Ok((typed(wrapped.item(&blobs).item(&commitments).item(&proofs.finish())), hash))
    }
}

struct Signature {
    /// Of the point's y.
    odd: bool,
    r: Uint256,
    s: Uint256,
}

fn signature(secret: &[u8; 32], message: &[u8]) -> Result<Signature, BadNodeKey> {
    let key = SigningKey::from_slice(secret).map_err(|_| BadNodeKey)?;
    let (signature, parity) = key.sign_prehash_recoverable(&keccak256(message).0);
    let (r, s) = signature.split_bytes();
    let number = |bytes: &[u8]| Uint256::from_be_slice(bytes);
    Ok(Signature { odd: parity.is_y_odd(), r: number(&r), s: number(&s) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::rlp::Fields;

    fn transfer() -> Transfer {
        let (gas_price, value) = (20_000_000_000, 1_000_000_000_000_000_000);
        Transfer { nonce: 9, gas_price, to: Bytes([0x35; 20]), value, chain_id: 1 }
    }

    #[test]
    fn the_example_of_eip_155() {
        let (raw, hash) = transfer().sign(&[0x46; 32]).expect("a secret");
        assert_eq!(
            hex::encode(&raw),
            "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340bd939bc21\
             95fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b\
             6d83"
        );
        assert_eq!(hash, keccak256(&raw));
        assert!(transfer().sign(&[0; 32]).is_err());
    }

    #[test]
    fn a_blob_comes_with_its_proofs_and_the_hash_leaves_them_out() {
        let blob = vec![0; 131_072];
        for (form, many) in [(Proofs::Blobs, 1), (Proofs::Cells, 128)] {
            let (raw, hash) = transfer().sign_with_blob(&[0x46; 32], &blob, form).expect("a secret and a blob");
            assert_eq!(raw[0], BLOB_TX_TYPE);
            let mut parts = Fields::of_list(&raw[1..]).expect("a list");
            let mut signed = vec![BLOB_TX_TYPE];
            signed.extend_from_slice(parts.item().expect("the transaction"));
            assert_eq!(keccak256(&signed), hash);
            if form == Proofs::Cells {
                assert_eq!(parts.number(), Ok(1));
            }
            let mut blobs = parts.list().expect("blobs");
            assert_eq!(blobs.bytes().map(<[u8]>::len), Ok(131_072));
            let mut commitments = parts.list().expect("commitments");
            let commitment = commitments.bytes().expect("one").to_vec();
            let mut proofs = parts.list().expect("proofs");
            let first = proofs.bytes().expect("one").to_vec();
            assert_eq!(
                std::iter::from_fn(|| (!proofs.is_empty()).then(|| proofs.bytes().ok()).flatten()).count(),
                many - 1
            );
            parts.end().expect("nothing more");
            if form == Proofs::Blobs {
                let point = |bytes: &[u8]| Bytes(<[u8; 48]>::try_from(bytes).expect("a point"));
                assert_eq!(kzg::verify_blob_proofs(&[&blob], &[point(&commitment)], &[point(&first)]), Ok(true));
            }
            // the block's own reader of such transactions finds the name of the blob
            let mut body = Fields::of_list(&signed[1..]).expect("a list");
            assert_eq!((body.number(), body.number()), (Ok(1), Ok(9)));
        }
        assert!(transfer().sign_with_blob(&[0x46; 32], &[1, 2], Proofs::Blobs).is_err());
    }
}
