//! `kill`: nodes ended as a crash would, on purpose, so that it is no failure of theirs.
//!
//! ```yaml
//! - kill: b1
//! - kill: { node: b1, restart_after: 1 epoch }
//! ```
//!
//! With `restart_after` the step lasts until the nodes are started again, on what they have kept on disk.

use super::lasting::passed;
use super::{Action, Begin, Ctx, Now, Out, Running, Turn};
use crate::journal::{Event, FaultState};
use crate::scenario::error::Error;
use crate::scenario::quantity::Span;
use crate::scenario::raw::{At, RawNames, Word};
use crate::scenario::resolve::Scope;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// As written.
#[derive(Debug)]
pub enum Raw {
    /// `b1`, `[b0, b1]`.
    Nodes(RawNames),
    /// With keys.
    Keys(Box<Keys>),
}

/// `{ node: b1, restart_after: 1 epoch }`
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    node: At<RawNames>,
    #[serde(default)]
    restart_after: Option<Word>,
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct RawVisitor;
        impl<'de> Visitor<'de> for RawVisitor {
            type Value = Raw;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a node as `b1`, a list of nodes, or `{ node: b1, restart_after: 1 epoch }`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Raw, E> {
                Ok(Raw::Nodes(RawNames(vec![crate::scenario::raw::nowhere(text.to_owned())])))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Raw, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seq)).map(|names| Raw::Nodes(RawNames(names)))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Raw, A::Error> {
                Keys::deserialize(MapAccessDeserializer::new(map)).map(|keys| Raw::Keys(Box::new(keys)))
            }
        }
        from.deserialize_any(RawVisitor)
    }
}

/// Which nodes, and whether they come back.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Plan {
    /// The nodes.
    pub node: Vec<String>,
    /// After so long they are started again; `None`: not by this step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart_after: Option<Span>,
}

/// Reads it.
pub fn resolve(raw: &Raw, at: &At<super::RawStep>, scope: &mut Scope<'_>) -> Result<Plan, Error> {
    let (nodes, restart_after) = match raw {
        Raw::Keys(keys) => {
            let restart_after = scope.read_optional(keys.restart_after.as_ref())?;
            (scope.names(Some(&keys.node), &[])?, restart_after)
        }
        Raw::Nodes(names) => {
            let names = At::new(RawNames(names.0.clone()), at.referenced, at.defined);
            (scope.names(Some(&names), &[])?, None)
        }
    };
    if let Some(down) = nodes.iter().find(|node| !scope.up.contains(*node)) {
        return Err(scope.source.error(at, format!("`{down}` does not run at this point")));
    }
    scope.paused.retain(|node| !nodes.contains(node));
    if restart_after.is_none() {
        scope.up.retain(|node| !nodes.contains(node));
    }
    Ok(Plan { node: nodes, restart_after })
}

impl Begin for Plan {
    fn begin(&self, _: &Ctx<'_>) -> Box<dyn Running> {
        Box::new(Killing { plan: self.clone(), killed: None })
    }
}

struct Killing {
    plan: Plan,
    killed: Option<Now>,
}

impl Killing {
    fn fault(&self, state: FaultState) -> Event {
        let args = serde_json::json!({ "node": self.plan.node, "restart_after": self.plan.restart_after });
        Event::Fault { verb: "kill".to_owned(), args, state }
    }
}

impl Running for Killing {
    fn poll(&mut self, ctx: &Ctx<'_>, out: &mut Out) -> Turn {
        let who = self.plan.node.join(", ");
        let slot = ctx.now.slot.unwrap_or(0);
        let Some(killed) = self.killed else {
            self.killed = Some(ctx.now);
            out.tell(self.fault(FaultState::On));
            self.plan.node.iter().cloned().for_each(|node| out.act(Action::Kill(node)));
            return match self.plan.restart_after {
                None => Turn::Done(format!("killed {who}")),
                Some(_) => Turn::Going(None),
            };
        };
        if self.plan.restart_after.is_some_and(|span| !passed(ctx, killed, span)) {
            return Turn::Going(None);
        }
        self.plan.node.iter().cloned().for_each(|node| out.act(Action::Start(node)));
        out.tell(self.fault(FaultState::Off));
        Turn::Done(format!("killed {who} in slot {} and started again in slot {slot}", killed.slot.unwrap_or(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::steps::Output;
    use crate::scenario::steps::test::{at, history, scenario};

    #[test]
    fn a_killed_node_comes_back_when_its_time_is_over() {
        let scenario = scenario("- kill: { node: b0, restart_after: 1 epoch }");
        let none = history(&[]);
        let mut running = scenario.steps[0].common().begin(&at(&scenario, &none, Some(10)));
        let mut poll = |slot| {
            let mut out = Out::default();
            let turn = running.poll(&at(&scenario, &none, Some(slot)), &mut out);
            out.0.retain(|output| matches!(output, Output::Act(_)));
            (turn, out.0)
        };
        assert_eq!(poll(10), (Turn::Going(None), vec![Output::Act(Action::Kill("b0".into()))]));
        assert_eq!(poll(17), (Turn::Going(None), vec![]));
        let (turn, actions) = poll(18);
        assert_eq!(turn, Turn::Done("killed b0 in slot 10 and started again in slot 18".into()));
        assert_eq!(actions, [Output::Act(Action::Start("b0".into()))]);
    }
}
