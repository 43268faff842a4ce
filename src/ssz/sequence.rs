//! Lists and vectors: their storage is shared in pieces, each copied on its first write and with its root kept until then.

use super::{
    DecodeError, Json, JsonError, Limit, Root, Shape, Ssz, merkle, read_offset,
    tree::{Iter, Tree},
};
use serde_json::Value;
use std::{fmt, marker::PhantomData, ops::Index};

macro_rules! sequence {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name<T, L> {
            tree: Tree<T>,
            limit: PhantomData<L>,
        }

        impl<T, L> Clone for $name<T, L> {
            fn clone(&self) -> Self {
                self.tree.clone().into()
            }
        }

        impl<T, L> Default for $name<T, L> {
            fn default() -> Self {
                Vec::new().into()
            }
        }

        impl<T: PartialEq, L> PartialEq for $name<T, L> {
            fn eq(&self, other: &Self) -> bool {
                self.tree == other.tree
            }
        }

        impl<T: Eq, L> Eq for $name<T, L> {}

        impl<T: fmt::Debug, L> fmt::Debug for $name<T, L> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_list().entries(self.iter()).finish()
            }
        }

        impl<T, L> From<Tree<T>> for $name<T, L> {
            fn from(tree: Tree<T>) -> Self {
                Self { tree, limit: PhantomData }
            }
        }

        impl<T, L> From<Vec<T>> for $name<T, L> {
            /// Takes the elements as they are; whoever builds one from outside data checks its length.
            fn from(items: Vec<T>) -> Self {
                Tree::from(items).into()
            }
        }

        impl<T, L> FromIterator<T> for $name<T, L> {
            fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
                items.into_iter().collect::<Vec<T>>().into()
            }
        }

        impl<'a, T, L> IntoIterator for &'a $name<T, L> {
            type Item = &'a T;
            type IntoIter = Iter<'a, T>;

            fn into_iter(self) -> Self::IntoIter {
                self.iter()
            }
        }

        impl<T, L> Index<usize> for $name<T, L> {
            type Output = T;

            /// Panics when out of range, as slices do: use `get` for an index from outside.
            fn index(&self, index: usize) -> &T {
                self.get(index).expect("the index is in range")
            }
        }

        impl<T, L> $name<T, L> {
            /// Number of elements.
            pub fn len(&self) -> usize {
                self.tree.len()
            }

            /// Whether there is no element.
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// The element at `index`.
            pub fn get(&self, index: usize) -> Option<&T> {
                self.tree.get(index)
            }

            /// The elements in order.
            pub fn iter(&self) -> Iter<'_, T> {
                self.tree.iter()
            }
        }

        impl<T: Clone, L> $name<T, L> {
            /// `count` times `item`, whose storage they share.
            pub fn repeat(item: T, count: usize) -> Self {
                Tree::repeat(item, count).into()
            }

            /// The elements as a vector of their own.
            pub fn to_vec(&self) -> Vec<T> {
                self.tree.to_vec()
            }

            /// The element at `index` for writing. Copies the piece that it is in when that is shared, and forgets the
            /// kept roots above it.
            pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
                self.tree.get_mut(index)
            }

            /// Replaces the element at `index`; `false` when there is none.
            #[must_use = "an index out of range changes nothing"]
            pub fn set(&mut self, index: usize, value: T) -> bool {
                self.get_mut(index).map(|place| *place = value).is_some()
            }

            /// Replaces the elements for which `change` gives a new value; it is asked for each in order.
            ///
            /// Pieces in which nothing changes stay shared and keep their roots: give `None` for an element that stays
            /// the same.
            pub fn update(&mut self, change: impl FnMut(usize, &T) -> Option<T>) {
                self.tree.update(change);
            }

            /// As `update`, but the first error ends it with nothing changed.
            ///
            /// # Errors
            /// Those of `change`.
            pub fn try_update<E>(
                &mut self,
                change: impl FnMut(usize, &T) -> Result<Option<T>, E>,
            ) -> Result<(), E> {
                self.tree.try_update(change)
            }
        }

        impl<T: Ssz, L: Limit> $name<T, L> {
            /// The root over the elements alone.
            fn elements_root(&self, shape: Shape) -> Root {
                let limit = L::value(shape);
                let bytes = if T::BASIC { T::fixed_len(shape).expect("basic types have a fixed length") } else { 32 };
                self.tree.root(shape, limit.div_ceil(32 / bytes as u64))
            }
        }

        impl<T: Json, L: Limit> Json for $name<T, L>
        where
            Self: Checked,
        {
            fn to_json(&self, shape: Shape) -> Value {
                Value::Array(self.iter().map(|item| item.to_json(shape)).collect())
            }

            fn from_json(shape: Shape, value: &Value) -> Result<Self, JsonError> {
                let items = value.as_array().ok_or_else(|| JsonError::expected("an array", value))?;
                Self::check(shape, items.len() as u64).map_err(|error| JsonError::Invalid(error.to_string()))?;
                let read = |(index, item)| T::from_json(shape, item).map_err(|e| e.inside(format!("[{index}]")));
                items.iter().enumerate().map(read).collect::<Result<Vec<T>, JsonError>>().map(Self::from)
            }
        }
    };
}

/// A sequence that knows whether so many elements fit it.
pub trait Checked: Sized {
    /// An error unless `count` elements are allowed under `shape`.
    fn check(shape: Shape, count: u64) -> Result<(), DecodeError>;
}

