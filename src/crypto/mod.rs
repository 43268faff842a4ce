//! BLS signatures as the consensus spec uses them (min-pubkey-size, proof-of-possession scheme), over `blst`; in
//! [`kzg`], commitments to blobs; in [`enr`], signed node records, with the [`rlp`] and the [`keccak256`] that they share
//! with the execution layer.
//!
//! What it is for: signing, single, aggregate and batch verification, and aggregation of keys and signatures; all on
//! the compressed bytes that SSZ carries, so that no other module handles curve points.
//!
//! What it never does: no I/O but the OS's random numbers for batch scalars (which influence no result), no panic on
//! outside bytes (an undecodable key or signature verifies as `false`), and a secret key is never printed.
//!
//! Two process-wide stores make it fast and change no result: decompressed public keys (bounded, always on) and,
//! after [`remember_verdicts`], the verdicts of verified sets (bounded; for many nodes in one process).

pub mod enr;
pub mod kzg;
pub mod rlp;

mod aggregate;
mod batch;
mod generations;
mod keccak;
mod keys;
mod multiples;
mod points;

pub use aggregate::{aggregate, eth_aggregate_pubkeys};
pub use batch::{SignatureSet, remember_verdicts, verify_sets};
pub use keccak::keccak256;
pub use keys::SecretKey;
pub use multiples::public_keys_of_known_secrets;
pub use points::aggregate_verify;

use crate::ssz::{Bytes, Root};
use thiserror::Error;

/// A compressed G1 point.
type BlsPubkey = Bytes<48>;
/// A compressed G2 point.
type BlsSignature = Bytes<96>;

/// Domain separation tag of the scheme, the `BLS_SIG_` ciphersuite named in the spec's phase0 document.
const DST: &[u8] = b"BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";

/// The G2 point at infinity, compressed: the signature of an empty sync aggregate (altair `bls.md`).
pub const G2_POINT_AT_INFINITY: BlsSignature = {
    let mut bytes = [0; 96];
    bytes[0] = 0xc0;
    Bytes(bytes)
};

/// Why a key or signature could not be used. Verification never returns this: there, undecodable means `false`.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum Error {
    /// Zero, or not below the group order.
    #[error("secret key is not a number between 1 and the BLS12-381 group order: use another key")]
    SecretKey,
    /// Not a compressed point of the right subgroup, or the point at infinity.
    #[error("public key {0} is not a valid G1 point other than infinity: drop it")]
    PublicKey(BlsPubkey),
    /// Not a compressed point of the right subgroup.
    #[error("signature {0} is not a valid G2 point: drop it")]
    Signature(BlsSignature),
    /// Nothing to aggregate.
    #[error("aggregating an empty list of {0}: give at least one")]
    Empty(&'static str),
}

/// Spec `bls.Verify`.
pub fn verify(pubkey: &BlsPubkey, message: &Root, signature: &BlsSignature) -> bool {
    fast_aggregate_verify(std::slice::from_ref(pubkey), message, signature)
}

/// Spec `bls.FastAggregateVerify`: all keys signed the same message. No keys: `false`.
pub fn fast_aggregate_verify(pubkeys: &[BlsPubkey], message: &Root, signature: &BlsSignature) -> bool {
    batch::verify_one(pubkeys, message, signature)
}

/// Spec `eth_fast_aggregate_verify` (altair): as [`fast_aggregate_verify`], but no keys with the signature at infinity
/// is `true`.
pub fn eth_fast_aggregate_verify(pubkeys: &[BlsPubkey], message: &Root, signature: &BlsSignature) -> bool {
    (pubkeys.is_empty() && *signature == G2_POINT_AT_INFINITY) || fast_aggregate_verify(pubkeys, message, signature)
}

#[cfg(test)]
mod tests;
