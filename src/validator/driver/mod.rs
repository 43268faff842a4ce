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
use crate::types::Slot;
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
    let mut next = first_phase(network, WallClock.now_ms());
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
                    next = after(next);
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
                    next = after(next);
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

/// The first phase that can still be on time, or nearly.
fn first_phase(network: &Network, now: u64) -> Phase {
    let clock = network.clock();
    let Some(slot) = clock.slot_at(now) else { return Phase::SlotStart(0) };
    let phases = [Phase::SlotStart(slot), Phase::Attest(slot), Phase::Aggregate(slot)];
    let current = phases.into_iter().rev().find(|phase| phase.due_ms(network) <= now);
    match current {
        Some(Phase::Aggregate(_)) | None => Phase::SlotStart(slot.saturating_add(1)),
        Some(phase) => phase,
    }
}

fn after(phase: Phase) -> Phase {
    match phase {
        Phase::SlotStart(slot) => Phase::Attest(slot),
        Phase::Attest(slot) => Phase::Aggregate(slot),
        Phase::Aggregate(slot) => Phase::SlotStart(slot.saturating_add(1)),
    }
}

/// `next`, unless its whole slot is over: then the phase that the clock is in, and a warning.
fn caught_up(network: &Network, next: Phase, now: u64) -> Phase {
    let slot: Slot = network.clock().slot_at(now).unwrap_or_default();
    if slot <= next.slot() {
        return next;
    }
    let fresh = first_phase(network, now);
    let missed = slot - next.slot();
    if missed > 1 || fresh.slot() > slot {
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
    use crate::types::ChainConfig;

    fn network() -> Network {
        let mut config = ChainConfig::minimal();
        config.slot_duration_ms = 3000;
        Network { config, genesis_time: 100, genesis_validators_root: Default::default() }
    }

    #[test]
    fn phases_follow_each_other_through_the_slot() {
        let network = network();
        let mut phase = first_phase(&network, 0);
        let mut seen = Vec::new();
        for _ in 0..4 {
            seen.push((phase, phase.due_ms(&network)));
            phase = after(phase);
        }
        let expected = [
            (Phase::SlotStart(0), 100_000),
            (Phase::Attest(0), 100_999),
            (Phase::Aggregate(0), 102_000),
            (Phase::SlotStart(1), 103_000),
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn starting_in_mid_slot_takes_what_is_still_useful() {
        let network = network();
        assert_eq!(first_phase(&network, 103_500), Phase::SlotStart(1));
        assert_eq!(first_phase(&network, 104_500), Phase::Attest(1));
        assert_eq!(first_phase(&network, 105_500), Phase::SlotStart(2));
    }

    #[test]
    fn after_a_pause_the_clock_decides() {
        let network = network();
        assert_eq!(caught_up(&network, Phase::Aggregate(1), 105_900), Phase::Aggregate(1), "late, but its slot lasts");
        assert_eq!(caught_up(&network, Phase::Attest(1), 130_100), Phase::SlotStart(10));
    }

    #[test]
    fn only_the_block_of_the_slot_brings_attesting_forward() {
        let head = |slot| HeadEvent { slot, ..HeadEvent::default() };
        assert!(attests_now(Phase::Attest(4), &head(4)));
        assert!(!attests_now(Phase::Attest(4), &head(3)));
        assert!(!attests_now(Phase::SlotStart(4), &head(4)));
        assert!(!attests_now(Phase::Aggregate(4), &head(4)));
    }
}
