//! Following the head, and settling what finality decides.

use std::collections::BTreeMap;

use super::effect::{Level, Notice};
use super::schema::{self, Anchor};
use super::{Chain, Head};
use crate::spec::fork_choice;
use crate::ssz::{Root, Ssz};
use crate::types::{BeaconState, Checkpoint, Epoch, Slot};

impl Chain {
    /// Asks fork choice for the head, and tells of a new one.
    pub(super) fn update_head(&mut self) {
        let root = fork_choice::get_head(&self.cfg, &self.store);
        if root == self.head.root {
            return;
        }
        let Some(node) = self.store.node(&root) else { return };
        let new = Head { slot: node.slot, root, state_root: node.state_root, state: node.state.clone() };
        let old = std::mem::replace(&mut self.head, new);
        self.tell_reorg(&old);
        let anchor = self.anchor.root;
        let mut at = Some(self.head.root);
        let store = &self.store;
        self.blocks.set_canonical(std::iter::from_fn(move || {
            let node = store.node(&at?)?;
            if node.root == anchor {
                return None;
            }
            at = Some(node.parent_root);
            Some((node.slot, node.root))
        }));
        self.metrics.head_slot = self.head.slot;
        self.tell_head(old.slot);
    }

    fn tell_head(&mut self, old_slot: Slot) {
        let (slot, block, state) = (self.head.slot, self.head.root, self.head.state_root);
        let epoch = self.cfg.epoch_of(slot);
        let dependent = |epoch: u64| self.dependent_root(&block, epoch);
        let (previous, current) = (dependent(epoch.saturating_sub(1)), dependent(epoch));
        self.notify(Notice::Head {
            slot,
            block,
            state,
            epoch_transition: epoch > self.cfg.epoch_of(old_slot),
            previous_duty_dependent_root: previous,
            current_duty_dependent_root: current,
            optimistic: self.is_optimistic(&block),
        });
    }

    /// The last block before an epoch, on the chain of a held block: what decides proposers of that epoch, and
    /// attesters of the next.
    pub(super) fn dependent_root(&self, root: &Root, epoch: u64) -> Root {
        let slot = self.cfg.start_slot(epoch).saturating_sub(1);
        self.ancestor(root, slot).unwrap_or_else(|| self.blocks.genesis_root())
    }

    fn tell_reorg(&mut self, old: &Head) {
        let new = self.head.clone();
        let Some(common) = self.surviving(old.root).and_then(|old| self.common_ancestor(&old, &new.root)) else {
            return;
        };
        if common == old.root {
            return;
        }
        let Some(ancestor) = self.store.node(&common).map(|node| node.slot) else { return };
        self.metrics.reorgs += 1;
        let depth = old.slot - ancestor;
        self.log(Level::Info, format!("reorg of {depth} slots: head {} -> {}", old.root, new.root));
        self.notify(Notice::Reorg {
            slot: new.slot,
            epoch: self.cfg.epoch_of(new.slot),
            depth,
            old_head: old.root,
            new_head: new.root,
            old_state: old.state_root,
            new_state: new.state_root,
            common_ancestor: common,
            optimistic: self.is_optimistic(&new.root),
        });
    }

    /// The block, or where it has been removed its nearest ancestor that fork choice holds.
    fn surviving(&self, mut root: Root) -> Option<Root> {
        while !self.store.contains(&root) {
            root = self.blocks.get(&root)?.message.parent_root;
        }
        Some(root)
    }

    fn common_ancestor(&self, one: &Root, other: &Root) -> Option<Root> {
        let (mut one, mut other) = (self.store.node(one)?, self.store.node(other)?);
        while one.root != other.root {
            if one.slot >= other.slot {
                one = self.store.node(&one.parent_root)?;
            } else {
                other = self.store.node(&other.parent_root)?;
            }
        }
        Some(one.root)
    }

    /// Tells of new checkpoints; forgets and writes what a new finalized one decides.
    pub(super) fn settle(&mut self) {
        let justified = self.store.justified_checkpoint();
        if justified != self.told_justified {
            self.told_justified = justified;
            self.metrics.justified_epoch = justified.epoch;
            self.notify(Notice::Justified { epoch: justified.epoch, root: justified.root });
        }
        let finalized = self.store.finalized_checkpoint();
        if finalized.epoch > self.anchor.epoch
            && let Some(state) = self.store.state(&finalized.root).cloned()
        {
            self.finalize(finalized, &state);
        }
    }

