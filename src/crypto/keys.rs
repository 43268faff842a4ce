//! The secret key: erased from memory on drop (by `blst`), never printed.

use super::{BlsPubkey, BlsSignature, DST, Error};
use crate::ssz::{Bytes, Root};
use std::fmt;

/// A BLS secret key. Its memory is zeroed when it is dropped; `Debug` hides it.
#[derive(Clone)]
pub struct SecretKey(blst::min_pk::SecretKey);

impl SecretKey {
    /// Reads 32 big-endian bytes.
    ///
    /// # Errors
    /// [`Error::SecretKey`] for zero and for numbers not below the group order.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, Error> {
        blst::min_pk::SecretKey::from_bytes(bytes).map(Self).map_err(|_| Error::SecretKey)
    }

    /// The 32 big-endian bytes, for writing a keystore. The caller keeps them secret.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Spec `bls.Sign`, of a signing root.
    pub fn sign(&self, message: &Root) -> BlsSignature {
        Bytes(self.0.sign(&message.0, DST, &[]).to_bytes())
    }

    /// Spec `bls.SkToPk`, compressed.
    pub fn public_key(&self) -> BlsPubkey {
        Bytes(self.0.sk_to_pk().to_bytes())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(hidden)")
    }
}
