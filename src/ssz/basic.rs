//! Basic types: unsigned integers and booleans.

use super::{Bytes, DecodeError, Json, JsonError, Root, Shape, Ssz};
use serde_json::Value;

/// A basic value's chunk: its little-endian bytes, padded with zeros.
fn chunk(bytes: &[u8]) -> Root {
    let mut chunk = [0; 32];
    chunk[..bytes.len()].copy_from_slice(bytes);
    Bytes(chunk)
}

macro_rules! uint {
    ($($uint:ty),*) => { $(
        impl Ssz for $uint {
            const BASIC: bool = true;
            const UNIFORM: bool = true;

            fn fixed_len(_: Shape) -> Option<usize> {
                Some(size_of::<$uint>())
            }

            fn encode_all(items: &[Self], _: Shape, out: &mut Vec<u8>) {
                let start = out.len();
                out.resize(start + size_of_val(items), 0);
                for (place, item) in out[start..].as_chunks_mut().0.iter_mut().zip(items) {
                    *place = item.to_le_bytes();
                }
            }

            fn decode_all(_: Shape, bytes: &[u8], _: usize) -> Result<Vec<Self>, DecodeError> {
                Ok(bytes.as_chunks().0.iter().map(|piece| <$uint>::from_le_bytes(*piece)).collect())
            }

            fn encode_into(&self, _: Shape, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            fn decode(_: Shape, bytes: &[u8]) -> Result<Self, DecodeError> {
                let wrong = DecodeError::Length { expected: size_of::<$uint>(), found: bytes.len() };
                Ok(<$uint>::from_le_bytes(bytes.try_into().map_err(|_| wrong)?))
            }

            fn hash_tree_root(&self, _: Shape) -> Root {
                chunk(&self.to_le_bytes())
            }

            fn zero(_: Shape) -> Self {
                0
            }
        }

        impl Json for $uint {
            fn to_json(&self, _: Shape) -> Value {
                Value::String(self.to_string())
            }

            fn from_json(_: Shape, value: &Value) -> Result<Self, JsonError> {
                let wrong = || JsonError::expected(concat!("a ", stringify!($uint), " as a decimal string"), value);
                match value {
                    Value::String(text) if !text.starts_with('+') => text.parse().map_err(|_| wrong()),
                    Value::Number(number) => {
                        number.as_u64().and_then(|number| number.try_into().ok()).ok_or_else(wrong)
                    }
                    _ => Err(wrong()),
                }
            }
        }
    )* };
}

uint!(u8, u16, u32, u64, u128);

impl Ssz for bool {
    const BASIC: bool = true;
    const UNIFORM: bool = true;

    fn fixed_len(_: Shape) -> Option<usize> {
        Some(1)
    }

    fn encode_into(&self, _: Shape, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn decode(_: Shape, bytes: &[u8]) -> Result<Self, DecodeError> {
        match bytes {
            [0] => Ok(false),
            [1] => Ok(true),
            [other] => Err(DecodeError::Boolean(*other)),
            _ => Err(DecodeError::Length { expected: 1, found: bytes.len() }),
        }
    }

    fn hash_tree_root(&self, _: Shape) -> Root {
        chunk(&[u8::from(*self)])
    }

    fn zero(_: Shape) -> Self {
        false
    }
}

impl Json for bool {
    fn to_json(&self, _: Shape) -> Value {
        Value::Bool(*self)
    }

    fn from_json(_: Shape, value: &Value) -> Result<Self, JsonError> {
        match value {
            Value::Bool(flag) => Ok(*flag),
            Value::String(text) => text.parse().map_err(|_| JsonError::expected("a boolean", value)),
            _ => Err(JsonError::expected("a boolean", value)),
        }
    }
}
