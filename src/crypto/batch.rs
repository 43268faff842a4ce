//! Many signatures in one check, and the memory of verdicts.

use super::generations::Generations;
use super::{BlsPubkey, BlsSignature, DST, points};
use crate::ssz::{Root, sha256};
use blst::min_pk::{PublicKey, Signature};
use blst::{BLST_ERROR, blst_scalar};
use rand::TryRng;
use rand::rngs::SysRng;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};

/// Verdicts kept per generation: under 10 MB in all.
const VERDICTS_PER_GENERATION: usize = 65_536;
/// Length of the random scalars: a forged batch passes with probability 2^-64.
const SCALAR_BITS: usize = 64;

static REMEMBER: AtomicBool = AtomicBool::new(false);
static VERDICTS: LazyLock<Mutex<Generations<Root, bool>>> =
    LazyLock::new(|| Mutex::new(Generations::new(VERDICTS_PER_GENERATION)));

/// One thing to verify: all keys signed this message, their signatures added up (spec `bls.FastAggregateVerify`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureSet {
    /// Compressed keys; none makes the set invalid.
    pub pubkeys: Vec<BlsPubkey>,
    /// The signing root.
    pub message: Root,
    /// Compressed.
    pub signature: BlsSignature,
}

/// Whether all sets are valid. No sets: `true`. One set is verified directly, more in one batch with random scalars,
/// so a `false` does not tell which one is bad: verify them one by one to know.
pub fn verify_sets(sets: &[SignatureSet]) -> bool {
    if !remembers() {
        return check_all(&sets.iter().collect::<Vec<_>>());
    }
    let mut unknown = Vec::new();
    for set in sets {
        let key = verdict_key(&set.pubkeys, &set.message, &set.signature);
        match recall(&key) {
            Some(true) => {}
            Some(false) => return false,
            None => unknown.push((key, set)),
        }
    }
    let valid = check_all(&unknown.iter().map(|(_, set)| *set).collect::<Vec<_>>());
    if valid || unknown.len() == 1 {
        for (key, _) in unknown {
            record(key, valid);
        }
    }
    valid
}

/// Turns the process-wide memory of verdicts on or off; off (the default) also forgets. With it, a set that was
/// verified once by any node of this process is not verified again, nor anything of [`kzg`](super::kzg) computed again.
/// Bounded.
pub fn remember_verdicts(on: bool) {
    REMEMBER.store(on, Ordering::Relaxed);
    if !on {
        VERDICTS.lock().unwrap_or_else(PoisonError::into_inner).clear();
        super::kzg::forget();
    }
}

/// Whether the memory is on.
pub(super) fn remembers() -> bool {
    REMEMBER.load(Ordering::Relaxed)
}

/// One set, with the memory of verdicts if it is on.
pub(super) fn verify_one(pubkeys: &[BlsPubkey], message: &Root, signature: &BlsSignature) -> bool {
    if !remembers() {
        return points::check(pubkeys, message, signature);
    }
    let key = verdict_key(pubkeys, message, signature);
    recall(&key).unwrap_or_else(|| {
        let valid = points::check(pubkeys, message, signature);
        record(key, valid);
        valid
    })
}

fn recall(key: &Root) -> Option<bool> {
    VERDICTS.lock().unwrap_or_else(PoisonError::into_inner).get(key)
}

fn record(key: Root, valid: bool) {
    VERDICTS.lock().unwrap_or_else(PoisonError::into_inner).insert(key, valid);
}

/// All fields have fixed sizes but the list of keys, which comes last: no two sets share their bytes.
fn verdict_key(pubkeys: &[BlsPubkey], message: &Root, signature: &BlsSignature) -> Root {
    let mut bytes = Vec::with_capacity(32 + 96 + 48 * pubkeys.len());
    bytes.extend_from_slice(&message.0);
    bytes.extend_from_slice(&signature.0);
    for pubkey in pubkeys {
        bytes.extend_from_slice(&pubkey.0);
    }
    sha256(&bytes)
}

fn check_all(sets: &[&SignatureSet]) -> bool {
    let one_by_one = || sets.iter().all(|set| points::check(&set.pubkeys, &set.message, &set.signature));
    if sets.len() < 2 {
        return one_by_one();
    }
    match scalars(sets.len()) {
        Some(scalars) => check_batch(sets, &scalars),
        // No randomness to be had: slower, same answer.
        None => one_by_one(),
    }
}

fn check_batch(sets: &[&SignatureSet], scalars: &[blst_scalar]) -> bool {
    let mut keys = Vec::with_capacity(sets.len());
    let mut signatures = Vec::with_capacity(sets.len());
    for set in sets {
        let (Some(key), Some(signature)) = (points::sum_of_keys(&set.pubkeys), points::signature(&set.signature))
        else {
            return false;
        };
        keys.push(key);
        signatures.push(signature);
    }
    let messages: Vec<&[u8]> = sets.iter().map(|set| set.message.0.as_slice()).collect();
    let keys: Vec<&PublicKey> = keys.iter().collect();
    let signatures: Vec<&Signature> = signatures.iter().collect();
    // Keys are validated when decompressed; `true` asks for the subgroup check of each signature.
    Signature::verify_multiple_aggregate_signatures(
        &messages,
        DST,
        &keys,
        false,
        &signatures,
        true,
        scalars,
        SCALAR_BITS,
    ) == BLST_ERROR::BLST_SUCCESS
}

/// `count` non-zero random scalars from the OS.
fn scalars(count: usize) -> Option<Vec<blst_scalar>> {
    const LEN: usize = SCALAR_BITS / 8;
    let mut random = vec![0; count * LEN];
    SysRng.try_fill_bytes(&mut random).ok()?;
    let scalar = |chunk: &[u8]| {
        let mut scalar = blst_scalar::default();
        scalar.b[..LEN].copy_from_slice(chunk);
        // Zero would leave a set unchecked.
        if chunk.iter().all(|byte| *byte == 0) {
            scalar.b[0] = 1;
        }
        scalar
    };
    Some(random.chunks_exact(LEN).map(scalar).collect())
}
