//! Blocks whose transition is right, but which can't be imported yet: their sidecars are missing, or the execution
//! engine has not answered (`sync/optimistic.md`: without an answer a block is not imported, not even optimistically).
//!
//! A block is forwarded before it is imported, as gossip's conditions let it be: they ask neither for its sidecars nor
//! for the engine's word.

use std::collections::BTreeMap;

use super::Chain;
use super::effect::{Gossip, Level, Outcome};
use super::event::Origin;
use super::held::Arrival;
use super::invalid::Invalidity;
use super::memo::Post;
use super::verdict::Fault;
use crate::spec::{self, fork_choice};
use crate::ssz::Root;
use crate::types::{ForkName, Slot};

/// Blocks that wait.
const MOST: usize = 64;
/// Slots that a block waits.
const SLOTS: u64 = 32;
/// After this many silences about a payload in a row the pause before the next call about it grows no more.
const MOST_SILENCES: u32 = 3;
/// Part of a slot after which sidecars are asked for that have not come by themselves.
const PATIENCE: u64 = 6;

/// What the engine says of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// Nothing: it has not been asked, or it failed. It will be asked in the next slot, or a later one.
    None,
    /// It is being asked.
    Asked,
    /// `VALID`; or the block has no payload.
    Valid,
    /// `NOT_VALIDATED`: the block may be imported optimistically.
    NotValidated,
}

/// When the engine is asked about a payload again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Again {
    at: Slot,
    silences: u32,
    /// Calls answered before the last silence.
    answered: u64,
}

impl Again {
    pub(super) fn is_due(&self, now: Slot) -> bool {
        self.at <= now
    }

    /// The engine was silent. If it answers other calls, it is this payload that it is silent about: then it is asked ever
    /// more rarely, so that other blocks' payloads have their turn.
    pub(super) fn after_silence(&mut self, now: Slot, answered: u64) {
        if answered == self.answered {
            self.silences = 0;
        }
        self.at = now.saturating_add(1 << self.silences.min(MOST_SILENCES));
        self.silences += 1;
        self.answered = answered;
    }
}

/// A block that waits.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) arrival: Arrival,
    pub(super) post: Post,
    /// All sidecars that it needs are there.
    pub(super) available: bool,
    pub(super) word: Word,
    pub(super) again: Again,
    /// Its payload is the first one, and its parent on the proof-of-work chain has not been judged.
    pub(super) merges: bool,
    until: Slot,
    /// When missing sidecars are asked for next.
    pub(super) ask_at_ms: u64,
}

/// How far a block has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is imported.
    Imported,
    /// It, or an ancestor for which it is held, lacks nothing but the execution engine's word.
    AwaitsEngine,
    /// It waits for something else: a parent, sidecars, its slot.
    Awaits,
    /// It, its payload or an ancestor was found invalid, not so long ago that it is forgotten.
    Invalid,
    /// The chain does not have it.
    Unknown,
}

/// By root.
pub(super) type WaitingBlocks = BTreeMap<Root, Waiting>;

impl Chain {
    /// Takes a block whose transition is right: imports it, or lets it wait. Whether it was imported.
    pub(super) fn admit(&mut self, mut arrival: Arrival, post: Post) -> bool {
        let (root, slot) = (arrival.root, arrival.block.message.slot);
        let has_payload = self.fork_at(slot) >= ForkName::Bellatrix && spec::is_merge_transition_complete(&post.state);
        let merges = has_payload && self.is_merge_transition_block(&arrival);
        let available = self.is_available(&arrival);
        let waits = has_payload || !available;
        if waits && self.waiting.len() >= MOST {
            self.refuse(&mut arrival.asker, Fault::Ignore("too many blocks wait for sidecars or the engine".into()));
            return false;
        }
        self.seen.add_block(&arrival.block.message);
        self.held.got(&root);
        if !matches!(arrival.asker.origin, Origin::Sync(_)) {
            let block = arrival.block.clone();
            self.accept(&mut arrival.asker, || Gossip::Block(block));
        }
        self.take_made_sidecars(&mut arrival);
        if !waits {
            return self.import(arrival, post, false);
        }
        let word = if has_payload { Word::None } else { Word::Valid };
        let (until, ask_at_ms) = (self.slot.saturating_add(SLOTS), self.patience_ends());
        let again = Again { at: self.slot, silences: 0, answered: self.calls.answered };
        self.waiting.insert(root, Waiting { arrival, post, available, word, again, merges, until, ask_at_ms });
        self.ask_for_payload(&root);
        self.check_merge(&root);
        self.ask_engine_for_blobs(&root);
        false
    }

    /// How far a block has come.
    pub fn standing(&self, root: &Root) -> Standing {
        if self.has_block(root) {
            return Standing::Imported;
        }
        if self.invalid.contains(root) {
            return Standing::Invalid;
        }
        let mut first = *root;
        while let Some(parent) = self.held.parent_of(&first) {
            first = parent;
        }
        match self.waiting.get(&first) {
            Some(waiting) if waiting.available => Standing::AwaitsEngine,
            Some(_) => Standing::Awaits,
            None if self.held.holds(root) => Standing::Awaits,
            None => Standing::Unknown,
        }
    }

