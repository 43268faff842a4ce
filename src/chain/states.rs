//! States: of a block, advanced over empty slots, of the past. What was computed once is remembered (see
//! [`memo`](super::memo)); what was forgotten is replayed from a snapshot of the database.

use std::collections::VecDeque;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard};

use super::{Chain, Error, schema};
use crate::spec::{self, Signatures, fork_choice};
use crate::ssz::Root;
use crate::types::{BeaconState, Checkpoint, ForkName, Slot};

/// How many empty slots a block's state is ever advanced over: each costs time in which nothing else is served, and
/// objects that name an old block cost their sender nothing. A network whose last block is older is beyond help: its
/// chain can't be built on. (13 hours of 6-second slots.)
pub const MOST_EMPTY_SLOTS: u64 = 1 << 13;
/// Beyond so many epochs, advancing a state is a long walk: the states at starts of epochs on the way are kept.
pub(super) const SHORT_WALK_EPOCHS: u64 = 2;
/// Kept states of long walks. Votes may ask for each epoch that gossip lets through.
const MILESTONES: usize = 8;

/// States that took long to compute. They change no answer, only its time.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Of long walks: by block, each at the start of an epoch, the latest computed last.
    milestones: Mutex<VecDeque<(Root, Arc<BeaconState>)>>,
    /// The last one replayed from the database. Finalized, so it never changes.
    replayed: Mutex<Option<Arc<BeaconState>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Kept {
    /// The latest state of this block at or before `slot`.
    fn milestone(&self, root: &Root, slot: Slot) -> Option<Arc<BeaconState>> {
        let milestones = locked(&self.milestones);
        let fit = milestones.iter().filter(|(of, state)| of == root && state.slot <= slot);
        fit.max_by_key(|(_, state)| state.slot).map(|(_, state)| state.clone())
    }

    fn keep_milestone(&self, root: Root, state: &Arc<BeaconState>) {
        let mut milestones = locked(&self.milestones);
        if milestones.iter().any(|(of, known)| *of == root && known.slot == state.slot) {
            return;
        }
        milestones.push_back((root, state.clone()));
        if milestones.len() > MILESTONES {
            milestones.pop_front();
        }
    }

    /// The last state replayed, if it is at most `within` slots before `slot`.
    fn replayed_before(&self, slot: Slot, within: u64) -> Option<Arc<BeaconState>> {
        locked(&self.replayed).clone().filter(|state| state.slot <= slot && slot - state.slot <= within)
    }
}

impl Chain {
    /// The post-state of a block that fork choice still holds.
    pub(super) fn hot_state(&self, root: &Root) -> Option<&Arc<BeaconState>> {
        self.store.state(root)
    }

    /// The post-state of a held block, advanced to `slot` if it is older.
    ///
    /// # Errors
    /// [`Error::TooFar`] beyond [`MOST_EMPTY_SLOTS`].
    pub(super) fn advanced(&self, root: &Root, slot: Slot) -> Result<Arc<BeaconState>, Error> {
        let Some(post) = self.hot_state(root) else {
            return Err(Error::NotFound { what: format!("the state of block {root}") });
        };
        if post.slot >= slot {
            return Ok(post.clone());
        }
        if slot - post.slot > MOST_EMPTY_SLOTS {
            return Err(Error::TooFar { root: *root, from: post.slot, to: slot });
        }
        let start = self.cfg.start_slot(self.cfg.epoch_of(slot));
        let long = !self.is_short_walk(post.slot, slot);
        if let Some(known) = self.recall.advanced(*root, slot) {
            if long && slot == start {
                self.kept.keep_milestone(*root, &known);
            }
            return Ok(known);
        }
        let from = match self.kept.milestone(root, slot).filter(|_| long) {
            _ if long && slot != start => self.advanced(root, start)?,
            Some(milestone) if milestone.slot == slot => return Ok(milestone),
            milestone => milestone.unwrap_or_else(|| post.clone()),
        };
        let mut state = BeaconState::clone(&from);
        spec::process_slots(&self.cfg, &mut state, slot)
            .map_err(|source| Error::Spec { doing: format!("advancing the state of {root} to slot {slot}"), source })?;
        let state = Arc::new(state);
        self.recall.keep_advanced(*root, slot, &state);
        if long && slot == start {
            self.kept.keep_milestone(*root, &state);
        }
        Ok(state)
    }

