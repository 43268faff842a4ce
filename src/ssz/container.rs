//! The `container!` macro: each consensus container written once, its fields with the range of forks that have them.

use super::Fork;
use std::ops::{Bound, RangeBounds};

/// Whether `fork` is in `range`.
pub fn within(range: impl RangeBounds<Fork>, fork: Fork) -> bool {
    let from = match range.start_bound() {
        Bound::Included(first) => fork >= *first,
        Bound::Excluded(first) => fork > *first,
        Bound::Unbounded => true,
    };
    let to = match range.end_bound() {
        Bound::Included(last) => fork <= *last,
        Bound::Excluded(end) => fork < *end,
        Bound::Unbounded => true,
    };
    from && to
}

/// Whether a field exists under a shape. Used by [`container!`](crate::container).
#[doc(hidden)]
#[macro_export]
macro_rules! field_is_present {
    ($shape:ident) => {
        true
    };
    ($shape:ident, $range:expr) => {
        $crate::ssz::within($range, $shape.fork)
    };
}

/// Whether a field exists under every shape. Used by [`container!`](crate::container).
#[doc(hidden)]
#[macro_export]
macro_rules! field_is_lasting {
    () => {
        true
    };
    ($range:expr) => {
        false
    };
}

/// Declares an SSZ container with its encoding, decoding, root and JSON.
///
/// ```
/// use lockin::ssz::{Fork, Preset, Shape, Ssz};
/// lockin::container! {
///     /// Two numbers, the second one new in altair.
///     pub struct Pair {
///         /// Always there.
///         pub first: u64,
///         /// From altair on.
///         pub second: u64 = Fork::Altair..,
///     }
/// }
/// let pair = Pair { first: 1, second: 2 };
/// assert_eq!(pair.encode(Shape::new(Fork::Phase0, Preset::minimal())).len(), 8);
/// assert_eq!(pair.encode(Shape::new(Fork::Altair, Preset::minimal())).len(), 16);
/// ```
#[macro_export]
macro_rules! container {
    ($(#[$doc:meta])* pub struct $name:ident {
        $($(#[$field_doc:meta])* pub $field:ident : $type:ty $(= $range:expr)?),* $(,)?
    } $(beside $cache:ident : $cache_type:ty)?) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
            $(
                /// What is derived from the fields and kept: no part of encoding, root or equality.
                pub $cache: $cache_type,
            )?
        }

        impl $crate::ssz::Ssz for $name {
            const UNIFORM: bool =
                true $(&& <$type as $crate::ssz::Ssz>::UNIFORM && $crate::field_is_lasting!($($range)?))*;

            fn fixed_len(shape: $crate::ssz::Shape) -> Option<usize> {
                let mut len = 0;
                $(if $crate::field_is_present!(shape $(, $range)?) {
                    len += <$type as $crate::ssz::Ssz>::fixed_len(shape)?;
                })*
                Some(len)
            }

            fn encode_into(&self, shape: $crate::ssz::Shape, out: &mut Vec<u8>) {
                let start = out.len();
                // Where offsets go, once it is known where the variable-size fields begin.
                let mut places = Vec::new();
                $(if $crate::field_is_present!(shape $(, $range)?) {
                    if <$type as $crate::ssz::Ssz>::fixed_len(shape).is_some() {
                        $crate::ssz::Ssz::encode_into(&self.$field, shape, out);
                    } else {
                        places.push(out.len());
                        out.extend_from_slice(&[0; 4]);
                    }
                })*
                let mut places = places.into_iter();
                $(if $crate::field_is_present!(shape $(, $range)?)
                    && <$type as $crate::ssz::Ssz>::fixed_len(shape).is_none()
                {
                    let place = places.next().expect("each variable-size field left its place");
                    let offset = (out.len() - start) as u32;
                    out[place..place + 4].copy_from_slice(&offset.to_le_bytes());
                    $crate::ssz::Ssz::encode_into(&self.$field, shape, out);
                })*
            }

            fn decode(shape: $crate::ssz::Shape, bytes: &[u8]) -> Result<Self, $crate::ssz::DecodeError> {
                use $crate::ssz::DecodeError;
                // First pass: where the variable-size fields begin, by their offsets.
                let mut fixed = 0usize;
                let mut offsets: Vec<usize> = Vec::new();
                $(if $crate::field_is_present!(shape $(, $range)?) {
                    match <$type as $crate::ssz::Ssz>::fixed_len(shape) {
                        Some(len) => fixed += len,
                        None => {
                            offsets.push($crate::ssz::read_offset(bytes, fixed)
                                .map_err(|error| error.inside(stringify!($field)))?);
                            fixed += 4;
                        }
                    }
                })*
                match offsets.first() {
                    None if bytes.len() != fixed => {
                        return Err(DecodeError::Length { expected: fixed, found: bytes.len() });
                    }
                    Some(_) if bytes.len() < fixed => {
                        return Err(DecodeError::Short { needed: fixed, found: bytes.len() });
                    }
                    Some(first) if *first != fixed => {
                        return Err(DecodeError::FirstOffset { expected: fixed, found: *first });
                    }
                    _ => {}
                }
                if !offsets.is_empty() {
                    offsets.push(bytes.len());
                }
                // Second pass: the fields.
                let mut value = Self::default();
                let mut at = 0usize;
                let mut variable = 0usize;
                $(if $crate::field_is_present!(shape $(, $range)?) {
                    let (start, end) = match <$type as $crate::ssz::Ssz>::fixed_len(shape) {
                        Some(len) => { at += len; (at - len, at) }
                        None => { at += 4; variable += 1; (offsets[variable - 1], offsets[variable]) }
                    };
                    let piece = bytes.get(start..end)
                        .ok_or(DecodeError::Offset { offset: end, lowest: start, highest: bytes.len() });
                    value.$field = piece
                        .and_then(|piece| <$type as $crate::ssz::Ssz>::decode(shape, piece))
                        .map_err(|error| error.inside(stringify!($field)))?;
                })*
                let _ = (at, variable);
                Ok(value)
            }

            fn hash_tree_root(&self, shape: $crate::ssz::Shape) -> $crate::ssz::Root {
                let chunks = $crate::ssz::Container::field_roots(self, shape);
                let count = chunks.len() as u64;
                $crate::ssz::merkleize(chunks, count)
            }

            fn write_roots(
                items: &[&Self],
                shape: $crate::ssz::Shape,
                chunks: &mut [$crate::ssz::Chunk],
                stride: usize,
            ) {
                if items.is_empty() {
                    return;
                }
                let mut fields = 0;
                $(fields += usize::from($crate::field_is_present!(shape $(, $range)?));)*
                let width = fields.next_power_of_two();
                let mut rows = vec![[0; 32]; items.len() * width];
                let mut column = 0;
                $(if $crate::field_is_present!(shape $(, $range)?) {
                    let values: Vec<&$type> = items.iter().map(|item| &item.$field).collect();
                    $crate::ssz::Ssz::write_roots(&values, shape, &mut rows[column..], width);
                    column += 1;
                })*
                let _ = column;
                $crate::ssz::fold_rows(rows, width, chunks, stride);
            }

            fn zero(shape: $crate::ssz::Shape) -> Self {
                let mut value = Self::default();
                $(if $crate::field_is_present!(shape $(, $range)?) {
                    value.$field = <$type as $crate::ssz::Ssz>::zero(shape);
                })*
                value
            }
        }

        impl $crate::ssz::Container for $name {
            fn field_names(shape: $crate::ssz::Shape) -> Vec<&'static str> {
                let _ = shape;
                let mut names = Vec::with_capacity(32);
                $(if $crate::field_is_present!(shape $(, $range)?) {
                    names.push(stringify!($field));
                })*
                names
            }

            fn field_roots(&self, shape: $crate::ssz::Shape) -> Vec<$crate::ssz::Root> {
                let mut roots = Vec::with_capacity(32);
                $(if $crate::field_is_present!(shape $(, $range)?) {
                    roots.push($crate::ssz::Ssz::hash_tree_root(&self.$field, shape));
                })*
                roots
            }
        }

        impl $crate::ssz::Json for $name {
            fn to_json(&self, shape: $crate::ssz::Shape) -> serde_json::Value {
                let mut object = serde_json::Map::new();
                $(if $crate::field_is_present!(shape $(, $range)?) {
                    object.insert(stringify!($field).to_owned(), $crate::ssz::Json::to_json(&self.$field, shape));
                })*
                serde_json::Value::Object(object)
            }

            fn from_json(
                shape: $crate::ssz::Shape,
                json: &serde_json::Value,
            ) -> Result<Self, $crate::ssz::JsonError> {
                use $crate::ssz::JsonError;
                let object = json.as_object().ok_or_else(|| JsonError::expected("an object", json))?;
                let mut value = Self::default();
                $(if $crate::field_is_present!(shape $(, $range)?) {
                    let field = object.get(stringify!($field)).ok_or(JsonError::Missing(stringify!($field)))?;
                    value.$field = <$type as $crate::ssz::Json>::from_json(shape, field)
                        .map_err(|error| error.inside(stringify!($field)))?;
                })*
                Ok(value)
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_their_ends() {
        assert!(within(Fork::Altair.., Fork::Altair));
        assert!(!within(Fork::Altair.., Fork::Phase0));
        assert!(within(..Fork::Altair, Fork::Phase0));
        assert!(!within(..Fork::Altair, Fork::Altair));
    }
}
