//! Byte strings whose length or limit the shape gives: transactions, blobs, cells. Cheap to clone.

use super::{
    DecodeError, Json, JsonError, Limit, Root, Shape, Ssz, merkle,
    sequence::Checked,
    sequence::{List, Vector},
};
use serde_json::Value;
use std::{fmt, marker::PhantomData, ops::Deref, sync::Arc};

macro_rules! byte_sequence {
    ($(#[$doc:meta])* $name:ident like $sequence:ident) => {
        $(#[$doc])*
        pub struct $name<L> {
            bytes: Arc<[u8]>,
            limit: PhantomData<L>,
        }

        impl<L> Clone for $name<L> {
            fn clone(&self) -> Self {
                Self { bytes: Arc::clone(&self.bytes), limit: PhantomData }
            }
        }

        impl<L> Default for $name<L> {
            fn default() -> Self {
                Vec::new().into()
            }
        }

        impl<L> PartialEq for $name<L> {
            fn eq(&self, other: &Self) -> bool {
                self.bytes == other.bytes
            }
        }

        impl<L> Eq for $name<L> {}

        impl<L> fmt::Debug for $name<L> {
            /// At most 32 bytes of it.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let (shown, rest) = self.bytes.split_at(self.bytes.len().min(32));
                write!(f, "0x{}", hex::encode(shown))?;
                if rest.is_empty() { Ok(()) } else { write!(f, "... ({} bytes)", self.bytes.len()) }
            }
        }

        impl<L> From<Vec<u8>> for $name<L> {
            /// Takes the bytes as they are; whoever builds one from outside data checks its length.
            fn from(bytes: Vec<u8>) -> Self {
                Self { bytes: bytes.into(), limit: PhantomData }
            }
        }

        impl<L> From<&[u8]> for $name<L> {
            /// As from a vector.
            fn from(bytes: &[u8]) -> Self {
                Self { bytes: bytes.into(), limit: PhantomData }
            }
        }

        impl<L> Deref for $name<L> {
            type Target = [u8];

            fn deref(&self) -> &[u8] {
                &self.bytes
            }
        }

        impl<L: Limit> Json for $name<L> {
            fn to_json(&self, _: Shape) -> Value {
                Value::String(format!("0x{}", hex::encode(&self.bytes)))
            }

            fn from_json(shape: Shape, value: &Value) -> Result<Self, JsonError> {
                let wrong = || JsonError::expected("a 0x hex string", value);
                let digits = value.as_str().and_then(|text| text.strip_prefix("0x")).ok_or_else(wrong)?;
                let bytes = hex::decode(digits).map_err(|_| wrong())?;
                $sequence::<u8, L>::check(shape, bytes.len() as u64)
                    .map_err(|error| JsonError::Invalid(error.to_string()))?;
                Ok(bytes.into())
            }
        }
    };
}

byte_sequence! {
    /// `ByteList[L]`: up to `L` bytes.
    ByteList like List
}
byte_sequence! {
    /// `ByteVector[L]`: exactly `L` bytes. (`Default` is an absent field's: none. Use [`Ssz::zero`].)
    ByteVector like Vector
}

impl<L: Limit> Ssz for ByteList<L> {
    fn fixed_len(_: Shape) -> Option<usize> {
        None
    }

    fn encode_into(&self, _: Shape, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bytes);
    }

    fn decode(shape: Shape, bytes: &[u8]) -> Result<Self, DecodeError> {
        List::<u8, L>::check(shape, bytes.len() as u64)?;
        Ok(bytes.into())
    }

    fn hash_tree_root(&self, shape: Shape) -> Root {
        merkle::mix_in_length(merkle::merkleize_bytes(&self.bytes, L::value(shape).div_ceil(32)), self.bytes.len())
    }

    fn zero(_: Shape) -> Self {
        Self::default()
    }
}

impl<L: Limit> Ssz for ByteVector<L> {
    fn fixed_len(shape: Shape) -> Option<usize> {
        Some(L::value(shape) as usize)
    }

    fn encode_into(&self, _: Shape, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bytes);
    }

    fn decode(shape: Shape, bytes: &[u8]) -> Result<Self, DecodeError> {
        Vector::<u8, L>::check(shape, bytes.len() as u64)?;
        Ok(bytes.into())
    }

    fn hash_tree_root(&self, shape: Shape) -> Root {
        merkle::merkleize_bytes(&self.bytes, L::value(shape).div_ceil(32))
    }

    fn zero(shape: Shape) -> Self {
        vec![0; L::value(shape) as usize].into()
    }
}
