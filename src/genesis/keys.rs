//! The interop keys: key `i` is a hash of `i`, the same in every client, so that a test network needs no key files.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::Path;
use std::thread;

use crate::crypto::{SecretKey, public_keys_of_known_secrets};
use crate::keystore::{self, FolderError, Kdf, Layout};
use crate::ssz::sha256;
use crate::types::{BlsPubkey, Root};

/// One validator's key pair of the interop set.
#[derive(Clone)]
pub struct InteropKey {
    /// Its number, which is also the validator's index in an interop genesis.
    pub index: u64,
    /// The secret key. Known to everybody.
    pub secret: SecretKey,
    /// The public key.
    pub pubkey: BlsPubkey,
}

impl InteropKey {
    /// BLS withdrawal credentials that name this same key.
    pub fn withdrawal_credentials(&self) -> Root {
        let mut credentials = sha256(&self.pubkey.0);
        credentials.0[0] = crate::types::constants::BLS_WITHDRAWAL_PREFIX;
        credentials
    }
}

/// The order of the curve's group, as little-endian words.
const CURVE_ORDER: [u64; 4] =
    [0xffff_ffff_0000_0001, 0x53bd_a402_fffe_5bfe, 0x3339_d808_09a1_d805, 0x73ed_a753_299d_7d48];

/// The secret of interop key `index`, big-endian: SHA-256 of the index as 32 little-endian bytes, read as a
/// little-endian number, modulo the order of the curve.
pub fn interop_secret(index: u64) -> [u8; 32] {
    let mut input = [0u8; 32];
    input[..8].copy_from_slice(&index.to_le_bytes());
    let hash = sha256(&input).0;
    let mut words = [0u64; 4];
    for (word, bytes) in words.iter_mut().zip(hash.chunks_exact(8)) {
        *word = u64::from_le_bytes(bytes.try_into().expect("chunks of eight"));
    }
    while let Some(less) = subtract(words, CURVE_ORDER) {
        words = less;
    }
    let mut secret = [0u8; 32];
    for (bytes, word) in secret.chunks_exact_mut(8).zip(words.iter().rev()) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    secret
}

/// `a - b` of little-endian words, or `None` if that is negative.
fn subtract(a: [u64; 4], b: [u64; 4]) -> Option<[u64; 4]> {
    let mut out = [0u64; 4];
    let mut borrow = false;
    for i in 0..4 {
        let (difference, first) = a[i].overflowing_sub(b[i]);
        let (difference, second) = difference.overflowing_sub(u64::from(borrow));
        out[i] = difference;
        borrow = first || second;
    }
    (!borrow).then_some(out)
}

/// Interop key `index`.
pub fn interop_key(index: u64) -> InteropKey {
    let secret = secret_key(index);
    let pubkey = secret.public_key();
    InteropKey { index, secret, pubkey }
}

/// The interop keys of a range, computed on all cores.
pub fn interop_keys(range: Range<u64>) -> Vec<InteropKey> {
    let indices: Vec<u64> = range.collect();
    on_all_cores(&indices, |part| {
        let secrets: Vec<SecretKey> = part.iter().copied().map(secret_key).collect();
        let pubkeys = public_keys_of_known_secrets(&secrets);
        let keys = part.iter().zip(secrets).zip(pubkeys);
        keys.map(|((index, secret), pubkey)| InteropKey { index: *index, secret, pubkey }).collect()
    })
}

/// Writes interop keys as keystores in a client's layout, below `dir/keys` and `dir/secrets`; weakly protected, so that
/// every client opens them quickly.
///
/// # Errors
/// The first file that could not be written.
pub fn write_keystores(dir: &Path, layout: Layout, indices: impl Iterator<Item = u64>) -> Result<(), FolderError> {
    keystore::write(dir, layout, Kdf::QUICK, &indices.map(secret_key).collect::<Vec<_>>())
}

fn secret_key(index: u64) -> SecretKey {
    SecretKey::from_bytes(&interop_secret(index)).expect("a hash below the curve's order, and not zero")
}

