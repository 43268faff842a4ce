//! Public keys of many secrets at once, by a table of multiples of the generator: a sum of 32 table entries each, where
//! one key by itself takes some 128 doublings.
//!
//! Never for a secret that is one: which entries are read follows from the secret, and so does the time it takes.

use super::{BlsPubkey, SecretKey};
use crate::ssz::Bytes;
use blst::min_pk::PublicKey;
use blst::{
    blst_p1, blst_p1_add_or_double, blst_p1_add_or_double_affine, blst_p1_affine, blst_p1_generator, p1_affines,
};
use std::sync::LazyLock;

/// Bytes of a secret.
const WINDOWS: usize = 32;
/// Values of a byte but zero.
const ENTRIES: usize = 255;
/// Fewer keys than this are not worth the table.
const WORTH_A_TABLE: usize = 128;
/// Points that are made affine together: more save no time, and their memory counts.
const BATCH: usize = 1024;

/// Entry `window * ENTRIES + digit - 1` is the generator times `digit * 256^window`: 0.8 MB.
static TABLE: LazyLock<p1_affines> = LazyLock::new(|| {
    let mut points = Vec::with_capacity(WINDOWS * ENTRIES);
    // SAFETY: blst's own constant, which lives as long as the program.
    let mut base = unsafe { *blst_p1_generator() };
    for _ in 0..WINDOWS {
        let mut multiple = base;
        for _ in 0..ENTRIES {
            points.push(multiple);
            let before = multiple;
            // SAFETY: all three are valid points that outlive the call.
            unsafe { blst_p1_add_or_double(&mut multiple, &before, &base) };
        }
        base = multiple;
    }
    p1_affines::from(&points)
});

/// [`SecretKey::public_key`] of each, in order. For keys that everybody knows: see the module.
pub fn public_keys_of_known_secrets(secrets: &[SecretKey]) -> Vec<BlsPubkey> {
    if secrets.len() < WORTH_A_TABLE {
        return secrets.iter().map(SecretKey::public_key).collect();
    }
    let mut keys = Vec::with_capacity(secrets.len());
    for batch in secrets.chunks(BATCH) {
        let points: Vec<blst_p1> = batch.iter().map(|secret| multiple(&secret.to_bytes())).collect();
        let points = p1_affines::from(&points);
        keys.extend(points.as_slice().iter().map(|point| Bytes(PublicKey::from(*point).to_bytes())));
    }
    keys
}

/// The generator times a big-endian number that is not zero.
fn multiple(number: &[u8; 32]) -> blst_p1 {
    let mut sum = blst_p1::default();
    for (window, digit) in number.iter().rev().enumerate().filter(|(_, digit)| **digit != 0) {
        let entry: &blst_p1_affine = &TABLE[window * ENTRIES + usize::from(*digit) - 1];
        let before = sum;
        // SAFETY: all three are valid points that outlive the call; all zeros are infinity.
        unsafe { blst_p1_add_or_double_affine(&mut sum, &before, entry) };
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssz::sha256;

    #[test]
    fn they_are_the_keys_that_single_secrets_have() {
        let mut numbers: Vec<[u8; 32]> = (0..(BATCH as u64 + 40)).map(|i| sha256(&i.to_le_bytes()).0).collect();
        for number in &mut numbers {
            number[0] &= 0x3f;
        }
        // One digit, no low digits, the largest of all.
        let order = "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000000";
        for number in [format!("{:064x}", 1), format!("{:064x}", 0x1_0000), order.to_owned()] {
            numbers.push(hex::decode(number).unwrap().try_into().unwrap());
        }
        let secrets: Vec<SecretKey> =
            numbers.iter().map(|number| SecretKey::from_bytes(number).expect("below the order")).collect();
        let expected: Vec<BlsPubkey> = secrets.iter().map(SecretKey::public_key).collect();
        assert!(public_keys_of_known_secrets(&secrets) == expected);
        assert!(public_keys_of_known_secrets(&secrets[..3]) == expected[..3]);
        assert!(public_keys_of_known_secrets(&[]).is_empty());
    }
}
