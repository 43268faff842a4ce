//! Merkle roots of trees and of their nodes.

use super::{Content, FANOUT_BITS, Node, Tree};
use crate::ssz::{Root, Shape, Ssz, hash_concat, merkle, zero_hash};
use std::sync::OnceLock;

/// The root of a node, once it was asked for.
#[derive(Default)]
pub(super) struct KeptRoot(OnceLock<Kept>);

struct Kept {
    /// The shape it was made under, unless the elements have the same roots under every shape.
    shape: Option<Shape>,
    /// Its level in the Merkle tree.
    level: usize,
    root: Root,
}

impl<T: Ssz> Tree<T> {
    /// The root over the elements in a tree with room for `limit` chunks.
    pub(in crate::ssz) fn root(&self, shape: Shape, limit: u64) -> Root {
        let depth = merkle::depth_of(limit);
        if self.len == 0 {
            return zero_hash(depth);
        }
        // Under a small limit the top is no full node: its root is made, and kept, at the limit's level.
        let level = Self::level(shape, self.height).min(depth);
        let root = self.top.root(shape, self.height, level);
        (level..depth).fold(root, |root, level| hash_concat(&root, &zero_hash(level)))
    }

    /// The level of the root of a full node of `height`.
    fn level(shape: Shape, height: usize) -> usize {
        let elements_per_chunk = if T::BASIC { 32 / T::fixed_len(shape).unwrap_or(32) } else { 1 };
        Self::LEAF_BITS + height * FANOUT_BITS - elements_per_chunk.ilog2() as usize
    }
}

impl<T: Ssz> Node<T> {
    fn root(&self, shape: Shape, height: usize, level: usize) -> Root {
        let kept = self.kept.0.get_or_init(|| Kept {
            shape: (!T::UNIFORM).then_some(shape),
            level,
            root: self.compute_root(shape, height, level),
        });
        let same_shape = |kept: &Shape| kept.fork == shape.fork && std::ptr::eq(kept.preset, shape.preset);
        if kept.level == level && kept.shape.as_ref().is_none_or(same_shape) {
            kept.root
        } else {
            self.compute_root(shape, height, level)
        }
    }

    fn compute_root(&self, shape: Shape, height: usize, level: usize) -> Root {
        match &self.content {
            Content::Leaf(items) if T::BASIC => {
                let mut bytes = Vec::with_capacity(size_of_val(items.as_slice()).next_multiple_of(32));
                T::encode_all(items, shape, &mut bytes);
                bytes.resize(bytes.len().next_multiple_of(32), 0);
                merkle::root_of_level(bytes.as_chunks().0.to_vec(), 0, level)
            }
            Content::Leaf(items) => {
                let mut chunks = vec![[0; 32]; items.len()];
                T::write_roots(&items.iter().collect::<Vec<_>>(), shape, &mut chunks, 1);
                merkle::root_of_level(chunks, 0, level)
            }
            Content::Inner(children) => {
                let below = Tree::<T>::level(shape, height - 1);
                let roots = children.iter().map(|child| child.root(shape, height - 1, below).0);
                merkle::root_of_level(roots.collect(), below, level)
            }
        }
    }
}
