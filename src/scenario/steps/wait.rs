//! `wait`: until the network has come so far.
//!
//! ```yaml
//! - wait: { finalized: 2, within: 6 epochs }
//! - wait: { finalized: +2, within: 6 epochs, nodes: [a0, b0] }
//! - wait: { head_slot: 20, within: 24 slots }
//! - wait: { epoch: 10 }
//! - wait: 4 slots
//! ```

use super::{Begin, Ctx, Out, Progress, Running, Turn};
use crate::journal::{NodeHistory, NodeState};
use crate::scenario::error::Error;
use crate::scenario::quantity::{Mark, Span, WrongQuantity};
use crate::scenario::raw::{At, RawNames, Word};
use crate::scenario::resolve::Scope;
use serde::Serialize;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};
use std::fmt;

/// As written.
#[derive(Debug)]
pub enum Raw {
    /// `4 slots`.
    Span(String),
    /// With keys.
    Keys(Box<Keys>),
}

/// `{ finalized: 2, within: 6 epochs }`
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    #[serde(default)]
    finalized: Option<Word>,
    #[serde(default)]
    justified: Option<Word>,
    #[serde(default)]
    head_slot: Option<Word>,
    #[serde(default)]
    slot: Option<Word>,
    #[serde(default)]
    epoch: Option<Word>,
    #[serde(default)]
    slots: Option<Word>,
    #[serde(default)]
    epochs: Option<Word>,
    #[serde(default, rename = "for")]
    span: Option<Word>,
    #[serde(default)]
    within: Option<Word>,
    #[serde(default)]
    nodes: Option<At<RawNames>>,
}

const GOALS: &str =
    "finalized, justified, head_slot (each with `within`), slot, epoch, slots, epochs, for; or `wait: 4 slots`";

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct RawVisitor;
        impl<'de> Visitor<'de> for RawVisitor {
            type Value = Raw;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a stretch of time as `4 slots`, or a map with one of: {GOALS}")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Raw, E> {
                Ok(Raw::Span(text.to_owned()))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Raw, A::Error> {
                Keys::deserialize(MapAccessDeserializer::new(map)).map(|keys| Raw::Keys(Box::new(keys)))
            }
        }
        from.deserialize_any(RawVisitor)
    }
}

/// What is waited for, until when, at which nodes.
#[derive(Clone, Debug, PartialEq, Serialize, serde::Deserialize)]
pub struct Plan {
    /// What is waited for.
    #[serde(flatten)]
    pub goal: Goal,
    /// After so long it is missed; `None` for a wait that can't be missed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Span>,
    /// The nodes that must reach it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<String>,
}

/// What a wait is for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// All nodes have finalized this epoch; `+` counts from the newest that any of them has.
    Finalized(Mark),
    /// All nodes have justified this epoch; `+` counts from the newest that any of them has.
    Justified(Mark),
    /// All nodes' heads are at this slot or later; `+` counts from the clock's slot.
    HeadSlot(Mark),
    /// The clock is at this slot.
    Slot(Mark),
    /// The clock is at this epoch.
    Epoch(Mark),
    /// So long after the step's beginning.
    For(Span),
}

/// Reads it.
pub fn resolve(raw: &Raw, at: &At<super::RawStep>, scope: &mut Scope<'_>) -> Result<Plan, Error> {
    let keys = match raw {
        Raw::Keys(keys) => keys,
        Raw::Span(text) => {
            let span = text.parse().map_err(|wrong: WrongQuantity| {
                scope.source.error(at, format!("{wrong}; or a map with one of: {GOALS}"))
            })?;
            return Ok(Plan { goal: Goal::For(span), within: None, nodes: Vec::new() });
        }
    };
    let goal = match keys.goals(scope)?.as_slice() {
        [] => return Err(scope.source.error(at, format!("a wait for nothing; accepted: {GOALS}"))),
        [(goal, _)] => *goal,
        [_, (_, second), ..] => {
            return Err(scope.source.error(second, "a wait for two things; write two steps, one after the other"));
        }
    };
    if matches!(goal, Goal::Finalized(_) | Goal::Justified(_) | Goal::HeadSlot(_)) {
        return keys.at_nodes(goal, at, scope);
    }
    match (&keys.within, &keys.nodes) {
        (Some(word), _) => Err(scope.source.error(word, "the clock always gets there; leave `within` out")),
        (None, Some(nodes)) => Err(scope.source.error(nodes, "the clock is the same for all nodes; leave `nodes` out")),
        (None, None) => Ok(Plan { goal, within: None, nodes: Vec::new() }),
    }
}

