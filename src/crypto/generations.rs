//! A bounded map that forgets: two generations; when the young one is full it becomes the old one, and the old one
//! goes. Entries in use are carried over on lookup. It never iterates, so results do not depend on hash order.

use std::collections::HashMap;
use std::hash::Hash;
use std::mem;

/// Holds at most twice `generation` entries.
pub(super) struct Generations<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    generation: usize,
}

impl<K: Eq + Hash + Copy, V: Clone> Generations<K, V> {
    pub(super) fn new(generation: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), generation }
    }

    pub(super) fn get(&mut self, key: &K) -> Option<V> {
        if let Some(value) = self.young.get(key) {
            return Some(value.clone());
        }
        let value = self.old.remove(key)?;
        self.insert(*key, value.clone());
        Some(value)
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.generation {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    pub(super) fn clear(&mut self) {
        self.young = HashMap::new();
        self.old = HashMap::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_bounded_and_keeps_what_is_in_use() {
        let mut map = Generations::new(4);
        map.insert(0, 'a');
        for key in 1..100 {
            map.insert(key, 'x');
            assert_eq!(map.get(&0), Some('a'), "after inserting {key}");
            assert!(map.young.len() + map.old.len() <= 8);
        }
        assert_eq!(map.get(&1), None);
        map.clear();
        assert_eq!(map.get(&0), None);
    }
}
