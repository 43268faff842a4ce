//! Sidecars: blobs (deneb, electra) and data columns (fulu), judged, kept with their blocks, written once those are
//! imported, and served until the window in which peers may ask for them is over. This node keeps every column.
//!
//! A sidecar is forwarded by gossip's conditions; one that was asked for, or that this node made itself, has to be right
//! by itself (its proofs) and to belong to a block that is signed.

mod kept;
mod made;
mod missing;

use std::collections::BTreeSet;
use std::sync::Arc;

pub(super) use kept::Kept;

use super::effect::{Gossip, Notice};
use super::event::Origin;
use super::held::{Arrival, Asker};
use super::verdict::{Fault, fresh, must, should};
use super::walks::Claim;
use super::{Chain, schema};
use crate::spec::{self, das, gossip};
use crate::ssz::{Root, Ssz};
use crate::types::{BlobSidecar, DataColumnSidecar, Epoch, ForkName, SignedBeaconBlock, SignedBeaconBlockHeader, Slot};

/// Either kind.
#[derive(Clone, Debug)]
pub(super) enum Sidecar {
    Blob(Arc<BlobSidecar>),
    Column(Arc<DataColumnSidecar>),
}

impl Sidecar {
    fn header(&self) -> &SignedBeaconBlockHeader {
        match self {
            Sidecar::Blob(sidecar) => &sidecar.signed_block_header,
            Sidecar::Column(sidecar) => &sidecar.signed_block_header,
        }
    }

    fn slot(&self) -> Slot {
        self.header().message.slot
    }

    fn claim(&self) -> Claim {
        let header = &self.header().message;
        Claim { proposer: header.proposer_index, parent: header.parent_root, slot: header.slot }
    }

    fn index(&self) -> u64 {
        match self {
            Sidecar::Blob(sidecar) => sidecar.index,
            Sidecar::Column(sidecar) => sidecar.index,
        }
    }
}

impl Chain {
    /// Takes a sidecar from outside.
    pub(super) fn on_sidecar(&mut self, sidecar: Sidecar, subnet: Option<u64>, origin: Origin) {
        self.take_sidecar(sidecar, subnet, Asker::new(origin));
    }

    pub(super) fn take_sidecar(&mut self, sidecar: Sidecar, subnet: Option<u64>, mut asker: Asker) {
        let root = sidecar.header().message.hash_tree_root(self.cfg.shape_at_slot(sidecar.slot()));
        let judged = self.judge_sidecar(&root, &sidecar, subnet, asker.origin);
        let is_signed = |chain: &Chain| chain.check_header_signature(sidecar.header()).is_ok();
        self.note_walk(sidecar.claim(), asker.origin, &judged, is_signed);
        match judged {
            Ok(()) => {
                let waiting = &self.waiting;
                if !self.sidecars.make_room(&root, sidecar.header(), |root| waiting.contains_key(root)) {
                    let why = "its proposer signed several blocks for its slot".into();
                    return self.refuse(&mut asker, Fault::Ignore(why));
                }
                self.keep_sidecar(root, sidecar.clone());
                if !matches!(asker.origin, Origin::Sync(_)) {
                    self.tell_sidecar(root, &sidecar);
                }
                let gossip = self.gossip_of(sidecar);
                self.accept(&mut asker, || gossip);
                self.sidecars_came(&root);
            }
            Err(Fault::NeedsBlock(parent)) => {
                // whoever has seen the header can put rubbish beside it
                if let Err(fault) = self.check_contents(&sidecar) {
                    return self.refuse(&mut asker, fault);
                }
                let kept = self.held.keep_sidecar(parent, sidecar, subnet, asker.while_held(), self.slot).is_ok();
                self.tell_held(asker, kept, "held until its block's parent comes", Fault::NeedsBlock(parent));
            }
            Err(fault) => self.refuse(&mut asker, fault),
        }
    }

    fn judge_sidecar(&self, root: &Root, sidecar: &Sidecar, subnet: Option<u64>, origin: Origin) -> Result<(), Fault> {
        let fork = self.fork_at(sidecar.slot());
        let of_its_fork = match sidecar {
            Sidecar::Blob(_) => (ForkName::Deneb..ForkName::Fulu).contains(&fork),
            Sidecar::Column(_) => fork >= ForkName::Fulu,
        };
        must(of_its_fork, || format!("no sidecar of {fork}"))?;
        fresh(!self.has_sidecar(root, sidecar.index()), || "the sidecar is known".into())?;
        if matches!(origin, Origin::Sync(_)) {
            fresh(!self.store.contains(root), || "its block is imported".into())?;
            should(!self.invalid.contains(root), || "its block is invalid".into())?;
            self.check_sidecar_signature(root, sidecar)?;
            return self.check_contents(sidecar);
        }
        self.check_walk(&sidecar.claim(), origin)?;
        let subnet = subnet.unwrap_or_else(|| self.subnet_of(sidecar));
        let judged = match sidecar {
            Sidecar::Blob(sidecar) => gossip::validate_blob_sidecar_gossip(self, &self.seen, sidecar, subnet),
            Sidecar::Column(sidecar) => gossip::validate_data_column_sidecar_gossip(self, &self.seen, sidecar, subnet),
        };
        Ok(judged?)
    }

