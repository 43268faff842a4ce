//! `lockin node --cross-check`: holds each imported block, and the state after it, to the second implementation of SSZ.
//! This module NEVER delays the node: it works on a thread of its own, and what comes while that is behind is left out,
//! which the log says.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};

use crate::chain::{Chain, Notice, StateId};
use crate::ssz::{Root, Shape};
use crate::types::{BeaconState, ChainConfig, SignedBeaconBlock};
use crate::witness::{self, Disagreement};

/// Blocks that may wait for the thread.
const BACKLOG: usize = 16;

struct Job {
    shape: Shape,
    root: Root,
    block: Arc<SignedBeaconBlock>,
    state: Arc<BeaconState>,
}

/// The way to the thread.
pub(super) struct CrossCheck(SyncSender<Job>);

impl CrossCheck {
    /// Checks the state that the node starts from, and starts the thread for what follows. It ends with the value.
    ///
    /// # Errors
    /// If the two disagree on this state already, or there is no mirror for the network's preset.
    pub(super) fn start(cfg: &ChainConfig, state: &BeaconState) -> Result<CrossCheck, Disagreement> {
        witness::check("BeaconState", cfg.shape_at_slot(state.slot), state)?;
        tracing::info!("cross-check: the two agree on the state of slot {}", state.slot);
        let (sender, jobs) = sync_channel(BACKLOG);
        std::thread::spawn(move || jobs.into_iter().for_each(|job| report(&job)));
        Ok(CrossCheck(sender))
    }

    /// Takes what the chain tells; only imported blocks matter.
    pub(super) fn see(&self, chain: &Chain, notice: &Notice) {
        let Notice::Block { root, slot, .. } = *notice else { return };
        let Some(block) = chain.block_by_root(&root) else { return };
        let state = match chain.state(StateId::Root(block.message.state_root)) {
            Ok(state) => state,
            Err(error) => return tracing::warn!("cross-check: block {root} is left out: {error}"),
        };
        let job = Job { shape: chain.config().shape_at_slot(slot), root, block, state };
        match self.0.try_send(job) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                tracing::warn!("cross-check: block {root} is left out: {BACKLOG} wait already")
            }
            Err(TrySendError::Disconnected(_)) => tracing::error!("cross-check: block {root}: its thread has ended"),
        }
    }
}

fn report(job: &Job) {
    let Job { root, block, .. } = job;
    match check(job) {
        Ok(()) => tracing::debug!("cross-check: the two agree on block {root} of slot {}", block.message.slot),
        Err(why) => tracing::error!("cross-check: block {root} of slot {}: {why}", block.message.slot),
    }
}

fn check(job: &Job) -> Result<(), Disagreement> {
    witness::check("SignedBeaconBlock", job.shape, &*job.block)?;
    witness::check("BeaconState", job.shape, &*job.state)?;
    Ok(())
}
