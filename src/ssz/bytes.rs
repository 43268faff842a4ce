//! Fixed-length byte strings: roots, keys, signatures, versions.

use super::{Chunk, DecodeError, Json, JsonError, Shape, Ssz, fold_rows, merkle};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::{fmt, str::FromStr};

/// `N` bytes, shown and read as `0x`-prefixed hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes<const N: usize>(pub [u8; N]);

/// A 32-byte hash tree root, hash or domain.
pub type Root = Bytes<32>;

impl<const N: usize> Bytes<N> {
    /// All zeros.
    pub const ZERO: Self = Self([0; N]);

    /// Copies a slice of exactly `N` bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, DecodeError> {
        bytes.try_into().map(Self).map_err(|_| DecodeError::Length { expected: N, found: bytes.len() })
    }

    /// Whether every byte is zero.
    pub fn is_zero(&self) -> bool {
        self.0.iter().all(|byte| *byte == 0)
    }
}

impl<const N: usize> Default for Bytes<N> {
    fn default() -> Self {
        Self::ZERO
    }
}

impl<const N: usize> AsRef<[u8]> for Bytes<N> {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl<const N: usize> From<[u8; N]> for Bytes<N> {
    fn from(bytes: [u8; N]) -> Self {
        Self(bytes)
    }
}

impl<const N: usize> fmt::Display for Bytes<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{}", hex::encode(self.0))
    }
}

impl<const N: usize> fmt::Debug for Bytes<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Text that is not the hex of so many bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {bytes} bytes of hex (0x and {} digits)", bytes * 2)]
pub struct ParseBytesError {
    text: String,
    bytes: usize,
}

impl<const N: usize> FromStr for Bytes<N> {
    type Err = ParseBytesError;

    /// Reads hex with or without `0x`.
    fn from_str(text: &str) -> Result<Self, ParseBytesError> {
        let mut bytes = [0; N];
        match hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), &mut bytes) {
            Ok(()) => Ok(Self(bytes)),
            Err(_) => Err(ParseBytesError { text: text.chars().take(2 * N + 16).collect(), bytes: N }),
        }
    }
}

impl<const N: usize> Serialize for Bytes<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Bytes<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl<const N: usize> Ssz for Bytes<N> {
    const UNIFORM: bool = true;

    fn fixed_len(_: Shape) -> Option<usize> {
        Some(N)
    }

    fn encode_into(&self, _: Shape, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }

    fn decode(_: Shape, bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::from_slice(bytes)
    }

    fn hash_tree_root(&self, _: Shape) -> Root {
        merkle::merkleize_bytes(&self.0, N.div_ceil(32) as u64)
    }

    fn write_roots(items: &[&Self], _: Shape, chunks: &mut [Chunk], stride: usize) {
        let width = N.div_ceil(32).next_power_of_two();
        let mut rows = vec![[0; 32]; items.len() * width];
        for (row, item) in rows.chunks_exact_mut(width).zip(items) {
            row.as_flattened_mut()[..N].copy_from_slice(&item.0);
        }
        fold_rows(rows, width, chunks, stride);
    }

    fn zero(_: Shape) -> Self {
        Self::ZERO
    }
}

impl<const N: usize> Json for Bytes<N> {
    fn to_json(&self, _: Shape) -> Value {
        Value::String(self.to_string())
    }

    fn from_json(_: Shape, value: &Value) -> Result<Self, JsonError> {
        let text = value.as_str().ok_or_else(|| JsonError::expected("a hex string", value))?;
        text.parse().map_err(|error: ParseBytesError| JsonError::Invalid(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_read_with_and_without_prefix_and_only_at_full_length() {
        let four: Bytes<4> = "0x01020304".parse().unwrap();
        assert_eq!(four, "01020304".parse().unwrap());
        assert_eq!(four.to_string(), "0x01020304");
        assert!("0x010203".parse::<Bytes<4>>().is_err());
        assert!("0x0102030g".parse::<Bytes<4>>().is_err());
    }
}
