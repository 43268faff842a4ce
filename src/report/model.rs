//! What a report says: facts drawn from a journal, in the shape of `report.json`.

use super::gather;
use crate::journal::{Disputed, Event, History, Journal, Line, NodeEvent, NodeState, Side, StepState, Verdict};
use crate::scenario::Plan;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of `report.json`.
pub const VERSION: u32 = 1;

/// A run, told from its journal. Serializes to `report.json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// [`VERSION`].
    pub version: u32,
    /// What came out.
    pub verdict: Verdict,
    /// The reason, as a sentence.
    pub says: String,
    /// The exit code of the verdict, or of an interruption.
    pub exit_code: u8,
    /// Whether the journal comes to its end; if not, the run was killed and the verdict is `unknown`.
    pub complete: bool,
    /// What was run.
    pub run: RunFacts,
    /// How long things took.
    pub timings: Timings,
    /// In the order of the journal.
    pub checks: Vec<CheckReport>,
    /// In the order of the plan.
    pub nodes: Vec<NodeReport>,
    /// In the order of the journal.
    pub steps: Vec<StepReport>,
    /// Blocks that nodes took and that break the rules as this program has them.
    pub disputes: Vec<Disputed>,
    /// Times at which nodes were on different branches.
    pub splits: Vec<SplitReport>,
    /// Trouble of the environment, as sentences.
    pub troubles: Vec<String>,
    /// Remarks, as sentences.
    pub notes: Vec<String>,
    /// Known behaviour of the clients that played, if the run did not pass.
    pub quirks: Vec<QuirkReport>,
}

/// What was run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RunFacts {
    /// Id of the run.
    pub id: String,
    /// The scenario.
    pub name: String,
    /// What the scenario is for.
    pub about: String,
    /// Version of the program that ran it.
    pub lockin: String,
    /// On which runtime.
    pub runtime: String,
    /// Its seed.
    pub seed: u64,
    /// Who played which role.
    pub roles: BTreeMap<String, String>,
    /// `minimal` or `mainnet`.
    pub preset: String,
    /// Forks with their epochs, the genesis fork at 0.
    pub forks: BTreeMap<String, u64>,
    /// Slots an epoch.
    pub slots_per_epoch: u64,
    /// Milliseconds a slot.
    pub slot_ms: u64,
    /// Validators at genesis.
    pub validators: u64,
    /// Root of the genesis state.
    pub genesis_root: Option<String>,
}

/// How long things took. Times are of the journal: virtual in the simulation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timings {
    /// From the first line to the last, milliseconds.
    pub run_ms: u64,
    /// From the first line to the begin of slot 0, milliseconds; as exact as the lines are close to the begin of a slot.
    pub start_to_genesis_ms: Option<u64>,
    /// Slots from genesis until a node was first seen with an epoch after 0 finalized.
    pub genesis_to_first_finality_slots: Option<u64>,
    /// The same in milliseconds.
    pub genesis_to_first_finality_ms: Option<u64>,
    /// That epoch.
    pub first_finalized_epoch: Option<u64>,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckReport {
    /// Its name.
    pub check: String,
    /// What came out.
    pub verdict: Verdict,
    /// The reason.
    pub says: String,
}

/// One node.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct NodeReport {
    /// Its name.
    pub name: String,
    /// The client that it ran.
    pub client: String,
    /// What the client says its version is.
    pub version: Option<String>,
    /// How many validators it had.
    pub validators: u64,
    /// Its last state.
    pub state: Option<NodeState>,
    /// The head that it was first seen on.
    pub first_head: Option<HeadReport>,
    /// The head that it was last seen on.
    pub last_head: Option<HeadReport>,
    /// The highest epoch that it justified.
    pub justified: u64,
    /// The highest epoch that it finalized.
    pub finalized: u64,
    /// When it finalized what.
    pub finality: Vec<FinalityReport>,
    /// Its last known peers.
    pub peers: Vec<String>,
    /// How often it ended without being asked to.
    pub crashes: u32,
    /// How often it did not answer.
    pub unreachable: u32,
    /// Its last log lines, if it crashed.
    pub log: Vec<String>,
    /// Its peer id.
    pub peer_id: Option<String>,
    /// Bytes of memory that each of its programs used at most, by role, where that is known.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub memory: BTreeMap<String, u64>,
    /// Bytes of disk that its files took in the end, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk: Option<u64>,
}

