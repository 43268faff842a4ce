//! Calls the validator on the wall clock: each phase of each slot when it is due, attesting early when the slot's block
//! is there. Phases run side by side, so that a slow proposal delays no attestation. The simulation has a driver of its
//! own and needs nothing of this.
//!
//! Here is the only clock of the validator. It never signs or judges anything.

mod heads;

use super::{Network, Phase, Validator};
use crate::api::HttpTransport;
use crate::api::events::HeadEvent;
use crate::time::{Clock, WallClock};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long duties in flight may take once told to stop.
const LAST_WORDS: Duration = Duration::from_millis(1000);

/// Runs until `stop` resolves.
pub async fn drive(validator: &Arc<Validator>, transport: HttpTransport, stop: impl Future<Output = ()>) {
    let network = validator.network();
    let poll = Duration::from_millis((network.config.slot_duration_ms / 20).max(20));
    let (sender, mut heads) = tokio::sync::mpsc::channel(16);
    let follower = tokio::spawn(heads::follow(transport, poll, sender));
    let mut running = FuturesUnordered::new();
    let mut next = Phase::first(network, WallClock.now_ms());
    let to_genesis = network.clock().ms_to_genesis(WallClock.now_ms());
    if to_genesis > 0 {
        tracing::info!(seconds = to_genesis.div_ceil(1000), "waiting for genesis");
    }
    tokio::pin!(stop);
    let mut prepared = std::pin::pin!(futures::FutureExt::fuse(validator.prepare(next.slot(), WallClock.now_ms())));
    loop {
        let wait = next.due_ms(network).saturating_sub(WallClock.now_ms());
        tokio::select! {
            () = &mut stop => break,
            _ = &mut prepared => {}
            Some(()) = running.next(), if !running.is_empty() => {}
            Some(head) = heads.recv() => {
                validator.on_head(&head);
                if attests_now(next, &head) {
                    running.push(run_phase(validator, next));
                    next = next.after();
                }
            }
            () = tokio::time::sleep(Duration::from_millis(wait)) => {
                let now = WallClock.now_ms();
                if now < next.due_ms(network) {
                    continue; // the clock was set back, or the timer is coarse
                }
                next = caught_up(network, next, now);
                if next.due_ms(network) <= now {
                    running.push(run_phase(validator, next));
                    next = next.after();
                }
            }
        }
    }
    follower.abort();
    let _ = tokio::time::timeout(LAST_WORDS, async { while running.next().await.is_some() {} }).await;
}

async fn run_phase(validator: &Arc<Validator>, phase: Phase) {
    let now = WallClock.now_ms();
    let begun = Instant::now();
    let outcomes = validator.on(phase, now).await;
    let late_ms = now.saturating_sub(phase.due_ms(validator.network()));
    let (slot, took_ms) = (phase.slot(), begun.elapsed().as_millis() as u64);
    tracing::debug!(target: "lockin::phase", ?phase, slot, late_ms, took_ms, duties = outcomes.len());
}

/// `next`, or where the clock is by now; a warning when duties were slept through.
fn caught_up(network: &Network, next: Phase, now: u64) -> Phase {
    let fresh = next.caught_up(network, now);
    let slot = network.clock().slot_at(now).unwrap_or_default();
    if slot > next.slot().saturating_add(1) || fresh.slot() > slot.max(next.slot()) {
        tracing::warn!(
            from = next.slot(),
            to = fresh.slot(),
            "slots were missed: the machine was asleep or overloaded"
        );
    }
    fresh
}

/// Whether this head is the block of the slot whose attestations are due next.
fn attests_now(next: Phase, head: &HeadEvent) -> bool {
    matches!(next, Phase::Attest(slot) if slot == head.slot)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_block_of_the_slot_brings_attesting_forward() {
        let head = |slot| HeadEvent { slot, ..HeadEvent::default() };
        assert!(attests_now(Phase::Attest(4), &head(4)));
        assert!(!attests_now(Phase::Attest(4), &head(3)));
        assert!(!attests_now(Phase::SlotStart(4), &head(4)));
        assert!(!attests_now(Phase::Aggregate(4), &head(4)));
    }
}