sequence! {
    /// `List[T, L]`: up to `L` elements.
    List
}
sequence! {
    /// `Vector[T, L]`: exactly `L` elements. (`Default` is an absent field's: no elements. Use [`Ssz::zero`].)
    Vector
}

impl<T, L: Limit> Checked for List<T, L> {
    fn check(shape: Shape, count: u64) -> Result<(), DecodeError> {
        let limit = L::value(shape);
        if count > limit { Err(DecodeError::TooMany { limit, found: count }) } else { Ok(()) }
    }
}

impl<T, L: Limit> Checked for Vector<T, L> {
    fn check(shape: Shape, count: u64) -> Result<(), DecodeError> {
        let expected = L::value(shape);
        if count == expected { Ok(()) } else { Err(DecodeError::Count { expected, found: count }) }
    }
}

impl<T: Clone, L> List<T, L> {
    /// Appends an element. The limit is the caller's to check, with [`List::is_full`].
    pub fn push(&mut self, value: T) {
        self.tree.push(value);
    }

    /// Removes every element.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Keeps the first `count` elements.
    pub fn truncate(&mut self, count: usize) {
        self.tree.truncate(count);
    }
}

impl<T, L: Limit> List<T, L> {
    /// Whether one more element would be over the limit.
    pub fn is_full(&self, shape: Shape) -> bool {
        self.len() as u64 >= L::value(shape)
    }
}

fn encode_items<T: Ssz>(items: &Tree<T>, shape: Shape, out: &mut Vec<u8>) {
    if let Some(element) = T::fixed_len(shape) {
        out.reserve(element * items.len());
        items.leaves().for_each(|leaf| T::encode_all(leaf, shape, out));
        return;
    }
    let start = out.len();
    out.resize(start + 4 * items.len(), 0);
    for (index, item) in items.iter().enumerate() {
        let offset = (out.len() - start) as u32;
        out[start + 4 * index..][..4].copy_from_slice(&offset.to_le_bytes());
        item.encode_into(shape, out);
    }
}

/// Reads elements; `check` judges their number before the first one is made.
fn decode_items<T: Ssz>(
    shape: Shape,
    bytes: &[u8],
    check: impl Fn(u64) -> Result<(), DecodeError>,
) -> Result<Tree<T>, DecodeError> {
    if let Some(element) = T::fixed_len(shape) {
        if element == 0 || !bytes.len().is_multiple_of(element) {
            return Err(DecodeError::Remainder { element, found: bytes.len() });
        }
        check((bytes.len() / element) as u64)?;
        let leaves = bytes.chunks(element * Tree::<T>::LEAF).map(|leaf| T::decode_all(shape, leaf, element));
        return leaves.collect::<Result<_, _>>().map(Tree::from_leaves);
    }
    if bytes.is_empty() {
        return check(0).map(|()| Vec::new().into());
    }
    let first = read_offset(bytes, 0)?;
    if first == 0 || !first.is_multiple_of(4) || first > bytes.len() {
        return Err(DecodeError::Offset { offset: first, lowest: 4, highest: bytes.len() });
    }
    let count = first / 4;
    check(count as u64)?;
    // No capacity up front: elements are larger than their offsets, and the first bad one ends the reading.
    let mut items = Vec::new();
    let mut start = first;
    for index in 0..count {
        let end = if index + 1 < count { read_offset(bytes, 4 * (index + 1))? } else { bytes.len() };
        let wrong = DecodeError::Offset { offset: end, lowest: start, highest: bytes.len() };
        items.push(T::decode(shape, bytes.get(start..end).ok_or(wrong)?)?);
        start = end;
    }
    Ok(items.into())
}

impl<T: Ssz, L: Limit> Ssz for List<T, L> {
    fn fixed_len(_: Shape) -> Option<usize> {
        None
    }

    fn encode_into(&self, shape: Shape, out: &mut Vec<u8>) {
        encode_items(&self.tree, shape, out);
    }

    fn decode(shape: Shape, bytes: &[u8]) -> Result<Self, DecodeError> {
        decode_items(shape, bytes, |count| Self::check(shape, count)).map(Self::from)
    }

    fn hash_tree_root(&self, shape: Shape) -> Root {
        merkle::mix_in_length(self.elements_root(shape), self.len())
    }

    fn zero(_: Shape) -> Self {
        Self::default()
    }
}

impl<T: Ssz, L: Limit> Ssz for Vector<T, L> {
    fn fixed_len(shape: Shape) -> Option<usize> {
        Some(T::fixed_len(shape)? * L::value(shape) as usize)
    }

    fn encode_into(&self, shape: Shape, out: &mut Vec<u8>) {
        encode_items(&self.tree, shape, out);
    }

    fn decode(shape: Shape, bytes: &[u8]) -> Result<Self, DecodeError> {
        if let Some(expected) = Self::fixed_len(shape)
            && expected != bytes.len()
        {
            return Err(DecodeError::Length { expected, found: bytes.len() });
        }
        decode_items(shape, bytes, |count| Self::check(shape, count)).map(Self::from)
    }

    fn hash_tree_root(&self, shape: Shape) -> Root {
        self.elements_root(shape)
    }

    fn zero(shape: Shape) -> Self {
        Self::repeat(T::zero(shape), L::value(shape) as usize)
    }
}
