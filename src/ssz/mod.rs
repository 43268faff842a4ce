//! Simple Serialize (SSZ): encoding, decoding, Merkleization and Beacon API JSON of consensus objects.
//!
//! Every operation takes a [`Shape`]: which fork and which preset. A container is written once, with [`container!`], and
//! its fields say from which fork to which fork they exist; list and vector lengths are functions of the shape. So one
//! binary serves every preset and fork, and a network may override a preset constant.
//!
//! Never: does I/O, panics on hostile bytes, or allocates more than the size class of its input while decoding.

mod basic;
mod bits;
mod byte_sequences;
mod bytes;
mod container;
mod decode;
mod fork;
mod json;
mod merkle;
mod preset;
mod sequence;
#[cfg(test)]
mod tests;
mod tree;
mod uint256;

pub use bits::{BitList, BitVector};
pub use byte_sequences::{ByteList, ByteVector};
pub use bytes::{Bytes, ParseBytesError, Root};
pub use container::within;
pub use decode::{DecodeError, read_offset};
pub use fork::{Fork, UnknownFork};
pub use json::{Json, JsonError};
#[doc(hidden)]
pub use merkle::{Chunk, fold_rows};
pub use merkle::{
    hash_concat, is_valid_merkle_branch, merkle_branch, merkleize, merkleize_bytes, mix_in_length, sha256, zero_hash,
};
pub use preset::{Preset, UnknownPreset, UnknownPresetKey};
pub use sequence::{List, Vector};
pub use tree::Iter;
pub use uint256::Uint256;

/// Which fork's rules and which preset's lengths an operation uses.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Fields whose range does not hold this fork are absent.
    pub fork: Fork,
    /// Lengths and limits come from here.
    pub preset: &'static Preset,
}

impl Shape {
    /// The shape of `fork` under `preset`.
    pub const fn new(fork: Fork, preset: &'static Preset) -> Self {
        Self { fork, preset }
    }
}

/// An SSZ type. `ssz/simple-serialize.md` of the consensus specs.
pub trait Ssz: Clone + Default {
    /// Basic types (integers, booleans) pack into chunks; all others do not.
    const BASIC: bool = false;

    /// Whether encoding and root are the same under every shape: what is kept of a value outlives a fork.
    const UNIFORM: bool = false;

    /// Encoded length in bytes, or `None` for a variable-size type.
    fn fixed_len(shape: Shape) -> Option<usize>;

    /// Appends the encoding to `out`.
    fn encode_into(&self, shape: Shape, out: &mut Vec<u8>);

    /// Reads a value that fills `bytes` exactly.
    fn decode(shape: Shape, bytes: &[u8]) -> Result<Self, DecodeError>;

    /// `hash_tree_root` of the value.
    fn hash_tree_root(&self, shape: Shape) -> Root;

    /// The spec's default value: zeros, empty lists, vectors at full length. (`Default` leaves vectors empty.)
    fn zero(shape: Shape) -> Self;

    /// The encoding as fresh bytes.
    fn encode(&self, shape: Shape) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::fixed_len(shape).unwrap_or(0));
        self.encode_into(shape, &mut out);
        out
    }

    /// Appends the encodings of `items`, which are of fixed size, one after the other.
    fn encode_all(items: &[Self], shape: Shape, out: &mut Vec<u8>) {
        items.iter().for_each(|item| item.encode_into(shape, out));
    }

    /// Reads the values that fill `bytes`, each of the fixed size `len`, which divides their length.
    fn decode_all(shape: Shape, bytes: &[u8], len: usize) -> Result<Vec<Self>, DecodeError> {
        bytes.chunks_exact(len).map(|piece| Self::decode(shape, piece)).collect()
    }

    /// Writes the roots of `items` to every `stride`-th of `chunks`, from the first on. Many hash faster than one by one.
    fn write_roots(items: &[&Self], shape: Shape, chunks: &mut [Chunk], stride: usize) {
        for (place, item) in chunks.iter_mut().step_by(stride).zip(items) {
            *place = item.hash_tree_root(shape).0;
        }
    }
}

/// A container's fields by themselves: the chunks that its root is made of. Implemented by [`container!`].
pub trait Container: Ssz {
    /// The names of the fields that exist under `shape`, in order.
    fn field_names(shape: Shape) -> Vec<&'static str>;

    /// The roots of those fields, in the same order.
    fn field_roots(&self, shape: Shape) -> Vec<Root>;
}

/// A length or limit that a shape gives: the type-level name of `MAX_ATTESTATIONS` and the like.
pub trait Limit: Clone + Default + std::fmt::Debug + 'static {
    /// The value under `shape`, in elements or bits.
    fn value(shape: Shape) -> u64;
}

/// Declares [`Limit`]s: `limits! { /// doc
/// MaxDeposits = |s| s.preset.max_deposits; }`.
#[macro_export]
macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident = |$shape:ident| $value:expr;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name;
        impl $crate::ssz::Limit for $name {
            fn value($shape: $crate::ssz::Shape) -> u64 { let _ = $shape; $value }
        }
    )* };
}