    /// What is true of a right sidecar whatever is known of its block: index, lengths, and proofs.
    fn check_contents(&self, sidecar: &Sidecar) -> Result<(), Fault> {
        let checked = match sidecar {
            Sidecar::Blob(sidecar) => gossip::check_blob_sidecar(&self.cfg, sidecar),
            Sidecar::Column(sidecar) => gossip::check_data_column_sidecar(&self.cfg, sidecar),
        };
        Ok(checked?)
    }

    /// The header's signature: that of the block, if it is there; else its proposer's.
    fn check_sidecar_signature(&self, root: &Root, sidecar: &Sidecar) -> Result<(), Fault> {
        let header = sidecar.header();
        if let Some(waiting) = self.waiting.get(root) {
            let same = waiting.arrival.block.signature == header.signature;
            return must(same, || "its header is not signed as its block is".into());
        }
        self.check_header_signature(header)
    }

    fn subnet_of(&self, sidecar: &Sidecar) -> u64 {
        match sidecar {
            Sidecar::Blob(blob) => {
                das::compute_subnet_for_blob_sidecar(&self.cfg, self.fork_at(sidecar.slot()), blob.index)
            }
            Sidecar::Column(column) => das::compute_subnet_for_data_column_sidecar(&self.cfg, column.index),
        }
    }

    fn gossip_of(&self, sidecar: Sidecar) -> Gossip {
        let subnet = self.subnet_of(&sidecar);
        match sidecar {
            Sidecar::Blob(sidecar) => Gossip::BlobSidecar { subnet, sidecar },
            Sidecar::Column(sidecar) => Gossip::DataColumnSidecar { subnet, sidecar },
        }
    }

    /// Keeps a right sidecar. One of an imported block is in the database already.
    fn keep_sidecar(&mut self, root: Root, sidecar: Sidecar) {
        match &sidecar {
            Sidecar::Blob(sidecar) => self.seen.add_blob_sidecar(sidecar),
            Sidecar::Column(sidecar) => self.seen.add_data_column_sidecar(sidecar),
        }
        if !self.store.contains(&root) {
            self.sidecars.insert(root, sidecar, self.slot);
        }
    }

    fn tell_sidecar(&mut self, block: Root, sidecar: &Sidecar) {
        self.notify(match sidecar {
            Sidecar::Blob(sidecar) => {
                let versioned_hash = spec::kzg_commitment_to_versioned_hash(&sidecar.kzg_commitment);
                Notice::BlobSidecar { block, sidecar: sidecar.clone(), versioned_hash }
            }
            Sidecar::Column(sidecar) => Notice::DataColumnSidecar { block, sidecar: sidecar.clone() },
        });
    }

    /// Goes on with a waiting block whose sidecars may all be there now.
    fn sidecars_came(&mut self, root: &Root) {
        let Some(waiting) = self.waiting.get(root) else { return };
        if !waiting.available && self.is_available(&waiting.arrival) {
            if let Some(waiting) = self.waiting.get_mut(root) {
                waiting.available = true;
            }
            self.import_waiting(root);
        }
    }

    fn has_sidecar(&self, root: &Root, index: u64) -> bool {
        self.sidecars.family(root).is_some_and(|family| family.contains_key(&index))
    }

    /// How many sidecars a block has.
    fn sidecars_of(&self, block: &SignedBeaconBlock) -> u64 {
        let blobs = block.message.body.blob_kzg_commitments.len() as u64;
        let columns = blobs > 0 && self.fork_at(block.message.slot) >= ForkName::Fulu;
        if columns { self.cfg.preset.number_of_columns } else { blobs }
    }