impl Keys {
    /// Every goal that is written, and where: one is right.
    fn goals(&self, scope: &Scope<'_>) -> Result<Vec<(Goal, &Word)>, Error> {
        let mut goals = Vec::new();
        let mark = |word: &Option<Word>| word.as_ref().map(|word| scope.read::<Mark>(word)).transpose();
        let marks = [
            (mark(&self.finalized)?.map(Goal::Finalized), &self.finalized),
            (mark(&self.justified)?.map(Goal::Justified), &self.justified),
            (mark(&self.head_slot)?.map(Goal::HeadSlot), &self.head_slot),
            (mark(&self.slot)?.map(Goal::Slot), &self.slot),
            (mark(&self.epoch)?.map(Goal::Epoch), &self.epoch),
        ];
        let count = |word: &Word| {
            let wrong = || scope.source.error(word, format!("`{}` is no count; accepted forms: `4`", word.value));
            word.value.parse::<u64>().map_err(|_| wrong())
        };
        let slots = self.slots.as_ref().map(count).transpose()?.map(Span::Slots);
        let epochs = self.epochs.as_ref().map(count).transpose()?.map(Span::Epochs);
        let span = scope.read_optional::<Span>(self.span.as_ref())?;
        let spans = [(slots, &self.slots), (epochs, &self.epochs), (span, &self.span)];
        let spans = spans.into_iter().map(|(span, word)| (span.map(Goal::For), word));
        for (goal, word) in marks.into_iter().chain(spans) {
            if let (Some(goal), Some(word)) = (goal, word) {
                goals.push((goal, word));
            }
        }
        Ok(goals)
    }

    /// A wait for something that nodes do, not the clock.
    fn at_nodes(&self, goal: Goal, at: &At<super::RawStep>, scope: &Scope<'_>) -> Result<Plan, Error> {
        let Some(within) = scope.read_optional(self.within.as_ref())? else {
            let message = "a wait for nodes needs an end; add for instance `within: 6 epochs`";
            return Err(scope.source.error(at, message));
        };
        let nodes = scope.names(self.nodes.as_ref(), &scope.up_now())?;
        if nodes.is_empty() {
            return Err(scope.source.error(at, "no node runs at this point that could be waited for"));
        }
        if let (Some(names), Some(down)) = (&self.nodes, nodes.iter().find(|node| !scope.up.contains(*node))) {
            return Err(scope.source.error(names, format!("`{down}` does not run at this point")));
        }
        Ok(Plan { goal, within: Some(within), nodes })
    }
}

/// A wait with its relative marks made absolute.
struct Waiting {
    plan: Plan,
    target: u64,
    /// When it began: slot (0 before genesis) and milliseconds.
    began: (u64, u64),
}

impl Begin for Plan {
    fn begin(&self, ctx: &Ctx<'_>) -> Box<dyn Running> {
        let newest = |of: fn(&NodeHistory) -> u64| {
            let nodes = self.nodes.iter().filter_map(|node| ctx.history.node(node));
            nodes.map(of).max().unwrap_or(0)
        };
        let slot = ctx.now.slot.unwrap_or(0);
        let target = match self.goal {
            Goal::Finalized(mark) => mark.from(newest(|node| node.finalized_epoch)),
            Goal::Justified(mark) => mark.from(newest(|node| node.justified_epoch)),
            Goal::HeadSlot(mark) | Goal::Slot(mark) => mark.from(slot),
            Goal::Epoch(mark) => mark.from(ctx.plan.epoch_of(slot)),
            Goal::For(span) => span.slots(ctx.plan.network.slots_per_epoch, ctx.plan.slot_ms()),
        };
        Box::new(Waiting { plan: self.clone(), target, began: (slot, ctx.now.ms) })
    }
}

