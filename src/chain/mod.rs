//! The beacon chain as a state machine: [`Chain::on`] takes an [`Event`] and returns [`Effect`]s; reads are methods.
//!
//! It NEVER does I/O: no clock (time comes with each event), no network (what to send is an effect), no disk (what to
//! write is an effect; old blocks are read through [`Rows`]), no randomness, no iteration over unordered maps.
//! So two chains that are told the same events, in the same order, give the same effects.
//!
//! Every object is first judged without changing anything (`judge_*`), then applied (`apply_*`); where judging departs
//! from the spec's gossip text, the file that does it says so at its top.

mod blocks;
mod building;
mod calls;
mod committee;
mod duties;
mod effect;
mod error;
mod event;
mod head;
mod held;
mod import;
mod invalid;
mod memo;
mod merge;
mod operations;
mod pack;
mod payloads;
mod pool;
mod produce;
mod reads;
mod restore;
mod rows;
pub mod schema;
mod sidecars;
mod states;
mod tell;
mod verdict;
mod view;
mod votes;
mod waiting;
mod walks;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

pub use duties::{AttesterDuty, Duties, ProposerDuty, SyncDuty};
pub use effect::{Effect, Gossip, Level, Notice, Outcome, ProducedBlock, Write};
pub use error::Error;
pub use event::{EngineId, Event, GossipId, Origin, ProductionId};
pub use memo::Memo;
pub use reads::{BlockId, ForkChoiceNode, FoundBlock, StateId};
pub use rows::{MemoryRows, Row, Rows, RowsError};
pub use states::MOST_EMPTY_SLOTS;
pub use waiting::Standing;

use building::Order;
use sidecars::Sidecar;

use crate::spec::fork_choice::{self, Store};
use crate::spec::gossip::Seen;
use crate::ssz::Root;
use crate::time::SlotClock;
use crate::types::{
    AttestationData, BeaconState, ChainConfig, Checkpoint, Epoch, ExecutionAddress, Hash32, PowBlock, Slot,
    ValidatorIndex,
};

/// The head block and its post-state.
#[derive(Clone, Debug)]
pub struct Head {
    /// The block's slot.
    pub slot: Slot,
    /// The block's root.
    pub root: Root,
    /// Root of the post-state.
    pub state_root: Root,
    /// The post-state.
    pub state: Arc<BeaconState>,
}

/// Counters (since the start of the process) and gauges for `/metrics`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Slot of the head block.
    pub head_slot: u64,
    /// Heads that did not descend from the one before.
    pub reorgs: u64,
    /// Blocks imported.
    pub blocks_imported: u64,
    /// Blocks found invalid.
    pub blocks_rejected: u64,
    /// Blocks waiting for their parent or their slot.
    pub blocks_held: u64,
    /// Blocks waiting for their sidecars or the execution engine.
    pub blocks_waiting: u64,
    /// Blocks whose sidecars are in memory.
    pub blocks_with_sidecars_in_memory: u64,
    /// Blocks produced without the pools' contents, since something in them would have made the block invalid. A bug.
    pub blocks_stripped: u64,
    /// Attestations and aggregates accepted.
    pub attestations_accepted: u64,
    /// Attestations and aggregates found invalid.
    pub attestations_rejected: u64,
    /// Attestations and aggregates waiting for their block.
    pub attestations_held: u64,
    /// Aggregations refused because the same validator would have counted twice.
    pub overlapping_merges_refused: u64,
    /// Of fork choice's justified checkpoint.
    pub justified_epoch: u64,
    /// Of fork choice's finalized checkpoint.
    pub finalized_epoch: u64,
    /// Active validators in the head state.
    pub active_validators: u64,
    /// Post-states in memory.
    pub states_in_memory: u64,
    /// Decoded blocks in memory.
    pub blocks_in_memory: u64,
}

