//! States: of a block, advanced over empty slots, of the past. What was computed once is remembered (see
//! [`memo`](super::memo)); what was forgotten is replayed from a snapshot of the database.

use std::ops::Bound;
use std::sync::Arc;

use super::{Chain, Error, schema};
use crate::spec::{self, Signatures, fork_choice};
use crate::ssz::Root;
use crate::types::{BeaconState, Checkpoint, ForkName, Slot};

impl Chain {
    /// The post-state of a block that fork choice still holds.
    pub(super) fn hot_state(&self, root: &Root) -> Option<&Arc<BeaconState>> {
        self.store.state(root)
    }

    /// The post-state of a held block, advanced to `slot` if it is older.
    pub(super) fn advanced(&self, root: &Root, slot: Slot) -> Result<Arc<BeaconState>, Error> {
        let Some(post) = self.hot_state(root) else {
            return Err(Error::NotFound { what: format!("the state of block {root}") });
        };
        if post.slot >= slot {
            return Ok(post.clone());
        }
        if let Some(known) = self.recall.advanced(*root, slot) {
            return Ok(known);
        }
        let mut state = BeaconState::clone(post);
        spec::process_slots(&self.cfg, &mut state, slot)
            .map_err(|source| Error::Spec { doing: format!("advancing the state of {root} to slot {slot}"), source })?;
        let state = Arc::new(state);
        self.recall.keep_advanced(*root, slot, &state);
        Ok(state)
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

    /// A state older than fork choice holds, from the nearest snapshot.
    fn replayed(&self, slot: Slot) -> Result<Arc<BeaconState>, Error> {
        let (from, mut state) = self.snapshot_before(slot)?;
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
        Ok(Arc::new(state))
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
