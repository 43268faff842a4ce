//! Roots of Merkle-Patricia tries: of a list, whose keys are the RLP of the indices 0, 1, 2 ... (transactions,
//! withdrawals and receipts of a block), and of a map, whose keys are hashed (accounts, and the storage of one).
//!
//! Spec: the Yellow Paper's appendix D. Never: keeps a trie; the root is computed in one go.

use crate::crypto::{keccak256, rlp};
use crate::ssz::Root;

/// The root over `values`, each as it stands in the block.
pub fn ordered_trie_root<V: AsRef<[u8]>>(values: impl IntoIterator<Item = V>) -> Root {
    let values: Vec<V> = values.into_iter().collect();
    root((0u64..).zip(&values).map(|(index, value)| Leaf::new(&rlp::number(index), value.as_ref())).collect())
}

/// The root over a map: each key is hashed, each value stands as it is. No key comes twice.
pub fn secure_trie_root<K: AsRef<[u8]>, V: AsRef<[u8]>>(entries: &[(K, V)]) -> Root {
    root(entries.iter().map(|(key, value)| Leaf::new(&keccak256(key.as_ref()).0, value.as_ref())).collect())
}

fn root(mut leaves: Vec<Leaf>) -> Root {
    leaves.sort_by(|a, b| a.key.cmp(&b.key));
    match leaves.is_empty() {
        true => keccak256(&[EMPTY_STRING]),
        false => keccak256(&node(&leaves, 0)),
    }
}

/// RLP of the empty string.
const EMPTY_STRING: u8 = 0x80;

struct Leaf<'a> {
    /// One nibble an element.
    key: Vec<u8>,
    value: &'a [u8],
}

impl<'a> Leaf<'a> {
    fn new(key: &[u8], value: &'a [u8]) -> Self {
        let key = key.iter().flat_map(|byte| [byte >> 4, byte & 0xf]).collect();
        Self { key, value }
    }
}

/// The RLP of the node that holds `leaves`, which are sorted and agree in the first `depth` nibbles. No key is the
/// beginning of another: so no branch holds a value.
fn node(leaves: &[Leaf], depth: usize) -> Vec<u8> {
    let (first, last) = (&leaves[0], &leaves[leaves.len() - 1]);
    if leaves.len() == 1 {
        return rlp::List::default().bytes(&hex_prefix(&first.key[depth..], true)).bytes(first.value).finish();
    }
    let shared = first.key[depth..].iter().zip(&last.key[depth..]).take_while(|(a, b)| a == b).count();
    if shared > 0 {
        let below = depth + shared;
        let path = hex_prefix(&first.key[depth..below], false);
        return rlp::List::default().bytes(&path).item(&reference(&node(leaves, below))).finish();
    }
    let mut branch = rlp::List::default();
    for nibble in 0..16 {
        let start = leaves.partition_point(|leaf| leaf.key[depth] < nibble);
        let end = leaves.partition_point(|leaf| leaf.key[depth] <= nibble);
        branch = match start == end {
            true => branch.bytes(&[]),
            false => branch.item(&reference(&node(&leaves[start..end], depth + 1))),
        };
    }
    branch.bytes(&[]).finish()
}

/// How a node stands in its parent: itself if it is short, else its hash.
fn reference(node: &[u8]) -> Vec<u8> {
    if node.len() < 32 {
        return node.to_vec();
    }
    let mut out = vec![EMPTY_STRING + 32];
    out.extend_from_slice(&keccak256(node).0);
    out
}

/// Nibbles as bytes, with a first nibble that tells a leaf from an extension, and an odd count from an even one.
fn hex_prefix(nibbles: &[u8], leaf: bool) -> Vec<u8> {
    let flag = if leaf { 0x20 } else { 0x00 };
    let (first, rest) = match nibbles.len() % 2 {
        0 => (flag, nibbles),
        _ => (flag | 0x10 | nibbles[0], &nibbles[1..]),
    };
    std::iter::once(first).chain(rest.chunks(2).map(|pair| pair[0] << 4 | pair[1])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_root_is_the_well_known_one() {
        let empty = ordered_trie_root::<&[u8]>([]);
        assert_eq!(empty.to_string(), "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");
    }

    #[test]
    fn every_value_and_its_place_count() {
        let mut seen = std::collections::BTreeSet::new();
        for count in [1usize, 2, 15, 16, 17, 127, 128, 129, 255, 256, 257, 300] {
            let values: Vec<Vec<u8>> = (0..count).map(|i| vec![i as u8; 1 + i % 40]).collect();
            assert!(seen.insert(ordered_trie_root(&values)), "{count}");
            let mut other = values.clone();
            other[count - 1].push(1);
            assert!(seen.insert(ordered_trie_root(&other)), "{count}");
        }
        assert_ne!(ordered_trie_root(["a", "b"]), ordered_trie_root(["b", "a"]));
    }
}
