//! Walking a tree's elements.

use super::Tree;
use std::{fmt, ops::Range, slice};

/// The elements of a [`List`](crate::ssz::List) or [`Vector`](crate::ssz::Vector) in order.
pub struct Iter<'a, T> {
    tree: &'a Tree<T>,
    /// What is left of the leaf that the front is in.
    front: slice::Iter<'a, T>,
    /// The leaves that neither end has come to, by number.
    between: Range<usize>,
    /// What is left of the leaf that the back is in.
    back: slice::Iter<'a, T>,
}

impl<'a, T> Iter<'a, T> {
    pub(super) fn new(tree: &'a Tree<T>) -> Self {
        let leaves = tree.len.div_ceil(Tree::<T>::LEAF);
        Self { tree, front: [].iter(), between: 0..leaves, back: [].iter() }
    }

    fn leaf(&self, number: usize) -> slice::Iter<'a, T> {
        self.tree.leaf(number * Tree::<T>::LEAF).iter()
    }

    /// Elements of the leaves between.
    fn len_between(&self) -> usize {
        if self.between.is_empty() {
            return 0;
        }
        self.tree.len.min(self.between.end * Tree::<T>::LEAF) - self.between.start * Tree::<T>::LEAF
    }
}

impl<T> Clone for Iter<'_, T> {
    fn clone(&self) -> Self {
        Self { tree: self.tree, front: self.front.clone(), between: self.between.clone(), back: self.back.clone() }
    }
}

impl<T: fmt::Debug> fmt::Debug for Iter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = &'a T;

    fn next(&mut self) -> Option<&'a T> {
        loop {
            if let Some(item) = self.front.next() {
                return Some(item);
            }
            match self.between.next() {
                Some(number) => self.front = self.leaf(number),
                None => return self.back.next(),
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = self.front.len() + self.len_between() + self.back.len();
        (len, Some(len))
    }

    fn nth(&mut self, mut count: usize) -> Option<&'a T> {
        if count < self.front.len() {
            return self.front.nth(count);
        }
        count -= self.front.len();
        self.front = [].iter();
        let between = self.len_between();
        if count < between {
            self.between.start += count / Tree::<T>::LEAF;
            self.front = self.between.next().map(|number| self.leaf(number)).unwrap_or_default();
            return self.front.nth(count % Tree::<T>::LEAF);
        }
        self.between.start = self.between.end;
        self.back.nth(count - between)
    }
}

impl<T> DoubleEndedIterator for Iter<'_, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(item) = self.back.next_back() {
                return Some(item);
            }
            match self.between.next_back() {
                Some(number) => self.back = self.leaf(number),
                None => return self.front.next_back(),
            }
        }
    }
}

impl<T> ExactSizeIterator for Iter<'_, T> {}
