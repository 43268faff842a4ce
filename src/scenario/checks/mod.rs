//! Checks: what is asked of a run when it is over. One file and one line here each.
//!
//! A file has `Raw` (what is written), `Plan` (what it resolves to), `resolve` from one to the other, and how it is
//! judged: purely, from the plan and the journal. A check never asks a node anything.

mod blobs;
mod finalized;
mod forks;
mod no_finality;
mod participation;
mod peered;
mod proposals;
mod same_head;
mod synced;

use super::Plan as Scenario;
use super::error::Error;
use super::named::named_items;
use super::raw::{At, RawNames};
use super::resolve::Scope;
use crate::journal::{Event, FaultState, History, Line, StepState, Verdict};

named_items! {
    "check", RawCheck, Check: Judge {
        /// The nodes of every link were each other's peers.
        Peered = "peered": peered,
        /// The nodes finalized, and never apart.
        Finalized = "finalized": finalized,
        /// The nodes were on one chain at the end.
        SameHead = "same_head": same_head,
        /// Enough of the stake attested.
        Participation = "participation": participation,
        /// Every validating node's blocks were on the others' chain, in every epoch.
        Proposals = "proposals": proposals,
        /// Every fork came, and finality went on across its boundary.
        Forks = "forks": forks,
        /// Blocks had blobs.
        Blobs = "blobs": blobs,
        /// Nothing was finalized that must not be.
        NoFinality = "no_finality": no_finality,
        /// The nodes caught up with the others.
        Synced = "synced": synced,
    }
    later {
        NoSlashable = "no_slashable": "a record of all signed messages",
    }
}

/// What a check sees: the plan and the journal, up to the moment when the checks are made.
pub struct Evidence<'a> {
    /// The scenario.
    pub plan: &'a Scenario,
    /// The journal.
    pub lines: &'a [Line],
    /// What it adds up to.
    pub history: &'a History,
}

/// What a check says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What came out.
    pub verdict: Verdict,
    /// The reason, as a sentence.
    pub says: String,
    /// For a `fail`: a wrong that was seen, such as two finalized chains. Without it, something was not seen in time,
    /// and trouble of the environment can be why.
    pub seen: bool,
}

impl Outcome {
    fn pass(says: impl Into<String>) -> Outcome {
        Outcome { verdict: Verdict::Pass, says: says.into(), seen: true }
    }

    /// What should have happened did not.
    fn absent(says: impl Into<String>) -> Outcome {
        Outcome { verdict: Verdict::Fail, says: says.into(), seen: false }
    }

    /// What must not happen did.
    fn wrong(says: impl Into<String>) -> Outcome {
        Outcome { verdict: Verdict::Fail, says: says.into(), seen: true }
    }

    fn unknown(says: impl Into<String>) -> Outcome {
        Outcome { verdict: Verdict::Unknown, says: says.into(), seen: false }
    }
}

/// A check of the plan.
pub(super) trait Judge {
    /// Judges the run.
    fn judge(&self, evidence: &Evidence<'_>) -> Outcome;
}

/// A stretch of the run, in slots, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    from: u64,
    to: Option<u64>,
}

impl Evidence<'_> {
    /// While the last step of that verb, or what it broke, lasted; `None` if it never began. What a `stop`, or a `kill`
    /// that restarts nothing, does lasts beyond its step: until something is started again, or the end.
    fn window(&self, verb: &str) -> Option<Window> {
        let mut window: Option<Window> = None;
        // how many steps of that verb are being done, and how many things that they broke are broken
        let (mut doing, mut broken) = (0_u32, 0_u32);
        let ends_nodes = matches!(verb, "stop" | "kill");
        for line in self.lines {
            match &line.event {
                Event::Fault { verb: named, state, .. } if named == verb => match state {
                    FaultState::On => broken += 1,
                    FaultState::Off => broken = broken.saturating_sub(1),
                },
                Event::Step { verb: named, state, .. } if named == verb => match state {
                    StepState::Begin => doing += 1,
                    StepState::End | StepState::Missed => {
                        doing = doing.saturating_sub(1);
                        broken += u32::from(verb == "stop");
                    }
                },
                Event::Step { verb: named, state: StepState::Begin, .. } if named == "start" && ends_nodes => {
                    broken = 0
                }
                _ => continue,
            }
            let slot = line.slot.unwrap_or(0);
            let lasts = doing + broken > 0;
            match &mut window {
                Some(Window { to: open @ None, .. }) if !lasts => *open = Some(slot),
                Some(Window { to: None, .. }) => {}
                _ if lasts => window = Some(Window { from: slot, to: None }),
                _ => {}
            }
        }
        window
    }

    /// The slot in which the last step of that verb was done with, and with it what it broke; `None` if none was. A `stop`
    /// or a `kill` is done with when the nodes are down.
    fn ended(&self, verb: &str) -> Option<u64> {
        if !matches!(verb, "stop" | "kill") {
            return self.window(verb)?.to;
        }
        let end = |line: &Line| match &line.event {
            Event::Fault { verb: named, state: FaultState::Off, .. } => (named == verb).then(|| line.slot.unwrap_or(0)),
            Event::Step { verb: named, state: StepState::End, .. } => (named == verb).then(|| line.slot.unwrap_or(0)),
            _ => None,
        };
        self.lines.iter().filter_map(end).next_back()
    }

    /// Slot of the clock at the end.
    fn end_slot(&self) -> u64 {
        self.history.slot.unwrap_or(0)
    }

    /// A span of the plan in slots.
    fn slots(&self, span: super::quantity::Span) -> u64 {
        span.slots(self.plan.network.slots_per_epoch, self.plan.slot_ms())
    }
}

