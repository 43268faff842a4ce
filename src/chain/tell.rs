//! Telling the engine the head, and what to build on it: `engine_forkchoiceUpdated`, one call at a time, whenever what it
//! should know differs from what it was told; and once a slot while it is syncing or fails.

use super::Chain;
use super::calls::Purpose;
use super::effect::{Level, Notice};
use crate::engine::{Call, Failure, ForkchoiceState, PayloadAttributes, PayloadId, PayloadStatus, Validity};
use crate::spec::{self, fork_choice};
use crate::ssz::Root;
use crate::types::{BeaconState, ExecutionAddress, ForkName, Hash32, Slot, ValidatorIndex};

/// Payloads under construction that are remembered.
const MOST_PREPARED: usize = 8;
/// Epochs after the one of the announcement in which a proposer stays known.
const EPOCHS_PREPARED: u64 = 2;

/// What the engine was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    state: ForkchoiceState,
    build: Option<Slot>,
}

/// A payload that the engine builds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prepared {
    /// The block that it is built on.
    pub(super) parent: Root,
    pub(super) slot: Slot,
    pub(super) id: PayloadId,
}

impl Chain {
    /// Takes note of who proposes through this node, and where fees go.
    pub(super) fn on_prepare(&mut self, proposers: Vec<(ValidatorIndex, ExecutionAddress)>) {
        let until = self.cfg.epoch_of(self.slot).saturating_add(EPOCHS_PREPARED);
        for (index, address) in proposers {
            if (index as usize) < self.head.state.validators.len() {
                self.fee_recipients.insert(index, (address, until));
            }
        }
        self.turn = None;
    }

    /// Calls if there is something new to tell.
    pub(super) fn tell_engine(&mut self) {
        if self.calls.is_open(|purpose| matches!(purpose, Purpose::Head { .. })) || self.head_is_being_judged() {
            return;
        }
        let build = self.slot_to_build();
        let Some(state) = self.forkchoice_state(build.is_some()) else { return };
        let known = self.told.is_some_and(|told| told.state == state && (build.is_none() || told.build == build));
        if known {
            return;
        }
        self.told = Some(Told { state, build });
        let attributes = build.and_then(|slot| self.attributes(slot, &state));
        if attributes.is_none() && build.is_some() {
            self.fail_productions(build, "the state that its payload depends on can't be computed");
        }
        let build = attributes.as_ref().and(build);
        let (fork, root) = (self.fork_at(build.unwrap_or(self.head.slot)), self.head.root);
        self.ask_engine(Purpose::Head { root, build }, Call::ForkchoiceUpdated { fork, state, attributes });
    }

    /// Whether the engine is asked about the head's payload at the moment, as it is after a restart: it should know of it
    /// before it hears that it is the head. But no silence about payloads keeps it from hearing of the head.
    fn head_is_being_judged(&self) -> bool {
        let asked = |purpose: &Purpose| *purpose == Purpose::Payload(self.head.root);
        self.is_optimistic(&self.head.root) && !self.calls.silent_about_payloads && self.calls.is_open(asked)
    }

    /// None before there is a payload in the chain, unless the first one is to be built.
    fn forkchoice_state(&self, build: bool) -> Option<ForkchoiceState> {
        let mut head_block_hash = self.payload_hash(&self.head.root);
        if head_block_hash == Hash32::default() && build {
            head_block_hash = self.terminal?.block_hash;
        }
        let known = head_block_hash != Hash32::default();
        known.then(|| ForkchoiceState {
            head_block_hash,
            safe_block_hash: self.payload_hash(&self.store.justified_checkpoint().root),
            finalized_block_hash: self.payload_hash(&self.store.finalized_checkpoint().root),
        })
    }

    /// The slot for which a payload should be built on the head now, if it is not being built yet.
    fn slot_to_build(&mut self) -> Option<Slot> {
        if self.is_optimistic(&self.head.root) {
            return None;
        }
        let slot = match self.productions.wanted_slot() {
            Some(slot) => slot,
            None => {
                // The block before is there, so nothing else is likely to come before ours; or it is late already.
                let slot = if self.head.slot == self.slot { self.slot.saturating_add(1) } else { self.slot };
                (slot > self.head.slot && self.proposes_here(slot)).then_some(slot)?
            }
        };
        (self.fork_at(slot) >= ForkName::Bellatrix && self.prepared(slot).is_none()).then_some(slot)
    }

