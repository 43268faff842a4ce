//! What a report takes from the whole of a journal: the run's facts, its timings, each node's part.

use super::model::{FinalityReport, HeadReport, NodeReport, RunFacts, Timings};
use crate::journal::{Event, HeadAt, History, Line, NodeHistory};
use crate::scenario::Plan;

/// What was run.
pub(super) fn facts(lines: &[Line], plan: Option<&Plan>) -> RunFacts {
    let mut facts = RunFacts::default();
    for line in lines {
        match &line.event {
            Event::Run { id, name, lockin, runtime, seed, .. } => {
                facts.id.clone_from(id);
                facts.name.clone_from(name);
                facts.lockin.clone_from(lockin);
                facts.runtime.clone_from(runtime);
                facts.seed = *seed;
            }
            Event::Genesis { root, .. } => facts.genesis_root = Some(root.clone()),
            _ => {}
        }
    }
    if let Some(plan) = plan {
        if facts.name.is_empty() {
            facts.name.clone_from(&plan.name);
        }
        facts.about.clone_from(&plan.about);
        facts.roles.clone_from(&plan.roles);
        facts.preset.clone_from(&plan.network.preset);
        facts.forks.clone_from(&plan.network.forks);
        facts.forks.insert(plan.network.genesis.fork.clone(), 0);
        facts.slots_per_epoch = plan.network.slots_per_epoch;
        facts.slot_ms = plan.slot_ms();
        facts.validators = plan.network.genesis.validators;
    }
    facts
}

/// How long it took.
pub(super) fn timings(lines: &[Line], history: &History, plan: Option<&Plan>) -> Timings {
    let first = lines.iter().find_map(|line| match &line.event {
        Event::Finalized { epoch, .. } if *epoch > 0 => Some((*epoch, line.slot?, line.at_ms)),
        _ => None,
    });
    let genesis = plan.and_then(|plan| genesis_ms(lines, plan.slot_ms()));
    Timings {
        run_ms: history.now_ms,
        start_to_genesis_ms: genesis,
        // Of a network that was older than the run nobody saw the first.
        genesis_to_first_finality_slots: genesis.and(first).map(|(_, slot, _)| slot),
        genesis_to_first_finality_ms: first.zip(genesis).map(|((.., at_ms), genesis)| at_ms.saturating_sub(genesis)),
        first_finalized_epoch: genesis.and(first).map(|(epoch, ..)| epoch),
    }
}

/// When slot 0 began: no line of a slot is earlier than the slot.
fn genesis_ms(lines: &[Line], slot_ms: u64) -> Option<u64> {
    let begins = lines.iter().filter_map(|line| line.at_ms.checked_sub(line.slot?.checked_mul(slot_ms)?));
    begins.min()
}

/// The plan's nodes, and any others that the journal names.
pub(super) fn nodes(plan: Option<&Plan>, history: &History) -> Vec<NodeReport> {
    let planned = plan.iter().flat_map(|plan| &plan.nodes).map(|node| NodeReport {
        name: node.name.clone(),
        client: node.client.clone(),
        validators: node.validator_count(),
        ..NodeReport::default()
    });
    let mut nodes: Vec<_> = planned.collect();
    for name in history.nodes.keys() {
        if !nodes.iter().any(|node| node.name == *name) {
            nodes.push(NodeReport { name: name.clone(), ..NodeReport::default() });
        }
    }
    for node in &mut nodes {
        if let Some(history) = history.node(&node.name) {
            fill(node, history);
        }
    }
    nodes
}

fn fill(node: &mut NodeReport, history: &NodeHistory) {
    let head = |head: &HeadAt| HeadReport { at_ms: head.at_ms, slot: head.head_slot, block: head.block.clone() };
    node.state = history.state;
    node.first_head = history.heads.first().map(head);
    node.last_head = history.heads.last().map(head);
    node.justified = history.justified_epoch;
    node.finalized = history.finalized_epoch;
    node.finality =
        history.finalized.iter().map(|at| FinalityReport { epoch: at.epoch, slot: at.slot, at_ms: at.at_ms }).collect();
    node.peers.clone_from(&history.peers);
    node.crashes = history.crashes;
}