/// The nodes that a check is for: those named, else those that run at the end. Never none.
fn judged<T>(names: Option<&At<RawNames>>, at: &At<T>, scope: &mut Scope<'_>) -> Result<Vec<String>, Error> {
    let nodes = scope.names(names, &scope.up_now())?;
    if nodes.is_empty() {
        return Err(scope.source.error(at, "no node runs at the end; name the `nodes` that it is for"));
    }
    Ok(nodes)
}

/// `a0`, `a0 and b0`, `a0, b0 and c0`, `all 5 nodes`.
fn listed(names: &[String]) -> String {
    match names {
        [] => "no node".to_owned(),
        [one] => one.clone(),
        [first @ .., last] if names.len() <= 3 => format!("{} and {last}", first.join(", ")),
        _ => format!("all {} nodes", names.len()),
    }
}

/// Enough of a root to tell it from others.
fn short(root: &str) -> &str {
    root.get(..12).unwrap_or(root)
}

#[cfg(test)]
pub(super) mod test {
    use super::super::steps::test::{scenario, scenario_on};
    use super::*;
    use crate::journal::{NodeEvent, NodeState};

    /// Lines of the network of the steps' tests, one second a slot, both nodes started.
    pub struct Run(pub Vec<Line>);

    impl Run {
        pub fn new() -> Run {
            Run(Vec::new()).node("a0", NodeState::Started).node("b0", NodeState::Started)
        }

        pub fn at(mut self, slot: u64, event: Event) -> Run {
            self.0.push(Line::new(slot * 1000, Some(slot), event));
            self
        }

        pub fn node(mut self, node: &str, state: NodeState) -> Run {
            self.0.push(Line::new(0, None, Event::Node(NodeEvent::new(node, state))));
            self
        }

        pub fn head(self, slot: u64, node: &str, head_slot: u64, block: &str) -> Run {
            self.block(slot, node, head_slot, block, None)
        }

        /// A head of which it is known who proposed it.
        pub fn block(self, slot: u64, node: &str, head_slot: u64, block: &str, proposer: Option<u64>) -> Run {
            let (node, block, state) = (node.into(), block.into(), "0x".into());
            self.at(slot, Event::Head { node, head_slot, block, state, proposer, justified: 0, finalized: 0 })
        }

        pub fn finalized(self, slot: u64, node: &str, epoch: u64) -> Run {
            self.at(slot, Event::Finalized { node: node.into(), epoch, root: format!("0x{epoch}") })
        }

        pub fn step(self, slot: u64, verb: &str, state: StepState) -> Run {
            let args = serde_json::Value::Null;
            self.at(slot, Event::Step { step: 0, verb: verb.into(), args, state, says: None })
        }

        /// `pass: sentence`.
        pub fn judge(&self, check: &str) -> String {
            self.judge_with("network: { slot_time: 1s }", check)
        }

        /// The same on another network.
        pub fn judge_with(&self, network: &str, check: &str) -> String {
            let plan = scenario_on(network, "- kill: { node: b0, restart_after: 1 epoch }");
            let text = format!("checks:\n  - {check}\n");
            let check = super::super::test::check_of(&text);
            let history = History::of(&self.0);
            let outcome = check.common().judge(&Evidence { plan: &plan, lines: &self.0, history: &history });
            format!("{}: {}", outcome.verdict, outcome.says)
        }
    }

    fn fault(verb: &str, state: FaultState) -> Event {
        Event::Fault { verb: verb.into(), args: serde_json::Value::Null, state }
    }

    /// Window and end of a verb.
    fn times(run: &Run, verb: &str) -> (Option<(u64, Option<u64>)>, Option<u64>) {
        let plan = scenario("");
        let history = History::of(&run.0);
        let evidence = Evidence { plan: &plan, lines: &run.0, history: &history };
        (evidence.window(verb).map(|window| (window.from, window.to)), evidence.ended(verb))
    }

    #[test]
    fn a_window_is_the_last_step_of_its_verb() {
        let run = Run::new()
            .step(3, "kill", StepState::Begin)
            .step(5, "kill", StepState::End)
            .step(9, "kill", StepState::Begin)
            .at(9, fault("kill", FaultState::On))
            .at(12, fault("kill", FaultState::Off))
            .step(12, "kill", StepState::End);
        assert_eq!(times(&run, "kill"), (Some((9, Some(12))), Some(12)));
        assert_eq!(times(&run, "partition"), (None, None));
    }

    #[test]
    fn what_outlasts_its_step_lasts_until_it_is_mended() {
        let run = Run::new()
            .step(3, "partition", StepState::Begin)
            .at(3, fault("partition", FaultState::On))
            .step(3, "partition", StepState::End)
            .step(5, "start", StepState::Begin)
            .step(5, "start", StepState::End);
        assert_eq!(times(&run, "partition"), (Some((3, None)), None));
        let run = run.step(9, "heal", StepState::Begin).at(9, fault("partition", FaultState::Off));
        assert_eq!(times(&run, "partition"), (Some((3, Some(9))), Some(9)));

        let run = Run::new().step(3, "stop", StepState::Begin).step(3, "stop", StepState::End);
        assert_eq!(times(&run, "stop"), (Some((3, None)), Some(3)));
        let run = run.step(7, "start", StepState::Begin);
        assert_eq!(times(&run, "stop"), (Some((3, Some(7))), Some(3)));
    }

    #[test]
    fn two_of_a_verb_at_once_are_one_window() {
        let run = Run::new()
            .at(3, fault("pause", FaultState::On))
            .at(4, fault("pause", FaultState::On))
            .at(6, fault("pause", FaultState::Off))
            .at(8, fault("pause", FaultState::Off));
        assert_eq!(times(&run, "pause"), (Some((3, Some(8))), Some(8)));
    }
}
