//! Sidecars that this node makes: of blocks published through it, and of blobs that its engine has.

use std::sync::Arc;

use super::Sidecar;
use crate::chain::Chain;
use crate::chain::calls::Purpose;
use crate::chain::effect::Effect;
use crate::chain::event::Origin;
use crate::chain::held::Arrival;
use crate::chain::verdict::Fault;
use crate::chain::waiting::Waiting;
use crate::crypto::kzg::CellsAndProofs;
use crate::engine::{BlobAndProofs, Call};
use crate::spec::{self, das};
use crate::ssz::Root;
use crate::types::{Blob, ForkName, KzgProof, SignedBeaconBlock};

impl Chain {
    /// Takes a block with its blobs: both are published once both are right, so perhaps after the block was held. Nothing is
    /// kept before that: who did not sign the block must not put his sidecars in the place of others.
    pub(in crate::chain) fn on_block_contents(
        &mut self,
        block: Arc<SignedBeaconBlock>,
        proofs: &[KzgProof],
        blobs: &[Blob],
        origin: Origin,
    ) {
        let root = self.root_of(&block);
        let mut arrival = Arrival::new(root, block, origin);
        arrival.sidecars = match self.make_sidecars(&arrival.block, blobs, proofs) {
            Ok(sidecars) => sidecars,
            Err(error) => return self.refuse(&mut arrival.asker, Fault::Reject(format!("its blobs: {error}"))),
        };
        if let Some(fault) = arrival.sidecars.iter().find_map(|sidecar| self.check_contents(sidecar).err()) {
            return self.refuse(&mut arrival.asker, fault);
        }
        let same = |waiting: &Waiting| waiting.arrival.block.signature == arrival.block.signature;
        if self.waiting.get(&root).is_some_and(same) {
            // it came from elsewhere, perhaps alone
            let sidecars = std::mem::take(&mut arrival.sidecars);
            self.complete_with(root, sidecars);
        }
        self.take_blocks(vec![arrival]);
    }

    /// Keeps and publishes what was made with a block that is found right.
    pub(in crate::chain) fn take_made_sidecars(&mut self, arrival: &mut Arrival) {
        let sidecars = std::mem::take(&mut arrival.sidecars);
        for sidecar in &sidecars {
            self.keep_sidecar(arrival.root, sidecar.clone());
        }
        self.publish_sidecars(arrival.root, sidecars);
    }

    fn publish_sidecars(&mut self, root: Root, sidecars: Vec<Sidecar>) {
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

    /// Whether a waiting block is news to the network. Of what was fetched long after its slot, no pool has the blobs any
    /// more, and peers have had the sidecars.
    fn is_news(&self, waiting: &Waiting) -> bool {
        let fetched = matches!(waiting.arrival.asker.origin, Origin::Sync(_));
        !fetched || waiting.arrival.block.message.slot.saturating_add(1) >= self.slot
    }

    /// Asks the engine for the blobs of a waiting block: its pool may have had them before any peer sends them.
    pub(in crate::chain) fn ask_engine_for_blobs(&mut self, root: &Root) {
        let wanted = |waiting: &&Waiting| !waiting.available && self.is_news(waiting);
        let Some(waiting) = self.waiting.get(root).filter(wanted) else { return };
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

    /// Adds the sidecars that are missing of a waiting block, and publishes these while they are news.
    pub(super) fn complete_with(&mut self, root: Root, sidecars: Vec<Sidecar>) {
        let missing = sidecars.into_iter().filter(|sidecar| !self.has_sidecar(&root, sidecar.index()));
        let missing: Vec<Sidecar> = missing.collect();
        for sidecar in &missing {
            self.keep_sidecar(root, sidecar.clone());
        }
        if self.waiting.get(&root).is_some_and(|waiting| self.is_news(waiting)) {
            self.publish_sidecars(root, missing);
        }
        self.sidecars_came(&root);
    }
}

/// The cells of a blob, where the answer brings them along.
fn given_cells(found: &BlobAndProofs) -> Option<CellsAndProofs> {
    let cells: Vec<Vec<u8>> = found.cells.iter().map(|cell| cell.to_vec()).collect();
    (!cells.is_empty()).then(|| CellsAndProofs { cells, proofs: found.proofs.clone() })
}
