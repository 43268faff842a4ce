//! Slots and clocks.
//!
//! Everything is in unix milliseconds (`u64`); slots shorter than a second exist here. The node core, the chain and
//! the validator never read a clock: they are handed `now_ms`. Only drivers hold a [`Clock`], which is the wall's
//! ([`WallClock`]) or the simulation's ([`VirtualClock`]).
//!
//! What this module NEVER does: sleep, spawn, or know about epochs (those need a preset: `types::ChainConfig`).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Where the slots of one network lie in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotClock {
    /// Unix milliseconds of the start of slot 0.
    pub genesis_time_ms: u64,
    /// Milliseconds that a slot lasts; never 0 (see [`SlotClock::new`]).
    pub slot_duration_ms: u64,
}

impl SlotClock {
    /// A clock for a network whose slot 0 starts at `genesis_time_ms`. A duration of 0 is taken as 1 ms, so that
    /// no arithmetic here can divide by zero.
    pub fn new(genesis_time_ms: u64, slot_duration_ms: u64) -> Self {
        SlotClock { genesis_time_ms, slot_duration_ms: slot_duration_ms.max(1) }
    }

    /// A clock from a genesis time in unix seconds, as the beacon state carries it.
    pub fn from_genesis_seconds(genesis_time: u64, slot_duration_ms: u64) -> Self {
        Self::new(genesis_time.saturating_mul(1000), slot_duration_ms)
    }

    /// The slot that `unix_ms` falls into, or `None` before genesis.
    pub fn slot_at(&self, unix_ms: u64) -> Option<u64> {
        Some(unix_ms.checked_sub(self.genesis_time_ms)? / self.slot_duration_ms.max(1))
    }

    /// Unix milliseconds of the first instant of `slot` (saturating: a slot beyond all time never starts).
    pub fn start_of(&self, slot: u64) -> u64 {
        slot.saturating_mul(self.slot_duration_ms).saturating_add(self.genesis_time_ms)
    }

    /// Milliseconds since the start of the slot that `unix_ms` falls into; 0 before genesis.
    pub fn ms_into_slot(&self, unix_ms: u64) -> u64 {
        unix_ms.checked_sub(self.genesis_time_ms).map_or(0, |since| since % self.slot_duration_ms.max(1))
    }

    /// Unix milliseconds of the instant `basis_points` ten-thousandths into `slot` (the spec's `*_DUE_BPS`).
    pub fn due(&self, slot: u64, basis_points: u64) -> u64 {
        self.start_of(slot).saturating_add(self.slot_duration_ms.saturating_mul(basis_points) / 10_000)
    }

    /// Whole seconds per slot, or `None` when the slot is not a whole number of seconds.
    pub fn seconds(&self) -> Option<u64> {
        self.slot_duration_ms.is_multiple_of(1000).then_some(self.slot_duration_ms / 1000)
    }

    /// Milliseconds from `unix_ms` until genesis; 0 once it has come.
    pub fn ms_to_genesis(&self, unix_ms: u64) -> u64 {
        self.genesis_time_ms.saturating_sub(unix_ms)
    }
}

/// A source of the present, for drivers only.
pub trait Clock: Send + Sync {
    /// Unix milliseconds now.
    fn now_ms(&self) -> u64;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct WallClock;

impl Clock for WallClock {
    fn now_ms(&self) -> u64 {
        // A clock set before 1970 reads as 0: nothing has begun yet, which is the harmless answer.
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
    }
}

/// Unix milliseconds at which every simulation starts, so that two runs of one seed have the same times.
pub const VIRTUAL_START_MS: u64 = 1_600_000_000_000;

/// A clock that stands still until it is moved. Clones share the time.
#[derive(Clone, Debug)]
pub struct VirtualClock {
    now_ms: Arc<AtomicU64>,
}

impl VirtualClock {
    /// A clock that shows `now_ms`.
    pub fn new(now_ms: u64) -> Self {
        VirtualClock { now_ms: Arc::new(AtomicU64::new(now_ms)) }
    }

    /// Moves to `unix_ms`, unless that lies in the past: virtual time never runs backwards.
    pub fn advance_to(&self, unix_ms: u64) {
        self.now_ms.fetch_max(unix_ms, Ordering::SeqCst);
    }

    /// Moves on by `ms`.
    pub fn advance(&self, ms: u64) {
        self.advance_to(self.now_ms().saturating_add(ms));
    }
}

impl Default for VirtualClock {
    fn default() -> Self {
        Self::new(VIRTUAL_START_MS)
    }
}

impl Clock for VirtualClock {
    fn now_ms(&self) -> u64 {
        self.now_ms.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_begin_at_genesis_and_change_on_the_millisecond() {
        let clock = SlotClock::from_genesis_seconds(100, 1500);
        assert_eq!(clock.slot_at(99_999), None);
        assert_eq!(clock.slot_at(100_000), Some(0));
        assert_eq!(clock.slot_at(101_499), Some(0));
        assert_eq!(clock.slot_at(101_500), Some(1));
        assert_eq!(clock.start_of(2), 103_000);
        assert_eq!(clock.ms_into_slot(102_999), 1499);
        assert_eq!(clock.ms_into_slot(5), 0);
        assert_eq!(clock.ms_to_genesis(99_000), 1000);
        assert_eq!(clock.ms_to_genesis(200_000), 0);
        assert_eq!(clock.seconds(), None);
        assert_eq!(SlotClock::new(0, 6000).seconds(), Some(6));
    }

    #[test]
    fn due_times_follow_basis_points() {
        let clock = SlotClock::new(1000, 6000);
        assert_eq!(clock.due(1, 3333), 1000 + 6000 + 1999);
        assert_eq!(clock.due(0, 10_000), clock.start_of(1));
    }

    #[test]
    fn hostile_values_neither_overflow_nor_divide_by_zero() {
        let clock = SlotClock::from_genesis_seconds(u64::MAX, 0);
        assert_eq!(clock.slot_duration_ms, 1);
        assert_eq!(clock.start_of(u64::MAX), u64::MAX);
        assert_eq!(clock.due(u64::MAX, u64::MAX), u64::MAX);
        assert_eq!(SlotClock { genesis_time_ms: 0, slot_duration_ms: 0 }.slot_at(7), Some(7));
    }

    #[test]
    fn virtual_time_is_shared_and_never_runs_backwards() {
        let clock = VirtualClock::default();
        let same = clock.clone();
        clock.advance(500);
        same.advance_to(3);
        assert_eq!(same.now_ms(), VIRTUAL_START_MS + 500);
        assert!(WallClock.now_ms() > VIRTUAL_START_MS);
    }
}
