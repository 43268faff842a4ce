//! Who proposed and who did not: a fold over the journal's blocks, with the plan saying whose validators are whose.
//!
//! It is told, never judged: a slot is missed for many reasons, and finality is what checks are about.

use super::Plan;
use crate::journal::{Event, Line};
use std::collections::BTreeMap;

/// Slots of its own that a node lets pass in a row until it counts as idle.
const IDLE_AFTER: u64 = 3;

/// What a node did with the slots that were its validators'.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turns {
    /// Blocks that it proposed.
    pub proposed: u64,
    /// Slots that it let pass.
    pub missed: u64,
    /// The slots that it let pass since its last block: how many, and the first of them.
    pub idle: Option<(u64, u64)>,
}

/// Every node's turns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proposals {
    nodes: BTreeMap<String, Turns>,
}

impl Proposals {
    /// Those in these lines.
    pub fn of(plan: &Plan, lines: &[Line]) -> Self {
        let mut proposals = Self::default();
        for line in lines {
            proposals.take_in(plan, &line.event);
        }
        proposals
    }

    /// What the node did; nothing if its turn never came.
    pub fn node(&self, name: &str) -> Turns {
        self.nodes.get(name).copied().unwrap_or_default()
    }

    /// Takes in the journal's next event. Gives the nodes that are idle from now on: name, first slot, how many.
    pub fn take_in(&mut self, plan: &Plan, event: &Event) -> Vec<(String, u64, u64)> {
        let Event::Block { proposer, skipped, .. } = event else { return Vec::new() };
        let holder = |validator: u64| {
            plan.nodes.iter().find(|node| node.validators.iter().any(|range| range.contains(validator)))
        };
        let mut idle = Vec::new();
        for skipped in skipped {
            let Some(node) = holder(skipped.proposer) else { continue };
            let turns = self.nodes.entry(node.name.clone()).or_default();
            turns.missed += 1;
            let (missed, from_slot) = turns.idle.map_or((1, skipped.slot), |(missed, from)| (missed + 1, from));
            turns.idle = Some((missed, from_slot));
            if missed == IDLE_AFTER {
                idle.push((node.name.clone(), from_slot, missed));
            }
        }
        if let Some(node) = holder(*proposer) {
            let turns = self.nodes.entry(node.name.clone()).or_default();
            turns.proposed += 1;
            turns.idle = None;
        }
        idle
    }
}

#[cfg(test)]
mod tests {
    use super::super::steps::test::scenario;
    use super::*;
    use crate::journal::Skipped;

    /// a0 has the validators 0 to 7, b0 8 to 15.
    fn block(slot: u64, proposer: u64, skipped: &[(u64, u64)]) -> Event {
        let skipped = skipped.iter().map(|&(slot, proposer)| Skipped { slot, proposer }).collect();
        Event::Block { block_slot: slot, block: format!("0x{slot}"), proposer, skipped }
    }

    #[test]
    fn a_node_is_idle_once_three_of_its_slots_have_passed_in_a_row() {
        let plan = scenario("");
        let mut proposals = Proposals::default();
        let mut idle = |event| proposals.take_in(&plan, &event);
        assert_eq!(idle(block(1, 9, &[])), []);
        assert_eq!(idle(block(3, 1, &[(2, 8)])), []);
        assert_eq!(idle(block(4, 8, &[])), []);
        assert_eq!(idle(block(7, 2, &[(5, 10), (6, 15)])), []);
        assert_eq!(idle(block(10, 2, &[(8, 0), (9, 8)])), [("b0".to_owned(), 5, 3)]);
        assert_eq!(idle(block(12, 3, &[(11, 9)])), []);
        assert_eq!(proposals.node("a0"), Turns { proposed: 4, missed: 1, idle: None });
        assert_eq!(proposals.node("b0"), Turns { proposed: 2, missed: 5, idle: Some((4, 5)) });
        assert_eq!(proposals.node("late"), Turns::default());
    }
}