/// A head.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HeadReport {
    /// When, milliseconds.
    pub at_ms: u64,
    /// Slot of the block.
    pub slot: u64,
    /// Root of the block.
    pub block: String,
}

/// An epoch that a node finalized.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FinalityReport {
    /// The epoch.
    pub epoch: u64,
    /// The clock's slot when it was seen.
    pub slot: Option<u64>,
    /// When, milliseconds.
    pub at_ms: u64,
}

/// Nodes on different branches.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SplitReport {
    /// The slot of the first block that not all had.
    pub from_slot: u64,
    /// The clock's slot when it was told.
    pub seen_slot: Option<u64>,
    /// Root of the last block that all had.
    pub common: String,
    /// The heads, and who was on each.
    pub sides: Vec<Side>,
}

/// Known behaviour of a client.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QuirkReport {
    /// Name of the client.
    pub client: String,
    /// Short name of the behaviour.
    pub id: String,
    /// The behaviour, as a sentence.
    pub says: String,
    /// How it is known.
    pub source: String,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepReport {
    /// Its place, from 1.
    pub step: usize,
    /// Its verb.
    pub verb: String,
    /// Its arguments, as compact JSON.
    pub args: String,
    /// Where it came to.
    pub state: StepState,
    /// When it began, milliseconds.
    pub began_ms: u64,
    /// In which slot it began.
    pub began_slot: Option<u64>,
    /// When it ended, milliseconds.
    pub ended_ms: Option<u64>,
    /// In which slot it ended.
    pub ended_slot: Option<u64>,
    /// How it ended.
    pub says: Option<String>,
}

impl Report {
    /// Tells a run from its journal.
    pub fn of(journal: &Journal) -> Report {
        let lines = &journal.lines;
        let history = History::of(lines);
        let plan = plan(lines);
        let (verdict, says, complete) = verdict(journal, &history);
        let interrupted = lines.iter().any(|line| matches!(line.event, Event::Interrupted { .. }));
        let mut report = Report {
            version: VERSION,
            verdict,
            says,
            exit_code: if interrupted { super::exit::INTERRUPTED } else { super::exit::code(verdict) },
            complete,
            run: gather::facts(lines, plan.as_ref()),
            timings: gather::timings(lines, &history, plan.as_ref()),
            checks: Vec::new(),
            nodes: gather::nodes(plan.as_ref(), &history),
            steps: Vec::new(),
            disputes: Vec::new(),
            splits: Vec::new(),
            troubles: Vec::new(),
            notes: Vec::new(),
            quirks: Vec::new(),
        };
        for line in lines {
            report.add(line);
        }
        report
    }

