//! What a person sees while a run goes on: a bar with stage, slot, epoch and time to the goal on a terminal, plain lines
//! elsewhere. A listener of the journal: it shows what is written there and nothing else.

use crate::{
    journal::{Event, FaultState, Line, NodeState, StepState},
    types::Slot,
};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, Write};

/// Shows a run's progress on stderr.
pub struct Progress {
    bar: Option<ProgressBar>,
    quiet: bool,
    slots_per_epoch: u64,
    slot_ms: u64,
    slot: Option<Slot>,
    stage: String,
    goal: Option<Goal>,
}

struct Goal {
    what: String,
    have: u64,
    want: u64,
    /// The slot in which it can be reached, if all goes well.
    due: Option<Slot>,
}

impl Progress {
    /// A bar where stderr is a terminal, lines where it is not, nothing when `quiet`.
    pub fn new(slots_per_epoch: u64, slot_ms: u64, quiet: bool) -> Self {
        let bar = (!quiet && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{spinner} {prefix} [{bar:30}] {msg}");
            bar.set_style(style.expect("the template is a constant with known keys").progress_chars("=> "));
            bar
        });
        Self { bar, quiet, slots_per_epoch, slot_ms, slot: None, stage: "starting".into(), goal: None }
    }

    /// Takes in one line of the journal.
    pub fn take_in(&mut self, line: &Line) {
        self.slot = line.slot.or(self.slot);
        match &line.event {
            Event::Step { verb, state: StepState::Begin, .. } => {
                self.stage = verb.clone();
                self.goal = None;
            }
            Event::Wait { goal, have, want, eta_slots, .. } => {
                let due = eta_slots.map(|eta| self.slot.unwrap_or(0) + eta);
                self.goal = Some(Goal { what: goal.clone(), have: *have, want: *want, due });
            }
            _ => {}
        }
        if let Some(news) = news(&line.event) {
            let at = line.at_ms as f64 / 1000.0;
            let slot = line.slot.map(|slot| format!(" slot {slot}")).unwrap_or_default();
            self.say(&format!("{at:>8.3}s{slot}  {news}"));
        }
        self.draw();
    }

    /// Takes the bar away.
    pub fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None if self.quiet => {}
            // A closed stderr is no reason to end a run.
            None => drop(writeln!(std::io::stderr(), "{text}")),
        }
    }

    fn draw(&self) {
        let Some(bar) = &self.bar else { return };
        let clock = match self.slot {
            Some(slot) => format!("slot {slot} epoch {}", slot / self.slots_per_epoch.max(1)),
            None => "before genesis".to_owned(),
        };
        bar.set_prefix(format!("{} | {clock}", self.stage));
        if let Some(goal) = &self.goal {
            bar.set_length(goal.want);
            bar.set_position(goal.have);
            let left = goal.due.map(|due| due.saturating_sub(self.slot.unwrap_or(0)) * self.slot_ms / 1000);
            let left = left.map(|left| format!(", about {left} s to go")).unwrap_or_default();
            bar.set_message(format!("{}{left}", goal.what));
        }
        bar.tick();
    }
}

/// The line that an event is worth to a person, if any.
fn news(event: &Event) -> Option<String> {
    Some(match event {
        Event::Run { name, runtime, seed, .. } => format!("{name} on {runtime}, seed {seed}"),
        Event::Node(node) => match node.state {
            NodeState::Started => format!("{} started{}", node.node, role(node.role.as_deref())),
            NodeState::Ready => format!("{} ready: {}", node.node, node.version.as_deref().unwrap_or("?")),
            NodeState::Exited => format!("{} ended by itself{}", node.node, role(node.role.as_deref())),
            NodeState::Killed => format!("{} killed", node.node),
            NodeState::Stopped => format!("{} stopped", node.node),
        },
        Event::Genesis { root, .. } => format!("genesis state {root}"),
        Event::Justified { node, epoch, .. } => format!("{node} justified epoch {epoch}"),
        Event::Finalized { node, epoch, .. } => format!("{node} finalized epoch {epoch}"),
        Event::Peers { node, peers, foreign } => {
            let others = if *foreign > 0 { format!(" and {foreign} foreign") } else { String::new() };
            format!("{node} has peers: {}{others}", if peers.is_empty() { "none".into() } else { peers.join(", ") })
        }
        Event::Step { verb, state, says, .. } => match state {
            StepState::Begin => return None,
            StepState::End => format!("{verb}: {}", says.as_deref().unwrap_or("done")),
            StepState::Missed => format!("{verb} missed: {}", says.as_deref().unwrap_or("time ran out")),
        },
        Event::Preflight { node, differs, lacks, .. } if !differs.is_empty() || !lacks.is_empty() => {
            let differs = differs.iter().map(|it| format!("{} is {}, planned {}", it.what, it.has, it.planned));
            let all: Vec<String> = differs.chain(lacks.iter().cloned()).collect();
            format!("{node} is not as planned: {}", all.join(", "))
        }
        Event::Preflight { node, unknown, .. } if !unknown.is_empty() => {
            format!("{node} does not tell whether it is as planned: {}", unknown.join(", "))
        }
        Event::Unreachable { node, why } => format!("{node} does not answer: {why}"),
        Event::Check { check, verdict, says } => format!("check {check}: {verdict} - {says}"),
        Event::Disputed(it) => {
            let field = it.fields.first().map(|first| format!("; first in {}", first.field)).unwrap_or_default();
            format!("disputed block of slot {}: {}{field}; taken by {}", it.block_slot, it.why, it.took.join(", "))
        }
        Event::Split { from_slot, sides, .. } => {
            let sides: Vec<String> = sides.iter().map(|side| side.nodes.join(", ")).collect();
            format!("nodes are on different branches from slot {from_slot} on: {}", sides.join(" | "))
        }
        Event::Stalled(it) => format!(
            "{} stays on slot {} since slot {} and does not take the block of slot {}, as {} did",
            it.node,
            it.head_slot,
            it.since,
            it.block_slot,
            it.followed.join(", ")
        ),
        Event::Unsupported { says } => format!("unsupported: {says}"),
        Event::Fault { verb, state: FaultState::On, .. } => format!("{verb} begins"),
        Event::Again { says } => format!("once more: {says}"),
        Event::Trouble { doing, says } => format!("trouble {doing}: {says}"),
        Event::Interrupted { by } => format!("interrupted by {by}"),
        Event::Note { says, .. } => format!("note: {says}"),
        _ => return None,
    })
}

fn role(role: Option<&str>) -> String {
    role.map(|role| format!(" ({role})")).unwrap_or_default()
}