    /// Spec `is_data_available`, for sidecars that were each verified when they came. Outside of the window in which
    /// peers serve them, nobody is asked for them.
    pub(super) fn is_available(&self, arrival: &Arrival) -> bool {
        let block = &arrival.block;
        let window = match self.fork_at(block.message.slot) < ForkName::Fulu {
            true => self.cfg.min_epochs_for_blob_sidecars_requests,
            false => self.cfg.min_epochs_for_data_column_sidecars_requests,
        };
        let oldest = self.cfg.epoch_of(self.slot).saturating_sub(window);
        let kept = self.sidecars.family(&arrival.root).map_or(0, |family| family.len());
        let there = kept.max(arrival.sidecars.len()) as u64;
        there >= self.sidecars_of(block) || self.cfg.epoch_of(block.message.slot) < oldest
    }

    /// The first epoch whose sidecars are served in an epoch.
    pub(super) fn served_since(&self, epoch: Epoch) -> Epoch {
        let blobs = self.cfg.min_epochs_for_blob_sidecars_requests;
        let columns = self.cfg.min_epochs_for_data_column_sidecars_requests;
        epoch.saturating_sub(blobs.max(columns))
    }

    /// Writes the sidecars of a block that is imported.
    pub(super) fn write_sidecars(&mut self, root: &Root) {
        for (index, sidecar) in self.sidecars.family(root).into_iter().flatten() {
            let shape = self.cfg.shape_at_slot(sidecar.slot());
            let bytes = match sidecar {
                Sidecar::Blob(sidecar) => sidecar.encode(shape),
                Sidecar::Column(sidecar) => sidecar.encode(shape),
            };
            self.batch.push(schema::put(schema::sidecar(root, *index), bytes));
        }
        self.sidecars.written(root);
    }

    /// Removes the sidecars of a block that goes.
    pub(super) fn delete_sidecars(&mut self, root: &Root, block: &SignedBeaconBlock) {
        for index in 0..self.sidecars_of(block) {
            self.batch.push(schema::delete(schema::sidecar(root, index)));
        }
        self.sidecars.remove(root);
    }

    /// Forgets the sidecars of a block that does not come.
    pub(super) fn forget_sidecars(&mut self, root: &Root) {
        self.sidecars.remove(root);
    }

    /// The blobs of a block, as sidecars by index; empty if it has none, or they are no longer kept. Those that are there of
    /// a block that waits for others count, too: who waits for the rest must not wait for us.
    pub fn blob_sidecars(&self, root: &Root) -> Vec<Arc<BlobSidecar>> {
        let pick = |sidecar| if let Sidecar::Blob(sidecar) = sidecar { Some(sidecar) } else { None };
        self.stored(root, |_| true, pick)
    }

    /// The data columns of a block by index, likewise.
    pub fn data_column_sidecars(&self, root: &Root) -> Vec<Arc<DataColumnSidecar>> {
        self.stored(root, |_| true, column_of)
    }

    /// Those of these data columns of a block, likewise.
    pub fn some_data_column_sidecars(&self, root: &Root, indices: &BTreeSet<u64>) -> Vec<Arc<DataColumnSidecar>> {
        self.stored(root, |index| indices.contains(index), column_of)
    }

    fn stored<T>(
        &self,
        root: &Root,
        wanted: impl Fn(&u64) -> bool,
        pick: impl Fn(Sidecar) -> Option<Arc<T>>,
    ) -> Vec<Arc<T>> {
        let waiting = self.waiting.get(root).map(|waiting| waiting.arrival.block.clone());
        let Some(block) = waiting.or_else(|| self.blocks.get(root)) else { return Vec::new() };
        let slot = block.message.slot;
        let indices = (0..self.sidecars_of(&block)).filter(wanted);
        indices.filter_map(|index| pick(self.stored_sidecar(root, slot, index)?)).collect()
    }

    /// A database that can't be read or decoded has no sidecars, for a reader's purposes.
    fn stored_sidecar(&self, root: &Root, slot: Slot, index: u64) -> Option<Sidecar> {
        if let Some(sidecar) = self.sidecars.family(root).and_then(|family| family.get(&index)) {
            return Some(sidecar.clone());
        }
        let bytes = self.rows.get(&schema::sidecar(root, index)).ok()??;
        let shape = self.cfg.shape_at_slot(slot);
        if shape.fork < ForkName::Fulu {
            BlobSidecar::decode(shape, &bytes).ok().map(|sidecar| Sidecar::Blob(Arc::new(sidecar)))
        } else {
            DataColumnSidecar::decode(shape, &bytes).ok().map(|sidecar| Sidecar::Column(Arc::new(sidecar)))
        }
    }
}

fn column_of(sidecar: Sidecar) -> Option<Arc<DataColumnSidecar>> {
    if let Sidecar::Column(sidecar) = sidecar { Some(sidecar) } else { None }
}
