//! Steps: what is done to the network, in order. One file and one line here each.
//!
//! A file has `Raw` (what is written), `Plan` (what it resolves to), `resolve` from one to the other, and how a step
//! runs: it begins, and is asked again and again how it goes. Nothing here touches a node: a step gives [`Action`]s, whoever drives it acts.

mod bandwidth;
mod engine;
mod heal;
mod kill;
mod lasting;
mod latency;
mod loss;
mod partition;
mod pause;
mod resume;
mod skew;
mod start;
mod stop;
mod transact;
mod wait;

use super::Plan as Scenario;
use super::named::named_items;
use crate::journal::{Event, History};
use crate::runtime::{Ability, Fault};

pub(super) use wait::last_finality;
pub use wait::{Goal, Plan as Wait};

named_items! {
    "step", RawStep, Step: Begin {
        /// Until something is reached.
        Wait = "wait": wait,
        /// Starts nodes that do not run.
        Start = "start": start,
        /// Ends nodes in good order.
        Stop = "stop": stop,
        /// Ends nodes as a crash would, to be started again or not.
        Kill = "kill": kill,
        /// Keeps nodes of different sides apart.
        Partition = "partition": partition,
        /// Ends a partition.
        Heal = "heal": heal,
        /// Lets nodes do nothing.
        Pause = "pause": pause,
        /// Lets paused nodes go on.
        Resume = "resume": resume,
        /// Loses packets.
        Loss = "loss": loss,
        /// Delays what nodes send.
        Latency = "latency": latency,
        /// Lets nodes send only so much.
        Bandwidth = "bandwidth": bandwidth,
        /// Sets nodes' clocks wrong.
        Skew = "skew": skew,
        /// Has execution engines give one answer to everything.
        Engine = "engine": engine,
        /// Hands a transfer to an execution client, until every chain has it.
        Transact = "transact": transact,
    }
    later {
        Limit = "limit": "a runtime that can limit resources",
    }
}

/// What a step wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start it, for the first time or again on what it has kept on disk.
    Start(
        /// The node.
        String,
    ),
    /// End it in good order.
    Stop(
        /// The node.
        String,
    ),
    /// End it at once, as `kill -9` does.
    Kill(
        /// The node.
        String,
    ),
    /// Break something.
    Inflict(
        /// What.
        Fault,
    ),
    /// Mend what was broken.
    Lift(
        /// What was broken.
        Fault,
    ),
    /// Hand its execution client a transfer.
    Transact {
        /// The node.
        node: String,
        /// With a blob.
        blob: bool,
    },
}

/// The moment a step is asked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since the run began: the journal's time.
    pub ms: u64,
    /// Slot of the network's clock; `None` before genesis.
    pub slot: Option<u64>,
}

/// What a step works from.
pub struct Ctx<'a> {
    /// The scenario.
    pub plan: &'a Scenario,
    /// Everything so far.
    pub history: &'a History,
    /// When.
    pub now: Now,
}

/// How a step goes.
#[derive(Clone, Debug, PartialEq)]
pub enum Turn {
    /// It needs more time.
    Going(Option<Progress>),
    /// It did what it says; the sentence tells what.
    Done(String),
    /// Its time ran out; the sentence tells what was not reached.
    Missed(String),
}

/// How far a step has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is waited for, as a phrase: `finalized epoch 2`.
    pub goal: String,
    /// Slots or epochs, as the goal counts.
    pub have: u64,
    /// The same at the goal.
    pub want: u64,
    /// When the goal can be reached at the earliest, if all goes well: slots from now.
    pub eta_slots: Option<u64>,
}

/// A step of the plan, which can begin.
pub(super) trait Begin {
    /// Begins it.
    fn begin(&self, ctx: &Ctx<'_>) -> Box<dyn Running>;

    /// What the runtime must be able to do for it, beside starting and ending nodes.
    fn needs(&self) -> Option<Ability> {
        None
    }
}

/// A step that has begun.
pub(super) trait Running: Send {
    /// Asks how it goes. What is to be done or told is added to `out`.
    fn poll(&mut self, ctx: &Ctx<'_>, out: &mut Out) -> Turn;
}

/// A step that is done as soon as it is begun: one action for each of its nodes.
struct AtOnce {
    /// In the past: `started`.
    done: &'static str,
    nodes: Vec<String>,
    action: fn(String) -> Action,
}

impl Running for AtOnce {
    fn poll(&mut self, _: &Ctx<'_>, out: &mut Out) -> Turn {
        let says = format!("{} {}", self.done, self.nodes.join(", "));
        self.nodes.drain(..).for_each(|node| out.act((self.action)(node)));
        Turn::Done(says)
    }
}

/// What a step wants, in order.
#[derive(Default)]
pub(super) struct Out(pub Vec<Output>);

impl Out {
    fn act(&mut self, action: Action) {
        self.0.push(Output::Act(action));
    }

    fn tell(&mut self, event: Event) {
        self.0.push(Output::Tell(event));
    }
}

/// One thing that a step wants.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// To be done, and seen to be done, before the next.
    Act(Action),
    /// To be written to the journal.
    Tell(Event),
}

#[cfg(test)]
pub(super) mod test {
    use super::*;
    use crate::journal::Line;

    /// A network of `a0`, `b0` and, not started, `late`, minimal, one second a slot.
    pub fn scenario(steps: &str) -> Scenario {
        scenario_on("network: { slot_time: 1s }", steps)
    }

    /// The same on another network.
    pub fn scenario_on(network: &str, steps: &str) -> Scenario {
        let text = format!(
            "name: t\n{network}\nroles: {{ A: lockin, B: lockin }}\nnodes:\n  \
             - {{ name: a0, role: A, validators: 8 }}\n  - {{ name: b0, role: B, validators: 8 }}\n  \
             - {{ name: late, role: B, start: later }}\nsteps:\n  - wait: 0 slots\n{}  - start: late\nchecks: [peered]\n",
            if steps.is_empty() { String::new() } else { format!("  {steps}\n") }
        );
        let mut plan = crate::scenario::parse("t.yaml", &text, &Default::default()).unwrap_or_else(|e| panic!("{e}"));
        plan.steps.remove(0);
        plan
    }

    /// A history in which nodes have finalized these epochs.
    pub fn history(finalized: &[(&str, u64)]) -> History {
        let line = |(node, epoch): &(&str, u64)| {
            let event = Event::Finalized { node: (*node).into(), epoch: *epoch, root: format!("0x{epoch}") };
            Line::new(0, Some(0), event)
        };
        History::of(&finalized.iter().map(line).collect::<Vec<_>>())
    }

    /// What a step says and wants done when it is asked in these slots.
    pub fn actions(plan: &Scenario, step: usize, slots: &[u64]) -> Vec<(Turn, Vec<Action>)> {
        let none = history(&[]);
        let mut running = plan.steps[step].common().begin(&at(plan, &none, Some(slots[0])));
        let poll = |slot: &u64| {
            let mut out = Out::default();
            let turn = running.poll(&at(plan, &none, Some(*slot)), &mut out);
            let act = |output| match output {
                Output::Act(action) => Some(action),
                Output::Tell(_) => None,
            };
            (turn, out.0.into_iter().filter_map(act).collect())
        };
        slots.iter().map(poll).collect()
    }

    /// A moment, one second a slot.
    pub fn at<'a>(plan: &'a Scenario, history: &'a History, slot: Option<u64>) -> Ctx<'a> {
        Ctx { plan, history, now: Now { ms: slot.unwrap_or(0) * 1000, slot } }
    }
}