impl Running for Waiting {
    fn poll(&mut self, ctx: &Ctx<'_>, _out: &mut Out) -> Turn {
        let (have, slowest) = self.have(ctx);
        if have >= self.target && ctx.now.slot.is_some() {
            return Turn::Done(format!("{}: reached in {}", self.goal(), when(ctx)));
        }
        let crashed = |name: &&String| ctx.history.node(name).is_some_and(|node| node.state == Some(NodeState::Exited));
        if let Some(node) = self.plan.nodes.iter().find(crashed) {
            return Turn::Missed(format!("{} can't be reached: {node} ended by itself", self.goal()));
        }
        if let Some(within) = self.plan.within
            && self.elapsed(ctx, within)
        {
            let who = slowest.map_or(String::new(), |node| format!(" at {node}"));
            let what = self.counted();
            return Turn::Missed(format!("{} was not reached within {within}: {what} {have}{who}", self.goal()));
        }
        Turn::Going(Some(Progress { goal: self.goal(), have, want: self.target, eta_slots: self.eta(ctx, have) }))
    }
}

impl Waiting {
    /// How far the slowest node, or the clock, has come, and which node that is.
    fn have<'a>(&'a self, ctx: &Ctx<'a>) -> (u64, Option<&'a str>) {
        let slot = ctx.now.slot.unwrap_or(0);
        let of: fn(&NodeHistory) -> u64 = match self.plan.goal {
            Goal::Finalized(_) => |node| node.finalized_epoch,
            Goal::Justified(_) => |node| node.justified_epoch,
            Goal::HeadSlot(_) => |node| node.head().map_or(0, |head| head.head_slot),
            Goal::Slot(_) => return (slot, None),
            Goal::Epoch(_) => return (ctx.plan.epoch_of(slot), None),
            Goal::For(Span::Millis(span)) => {
                // in slots as everything else, but full only when the time is
                let full = ctx.now.ms.saturating_sub(self.began.1) >= span;
                let whole = ctx.now.ms.saturating_sub(self.began.1) / ctx.plan.slot_ms().max(1);
                return (if full { self.target } else { whole.min(self.target.saturating_sub(1)) }, None);
            }
            Goal::For(_) => return (slot.saturating_sub(self.began.0), None),
        };
        let slowest = self.plan.nodes.iter().map(|name| (ctx.history.node(name).map_or(0, of), Some(name.as_str())));
        slowest.min_by_key(|(have, _)| *have).unwrap_or((0, None))
    }

    fn elapsed(&self, ctx: &Ctx<'_>, within: Span) -> bool {
        match within {
            Span::Millis(ms) => ctx.now.slot.is_some() && ctx.now.ms.saturating_sub(self.began.1) > ms,
            _ => {
                let slots = within.slots(ctx.plan.network.slots_per_epoch, ctx.plan.slot_ms());
                ctx.now.slot.is_some_and(|slot| slot > self.began.0.saturating_add(slots))
            }
        }
    }

    /// Slots from now to the earliest moment at which the goal can be reached.
    fn eta(&self, ctx: &Ctx<'_>, have: u64) -> Option<u64> {
        let per_epoch = ctx.plan.network.slots_per_epoch;
        let slot = ctx.now.slot.unwrap_or(0);
        let at = match self.plan.goal {
            // finalized by votes of the two epochs after it; epochs 0 and 1 are never justified by votes
            Goal::Finalized(_) => self.target.max(2).saturating_add(2).saturating_mul(per_epoch),
            Goal::Justified(_) => self.target.max(2).saturating_add(1).saturating_mul(per_epoch),
            Goal::HeadSlot(_) | Goal::Slot(_) => self.target,
            Goal::Epoch(_) => self.target.saturating_mul(per_epoch),
            Goal::For(_) => slot.saturating_add(self.target.saturating_sub(have)),
        };
        Some(at.saturating_sub(slot))
    }

    fn goal(&self) -> String {
        match self.plan.goal {
            Goal::For(span) => span.to_string(),
            _ => format!("{} {}", self.counted(), self.target),
        }
    }

    fn counted(&self) -> &'static str {
        match self.plan.goal {
            Goal::Finalized(_) => "finalized epoch",
            Goal::Justified(_) => "justified epoch",
            Goal::HeadSlot(_) => "head slot",
            Goal::Slot(_) => "slot",
            Goal::Epoch(_) => "epoch",
            Goal::For(_) => "slots",
        }
    }
}

