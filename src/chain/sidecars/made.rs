//! Sidecars that this node makes: of blocks published through it, and of blobs that its engine has.

use std::sync::Arc;

use super::Sidecar;
use crate::chain::Chain;
use crate::chain::calls::Purpose;
use crate::chain::effect::Effect;
use crate::chain::event::Origin;
use crate::chain::held::{Arrival, Asker};
use crate::chain::verdict::Fault;
use crate::crypto::kzg::CellsAndProofs;
use crate::engine::{BlobAndProofs, Call};
use crate::spec::{self, das};
use crate::ssz::Root;
use crate::types::{Blob, ForkName, KzgProof, SignedBeaconBlock};

impl Chain {
    /// Takes a block with its blobs: both are published once both are right.
    pub(in crate::chain) fn on_block_contents(
        &mut self,
        block: Arc<SignedBeaconBlock>,
        proofs: &[KzgProof],
        blobs: &[Blob],
        origin: Origin,
    ) {
        let root = self.root_of(&block);
        let mut asker = Asker::new(origin);
        let sidecars = match self.make_sidecars(&block, blobs, proofs) {
            Ok(sidecars) => sidecars,
            Err(error) => return self.refuse(&mut asker, Fault::Reject(format!("its blobs: {error}"))),
        };
        if let Some(fault) = sidecars.iter().find_map(|sidecar| self.check_contents(sidecar).err()) {
            return self.refuse(&mut asker, fault);
        }
        let known = self.waiting.contains_key(&root) || self.store.contains(&root);
        let room = known || sidecars.iter().all(|sidecar| self.keep_sidecar(root, sidecar.clone()));
        if !room {
            return self.refuse(&mut asker, Fault::Ignore("sidecars of too many blocks are kept".into()));
        }
        self.take_blocks(vec![Arrival { root, block, asker }]);
        if known {
            return;
        }
        if self.waiting.contains_key(&root) || self.store.contains(&root) {
            self.publish_sidecars(root, sidecars);
        } else if !self.held.holds(&root) {
            self.forget_sidecars(&root);
        }
    }

    pub(super) fn publish_sidecars(&mut self, root: Root, sidecars: Vec<Sidecar>) {
        for sidecar in sidecars {
            self.tell_sidecar(root, &sidecar);
            let gossip = self.gossip_of(sidecar);
            self.out.push(Effect::Publish(gossip));
        }
    }

    /// The sidecars of a block; `proofs` as the engine gives them.
    fn make_sidecars(
        &self,
        block: &SignedBeaconBlock,
        blobs: &[Blob],
        proofs: &[KzgProof],
    ) -> Result<Vec<Sidecar>, spec::Error> {
        if self.fork_at(block.message.slot) < ForkName::Fulu {
            let sidecars = das::get_blob_sidecars(&self.cfg, block, blobs, proofs)?;
            return Ok(sidecars.into_iter().map(|sidecar| Sidecar::Blob(Arc::new(sidecar))).collect());
        }
        if blobs.is_empty() && proofs.is_empty() && block.message.body.blob_kzg_commitments.is_empty() {
            return Ok(Vec::new());
        }
        self.make_columns(block, &das::cells_with_proofs(&self.cfg, blobs, proofs)?)
    }

    fn make_columns(&self, block: &SignedBeaconBlock, cells: &[CellsAndProofs]) -> Result<Vec<Sidecar>, spec::Error> {
        let columns = das::get_data_column_sidecars_from_block(&self.cfg, block, cells)?;
        Ok(columns.into_iter().map(|column| Sidecar::Column(Arc::new(column))).collect())
    }

    /// Asks the engine for the blobs of a waiting block: its pool may have had them before any peer sends them.
    pub(in crate::chain) fn ask_engine_for_blobs(&mut self, root: &Root) {
        let Some(waiting) = self.waiting.get(root).filter(|waiting| !waiting.available) else { return };
        let block = &waiting.arrival.block.message;
        let fork = self.fork_at(block.slot);
        let commitments = block.body.blob_kzg_commitments.iter();
        let versioned_hashes = commitments.map(spec::kzg_commitment_to_versioned_hash).collect();
        self.ask_engine(Purpose::Blobs(*root), Call::GetBlobs { fork, versioned_hashes });
    }

    /// Takes what the engine's pool has of a waiting block. Of use only if it is everything; then the sidecars are
    /// published, since others' engines may lack the blobs.
    pub(in crate::chain) fn on_engine_blobs(&mut self, root: Root, answer: Vec<Option<BlobAndProofs>>) {
        let Some(waiting) = self.waiting.get(&root).filter(|waiting| !waiting.available) else { return };
        let block = waiting.arrival.block.clone();
        let Some(found) = answer.into_iter().collect::<Option<Vec<BlobAndProofs>>>() else { return };
        let cells: Option<Vec<CellsAndProofs>> = found.iter().map(given_cells).collect();
        let sidecars = match cells {
            Some(cells) if self.fork_at(block.message.slot) >= ForkName::Fulu => self.make_columns(&block, &cells),
            _ => {
                let blobs: Vec<Blob> = found.iter().map(|found| found.blob.clone()).collect();
                let proofs: Vec<KzgProof> = found.iter().flat_map(|found| found.proofs.iter().copied()).collect();
                self.make_sidecars(&block, &blobs, &proofs)
            }
        };
        let right = |sidecars: &Vec<Sidecar>| sidecars.iter().all(|sidecar| self.check_contents(sidecar).is_ok());
        match sidecars {
            Ok(sidecars) if right(&sidecars) => self.complete_with(root, sidecars),
            _ => self.log(
                crate::chain::Level::Warn,
                format!("the execution engine's blobs of block {root} are not those of its commitments"),
            ),
        }
    }

    /// Adds the sidecars that are missing of a block, and publishes these.
    pub(super) fn complete_with(&mut self, root: Root, sidecars: Vec<Sidecar>) {
        let missing = sidecars.into_iter().filter(|sidecar| !self.has_sidecar(&root, sidecar.index()));
        let missing: Vec<Sidecar> = missing.collect();
        for sidecar in &missing {
            self.keep_sidecar(root, sidecar.clone());
        }
        self.publish_sidecars(root, missing);
        self.sidecars_came(&root);
    }
}

/// The cells of a blob, where the answer brings them along.
fn given_cells(found: &BlobAndProofs) -> Option<CellsAndProofs> {
    let cells: Vec<Vec<u8>> = found.cells.iter().map(|cell| cell.to_vec()).collect();
    (!cells.is_empty()).then(|| CellsAndProofs { cells, proofs: found.proofs.clone() })
}