    /// Whether so many empty slots cost so little that anybody's unsigned word is enough to advance a state over them.
    pub(super) fn is_short_walk(&self, from: Slot, to: Slot) -> bool {
        to.saturating_sub(from) <= SHORT_WALK_EPOCHS * self.cfg.preset.slots_per_epoch
    }

    /// The state that decides the committees of votes for this target.
    pub(super) fn target_state(&self, target: &Checkpoint) -> Result<Arc<BeaconState>, Error> {
        match self.targets.get(target) {
            Some(state) => Ok(state.clone()),
            None => self.advanced(&target.root, self.cfg.start_slot(target.epoch)),
        }
    }

    /// The last block at or before `slot` on the chain of a held block.
    pub(super) fn ancestor(&self, root: &Root, slot: Slot) -> Option<Root> {
        let oldest = fork_choice::get_ancestor(&self.store, root, slot).ok()?;
        if self.store.node(&oldest)?.slot <= slot {
            return Some(oldest);
        }
        self.blocks.finalized.range(..=slot).next_back().map(|(_, root)| *root)
    }

    /// The canonical state at a slot that has come, empty slots processed.
    pub(super) fn canonical_state(&self, slot: Slot) -> Result<Arc<BeaconState>, Error> {
        let missing = || Error::NotFound { what: format!("the canonical state of slot {slot}") };
        let root = self.blocks.canonical_at_or_before(slot).ok_or_else(missing)?;
        if self.store.contains(&root) { self.advanced(&root, slot) } else { self.replayed(slot) }
    }

    /// A state older than fork choice holds, from the nearest snapshot, or from the last such state if that is nearer.
    fn replayed(&self, slot: Slot) -> Result<Arc<BeaconState>, Error> {
        let near = self.cfg.start_slot(schema::EPOCHS_PER_SNAPSHOT);
        let (from, mut state) = match self.kept.replayed_before(slot, near) {
            Some(state) if state.slot == slot => return Ok(state),
            Some(state) => (state.slot, BeaconState::clone(&state)),
            None => self.snapshot_before(slot)?,
        };
        let failed = |source| Error::Spec { doing: format!("replaying from slot {from} to slot {slot}"), source };
        for (_, root) in self.blocks.finalized.range((Bound::Excluded(from), Bound::Included(slot))) {
            let lost = || Error::Database { what: "block", root: *root, why: "it is missing or broken".into() };
            let block = self.blocks.get(root).ok_or_else(lost)?;
            spec::process_slots(&self.cfg, &mut state, block.message.slot).map_err(failed)?;
            spec::process_block(&self.cfg, &mut state, &block.message, &mut Signatures::Trust).map_err(failed)?;
        }
        if state.slot < slot {
            spec::process_slots(&self.cfg, &mut state, slot).map_err(failed)?;
        }
        let state = Arc::new(state);
        *locked(&self.kept.replayed) = Some(state.clone());
        Ok(state)
    }

    fn snapshot_before(&self, slot: Slot) -> Result<(Slot, BeaconState), Error> {
        let mut epoch = self.cfg.epoch_of(slot) / schema::EPOCHS_PER_SNAPSHOT * schema::EPOCHS_PER_SNAPSHOT;
        loop {
            let start = self.cfg.start_slot(epoch).min(slot);
            let at = self.blocks.finalized.range(..=start).next_back().map_or(0, |(slot, _)| *slot);
            if let Some(bytes) = self.rows.get(&schema::snapshot(at))? {
                let root = self.blocks.finalized.get(&at).copied().unwrap_or_default();
                let broken =
                    |why: crate::ssz::DecodeError| Error::Database { what: "state", root, why: why.to_string() };
                return Ok((at, self.cfg.decode_state(&bytes).map_err(broken)?));
            }
            epoch = epoch.checked_sub(schema::EPOCHS_PER_SNAPSHOT).ok_or_else(|| Error::Database {
                what: "state",
                root: self.blocks.genesis_root(),
                why: "not even the genesis state is there".into(),
            })?;
        }
    }

    /// The fork at a slot.
    pub(super) fn fork_at(&self, slot: Slot) -> ForkName {
        self.cfg.fork_at_slot(slot)
    }
}
