//! A signed transfer: what gives a real execution client something to execute. The stub knows no accounts.
//!
//! Spec: EIP-155, the plainest transaction that every fork takes.

use k256::ecdsa::SigningKey;

use super::rlp::List;
use super::trie::keccak256;
use crate::crypto::enr::BadNodeKey;
use crate::ssz::{Root, Uint256};
use crate::types::ExecutionAddress;

/// Gas that a transfer takes.
const GAS: u64 = 21_000;

/// A transfer to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Transactions that the sender has sent before.
    pub nonce: u64,
    /// Wei a gas.
    pub gas_price: u64,
    /// Who gets it.
    pub to: ExecutionAddress,
    /// Wei.
    pub value: u64,
    /// Of the chain that it is for.
    pub chain_id: u64,
}

impl Transfer {
    /// The transaction as `eth_sendRawTransaction` takes it, and its hash.
    ///
    /// # Errors
    /// Bytes that are no secret of the curve.
    pub fn sign(&self, secret: &[u8; 32]) -> Result<(Vec<u8>, Root), BadNodeKey> {
        let key = SigningKey::from_slice(secret).map_err(|_| BadNodeKey)?;
        let unsigned = self.fields().number(self.chain_id).number(0).number(0).finish();
        let (signature, parity) = key.sign_prehash_recoverable(&keccak256(&unsigned).0);
        let (r, s) = signature.split_bytes();
        let v = self.chain_id.saturating_mul(2).saturating_add(35 + u64::from(parity.is_y_odd()));
        let number = |bytes: &[u8]| Uint256::from_be_slice(bytes);
        let signed = self.fields().number(v).uint256(&number(&r)).uint256(&number(&s)).finish();
        let hash = keccak256(&signed);
        Ok((signed, hash))
    }

    fn fields(&self) -> List {
        List::default()
            .number(self.nonce)
            .number(self.gas_price)
            .number(GAS)
            .bytes(&self.to.0)
            .number(self.value)
            .bytes(&[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssz::Bytes;

    #[test]
    fn the_example_of_eip_155() {
        let transfer = Transfer {
            nonce: 9,
            gas_price: 20_000_000_000,
            to: Bytes([0x35; 20]),
            value: 1_000_000_000_000_000_000,
            chain_id: 1,
        };
        let (raw, hash) = transfer.sign(&[0x46; 32]).expect("a secret");
        assert_eq!(
            hex::encode(&raw),
            "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340bd939bc21\
             95fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b\
             6d83"
        );
        assert_eq!(hash, keccak256(&raw));
        assert!(transfer.sign(&[0; 32]).is_err());
    }
}
