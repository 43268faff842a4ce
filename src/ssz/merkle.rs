//! Merkle trees over 32-byte chunks.
//!
//! Whole levels are hashed at once, by a library that interleaves several hashes where the processor can.

use super::Root;
use sha2::{Digest, Sha256};
use std::sync::{Once, OnceLock};

/// A node of a Merkle tree, in the form that hashes level by level.
pub type Chunk = [u8; 32];

/// Pairs hashed in one call: their parents wait on the stack.
const BATCH: usize = 32;

/// SHA-256 of `bytes`: the spec's `hash`.
pub fn sha256(bytes: &[u8]) -> Root {
    super::Bytes(Sha256::digest(bytes).into())
}

/// SHA-256 of two nodes side by side.
pub fn hash_concat(left: &Root, right: &Root) -> Root {
    let mut parent = [[0; 32]];
    hash_pairs(&[left.0, right.0], &mut parent);
    super::Bytes(parent[0])
}

/// The parents of `nodes`, which are twice as many.
fn hash_pairs(nodes: &[Chunk], parents: &mut [Chunk]) {
    // The library chooses its code by the processor, and must not do so on two threads at once.
    static CHOSEN: Once = Once::new();
    CHOSEN.call_once(|| {
        hashtree_rs::init();
    });
    assert_eq!(nodes.len(), 2 * parents.len(), "the library relies on it");
    let count = parents.len();
    hashtree_rs::hash(parents.as_flattened_mut(), nodes.as_flattened(), count);
}

/// Replaces `nodes`, of an even number, by their parents.
fn rise(nodes: &mut Vec<Chunk>) {
    let mut parents = [[0; 32]; BATCH];
    let count = nodes.len() / 2;
    for start in (0..count).step_by(BATCH) {
        let end = count.min(start + BATCH);
        let parents = &mut parents[..end - start];
        hash_pairs(&nodes[2 * start..2 * end], parents);
        nodes[start..end].copy_from_slice(parents);
    }
    nodes.truncate(count);
}

/// Replaces the nodes of `level` by their parents; a last one alone is paired with a tree of zeros.
fn rise_padded(nodes: &mut Vec<Chunk>, level: usize) {
    if nodes.len() % 2 == 1 {
        nodes.push(zero_hash(level).0);
    }
    rise(nodes);
}

/// Writes the root of each row of `width` chunks, a power of two, to every `stride`-th of `roots`, from the first on.
pub fn fold_rows(mut chunks: Vec<Chunk>, width: usize, roots: &mut [Chunk], stride: usize) {
    (0..width.trailing_zeros()).for_each(|_| rise(&mut chunks));
    for (place, root) in roots.iter_mut().step_by(stride).zip(chunks) {
        *place = root;
    }
}

/// The root at level `to` over `nodes`, which are those of level `from`, padded with zero chunks. (Chunks are level 0.)
pub(super) fn root_of_level(mut nodes: Vec<Chunk>, from: usize, to: usize) -> Root {
    if nodes.is_empty() {
        return zero_hash(to);
    }
    (from..to).for_each(|level| rise_padded(&mut nodes, level));
    super::Bytes(nodes[0])
}

/// The level of the root of a tree that has room for `limit` chunks.
pub(super) fn depth_of(limit: u64) -> usize {
    limit.max(1).next_power_of_two().trailing_zeros() as usize
}

/// The root of a tree of `depth` levels whose chunks are all zero. `depth` is at most 64.
pub fn zero_hash(depth: usize) -> Root {
    static ZEROS: OnceLock<[Root; 65]> = OnceLock::new();
    ZEROS.get_or_init(|| {
        let mut zeros = [Root::ZERO; 65];
        for depth in 1..zeros.len() {
            zeros[depth] = hash_concat(&zeros[depth - 1], &zeros[depth - 1]);
        }
        zeros
    })[depth]
}

/// `merkleize(chunks, limit)` of `ssz/merkleization`: the root over `chunks`, padded with zero chunks to the next power of
/// two of `limit`. More chunks than `limit` is a caller's bug.
pub fn merkleize(chunks: impl IntoIterator<Item = Root>, limit: u64) -> Root {
    let chunks: Vec<Chunk> = chunks.into_iter().map(|chunk| chunk.0).collect();
    debug_assert!(chunks.len() as u64 <= limit.max(1), "{} chunks over a limit of {limit}", chunks.len());
    root_of_level(chunks, 0, depth_of(limit))
}