    fn finalize(&mut self, finalized: Checkpoint, state: &BeaconState) {
        if finalized != self.told_finalized {
            self.told_finalized = finalized;
            self.metrics.finalized_epoch = finalized.epoch;
            let Checkpoint { epoch, root } = finalized;
            let state = self.store.node(&root).map(|node| node.state_root).unwrap_or_default();
            let optimistic = self.is_optimistic(&root);
            self.notify(Notice::Finalized { epoch, root, state, optimistic });
        }
        let on_head = self.ancestor(&self.head.root, state_block_slot(state)) == Some(finalized.root);
        let moved = finalized.root != self.anchor.root;
        let before: BTreeMap<Root, (Slot, Root)> = self.summary();
        let snapshots = self.snapshots_until(&finalized);
        let removed = if on_head { fork_choice::prune(&mut self.store) } else { Vec::new() };
        if moved && removed.is_empty() {
            return; // checkpoints conflict: nothing is settled until they agree
        }
        let slot = state_block_slot(state);
        let done = self.blocks.finalize(slot);
        for (slot, root) in &done {
            self.batch.push(schema::put(schema::canonical(*slot), root.0.to_vec()));
            self.batch.push(schema::delete(schema::hot(*slot, root)));
        }
        for root in &removed {
            let Some((slot, state_root)) = before.get(root) else { continue };
            if self.blocks.canonical_at(*slot) == Some(*root) {
                continue;
            }
            self.batch.push(schema::delete(schema::hot(*slot, root)));
            self.batch.push(schema::delete(schema::block(root)));
            self.batch.push(schema::delete(schema::state_root(state_root)));
            if let Some(block) = self.blocks.get(root) {
                self.delete_sidecars(root, &block);
            }
            self.blocks.forget(root);
        }
        self.delete_old_sidecars(self.anchor.epoch, finalized.epoch);
        self.move_anchor(finalized, slot, snapshots);
        self.prune_pools(state);
    }

    /// Slot and state root of every block that fork choice holds.
    fn summary(&self) -> BTreeMap<Root, (Slot, Root)> {
        let nodes = fork_choice::nodes(&self.cfg, &self.store);
        nodes.into_iter().map(|node| (node.root, (node.slot, node.state_root))).collect()
    }

    /// The snapshots to keep for good, of epochs after the anchor's up to the new one; and the new anchor's own.
    fn snapshots_until(&self, finalized: &Checkpoint) -> BTreeMap<Slot, Vec<u8>> {
        let lasting = (self.anchor.epoch + 1..finalized.epoch).filter(|epoch| schema::keeps_snapshot(*epoch));
        let roots = lasting.filter_map(|epoch| self.ancestor(&finalized.root, self.cfg.start_slot(epoch)));
        let nodes = roots.chain([finalized.root]).filter_map(|root| self.store.node(&root));
        nodes.map(|node| (node.slot, node.state.encode(self.cfg.shape_at_slot(node.state.slot)))).collect()
    }

    fn move_anchor(&mut self, finalized: Checkpoint, slot: Slot, snapshots: BTreeMap<Slot, Vec<u8>>) {
        let old = self.anchor;
        self.anchor = Anchor { epoch: finalized.epoch, root: finalized.root, slot, genesis: old.genesis };
        if old.slot != slot && !schema::keeps_snapshot(old.epoch) {
            self.batch.push(schema::delete(schema::snapshot(old.slot)));
        }
        for (slot, bytes) in snapshots {
            self.batch.push(schema::put(schema::snapshot(slot), bytes));
        }
        self.batch.push(schema::put(schema::ANCHOR.to_vec(), self.anchor.to_bytes()));
    }

    /// Forgets what is too old to be included or to be forwarded again.
    pub(super) fn prune_by_clock(&mut self) {
        let finalized = self.cfg.start_slot(self.store.finalized_checkpoint().epoch);
        let range = self.cfg.attestation_propagation_slot_range;
        let oldest_vote = self.slot.saturating_sub(range.max(2 * self.cfg.preset.slots_per_epoch) + 1);
        let oldest_sync = self.slot.saturating_sub(2);
        self.attestations.prune(self.slot.saturating_sub(2 * self.cfg.preset.slots_per_epoch));
        self.sync.prune(oldest_sync);
        let recent = self.cfg.epoch_of(self.slot).saturating_sub(1);
        self.targets.retain(|target, _| target.epoch >= recent);
        self.seen.prune(finalized, self.cfg.epoch_of(oldest_vote), oldest_vote, oldest_sync);
    }

    /// Deletes the sidecars of blocks that leave the window in which they are served, when finality moves on. By
    /// finality's epochs and not by the clock's, so that every block is passed exactly once.
    fn delete_old_sidecars(&mut self, before: Epoch, now: Epoch) {
        let start = |epoch: Epoch| self.cfg.start_slot(self.served_since(epoch));
        let gone: Vec<Root> = self.blocks.finalized.range(start(before)..start(now)).map(|(_, root)| *root).collect();
        for root in gone {
            if let Some(block) = self.blocks.get(&root) {
                self.delete_sidecars(&root, &block);
            }
        }
    }

    fn prune_pools(&mut self, finalized: &BeaconState) {
        self.operations.prune(&self.cfg, finalized);
    }
}

/// The slot of the block that a post-state belongs to.
pub(super) fn state_block_slot(state: &BeaconState) -> Slot {
    state.latest_block_header.slot
}
