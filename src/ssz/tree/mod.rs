//! The storage of lists and vectors: a tree of nodes that clones share.
//!
//! Elements lie in leaves of a fixed capacity, and every inner node has up to [`FANOUT`] children. Whoever writes copies
//! the nodes between the top and the element, if they are shared, and no others; a node keeps its Merkle root from when
//! it is asked for until it is written. So a clone is one count, and the root after a change costs the changed nodes.
//!
//! A tree knows neither SSZ's limits nor the difference between lists and vectors.

mod iter;
mod root;

pub use iter::Iter;

use root::KeptRoot;
use std::{convert::Infallible, sync::Arc};

/// Children of an inner node, at most.
const FANOUT: usize = 1 << FANOUT_BITS;
const FANOUT_BITS: usize = 4;

/// Bytes of elements that a leaf aims at. Smaller leaves cost memory and time to build, larger ones cost time to change.
const LEAF_BYTES: usize = 1024;

/// Elements of a leaf, at least: what is larger than a node of the Merkle tree is worth a deeper one.
const LEAF_ELEMENTS: usize = 16;

/// Elements in order; `len` of them, in as few levels as hold them.
pub(super) struct Tree<T> {
    top: Arc<Node<T>>,
    len: usize,
    height: usize,
}

struct Node<T> {
    kept: KeptRoot,
    content: Content<T>,
}

/// All children but the last are full.
#[derive(Clone)]
enum Content<T> {
    Leaf(Vec<T>),
    Inner(Vec<Arc<Node<T>>>),
}

impl<T> From<Content<T>> for Node<T> {
    fn from(content: Content<T>) -> Self {
        Self { kept: KeptRoot::default(), content }
    }
}

/// A clone is made to be written.
impl<T: Clone> Clone for Node<T> {
    fn clone(&self) -> Self {
        self.content.clone().into()
    }
}

impl<T> Clone for Tree<T> {
    fn clone(&self) -> Self {
        Self { top: Arc::clone(&self.top), len: self.len, height: self.height }
    }
}

impl<T: PartialEq> PartialEq for Tree<T> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && (Arc::ptr_eq(&self.top, &other.top) || self.top == other.top)
    }
}

impl<T: PartialEq> PartialEq for Node<T> {
    fn eq(&self, other: &Self) -> bool {
        match (&self.content, &other.content) {
            (Content::Leaf(one), Content::Leaf(two)) => one == two,
            (Content::Inner(one), Content::Inner(two)) => {
                one.len() == two.len() && one.iter().zip(two).all(|(a, b)| Arc::ptr_eq(a, b) || a == b)
            }
            _ => false,
        }
    }
}

impl<T> From<Vec<T>> for Tree<T> {
    fn from(items: Vec<T>) -> Self {
        if items.len() <= Self::LEAF {
            return Self::from_leaves(vec![items]);
        }
        let count = items.len().div_ceil(Self::LEAF);
        let mut items = items.into_iter();
        Self::from_leaves((0..count).map(|_| items.by_ref().take(Self::LEAF).collect()).collect())
    }
}

impl<T> Tree<T> {
    const LEAF_BITS: usize = leaf_bits(size_of::<T>());

    /// Elements of a full leaf.
    pub(super) const LEAF: usize = 1 << Self::LEAF_BITS;

    /// The tree with these leaves, of which all but the last are full.
    pub(super) fn from_leaves(leaves: Vec<Vec<T>>) -> Self {
        let len = leaves.iter().map(Vec::len).sum();
        let mut nodes: Vec<_> = leaves.into_iter().map(|items| Arc::new(Node::from(Content::Leaf(items)))).collect();
        let mut height = 0;
        while nodes.len() > 1 {
            let parents = nodes.chunks(FANOUT).map(|children| Arc::new(Content::Inner(children.to_vec()).into()));
            nodes = parents.collect();
            height += 1;
        }
        let top = nodes.pop().unwrap_or_else(|| Arc::new(Content::Leaf(Vec::new()).into()));
        Self { top, len, height }
    }

    /// How many bits of an index tell elements below a node of `height` apart.
    const fn bits(height: usize) -> usize {
        Self::LEAF_BITS + height * FANOUT_BITS
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, index: usize) -> Option<&T> {
        if index >= self.len { None } else { self.leaf(index).get(index % Self::LEAF) }
    }

    /// The elements of the leaf that holds `index`, which is in range.
    fn leaf(&self, index: usize) -> &[T] {
        let (mut node, mut height) = (&*self.top, self.height);
        loop {
            match &node.content {
                Content::Leaf(items) => return items,
                Content::Inner(children) => {
                    height -= 1;
                    node = &children[(index >> Self::bits(height)) % FANOUT];
                }
            }
        }
    }

    pub(super) fn iter(&self) -> Iter<'_, T> {
        Iter::new(self)
    }

    /// The elements, leaf by leaf.
    pub(super) fn leaves(&self) -> impl Iterator<Item = &[T]> {
        (0..self.len).step_by(Self::LEAF).map(|index| self.leaf(index))
    }
}