    fn add(&mut self, line: &Line) {
        match &line.event {
            Event::Check { check, verdict, says } => {
                self.checks.push(CheckReport { check: check.clone(), verdict: *verdict, says: says.clone() });
            }
            Event::Trouble { doing, says } => self.troubles.push(format!("{doing}: {says}")),
            Event::Interrupted { by } => self.troubles.push(format!("the run was interrupted ({by})")),
            Event::Disputed(disputed) => self.disputes.push(disputed.as_ref().clone()),
            Event::Split { from_slot, common, sides } => {
                let (common, sides) = (common.clone(), sides.clone());
                self.splits.push(SplitReport { from_slot: *from_slot, seen_slot: line.slot, common, sides });
            }
            Event::Stalled(it) => {
                let block = it.block.get(..12).unwrap_or(&it.block);
                self.notes.push(format!(
                    "{}: its head stayed on slot {} from slot {} on, without block {block} of slot {}, which {} followed",
                    it.node,
                    it.head_slot,
                    it.since,
                    it.block_slot,
                    it.followed.join(", ")
                ));
            }
            // what a client is known for explains nothing where nothing went wrong
            Event::Quirk { client, id, says, source } if self.verdict != Verdict::Pass => {
                let (client, id, says, source) = (client.clone(), id.clone(), says.clone(), source.clone());
                self.quirks.push(QuirkReport { client, id, says, source });
            }
            Event::Again { says } => self.notes.push(says.clone()),
            Event::Note { says, node: None } => self.notes.push(says.clone()),
            Event::Note { says, node: Some(node) } => self.notes.push(format!("{node}: {says}")),
            Event::Unreachable { node, .. } => {
                if let Some(node) = self.node_mut(node) {
                    node.unreachable += 1;
                }
            }
            Event::Usage { node, memory, disk } => {
                if let Some(node) = self.node_mut(node) {
                    (node.memory, node.disk) = (memory.clone(), Some(*disk));
                }
            }
            Event::Node(event) => {
                if let Some(node) = self.node_mut(&event.node) {
                    node.add(event);
                }
            }
            Event::Step { step, verb, args, state, says } => self.add_step(line, *step, verb, args, *state, says),
            _ => {}
        }
    }

    fn add_step(
        &mut self,
        line: &Line,
        step: usize,
        verb: &str,
        args: &serde_json::Value,
        state: StepState,
        says: &Option<String>,
    ) {
        if state == StepState::Begin {
            self.steps.push(StepReport {
                step: step + 1,
                verb: verb.to_owned(),
                args: args.to_string(),
                state,
                began_ms: line.at_ms,
                began_slot: line.slot,
                ended_ms: None,
                ended_slot: None,
                says: None,
            });
        } else if let Some(begun) = self.steps.iter_mut().rev().find(|begun| begun.step == step + 1) {
            begun.state = state;
            (begun.ended_ms, begun.ended_slot) = (Some(line.at_ms), line.slot);
            begun.says.clone_from(says);
        }
    }

    fn node_mut(&mut self, name: &str) -> Option<&mut NodeReport> {
        self.nodes.iter_mut().find(|node| node.name == name)
    }
}

impl NodeReport {
    fn add(&mut self, event: &NodeEvent) {
        let news = |field: &mut Option<String>, value: &Option<String>| {
            if value.is_some() {
                field.clone_from(value);
            }
        };
        news(&mut self.version, &event.version);
        news(&mut self.peer_id, &event.peer_id);
        if event.state == NodeState::Exited && !event.log.is_empty() {
            self.log.clone_from(&event.log);
        }
    }
}

/// Of a journal that was cut off the verdict is `unknown`, whatever the checks in it say.
fn verdict(journal: &Journal, history: &History) -> (Verdict, String, bool) {
    let found = journal.lines.iter().rev().find_map(|line| match &line.event {
        Event::Verdict { verdict, says } => Some((*verdict, says.clone())),
        _ => None,
    });
    match found {
        Some((verdict, says)) => (verdict, says, true),
        None => {
            let place = match history.slot {
                _ if journal.lines.is_empty() => "is empty".to_owned(),
                None => "ends before genesis".to_owned(),
                Some(slot) => format!("ends in slot {slot}"),
            };
            let torn = if journal.torn.is_some() { ", in the middle of a line" } else { "" };
            (Verdict::Unknown, format!("the journal {place}{torn}, without a verdict: the run was cut off"), false)
        }
    }
}

/// The plan in the first line; `None` if there is none that this program understands.
pub(super) fn plan(lines: &[Line]) -> Option<Plan> {
    lines.iter().find_map(|line| match &line.event {
        Event::Run { plan, .. } => serde_json::from_value(plan.clone()).ok(),
        _ => None,
    })
}