    /// Whether the proposer of a slot, on the head, has announced itself here.
    fn proposes_here(&mut self, slot: Slot) -> bool {
        let near = self.is_short_walk(self.head.slot, slot);
        if self.fee_recipients.is_empty() || self.fork_at(slot) < ForkName::Bellatrix || !near {
            return false;
        }
        if let Some((root, turn, here)) = self.turn
            && (root, turn) == (self.head.root, slot)
        {
            return here;
        }
        let state = self.advanced(&self.head.root, slot).ok();
        let proposer = state.and_then(|state| spec::get_beacon_proposer_index(&self.cfg, &state).ok());
        let here = proposer.is_some_and(|proposer| self.fee_recipients.contains_key(&proposer));
        self.turn = Some((self.head.root, slot, here));
        here
    }

    /// The payload being built on the head for a block of this slot.
    pub(super) fn prepared(&self, slot: Slot) -> Option<Prepared> {
        self.prepared.iter().find(|prepared| prepared.slot == slot && prepared.parent == self.head.root).copied()
    }

    /// Spec `prepare_execution_payload`: what the engine needs to know to build a payload on the head.
    fn attributes(&mut self, slot: Slot, told: &ForkchoiceState) -> Option<PayloadAttributes> {
        let state = self.advanced(&self.head.root, slot).ok()?;
        let proposer = spec::get_beacon_proposer_index(&self.cfg, &state).ok()?;
        let attributes = self.attributes_by(&state, proposer)?;
        let header = &state.latest_execution_payload_header;
        self.notify(Notice::PayloadAttributes {
            proposer,
            slot,
            parent: self.head.root,
            parent_number: header.block_number,
            parent_hash: told.head_block_hash,
            attributes: Box::new(attributes.clone()),
        });
        Some(attributes)
    }

    fn attributes_by(&self, state: &BeaconState, proposer: ValidatorIndex) -> Option<PayloadAttributes> {
        let fork = self.fork_at(state.slot);
        let withdrawals = match fork >= ForkName::Capella {
            true => spec::get_expected_withdrawals(&self.cfg, state).ok()?.withdrawals,
            false => Vec::new(),
        };
        let epoch = self.cfg.epoch_of(state.slot);
        Some(PayloadAttributes {
            timestamp: spec::compute_time_at_slot(&self.cfg, state, state.slot).ok()?,
            prev_randao: spec::get_randao_mix(&self.cfg, state, epoch).ok()?,
            suggested_fee_recipient: self.fee_recipients.get(&proposer).map(|(to, _)| *to).unwrap_or_default(),
            withdrawals,
            parent_beacon_block_root: if fork >= ForkName::Deneb { self.head.root } else { Root::default() },
        })
    }

    /// Takes the answer to a head that was told.
    pub(super) fn on_head_told(
        &mut self,
        root: Root,
        build: Option<Slot>,
        answer: Result<(PayloadStatus, Option<PayloadId>), Failure>,
    ) {
        let (status, id) = match answer {
            Ok(answer) => answer,
            Err(failure) => {
                self.told_badly = true;
                return self.fail_productions(build, &failure.to_string());
            }
        };
        match status.status {
            Validity::Valid => self.note_valid(&root),
            Validity::Syncing | Validity::Accepted => self.told_badly = true,
            Validity::Invalid | Validity::InvalidBlockHash => {
                self.told_badly = true;
                let why = status.validation_error.unwrap_or_else(|| "the engine refuses it as head".into());
                let removed = fork_choice::on_invalid_payload(&mut self.store, &root, status.latest_valid_hash);
                if removed.is_empty() {
                    // it was found valid before: the engine contradicts itself
                    self.log(Level::Warn, format!("the execution engine refuses the head {root}, which stays: {why}"));
                }
                self.bury(removed, &why);
                return self.fail_productions(build, &why);
            }
        }
        match (build, id) {
            (Some(slot), Some(id)) => {
                self.prepared.push_back(Prepared { parent: root, slot, id });
                if self.prepared.len() > MOST_PREPARED {
                    self.prepared.pop_front();
                }
            }
            (Some(_), None) => {
                self.fail_productions(build, "the execution engine builds no payload: it may be syncing");
            }
            (None, _) => {}
        }
    }

    /// Once a slot: what the engine did not take is told again; who has not announced itself for long is forgotten.
    pub(super) fn renew_telling(&mut self) {
        if std::mem::take(&mut self.told_badly) {
            self.told = None;
        }
        self.turn = None;
        let epoch = self.cfg.epoch_of(self.slot);
        self.fee_recipients.retain(|_, (_, until)| *until >= epoch);
        let slot = self.slot;
        self.prepared.retain(|prepared| prepared.slot >= slot);
    }
}