impl<T: Clone> Tree<T> {
    /// `count` times `item`, in nodes that are shared within the tree, too.
    pub(super) fn repeat(item: T, count: usize) -> Self {
        if count <= Self::LEAF {
            return Self::from_leaves(vec![vec![item; count]]);
        }
        let leaf = |count| Arc::new(Node::from(Content::Leaf(vec![item.clone(); count])));
        // So many full nodes of the height, and one that holds what is over.
        let (mut full, mut count_full, mut height) = (leaf(Self::LEAF), count / Self::LEAF, 0);
        let mut rest = (!count.is_multiple_of(Self::LEAF)).then(|| leaf(count % Self::LEAF));
        while count_full + usize::from(rest.is_some()) > 1 {
            let mut last = vec![Arc::clone(&full); count_full % FANOUT];
            last.extend(rest);
            rest = (!last.is_empty()).then(|| Arc::new(Content::Inner(last).into()));
            full = Arc::new(Content::Inner(vec![full; FANOUT]).into());
            count_full /= FANOUT;
            height += 1;
        }
        Self { top: rest.unwrap_or(full), len: count, height }
    }

    pub(super) fn to_vec(&self) -> Vec<T> {
        let mut items = Vec::with_capacity(self.len);
        self.leaves().for_each(|leaf| items.extend_from_slice(leaf));
        items
    }

    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        if index >= self.len {
            return None;
        }
        let (mut node, mut height) = (&mut self.top, self.height);
        loop {
            match Node::write(node) {
                Content::Leaf(items) => return items.get_mut(index % Self::LEAF),
                Content::Inner(children) => {
                    height -= 1;
                    node = &mut children[(index >> Self::bits(height)) % FANOUT];
                }
            }
        }
    }

    pub(super) fn push(&mut self, item: T) {
        if self.len == 1 << Self::bits(self.height) {
            self.top = Arc::new(Content::Inner(vec![Arc::clone(&self.top)]).into());
            self.height += 1;
        }
        let (mut node, mut height) = (&mut self.top, self.height);
        loop {
            match Node::write(node) {
                Content::Leaf(items) => {
                    items.push(item);
                    self.len += 1;
                    return;
                }
                Content::Inner(children) => {
                    height -= 1;
                    let child = (self.len >> Self::bits(height)) % FANOUT;
                    if child == children.len() {
                        let none = if height == 0 { Content::Leaf(Vec::new()) } else { Content::Inner(Vec::new()) };
                        children.push(Arc::new(none.into()));
                    }
                    node = &mut children[child];
                }
            }
        }
    }

    /// Keeps the first `count` elements.
    pub(super) fn truncate(&mut self, count: usize) {
        if count >= self.len {
            return;
        }
        if count == 0 {
            *self = Self::from_leaves(Vec::new());
            return;
        }
        // The height that is enough for so many.
        while let Content::Inner(children) = &self.top.content
            && count <= 1 << Self::bits(self.height - 1)
        {
            self.top = Arc::clone(&children[0]);
            self.height -= 1;
        }
        self.len = count;
        let (mut node, mut height) = (&mut self.top, self.height);
        loop {
            match Node::write(node) {
                Content::Leaf(items) => {
                    items.truncate((count - 1) % Self::LEAF + 1);
                    return;
                }
                Content::Inner(children) => {
                    height -= 1;
                    let last = ((count - 1) >> Self::bits(height)) % FANOUT;
                    children.truncate(last + 1);
                    node = &mut children[last];
                }
            }
        }
    }

    /// Replaces the elements for which `change` gives a new value.
    pub(super) fn update(&mut self, mut change: impl FnMut(usize, &T) -> Option<T>) {
        let Ok(()) = self.try_update(|index, item| Ok::<_, Infallible>(change(index, item)));
    }

    /// [`Tree::update`], which an error ends with nothing changed.
    pub(super) fn try_update<E>(&mut self, mut change: impl FnMut(usize, &T) -> Result<Option<T>, E>) -> Result<(), E> {
        let mut index = 0;
        let mut counted = |item: &T| {
            index += 1;
            change(index - 1, item)
        };
        if let Some(top) = self.top.updated(&mut counted)? {
            self.top = top;
        }
        Ok(())
    }
}

impl<T: Clone> Node<T> {
    /// The content for writing: a copy if others share it, and without the root that was kept.
    fn write(node: &mut Arc<Self>) -> &mut Content<T> {
        let node = Arc::make_mut(node);
        node.kept = KeptRoot::default();
        &mut node.content
    }

    /// The node with the changes that `change` makes below it, if it makes any.
    fn updated<E>(&self, change: &mut impl FnMut(&T) -> Result<Option<T>, E>) -> Result<Option<Arc<Self>>, E> {
        let new = match &self.content {
            Content::Leaf(items) => replaced(items, change)?.map(Content::Leaf),
            Content::Inner(children) => {
                replaced(children, &mut |child: &Arc<Self>| child.updated(change))?.map(Content::Inner)
            }
        };
        Ok(new.map(|content| Arc::new(content.into())))
    }
}

/// A copy of `items` in which those for which `change` gives a new value have it; `None` if there is none.
fn replaced<I: Clone, E>(
    items: &[I],
    change: &mut impl FnMut(&I) -> Result<Option<I>, E>,
) -> Result<Option<Vec<I>>, E> {
    let mut copy: Option<Vec<I>> = None;
    for (index, item) in items.iter().enumerate() {
        if let Some(new) = change(item)? {
            copy.get_or_insert_with(|| items.to_vec())[index] = new;
        }
    }
    Ok(copy)
}

/// The capacity of leaves whose elements have `size` bytes in memory, as a power of two.
const fn leaf_bits(size: usize) -> usize {
    let fitting = LEAF_BYTES / if size == 0 { 1 } else { size };
    let elements = if fitting < LEAF_ELEMENTS { LEAF_ELEMENTS } else { fitting };
    elements.ilog2() as usize
}
