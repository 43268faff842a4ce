//! Bitlists and bitvectors.

use super::{DecodeError, Json, JsonError, Limit, Root, Shape, Ssz, merkle};
use serde_json::Value;
use std::{fmt, marker::PhantomData};

macro_rules! bitfield {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name<L> {
            bytes: Vec<u8>,
            len: usize,
            limit: PhantomData<L>,
        }

        impl<L> Clone for $name<L> {
            fn clone(&self) -> Self {
                Self { bytes: self.bytes.clone(), len: self.len, limit: PhantomData }
            }
        }

        impl<L> Default for $name<L> {
            fn default() -> Self {
                Self::with_len(0)
            }
        }

        impl<L> PartialEq for $name<L> {
            fn eq(&self, other: &Self) -> bool {
                self.len == other.len && self.bytes == other.bytes
            }
        }

        impl<L> Eq for $name<L> {}

        impl<L> PartialOrd for $name<L> {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl<L> Ord for $name<L> {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                (self.len, &self.bytes).cmp(&(other.len, &other.bytes))
            }
        }

        impl<L> fmt::Debug for $name<L> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.iter().try_for_each(|bit| f.write_str(if bit { "1" } else { "0" }))
            }
        }

        impl<L> FromIterator<bool> for $name<L> {
            fn from_iter<I: IntoIterator<Item = bool>>(bits: I) -> Self {
                let bits: Vec<bool> = bits.into_iter().collect();
                let mut field = Self::with_len(bits.len());
                for (index, bit) in bits.into_iter().enumerate() {
                    field.set(index, bit);
                }
                field
            }
        }

        impl<L> $name<L> {
            /// `len` bits, none set.
            pub fn with_len(len: usize) -> Self {
                Self { bytes: vec![0; len.div_ceil(8)], len, limit: PhantomData }
            }

            /// Number of bits.
            pub fn len(&self) -> usize {
                self.len
            }

            /// Whether it has no bits at all.
            pub fn is_empty(&self) -> bool {
                self.len == 0
            }

            /// The bit at `index`; unset behind the end.
            pub fn get(&self, index: usize) -> bool {
                index < self.len && self.bytes[index / 8] >> (index % 8) & 1 == 1
            }

            /// Sets or clears the bit at `index`; behind the end nothing happens.
            pub fn set(&mut self, index: usize, bit: bool) {
                if index < self.len {
                    let mask = 1 << (index % 8);
                    if bit {
                        self.bytes[index / 8] |= mask;
                    } else {
                        self.bytes[index / 8] &= !mask;
                    }
                }
            }

            /// The bits in order.
            pub fn iter(&self) -> impl Iterator<Item = bool> + '_ {
                (0..self.len).map(|index| self.get(index))
            }

            /// The indices of the set bits, ascending.
            pub fn ones(&self) -> impl Iterator<Item = usize> + '_ {
                (0..self.len).filter(|index| self.get(*index))
            }

            /// Number of set bits.
            pub fn count(&self) -> usize {
                self.bytes.iter().map(|byte| byte.count_ones() as usize).sum()
            }

            /// Whether no bit is set.
            pub fn none(&self) -> bool {
                self.bytes.iter().all(|byte| *byte == 0)
            }

            /// Whether some bit is set in both.
            pub fn overlaps(&self, other: &Self) -> bool {
                self.bytes.iter().zip(&other.bytes).any(|(mine, theirs)| mine & theirs != 0)
            }

            /// Whether every bit set here is set in `other`, which is as long.
            pub fn is_subset(&self, other: &Self) -> bool {
                self.len == other.len && self.bytes.iter().zip(&other.bytes).all(|(mine, theirs)| mine & !theirs == 0)
            }

            /// Sets every bit that is set in `other`, which must be as long: `false`, and nothing done, where it is not.
            #[must_use = "fields of different length do not unite"]
            pub fn union_with(&mut self, other: &Self) -> bool {
                if self.len != other.len {
                    return false;
                }
                for (mine, theirs) in self.bytes.iter_mut().zip(&other.bytes) {
                    *mine |= theirs;
                }
                true
            }
        }

        impl<L: Limit> Json for $name<L> {
            fn to_json(&self, shape: Shape) -> Value {
                Value::String(format!("0x{}", hex::encode(self.encode(shape))))
            }

            fn from_json(shape: Shape, value: &Value) -> Result<Self, JsonError> {
                let text = value.as_str().ok_or_else(|| JsonError::expected("a bitfield as a hex string", value))?;
                let bytes = hex::decode(text.strip_prefix("0x").unwrap_or(text))
                    .map_err(|_| JsonError::expected("a bitfield as a hex string", value))?;
                Self::decode(shape, &bytes).map_err(|error| JsonError::Invalid(error.to_string()))
            }
        }
    };
}

bitfield! {
    /// `Bitlist[L]`: up to `L` bits.
    BitList
}
bitfield! {
    /// `Bitvector[L]`: exactly `L` bits. (`Default` is an absent field's: no bits. Use [`Ssz::zero`].)
    BitVector
}

impl<L: Limit> Ssz for BitList<L> {
    fn fixed_len(_: Shape) -> Option<usize> {
        None
    }

    fn encode_into(&self, _: Shape, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bytes);
        // The bit behind the last one marks the length.
        match self.len % 8 {
            0 => out.push(1),
            used => *out.last_mut().expect("a bitlist with bits has bytes") |= 1 << used,
        }
    }

    fn decode(shape: Shape, bytes: &[u8]) -> Result<Self, DecodeError> {
        let last = *bytes.last().ok_or(DecodeError::Bits("is empty: its length bit is missing"))?;
        if last == 0 {
            return Err(DecodeError::Bits("ends in a zero byte: its length bit is missing"));
        }
        let used = 7 - last.leading_zeros() as usize;
        let len = 8 * (bytes.len() - 1) + used;
        let limit = L::value(shape);
        if len as u64 > limit {
            return Err(DecodeError::TooMany { limit, found: len as u64 });
        }
        let mut bytes = bytes[..len.div_ceil(8)].to_vec();
        if used > 0 {
            bytes[len / 8] &= !(1 << used);
        }
        Ok(Self { bytes, len, limit: PhantomData })
    }

    fn hash_tree_root(&self, shape: Shape) -> Root {
        merkle::mix_in_length(merkle::merkleize_bytes(&self.bytes, L::value(shape).div_ceil(256)), self.len)
    }

    fn zero(_: Shape) -> Self {
        Self::default()
    }
}

impl<L: Limit> Ssz for BitVector<L> {
    fn fixed_len(shape: Shape) -> Option<usize> {
        Some(L::value(shape).div_ceil(8) as usize)
    }

    fn encode_into(&self, _: Shape, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bytes);
    }

    fn decode(shape: Shape, bytes: &[u8]) -> Result<Self, DecodeError> {
        let len = L::value(shape) as usize;
        if bytes.len() != len.div_ceil(8) {
            return Err(DecodeError::Length { expected: len.div_ceil(8), found: bytes.len() });
        }
        if !len.is_multiple_of(8) && bytes[len / 8] >> (len % 8) != 0 {
            return Err(DecodeError::Bits("has bits behind its end"));
        }
        Ok(Self { bytes: bytes.to_vec(), len, limit: PhantomData })
    }

    fn hash_tree_root(&self, shape: Shape) -> Root {
        merkle::merkleize_bytes(&self.bytes, L::value(shape).div_ceil(256))
    }

    fn zero(shape: Shape) -> Self {
        Self::with_len(L::value(shape) as usize)
    }
}
