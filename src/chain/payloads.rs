//! The engine's word on payloads: asked for each block before its import, and again each slot while it has none; and
//! what follows from it (`sync/optimistic.md`).

use super::calls::Purpose;
use super::effect::Level;
use super::invalid::Invalidity;
use super::waiting::Word;
use super::{Chain, schema};
use crate::engine::{Call, Failure, Lane, NewPayload, PayloadStatus, Validity};
use crate::spec::{self, fork_choice};
use crate::ssz::{Root, Ssz};
use crate::types::{BeaconBlock, Hash32, SignedBeaconBlock};

/// Optimistic blocks asked for again in one slot, the oldest first.
const ASKED_AGAIN: usize = 32;

impl Chain {
    /// Asks for the word on a waiting block, unless it is there or on its way, or it is too early to ask again.
    pub(super) fn ask_for_payload(&mut self, root: &Root) {
        let Some(waiting) = self.waiting.get_mut(root) else { return };
        if waiting.word == Word::None && waiting.again.is_due(self.slot) {
            waiting.word = Word::Asked;
            let block = waiting.arrival.block.clone();
            self.ask_new_payload(*root, &block);
        }
    }

    fn ask_new_payload(&mut self, root: Root, signed: &SignedBeaconBlock) {
        let call = self.new_payload(&signed.message);
        self.ask_engine(Purpose::Payload(root), Call::NewPayload(Box::new(call)));
    }

    /// What the engine is asked about a block's payload.
    pub(super) fn new_payload(&self, block: &BeaconBlock) -> NewPayload {
        let body = &block.body;
        NewPayload {
            fork: self.fork_at(block.slot),
            payload: body.execution_payload.clone(),
            versioned_hashes: body.blob_kzg_commitments.iter().map(spec::kzg_commitment_to_versioned_hash).collect(),
            parent_beacon_block_root: block.parent_root,
            execution_requests: body.execution_requests.clone(),
        }
    }

    /// Asks again for imported blocks that the engine has not judged.
    pub(super) fn ask_for_optimistic(&mut self) {
        let roots: Vec<Root> = self.store.optimistic_roots().take(ASKED_AGAIN).collect();
        for root in roots {
            let open = self.calls.is_open(|purpose| *purpose == Purpose::Payload(root));
            if let Some(block) = self.blocks.get(&root).filter(|_| !open) {
                self.ask_new_payload(root, &block);
            }
        }
    }

    /// Takes the word on a block, which waits or was imported without it.
    pub(super) fn on_payload_status(&mut self, root: Root, status: Result<PayloadStatus, Failure>) {
        let waiting = self.waiting.get(&root).map(|waiting| waiting.arrival.block.message.parent_root);
        let word = match &status {
            Err(_) => Word::None,
            Ok(status) => match status.status {
                Validity::Valid => Word::Valid,
                Validity::Syncing | Validity::Accepted => Word::NotValidated,
                Validity::Invalid | Validity::InvalidBlockHash => {
                    let why = status.validation_error.clone().unwrap_or_else(|| "no reason given".into());
                    return self.on_invalid(root, waiting, status.latest_valid_hash, &why);
                }
            },
        };
        if let Some(waiting) = self.waiting.get_mut(&root) {
            waiting.word = word;
            if matches!(status, Err(Failure::Unreachable(_))) {
                waiting.again.after_silence(self.slot, self.calls.answered);
            }
        }
        if word == Word::Valid {
            self.note_valid(&waiting.unwrap_or(root));
        }
        self.import_waiting(&root);
    }

    /// The payload of an imported block is valid, and so are those of its ancestors.
    pub(super) fn note_valid(&mut self, root: &Root) {
        let news = fork_choice::on_valid_payload(&mut self.store, root);
        let merged: Vec<Root> = news.into_iter().filter(|root| self.unverified_merges.contains(root)).collect();
        for root in merged {
            self.check_merge(&root);
        }
    }

    /// A payload is invalid: the block goes, or does not come; and its ancestors back to the last valid one.
    fn on_invalid(&mut self, root: Root, waits_on: Option<Root>, latest_valid: Option<Hash32>, why: &str) {
        let why = format!("its payload is invalid: {why}");
        let removed = match waits_on {
            None => fork_choice::on_invalid_payload(&mut self.store, &root, latest_valid),
            Some(parent) => {
                self.reject_waiting(&root, Invalidity::Payload, why.clone());
                fork_choice::on_invalid_child(&mut self.store, &parent, latest_valid)
            }
        };
        self.bury(removed, &why);
    }

    /// Forgets blocks that fork choice has removed, and follows the head that is left.
    pub(super) fn bury(&mut self, removed: Vec<Root>, why: &str) {
        if removed.is_empty() {
            return;
        }
        let justified = self.store.justified_checkpoint();
        if removed.contains(&justified.root) {
            let epoch = justified.epoch;
            self.log(Level::Error, format!("the justified block of epoch {epoch} has an invalid payload"));
        }
        self.update_head(); // while the removed blocks can still be found, to tell of the reorg
        for root in &removed {
            self.log(Level::Warn, format!("block {root} is removed: {why}"));
            self.unverified_merges.remove(root);
            self.note_invalid(*root, Invalidity::Payload);
            let Some(block) = self.blocks.get(root) else { continue };
            self.batch.push(schema::delete(schema::hot(block.message.slot, root)));
            self.batch.push(schema::delete(schema::block(root)));
            self.batch.push(schema::delete(schema::state_root(&block.message.state_root)));
            self.delete_sidecars(root, &block);
            self.blocks.forget(root);
        }
    }

    /// Whether the execution engine is taken to be offline: it was silent when asked about a payload, and again when asked
    /// about one next, and a block waits for its word; or twice when asked about anything else. One that judges other payloads
    /// meanwhile is not offline.
    pub fn engine_is_offline(&self) -> bool {
        let is_awaited = self.waiting.values().any(|waiting| matches!(waiting.word, Word::None | Word::Asked));
        self.calls.is_silent(Lane::Lead) || (is_awaited && self.calls.is_silent(Lane::Import))
    }

    /// The hash of a block's payload, or of the last one before it: zero before the merge.
    pub(super) fn payload_hash(&self, root: &Root) -> Hash32 {
        self.hot_state(root).map(|state| state.latest_execution_payload_header.block_hash).unwrap_or_default()
    }

    /// Root of a block. The genesis block's is that of its header, whose body may be older than the fork of slot 0.
    pub(super) fn root_of(&self, signed: &SignedBeaconBlock) -> Root {
        if signed.message.slot == 0 && signed.message == self.blocks.genesis_block().message {
            return self.blocks.genesis_root();
        }
        signed.message.hash_tree_root(self.cfg.shape_at_slot(signed.message.slot))
    }
}