/// The siblings on the way from chunk `index` up to the root that [`merkleize`] gives for the same arguments: what
/// [`is_valid_merkle_branch`] takes.
pub fn merkle_branch(chunks: Vec<Root>, limit: u64, index: u64) -> Vec<Root> {
    let mut nodes: Vec<Chunk> = chunks.into_iter().map(|chunk| chunk.0).collect();
    let mut branch = Vec::new();
    for level in 0..depth_of(limit) {
        let sibling = usize::try_from((index >> level) ^ 1).ok().and_then(|at| nodes.get(at)).copied();
        branch.push(sibling.map_or_else(|| zero_hash(level), super::Bytes));
        rise_padded(&mut nodes, level);
    }
    branch
}

/// [`merkleize`] over `bytes` packed into chunks, the last one padded with zeros.
pub fn merkleize_bytes(bytes: &[u8], limit: u64) -> Root {
    let mut chunks = vec![[0; 32]; bytes.len().div_ceil(32)];
    chunks.as_flattened_mut()[..bytes.len()].copy_from_slice(bytes);
    root_of_level(chunks, 0, depth_of(limit))
}

/// `mix_in_length(root, length)`.
pub fn mix_in_length(root: Root, length: usize) -> Root {
    let mut chunk = [0; 32];
    chunk[..8].copy_from_slice(&(length as u64).to_le_bytes());
    hash_concat(&root, &super::Bytes(chunk))
}

/// `is_valid_merkle_branch` (phase0 beacon chain, predicates): whether `branch` of `depth` nodes leads from `leaf` at
/// `index` to `root`. A branch of another length is not valid.
pub fn is_valid_merkle_branch(leaf: &Root, branch: &[Root], depth: usize, index: u64, root: &Root) -> bool {
    if branch.len() != depth || depth > 64 {
        return false;
    }
    let mut node = *leaf;
    for (level, sibling) in branch.iter().enumerate() {
        node = match index.checked_shr(level as u32).unwrap_or(0) & 1 {
            1 => hash_concat(sibling, &node),
            _ => hash_concat(&node, sibling),
        };
    }
    node == *root
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_equals_explicit_zero_chunks() {
        let chunks: Vec<Root> = (1..=5u8).map(|byte| super::super::Bytes([byte; 32])).collect();
        let mut padded = chunks.clone();
        padded.resize(8, Root::ZERO);
        assert_eq!(merkleize(chunks.clone(), 8), merkleize(padded, 8));
        assert_eq!(merkleize(vec![], 8), zero_hash(3));
        assert_eq!(merkleize(chunks[..1].to_vec(), 1), chunks[0]);
    }

    #[test]
    fn many_pairs_hash_as_one_by_one_wherever_they_lie() {
        let bytes: Vec<u8> = (0..64 * 70 + 8).map(|i: usize| (i * 7 + i / 251) as u8).collect();
        for count in (0..10).chain([31, 32, 33, 64, 65, 70]) {
            for shift in 0..4 {
                let (nodes, _) = bytes[shift..shift + 64 * count].as_chunks();
                let one_by_one: Vec<Chunk> = nodes.as_flattened().chunks(64).map(|pair| sha256(pair).0).collect();
                let mut parents = vec![[0; 32]; count];
                hash_pairs(nodes, &mut parents);
                assert_eq!(parents, one_by_one);
                let mut level = nodes.to_vec();
                rise(&mut level);
                assert_eq!(level, one_by_one);
            }
        }
    }

    #[test]
    fn branch_must_have_its_depth_and_lead_to_the_root() {
        let leaves: Vec<Root> = (0..4u8).map(|byte| super::super::Bytes([byte; 32])).collect();
        let root = merkleize(leaves.clone(), 4);
        let branch = [leaves[3], hash_concat(&leaves[0], &leaves[1])];
        assert!(is_valid_merkle_branch(&leaves[2], &branch, 2, 2, &root));
        assert!(!is_valid_merkle_branch(&leaves[2], &branch, 2, 3, &root));
        assert!(!is_valid_merkle_branch(&leaves[2], &branch[..1], 2, 2, &root));
    }

    #[test]
    fn branches_lead_from_every_chunk_to_the_root() {
        for count in 0..=7u8 {
            let chunks: Vec<Root> = (1..=count).map(|byte| super::super::Bytes([byte; 32])).collect();
            let root = merkleize(chunks.clone(), 7);
            for index in 0..8 {
                let leaf = chunks.get(index as usize).copied().unwrap_or(Root::ZERO);
                let branch = merkle_branch(chunks.clone(), 7, index);
                assert!(is_valid_merkle_branch(&leaf, &branch, 3, index, &root), "{index} of {count}");
            }
        }
    }
}
