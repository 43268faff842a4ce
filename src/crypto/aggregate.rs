//! Adding up signatures and keys.

use super::{BlsPubkey, BlsSignature, Error, points};
use crate::ssz::Bytes;
use blst::min_pk::{AggregateSignature, Signature};

/// Spec `bls.Aggregate`.
///
/// # Errors
/// No signatures, or one that is not a point of the right subgroup.
pub fn aggregate(signatures: &[BlsSignature]) -> Result<BlsSignature, Error> {
    let mut decoded = Vec::with_capacity(signatures.len());
    for bytes in signatures {
        // Infinity is a valid summand, as in the spec.
        let point = Signature::sig_validate(&bytes.0, false).map_err(|_| Error::Signature(*bytes))?;
        decoded.push(point);
    }
    let refs: Vec<&Signature> = decoded.iter().collect();
    let sum = AggregateSignature::aggregate(&refs, false).map_err(|_| Error::Empty("signatures"))?;
    Ok(Bytes(sum.to_signature().to_bytes()))
}

/// Spec `eth_aggregate_pubkeys` (altair).
///
/// # Errors
/// No keys, or one that `KeyValidate` refuses.
pub fn eth_aggregate_pubkeys(pubkeys: &[BlsPubkey]) -> Result<BlsPubkey, Error> {
    if let Some(bad) = pubkeys.iter().find(|pubkey| points::public_key(pubkey).is_none()) {
        return Err(Error::PublicKey(*bad));
    }
    let sum = points::sum_of_keys(pubkeys).ok_or(Error::Empty("public keys"))?;
    Ok(Bytes(sum.to_bytes()))
}