/// The chain one node believes in.
pub struct Chain {
    cfg: Arc<ChainConfig>,
    recall: memo::Recall,
    kept: states::Kept,
    rows: Arc<dyn Rows>,
    clock: SlotClock,
    /// Of the latest event.
    now_ms: u64,
    /// Of the latest event; 0 before genesis.
    slot: Slot,
    genesis_validators_root: Root,
    store: Store,
    blocks: blocks::Blocks,
    head: Head,
    /// Where a restart would begin.
    anchor: schema::Anchor,
    told_justified: Checkpoint,
    told_finalized: Checkpoint,
    seen: Seen,
    held: held::Held,
    waiting: waiting::WaitingBlocks,
    sidecars: sidecars::Kept,
    /// States of the targets of recent votes.
    targets: BTreeMap<Checkpoint, Arc<BeaconState>>,
    /// Votes that count from the slot after their own.
    waiting_votes: BTreeMap<Slot, Vec<(AttestationData, Vec<ValidatorIndex>)>>,
    invalid: invalid::Invalid,
    walks: walks::Walks,
    attestations: pool::AttestationPool,
    sync: pool::SyncPool,
    operations: pool::OperationPool,
    calls: calls::Calls,
    /// What the engine was told last, unless it has to be told anew.
    told: Option<tell::Told>,
    /// The engine failed, or is syncing: it is told again in the next slot.
    told_badly: bool,
    /// Who proposes through this node: where fees go, and the last epoch in which that is known.
    fee_recipients: BTreeMap<ValidatorIndex, (ExecutionAddress, Epoch)>,
    /// Payloads that the engine builds, the newest last.
    prepared: VecDeque<tell::Prepared>,
    /// Whether the proposer of the slot on the head is one of this node's: the last answer.
    turn: Option<(Root, Slot, bool)>,
    productions: building::Productions,
    /// The terminal proof-of-work block, once the engine knows it.
    terminal: Option<PowBlock>,
    pow_blocks: BTreeMap<Hash32, PowBlock>,
    /// First payloads that were imported optimistically, so that their parent is still to be checked.
    unverified_merges: BTreeSet<Root>,
    metrics: Metrics,
    stripped: AtomicU64,
    /// Effects of the event at hand.
    out: Vec<Effect>,
    /// Writes of the event at hand: one batch.
    batch: Vec<Write>,
}

impl Chain {
    /// Takes one event; returns what is to be done, in order.
    pub fn on(&mut self, event: Event) -> Vec<Effect> {
        self.advance_clock(event.now_ms());
        match event {
            Event::Tick { .. } => {}
            Event::Block { block, origin, .. } => self.on_block(block, origin),
            Event::Attestation { attestation, subnet, origin, .. } => self.on_attestation(attestation, subnet, origin),
            Event::Aggregate { aggregate, origin, .. } => self.on_aggregate(aggregate, origin),
            Event::SyncMessage { message, subnet, origin, .. } => self.on_sync_message(message, subnet, origin),
            Event::Contribution { contribution, origin, .. } => self.on_contribution(contribution, origin),
            Event::VoluntaryExit { exit, origin, .. } => self.on_voluntary_exit(exit, origin),
            Event::ProposerSlashing { slashing, origin, .. } => self.on_proposer_slashing(slashing, origin),
            Event::AttesterSlashing { slashing, origin, .. } => self.on_attester_slashing(slashing, origin),
            Event::SingleAttestation { attestation, subnet, origin, .. } => {
                self.on_single_attestation(attestation, subnet, origin)
            }
            Event::BlsToExecutionChange { change, origin, .. } => self.on_bls_to_execution_change(change, origin),
            Event::BlockContents { block, proofs, blobs, origin, .. } => {
                self.on_block_contents(block, &proofs, &blobs, origin)
            }
            Event::BlobSidecar { sidecar, subnet, origin, .. } => {
                self.on_sidecar(Sidecar::Blob(sidecar), subnet, origin)
            }
            Event::DataColumnSidecar { sidecar, subnet, origin, .. } => {
                self.on_sidecar(Sidecar::Column(sidecar), subnet, origin)
            }
            Event::Engine { id, answer, .. } => self.on_engine(id, answer),
            Event::PrepareProposers { proposers, .. } => self.on_prepare(proposers),
            Event::Produce { id, slot, randao, graffiti, .. } => self.on_produce(id, Order { slot, randao, graffiti }),
        }
        self.update_head();
        self.settle();
        self.drive_productions();
        self.tell_engine();
        if !self.batch.is_empty() {
            let batch = std::mem::take(&mut self.batch);
            self.out.push(Effect::Persist(batch));
        }
        std::mem::take(&mut self.out)
    }

    /// Lets time pass: what waited for a slot is taken, what waited too long is dropped.
    fn advance_clock(&mut self, now_ms: u64) {
        self.now_ms = self.now_ms.max(now_ms);
        fork_choice::on_tick_ms(&self.cfg, &mut self.store, self.now_ms);
        let slot = self.clock.slot_at(self.now_ms).unwrap_or(0);
        if slot > self.slot {
            let old = std::mem::replace(&mut self.slot, slot);
            self.begin_slot(old);
        }
        self.ask_for_missing_sidecars();
    }

    fn begin_slot(&mut self, old: Slot) {
        self.count_waiting_votes();
        let due = self.held.due(self.slot);
        self.take_blocks(due);
        self.expire_held();
        self.drive_waiting();
        self.ask_for_optimistic();
        self.look_for_terminal();
        self.renew_telling();
        self.expire_productions();
        let waiting = &self.waiting;
        self.sidecars.expire(self.slot, |root| waiting.contains_key(root));
        self.prune_by_clock();
        if self.fork_at(old) != self.fork_at(self.slot) {
            self.judge_operations_again();
        }
        self.update_head();
    }
}