    fn patience_ends(&self) -> u64 {
        self.now_ms.saturating_add(self.cfg.slot_duration_ms / PATIENCE)
    }

    /// Whether the block's payload is the first on its chain, so that its parent is a proof-of-work block.
    pub(super) fn is_merge_transition_block(&self, arrival: &Arrival) -> bool {
        let block = &arrival.block.message;
        let parent = self.hot_state(&block.parent_root);
        self.fork_at(block.slot) == ForkName::Bellatrix
            && parent.is_some_and(|state| !spec::is_merge_transition_complete(state))
    }

    /// Imports a waiting block, if nothing is missing any more, and whatever waited for it.
    pub(super) fn import_waiting(&mut self, root: &Root) {
        let Some(waiting) = self.waiting.get(root) else { return };
        let (store, block) = (&self.store, &waiting.arrival.block.message);
        let judged = match waiting.word {
            Word::Valid => !waiting.merges,
            Word::NotValidated => fork_choice::is_optimistic_candidate_block(store, self.slot, block),
            Word::None | Word::Asked => false,
        };
        let optimistic = waiting.word == Word::NotValidated;
        if !judged || !waiting.available {
            return;
        }
        let Some(Waiting { arrival, post, merges, .. }) = self.waiting.remove(root) else { return };
        if self.import(arrival, post, optimistic) {
            if optimistic && merges {
                self.unverified_merges.insert(*root);
            }
            self.take_what_waited_for(root);
        }
    }

    fn import(&mut self, mut arrival: Arrival, post: Post, optimistic: bool) -> bool {
        let imported = self.apply_block(&arrival, post, optimistic);
        let refused = || Outcome::Ignore("another fork is final by now".into());
        self.answer(&mut arrival.asker, if imported { Outcome::Accept } else { refused() });
        imported
    }

    /// Drops a waiting block that turned out to be invalid. Only one that breaks the consensus rules is held against
    /// whoever sent it (bellatrix p2p-interface, "The Req/Resp domain").
    pub(super) fn reject_waiting(&mut self, root: &Root, invalidity: Invalidity, why: String) {
        let Some(mut waiting) = self.waiting.remove(root) else { return };
        let slot = waiting.arrival.block.message.slot;
        self.metrics.blocks_rejected += 1;
        self.log(Level::Warn, format!("block {root} of slot {slot} is invalid: {why}"));
        let fault = match invalidity {
            Invalidity::Rules => Fault::Reject(why),
            Invalidity::Payload => Fault::Ignore(why),
        };
        self.refuse(&mut waiting.arrival.asker, fault);
        self.note_invalid(*root, invalidity);
    }

    /// Once a slot: asks again for what is missing, and drops what has waited too long.
    pub(super) fn drive_waiting(&mut self) {
        let finalized = self.cfg.start_slot(self.store.finalized_checkpoint().epoch);
        for root in self.unverified_merges.clone() {
            self.check_merge(&root);
        }
        let mut oldest_first: Vec<(Slot, Root)> =
            self.waiting.iter().map(|(root, waiting)| (waiting.arrival.block.message.slot, *root)).collect();
        oldest_first.sort();
        for (slot, root) in oldest_first {
            let stale = self.waiting.get(&root).is_some_and(|waiting| waiting.until < self.slot);
            if slot <= finalized || stale {
                self.drop_waiting(&root);
                continue;
            }
            if let Some(waiting) = self.waiting.get_mut(&root)
                && waiting.word == Word::NotValidated
            {
                waiting.word = Word::None;
            }
            self.ask_for_payload(&root);
            self.check_merge(&root);
        }
    }

    fn drop_waiting(&mut self, root: &Root) {
        let Some(mut waiting) = self.waiting.remove(root) else { return };
        let lacks = if waiting.available { "the execution engine's answer" } else { "its sidecars" };
        let slot = waiting.arrival.block.message.slot;
        self.log(Level::Warn, format!("block {root} of slot {slot} is dropped: {lacks} did not come"));
        self.answer(&mut waiting.arrival.asker, Outcome::Ignore(format!("{lacks} did not come")));
        self.forget_sidecars(root);
    }

    /// Asks for sidecars that have been missing for a while, at whatever event comes then.
    pub(super) fn ask_for_missing_sidecars(&mut self) {
        let due = |waiting: &&Waiting| !waiting.available && waiting.ask_at_ms <= self.now_ms;
        let due: Vec<Root> = self.waiting.values().filter(due).map(|waiting| waiting.arrival.root).collect();
        for root in due {
            if let Some(waiting) = self.waiting.get_mut(&root) {
                waiting.ask_at_ms = self.now_ms.saturating_add(self.cfg.slot_duration_ms);
            }
            self.find_missing_sidecars(&root);
        }
    }
}
