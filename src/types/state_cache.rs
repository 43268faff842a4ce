//! What the state transition looks up again and again, remembered beside the state: shufflings, proposers,
//! the total active balance and the index of each public key.
//!
//! The cache is never part of a state's equality, encoding or root, and never shared in mutable form between two
//! states: a clone starts with the same entries and then goes its own way, so a branch can't see another's answers.
//! Whoever edits `validators` or `balances` of a state other than through [`crate::spec`] calls [`StateCache::clear`].

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{BlsPubkey, Epoch, Gwei, Root, ValidatorIndex};

/// How many epochs of shufflings are kept: the previous, current and next one, and one to spare.
const SHUFFLINGS: usize = 4;

/// The active validators of one epoch, in registry order and in committee order.
#[derive(Debug, PartialEq, Eq)]
pub struct Shuffling {
    /// The epoch whose committees this is.
    pub epoch: Epoch,
    /// The attester seed that shuffled them.
    pub seed: Root,
    /// Active validators in ascending order.
    pub active: Vec<ValidatorIndex>,
    /// The same validators in committee order: committee after committee, slot after slot.
    pub shuffled: Vec<ValidatorIndex>,
}

/// The proposer of every slot of one epoch.
#[derive(Debug, PartialEq, Eq)]
pub struct Proposers {
    /// The epoch.
    pub epoch: Epoch,
    /// The proposer seed of that epoch.
    pub seed: Root,
    /// One validator for each slot of the epoch.
    pub indices: Vec<ValidatorIndex>,
}

/// Remembered answers about one state; see the module's head.
#[derive(Default)]
pub struct StateCache {
    contents: Mutex<Contents>,
}

#[derive(Clone, Default)]
struct Contents {
    shufflings: Vec<Arc<Shuffling>>,
    proposers: Option<Arc<Proposers>>,
    total_active_balance: Option<(Epoch, Gwei)>,
    pubkeys: PubkeyIndex,
}

/// The first validator of each key, for the first `covered` validators.
#[derive(Clone, Default)]
struct PubkeyIndex {
    /// Most of them: shared by clones, and therefore seldom written.
    settled: Arc<BTreeMap<BlsPubkey, ValidatorIndex>>,
    /// Those that came since.
    recent: BTreeMap<BlsPubkey, ValidatorIndex>,
    covered: usize,
}

impl StateCache {
    /// The shuffling of `epoch` by `seed`, if it is remembered.
    pub fn shuffling(&self, epoch: Epoch, seed: &Root) -> Option<Arc<Shuffling>> {
        self.lock().shufflings.iter().find(|s| s.epoch == epoch && s.seed == *seed).cloned()
    }

    /// Remembers `shuffling`; the one of the lowest epoch makes room.
    pub fn remember_shuffling(&self, shuffling: Arc<Shuffling>) {
        let mut contents = self.lock();
        contents.shufflings.retain(|s| s.epoch != shuffling.epoch);
        contents.shufflings.push(shuffling);
        contents.shufflings.sort_by_key(|s| s.epoch);
        if contents.shufflings.len() > SHUFFLINGS {
            contents.shufflings.remove(0);
        }
    }

    /// The proposers of `epoch` by `seed`, if they are remembered.
    pub fn proposers(&self, epoch: Epoch, seed: &Root) -> Option<Arc<Proposers>> {
        self.lock().proposers.as_ref().filter(|p| p.epoch == epoch && p.seed == *seed).cloned()
    }

    /// Remembers the proposers of one epoch, in place of those of any other.
    pub fn remember_proposers(&self, proposers: Arc<Proposers>) {
        self.lock().proposers = Some(proposers);
    }

    /// The total active balance of `epoch` in Gwei, if it is remembered.
    pub fn total_active_balance(&self, epoch: Epoch) -> Option<Gwei> {
        self.lock().total_active_balance.filter(|(e, _)| *e == epoch).map(|(_, balance)| balance)
    }

    /// Remembers the total active balance of `epoch`.
    pub fn remember_total_active_balance(&self, epoch: Epoch, balance: Gwei) {
        self.lock().total_active_balance = Some((epoch, balance));
    }

    /// Forgets what depends on effective balances; called where those change.
    pub fn forget_balances(&self) {
        let mut contents = self.lock();
        contents.total_active_balance = None;
        contents.proposers = None;
    }

