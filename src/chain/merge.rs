//! The merge: the terminal proof-of-work block to build the first payload on, and the check of a first payload's parent
//! (`bellatrix/fork-choice.md`, `bellatrix/validator.md`). Proof-of-work blocks come from the engine, one call each.

use super::Chain;
use super::calls::Purpose;
use super::invalid::Invalidity;
use crate::engine::{Call, Failure};
use crate::spec::{self, fork_choice};
use crate::ssz::Root;
use crate::types::{ForkName, Hash32, PowBlock};

/// Proof-of-work blocks remembered.
const MOST_POW_BLOCKS: usize = 32;

impl Chain {
    /// Checks the parent of a first payload, of a block that waits or that was imported without the check; asks for
    /// what it needs to know.
    pub(super) fn check_merge(&mut self, root: &Root) {
        let waits = self.waiting.get(root).is_some_and(|waiting| waiting.merges);
        let imported = self.unverified_merges.contains(root) && !self.store.is_optimistic(root);
        if !waits && !imported {
            return;
        }
        let waiting = self.waiting.get(root).map(|waiting| waiting.arrival.block.clone());
        let Some(signed) = waiting.or_else(|| self.blocks.get(root)) else { return };
        let known = |hash: &Hash32| self.pow_blocks.get(hash).copied();
        match fork_choice::validate_merge_block(&self.cfg, &signed.message, known) {
            Err(fork_choice::Error::UnknownPowBlock(hash)) => self.ask_for_pow_block(hash),
            Ok(()) => {
                self.unverified_merges.remove(root);
                if let Some(waiting) = self.waiting.get_mut(root) {
                    waiting.merges = false;
                    self.import_waiting(root);
                }
            }
            Err(error) => {
                let why = format!("no terminal block below its payload: {error}");
                // `sync/optimistic.md` has it treated like an invalid payload: optimistic nodes pass it on in good faith
                self.reject_waiting(root, Invalidity::Payload, why.clone());
                fork_choice::mark_optimistic(&mut self.store, root);
                let removed = fork_choice::on_invalid_payload(&mut self.store, root, None);
                self.bury(removed, &why);
            }
        }
    }

    fn ask_for_pow_block(&mut self, hash: Hash32) {
        if !self.calls.is_open(|purpose| *purpose == Purpose::PowBlock(hash)) {
            self.ask_engine(Purpose::PowBlock(hash), Call::PowBlock { hash });
        }
    }

    /// Takes a proof-of-work block; one that is unknown is asked for again in the next slot.
    pub(super) fn on_pow_block(&mut self, hash: Hash32, answer: Result<Option<PowBlock>, Failure>) {
        let Ok(Some(block)) = answer else { return };
        if block.block_hash != hash {
            return;
        }
        if self.pow_blocks.len() >= MOST_POW_BLOCKS {
            self.pow_blocks.clear();
        }
        self.pow_blocks.insert(hash, block);
        if hash == self.cfg.terminal_block_hash {
            self.terminal = Some(block);
        }
        let mut merging: Vec<Root> = self.waiting.iter().filter(|(_, w)| w.merges).map(|(root, _)| *root).collect();
        merging.extend(&self.unverified_merges);
        for root in merging {
            self.check_merge(&root);
        }
    }

    /// Once a slot before the merge: asks for the terminal block. Spec `get_terminal_pow_block`.
    pub(super) fn look_for_terminal(&mut self) {
        let soon = self.fork_at(self.slot.saturating_add(1)) == ForkName::Bellatrix;
        let merged = spec::is_merge_transition_complete(&self.head.state);
        if !soon || merged || self.terminal.is_some() {
            return;
        }
        let hash = self.cfg.terminal_block_hash;
        if hash != Hash32::default() {
            return self.ask_for_pow_block(hash);
        }
        if !self.calls.is_open(|purpose| *purpose == Purpose::Terminal) {
            let terminal_total_difficulty = self.cfg.terminal_total_difficulty;
            self.ask_engine(Purpose::Terminal, Call::TerminalPowBlock { terminal_total_difficulty });
        }
    }

    /// Takes the terminal block.
    pub(super) fn on_terminal(&mut self, answer: Result<Option<PowBlock>, Failure>) {
        if let Ok(Some(block)) = answer {
            self.terminal = Some(block);
            self.told = None;
        }
    }
}