/// Where the clock is, for a sentence.
pub fn when(ctx: &Ctx<'_>) -> String {
    ctx.now.slot.map_or_else(|| "the time before genesis".to_owned(), |slot| format!("slot {slot}"))
}

/// The epoch of the last wait for a given finalized epoch: what the check `finalized` asks for by default.
pub fn last_finality(plan: &[super::Step]) -> Option<u64> {
    plan.iter().rev().find_map(|step| match step {
        super::Step::Wait(Plan { goal: Goal::Finalized(Mark::At(epoch)), .. }) => Some(*epoch),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::steps::test::{at, history, scenario};

    fn plan(text: &str) -> Plan {
        let scenario = scenario(&format!("- wait: {text}"));
        match &scenario.steps[0] {
            super::super::Step::Wait(plan) => plan.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn finality_is_reached_when_the_slowest_node_has_it() {
        let scenario = scenario("");
        let wait = plan("{ finalized: 2, within: 6 epochs }");
        assert_eq!(wait.nodes, ["a0", "b0"]);
        let mut running = wait.begin(&at(&scenario, &history(&[]), Some(0)));
        let mut poll = |finalized: &[(&str, u64)], slot| {
            running.poll(&at(&scenario, &history(finalized), Some(slot)), &mut Out::default())
        };
        let Turn::Going(Some(progress)) = poll(&[("a0", 2)], 32) else { panic!() };
        assert_eq!((progress.have, progress.want, progress.eta_slots), (0, 2, Some(0)));
        assert_eq!(progress.goal, "finalized epoch 2");
        assert!(matches!(poll(&[("a0", 2), ("b0", 1)], 48), Turn::Going(_)), "the last slot of it still counts");
        assert_eq!(
            poll(&[("a0", 2), ("b0", 1)], 49),
            Turn::Missed("finalized epoch 2 was not reached within 6 epochs: finalized epoch 1 at b0".into())
        );
        assert_eq!(poll(&[("a0", 2), ("b0", 2)], 33), Turn::Done("finalized epoch 2: reached in slot 33".into()));
    }

    #[test]
    fn plus_counts_from_where_the_network_is() {
        let scenario = scenario("");
        let wait = plan("{ finalized: +2, within: 3s }");
        let mut running = wait.begin(&at(&scenario, &history(&[("a0", 3), ("b0", 2)]), Some(50)));
        let turn = running.poll(&at(&scenario, &history(&[("a0", 4), ("b0", 4)]), Some(51)), &mut Out::default());
        let Turn::Going(Some(progress)) = turn else { panic!("{turn:?}") };
        assert_eq!((progress.have, progress.want, progress.eta_slots), (4, 5, Some(5)));
    }

    #[test]
    fn the_clock_is_waited_for() {
        let scenario = scenario("");
        let none = history(&[]);
        for (text, begin, done) in [
            ("4 slots", 10, 14),
            ("{ epoch: 2 }", 3, 16),
            ("{ slot: +3 }", 5, 8),
            ("{ epochs: 1 }", 1, 9),
            ("4s", 2, 6),
        ] {
            let mut running = plan(text).begin(&at(&scenario, &none, Some(begin)));
            let mut poll = |slot| running.poll(&at(&scenario, &none, Some(slot)), &mut Out::default());
            assert!(matches!(poll(done - 1), Turn::Going(_)), "{text}");
            assert!(matches!(poll(done), Turn::Done(_)), "{text}");
        }
    }
}
