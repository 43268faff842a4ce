//! From bytes to curve points, with the validation the spec asks for, and the unbatched checks on them.

use super::generations::Generations;
use super::{BlsPubkey, BlsSignature, DST};
use crate::ssz::Root;
use blst::BLST_ERROR;
use blst::min_pk::{AggregatePublicKey, PublicKey, Signature};
use std::sync::{LazyLock, Mutex, PoisonError};

/// Public keys kept decompressed, per generation: 0.2 kB for each key really used, 50 MB at the very most. Every validator
/// votes once an epoch, so with fewer than there are each vote would find its keys forgotten.
const KEYS_PER_GENERATION: usize = 131_072;

static KEYS: LazyLock<Mutex<Generations<BlsPubkey, PublicKey>>> =
    LazyLock::new(|| Mutex::new(Generations::new(KEYS_PER_GENERATION)));

/// The point of a compressed key, if spec `KeyValidate` accepts it: on the curve, in the subgroup, not infinity.
pub(super) fn public_key(pubkey: &BlsPubkey) -> Option<PublicKey> {
    // A poisoned lock is still whole: entries are inserted in one step.
    if let Some(point) = KEYS.lock().unwrap_or_else(PoisonError::into_inner).get(pubkey) {
        return Some(point);
    }
    let point = PublicKey::key_validate(&pubkey.0).ok()?;
    KEYS.lock().unwrap_or_else(PoisonError::into_inner).insert(*pubkey, point);
    Some(point)
}

/// The sum of the keys, all of them validated. `None` for no keys or an invalid one. The sum itself may be infinity,
/// which `blst` refuses when verifying.
pub(super) fn sum_of_keys(pubkeys: &[BlsPubkey]) -> Option<PublicKey> {
    let points = pubkeys.iter().map(public_key).collect::<Option<Vec<_>>>()?;
    if let [point] = points[..] {
        return Some(point);
    }
    let refs: Vec<&PublicKey> = points.iter().collect();
    AggregatePublicKey::aggregate(&refs, false).ok().map(|sum| sum.to_public_key())
}

/// The point of a compressed signature. On the curve; whether it is in the subgroup is checked by who verifies.
pub(super) fn signature(signature: &BlsSignature) -> Option<Signature> {
    Signature::uncompress(&signature.0).ok()
}

/// One message, unbatched and without the memo.
pub(super) fn check(pubkeys: &[BlsPubkey], message: &Root, bytes: &BlsSignature) -> bool {
    let (Some(key), Some(signature)) = (sum_of_keys(pubkeys), signature(bytes)) else {
        return false;
    };
    signature.verify(true, &message.0, DST, &[], &key, false) == BLST_ERROR::BLST_SUCCESS
}

/// Spec `bls.AggregateVerify`: each key signed the message of its position. Lists of different length or empty: `false`.
pub fn aggregate_verify(pubkeys: &[BlsPubkey], messages: &[Root], bytes: &BlsSignature) -> bool {
    if pubkeys.is_empty() || pubkeys.len() != messages.len() {
        return false;
    }
    let (Some(keys), Some(signature)) = (pubkeys.iter().map(public_key).collect::<Option<Vec<_>>>(), signature(bytes))
    else {
        return false;
    };
    let keys: Vec<&PublicKey> = keys.iter().collect();
    let messages: Vec<&[u8]> = messages.iter().map(|message| message.0.as_slice()).collect();
    signature.aggregate_verify(true, &messages, DST, &keys, false) == BLST_ERROR::BLST_SUCCESS
}