/// Maps in order, a part on each of the machine's cores.
pub(super) fn on_all_cores<T: Sync, R: Send>(items: &[T], work: impl Fn(&[T]) -> Vec<R> + Sync) -> Vec<R> {
    const WORTH_A_THREAD: usize = 32;
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let share = items.len().div_ceil(cores).max(WORTH_A_THREAD);
    if items.len() <= share {
        return work(items);
    }
    let work = &work;
    thread::scope(|scope| {
        let parts: Vec<_> = items.chunks(share).map(|part| scope.spawn(move || work(part))).collect();
        parts.into_iter().flat_map(|part| part.join().expect("pure work on valid keys does not panic")).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST_TEN: [&str; 10] = [
        "0xa99a76ed7796f7be22d5b7e85deeb7c5677e88e511e0b337618f8c4eb61349b4bf2d153f649f7b53359fe8b94a38e44c",
        "0xb89bebc699769726a318c8e9971bd3171297c61aea4a6578a7a4f94b547dcba5bac16a89108b6b6a1fe3695d1a874a0b",
        "0xa3a32b0f8b4ddb83f1a0a853d81dd725dfe577d4f4c3db8ece52ce2b026eca84815c1a7e8e92a4de3d755733bf7e4a9b",
        "0x88c141df77cd9d8d7a71a75c826c41a9c9f03c6ee1b180f3e7852f6a280099ded351b58d66e653af8e42816a4d8f532e",
        "0x81283b7a20e1ca460ebd9bbd77005d557370cabb1f9a44f530c4c4c66230f675f8df8b4c2818851aa7d77a80ca5a4a5e",
        "0xab0bdda0f85f842f431beaccf1250bf1fd7ba51b4100fd64364b6401fda85bb0069b3e715b58819684e7fc0b10a72a34",
        "0x9977f1c8b731a8d5558146bfb86caea26434f3c5878b589bf280a42c9159e700e9df0e4086296c20b011d2e78c27d373",
        "0xa8d4c7c27795a725961317ef5953a7032ed6d83739db8b0e8a72353d1b8b4439427f7efa2c89caa03cc9f28f8cbab8ac",
        "0xa6d310dbbfab9a22450f59993f87a4ce5db6223f3b5f1f30d2c4ec718922d400e0b3c7741de8e59960f72411a0ee10a7",
        "0x9893413c00283a3f9ed9fd9845dda1cea38228d22567f9541dccc357e54a2d6a6e204103c92564cbc05f4905ac7c493a",
    ];

    #[test]
    fn the_first_ten_keys_are_those_of_every_client() {
        let keys = interop_keys(0..10);
        let pubkeys: Vec<String> = keys.iter().map(|key| key.pubkey.to_string()).collect();
        assert_eq!(pubkeys, FIRST_TEN);
        let secret = |index| hex::encode(interop_secret(index));
        assert_eq!(secret(0), "25295f0d1d592a90b333e26e85149708208e9f8e8bc18f6c77bd62f8ad7a6866");
        assert_eq!(secret(1), "51d0b65185db6989ab0b560d6deed19c7ead0e24b9b6372cbecb1f26bdfad000");
        assert_eq!(
            keys[0].withdrawal_credentials().to_string(),
            "0x00fad2a6bfb0e7f1f0f45460944fbd8dfa7f37da06a4d13b3983cc90bb46963b"
        );
    }

    #[test]
    fn many_keys_come_in_order() {
        let keys = interop_keys(5..605);
        assert!(keys.iter().zip(5..).all(|(key, index)| key.index == index));
        for index in [5, 300, 604] {
            assert_eq!(keys[index as usize - 5].pubkey, interop_key(index).secret.public_key());
        }
        assert!(interop_keys(3..3).is_empty());
    }

    #[test]
    fn subtraction_borrows_across_words() {
        assert_eq!(subtract([0, 1, 0, 0], [1, 0, 0, 0]), Some([u64::MAX, 0, 0, 0]));
        assert_eq!(subtract(CURVE_ORDER, CURVE_ORDER), Some([0; 4]));
        assert_eq!(subtract([0, 0, 0, 1], CURVE_ORDER), None);
    }
}
