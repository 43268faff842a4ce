//! Merkle trees over 32-byte chunks.

use super::Root;
use sha2::{Digest, Sha256};
use std::sync::OnceLock;

/// SHA-256 of `bytes`: the spec's `hash`.
pub fn sha256(bytes: &[u8]) -> Root {
    super::Bytes(Sha256::digest(bytes).into())
}

/// SHA-256 of two nodes side by side.
pub fn hash_concat(left: &Root, right: &Root) -> Root {
    let mut both = [0; 64];
    both[..32].copy_from_slice(&left.0);
    both[32..].copy_from_slice(&right.0);
    sha256(&both)
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
pub fn merkleize(mut chunks: Vec<Root>, limit: u64) -> Root {
    debug_assert!(chunks.len() as u64 <= limit.max(1), "{} chunks over a limit of {limit}", chunks.len());
    let depth = limit.max(1).next_power_of_two().trailing_zeros() as usize;
    if chunks.is_empty() {
        return zero_hash(depth);
    }
    for level in 0..depth {
        rise(&mut chunks, level);
    }
    chunks[0]
}

/// Replaces the nodes of `level` by their parents.
fn rise(nodes: &mut Vec<Root>, level: usize) {
    let parents = nodes.len().div_ceil(2);
    for parent in 0..parents {
        let right = nodes.get(2 * parent + 1).copied().unwrap_or_else(|| zero_hash(level));
        nodes[parent] = hash_concat(&nodes[2 * parent], &right);
    }
    nodes.truncate(parents);
}

/// The siblings on the way from chunk `index` up to the root that [`merkleize`] gives for the same arguments: what
/// [`is_valid_merkle_branch`] takes.
pub fn merkle_branch(mut chunks: Vec<Root>, limit: u64, index: u64) -> Vec<Root> {
    let depth = limit.max(1).next_power_of_two().trailing_zeros() as usize;
    let mut branch = Vec::with_capacity(depth);
    for level in 0..depth {
        let sibling = usize::try_from((index >> level) ^ 1).ok().and_then(|at| chunks.get(at)).copied();
        branch.push(sibling.unwrap_or_else(|| zero_hash(level)));
        rise(&mut chunks, level);
    }
    branch
}

/// [`merkleize`] over `bytes` packed into chunks, the last one padded with zeros.
pub fn merkleize_bytes(bytes: &[u8], limit: u64) -> Root {
    let chunks = bytes.chunks(32).map(|piece| {
        let mut chunk = [0; 32];
        chunk[..piece.len()].copy_from_slice(piece);
        super::Bytes(chunk)
    });
    merkleize(chunks.collect(), limit)
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