    /// The first of `count` validators whose public key is `pubkey`, where `key_at` gives the key of each.
    ///
    /// The registry only ever grows along one chain, so keys seen before stay; one that is found elsewhere than
    /// `key_at` says (a registry replaced from outside) makes the index start again.
    pub fn validator_index(
        &self,
        pubkey: &BlsPubkey,
        count: usize,
        key_at: impl Fn(usize) -> BlsPubkey,
    ) -> Option<ValidatorIndex> {
        let pubkeys = &mut self.lock().pubkeys;
        if pubkeys.covered > count {
            *pubkeys = PubkeyIndex::default();
        }
        pubkeys.cover(count, &key_at);
        let found = pubkeys.get(pubkey);
        match found {
            Some(index) if key_at(index as usize) != *pubkey => {
                *pubkeys = PubkeyIndex::default();
                pubkeys.cover(count, &key_at);
                pubkeys.get(pubkey)
            }
            found => found,
        }
    }

    /// Forgets everything.
    pub fn clear(&self) {
        *self.lock() = Contents::default();
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        // Every write leaves the contents whole, so a panic elsewhere while the lock was held harms nothing.
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PubkeyIndex {
    /// Recent keys beyond these settle.
    const RECENT: usize = 1024;

    fn get(&self, pubkey: &BlsPubkey) -> Option<ValidatorIndex> {
        self.settled.get(pubkey).or_else(|| self.recent.get(pubkey)).copied()
    }

    fn cover(&mut self, count: usize, key_at: &impl Fn(usize) -> BlsPubkey) {
        for i in self.covered..count {
            let key = key_at(i);
            if !self.settled.contains_key(&key) {
                self.recent.entry(key).or_insert(i as ValidatorIndex);
            }
        }
        self.covered = count;
        if self.recent.len() > Self::RECENT {
            Arc::make_mut(&mut self.settled).append(&mut self.recent);
        }
    }
}

impl Clone for StateCache {
    fn clone(&self) -> Self {
        Self { contents: Mutex::new(self.lock().clone()) }
    }
}

/// Two states are equal whatever is remembered about them.
impl PartialEq for StateCache {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for StateCache {}

impl fmt::Debug for StateCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let contents = self.lock();
        f.debug_struct("StateCache")
            .field("shufflings", &contents.shufflings.iter().map(|s| s.epoch).collect::<Vec<_>>())
            .field("pubkeys", &contents.pubkeys.covered)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssz::Bytes;

    fn key(i: usize) -> BlsPubkey {
        let mut bytes = [0; 48];
        bytes[0] = i as u8;
        Bytes(bytes)
    }

    #[test]
    fn a_clone_goes_its_own_way() {
        let cache = StateCache::default();
        assert_eq!(cache.validator_index(&key(1), 2, key), Some(1));
        let branch = cache.clone();
        assert_eq!(branch.validator_index(&key(2), 3, key), Some(2));
        let other = |i: usize| if i == 2 { key(9) } else { key(i) };
        assert_eq!(cache.validator_index(&key(2), 3, other), None);
        assert_eq!(cache.validator_index(&key(9), 3, other), Some(2));
        assert_eq!(branch.validator_index(&key(2), 3, key), Some(2));
    }

    #[test]
    fn a_replaced_registry_is_indexed_again() {
        let cache = StateCache::default();
        assert_eq!(cache.validator_index(&key(1), 3, key), Some(1));
        let reversed = |i: usize| key(2 - i);
        assert_eq!(cache.validator_index(&key(0), 3, reversed), Some(2));
        assert_eq!(cache.validator_index(&key(2), 1, reversed), Some(0));
    }

    #[test]
    fn keys_are_found_before_and_after_they_settle() {
        let key = |i: usize| {
            let mut bytes = [0; 48];
            bytes[..8].copy_from_slice(&(i as u64 % 3000).to_le_bytes());
            Bytes(bytes)
        };
        let cache = StateCache::default();
        for count in [1, 900, 2000, 2001, 3500] {
            let branch = cache.clone();
            for index in (0..3600).step_by(7) {
                // A key that comes again stays the first one's.
                let first = index % 3000;
                let expected = (first < count).then_some(first as u64);
                assert_eq!(cache.validator_index(&key(index), count, key), expected, "{index} of {count}");
            }
            assert_eq!(branch.validator_index(&key(0), 1, key), Some(0));
        }
    }

    #[test]
    fn the_lowest_epoch_makes_room() {
        let cache = StateCache::default();
        let seed = Root::default();
        for epoch in [3, 1, 2, 5, 4] {
            let shuffling = Shuffling { epoch, seed, active: vec![], shuffled: vec![] };
            cache.remember_shuffling(Arc::new(shuffling));
        }
        assert!(cache.shuffling(1, &seed).is_none());
        assert!((2..=5).all(|epoch| cache.shuffling(epoch, &seed).is_some()));
    }
}
