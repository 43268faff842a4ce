//! The hash function of the execution layer and of node records. SHA-256, the consensus layer's, is `ssz`'s.

use crate::ssz::{Bytes, Root};
use sha3::{Digest, Keccak256};

/// Keccak-256 as Ethereum uses it: the padding is that of the submission, not of SHA-3.
pub fn keccak256(bytes: &[u8]) -> Root {
    Bytes(Keccak256::digest(bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_nothing_is_the_known_one() {
        let known = "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470";
        assert_eq!(hex::encode(keccak256(b"").0), known);
    }
}
