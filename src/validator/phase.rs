//! The moments of a slot at which validators have something to do, and which of them comes next.

use super::Network;
use crate::types::Slot;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// The slot begins: propose.
    SlotStart(Slot),
    /// A third of the slot is over, or its block is there: attest, and sign sync committee messages.
    Attest(Slot),
    /// Two thirds are over: aggregate and contribute. The next epoch's duties are looked up after that.
    Aggregate(Slot),
}

impl Phase {
    /// The first one that can still be on time at `now_ms` (unix), or nearly.
    pub fn first(network: &Network, now_ms: u64) -> Phase {
        let Some(slot) = network.clock().slot_at(now_ms) else { return Phase::SlotStart(0) };
        let phases = [Phase::SlotStart(slot), Phase::Attest(slot), Phase::Aggregate(slot)];
        let current = phases.into_iter().rev().find(|phase| phase.due_ms(network) <= now_ms);
        match current {
            Some(Phase::Aggregate(_)) | None => Phase::SlotStart(slot.saturating_add(1)),
            Some(phase) => phase,
        }
    }

    /// Its slot.
    pub fn slot(self) -> Slot {
        match self {
            Phase::SlotStart(slot) | Phase::Attest(slot) | Phase::Aggregate(slot) => slot,
        }
    }

    /// Unix milliseconds at which it is due on `network`.
    pub fn due_ms(self, network: &Network) -> u64 {
        let (clock, config) = (network.clock(), &network.config);
        match self {
            Phase::SlotStart(slot) => clock.start_of(slot),
            Phase::Attest(slot) => clock.due(slot, config.attestation_due_bps),
            Phase::Aggregate(slot) => clock.due(slot, config.aggregate_due_bps),
        }
    }

    /// The one that comes after it.
    pub fn after(self) -> Phase {
        match self {
            Phase::SlotStart(slot) => Phase::Attest(slot),
            Phase::Attest(slot) => Phase::Aggregate(slot),
            Phase::Aggregate(slot) => Phase::SlotStart(slot.saturating_add(1)),
        }
    }

    /// The same, unless its whole slot is over at `now_ms`, as it is when the machine slept: then the first that is not.
    pub fn caught_up(self, network: &Network, now_ms: u64) -> Phase {
        let slot = network.clock().slot_at(now_ms).unwrap_or_default();
        if slot <= self.slot() { self } else { Phase::first(network, now_ms) }
    }
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
        let mut phase = Phase::first(&network, 0);
        let mut seen = Vec::new();
        for _ in 0..4 {
            seen.push((phase, phase.due_ms(&network)));
            phase = phase.after();
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
        assert_eq!(Phase::first(&network, 103_500), Phase::SlotStart(1));
        assert_eq!(Phase::first(&network, 104_500), Phase::Attest(1));
        assert_eq!(Phase::first(&network, 105_500), Phase::SlotStart(2));
    }

    #[test]
    fn after_a_pause_the_clock_decides() {
        let network = network();
        let late = Phase::Aggregate(1);
        assert_eq!(late.caught_up(&network, 105_900), late, "late, but its slot lasts");
        assert_eq!(Phase::Attest(1).caught_up(&network, 130_100), Phase::SlotStart(10));
    }
}
