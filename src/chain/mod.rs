//! The beacon chain as a state machine: [`Chain::on`] takes an [`Event`] and returns [`Effect`]s; reads are methods.
//!
//! It NEVER does I/O: no clock (time comes with each event), no network (what to send is an effect), no disk (what to
//! write is an effect; old blocks are read through [`Rows`]), no randomness, no iteration over unordered maps.
//! So two chains that are told the same events, in the same order, give the same effects.

mod effect;
mod error;
mod event;
mod memo;
mod reads;
mod rows;
pub mod schema;

use std::sync::Arc;

pub use effect::{Effect, Gossip, Level, Notice, Outcome, Write};
pub use error::Error;
pub use event::{Event, GossipId, Origin};
pub use memo::Memo;
pub use reads::{AttesterDuty, BlockId, Duties, ForkChoiceNode, FoundBlock, ProposerDuty, StateId, SyncDuty};
pub use rows::{MemoryRows, Rows, RowsError};

use crate::ssz::Root;
use crate::types::{BeaconState, ChainConfig, Slot};

/// The head block and its post-state.
#[derive(Clone, Debug)]
pub struct Head {
    pub slot: Slot,
    pub root: Root,
    pub state_root: Root,
    pub state: Arc<BeaconState>,
}

/// Counters and gauges for `/metrics`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    pub head_slot: u64,
    pub reorgs: u64,
    pub blocks_imported: u64,
    pub blocks_rejected: u64,
    /// Blocks waiting for their parent or their slot.
    pub blocks_held: u64,
    pub attestations_accepted: u64,
    pub attestations_rejected: u64,
    /// Attestations waiting for their block.
    pub attestations_held: u64,
    /// Aggregations refused because the same validator would have counted twice.
    pub overlapping_merges_refused: u64,
    pub justified_epoch: u64,
    pub finalized_epoch: u64,
    pub active_validators: u64,
    pub states_in_memory: u64,
    pub blocks_in_memory: u64,
}

/// The chain one node believes in.
pub struct Chain {}

impl Chain {
    /// A chain that starts at a genesis state, and what must be written for [`Chain::restore`] to find it.
    pub fn genesis(
        cfg: Arc<ChainConfig>,
        memo: Memo,
        rows: Arc<dyn Rows>,
        state: Arc<BeaconState>,
    ) -> Result<(Chain, Vec<Effect>), Error> {
        todo!()
    }

    /// The chain as the database holds it; `None` when the database is empty.
    pub fn restore(
        cfg: Arc<ChainConfig>,
        memo: Memo,
        rows: Arc<dyn Rows>,
        now_ms: u64,
    ) -> Result<Option<Chain>, Error> {
        todo!()
    }

    /// Takes one event; returns what is to be done, in order.
    pub fn on(&mut self, event: Event) -> Vec<Effect> {
        todo!()
    }
}
