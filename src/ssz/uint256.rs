//! 256-bit unsigned integers: base fees and total difficulties.

use super::{Bytes, DecodeError, Json, JsonError, Root, Shape, Ssz};
use serde_json::Value;

/// SSZ `uint256`.
pub type Uint256 = ruint::aliases::U256;

impl Ssz for Uint256 {
    const BASIC: bool = true;
    const UNIFORM: bool = true;

    fn fixed_len(_: Shape) -> Option<usize> {
        Some(32)
    }

    fn encode_into(&self, _: Shape, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes::<32>());
    }

    fn decode(_: Shape, bytes: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self::from_le_bytes(Bytes::<32>::from_slice(bytes)?.0))
    }

    fn hash_tree_root(&self, _: Shape) -> Root {
        Bytes(self.to_le_bytes::<32>())
    }

    fn zero(_: Shape) -> Self {
        Self::ZERO
    }
}

impl Json for Uint256 {
    fn to_json(&self, _: Shape) -> Value {
        Value::String(self.to_string())
    }

    fn from_json(_: Shape, value: &Value) -> Result<Self, JsonError> {
        let wrong = || JsonError::expected("a uint256 as a decimal string", value);
        let digits = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return Err(wrong()),
        };
        // 78 digits are enough for every uint256; underscores, signs and prefixes are not decimal.
        if digits.is_empty() || digits.len() > 78 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(wrong());
        }
        Self::from_str_radix(&digits, 10).map_err(|_| wrong())
    }
}
