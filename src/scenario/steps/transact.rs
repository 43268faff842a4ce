//! `transact`: a transfer, handed to a node's execution client.
//!
//! ```yaml
//! - transact: { node: a0 }                    # until a block of every node's execution chain holds it
//! - transact: { node: a0, within: 8 slots }   # 16 if it is left out
//! - transact: { node: a0, blob: true }        # with a blob, on a network that has come to deneb
//! ```

use super::{Action, Begin, Ctx, Out, Running, Turn};
use crate::scenario::error::Error;
use crate::scenario::quantity::Span;
use crate::scenario::raw::{At, Word};
use crate::scenario::resolve::{EMBEDDED, Scope, unknown_node};

/// How long it may take, if nothing else is said: a proposal of each node, most likely.
const WITHIN: Span = Span::Slots(16);

/// As written.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    node: Word,
    #[serde(default)]
    within: Option<Word>,
    #[serde(default)]
    blob: bool,
}

/// Whose execution client gets it, and for how long it is waited for.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Plan {
    /// The node.
    pub node: String,
    /// Until it is in a block everywhere.
    pub within: Span,
    /// Whether it has a blob.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub blob: bool,
}

/// Reads it.
pub fn resolve(raw: &Raw, _: &At<super::RawStep>, scope: &mut Scope<'_>) -> Result<Plan, Error> {
    let name = &raw.node.value;
    let Some(node) = scope.nodes.iter().find(|node| node.name == *name) else {
        return Err(scope.source.error(&raw.node, unknown_node(name, scope.nodes)));
    };
    if !scope.up.contains(name) {
        return Err(scope.source.error(&raw.node, format!("`{name}` does not run at this point")));
    }
    if node.engine.as_ref().is_none_or(|engine| engine.client == EMBEDDED) {
        let message =
            format!("`{name}` has no execution client that executes; its role can be cast as CLIENT+EXECUTION");
        return Err(scope.source.error(&raw.node, message));
    }
    let within = scope.read_optional(raw.within.as_ref())?.unwrap_or(WITHIN);
    Ok(Plan { node: name.clone(), within, blob: raw.blob })
}

impl Begin for Plan {
    fn begin(&self, _: &Ctx<'_>) -> Box<dyn Running> {
        Box::new(Transacting { plan: self.clone(), begun: None })
    }
}

struct Transacting {
    plan: Plan,
    /// When, milliseconds, and how many transfers there had been.
    begun: Option<(u64, usize)>,
}

impl Running for Transacting {
    fn poll(&mut self, ctx: &Ctx<'_>, out: &mut Out) -> Turn {
        let Some((begun_ms, before)) = self.begun else {
            self.begun = Some((ctx.now.ms, ctx.history.transfers.len()));
            out.act(Action::Transact { node: self.plan.node.clone(), blob: self.plan.blob });
            return Turn::Going(None);
        };
        let transfer = ctx.history.transfers.get(before);
        let executes = |node: &&crate::scenario::Node| {
            let up = ctx.history.node(&node.name).is_some_and(|node| node.is_up());
            up && node.engine.as_ref().is_some_and(|engine| engine.client != EMBEDDED)
        };
        let nodes: Vec<&str> = ctx.plan.nodes.iter().filter(executes).map(|node| node.name.as_str()).collect();
        if let Some(transfer) = transfer
            && let Some(block) = transfer.blocks.values().next()
            && nodes.iter().all(|node| transfer.blocks.contains_key(*node))
        {
            let (hash, from) = (&transfer.hash, &self.plan.node);
            return Turn::Done(format!("{hash}, handed to {from}, is in block {block} of {}", nodes.join(", ")));
        }
        let patience = self.plan.within.millis(ctx.plan.network.slots_per_epoch, ctx.plan.slot_ms());
        if ctx.now.ms < begun_ms.saturating_add(patience) {
            return Turn::Going(None);
        }
        let absent = |node: &&&str| transfer.is_none_or(|transfer| !transfer.blocks.contains_key(**node));
        let absent: Vec<&str> = nodes.iter().filter(absent).copied().collect();
        Turn::Missed(format!(
            "the transfer handed to {} was not in a block within {}: none of {}",
            self.plan.node,
            self.plan.within,
            absent.join(", ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Now;
    use super::*;
    use crate::journal::{Event, History, Line, NodeEvent, NodeState};

    fn scenario(player: &str, step: &str) -> Result<crate::scenario::Plan, Error> {
        let text = format!(
            "name: t\nnetwork: {{ genesis: {{ fork: electra }}, slot_time: 1s }}\nroles: {{ A: {player} }}\nnodes:\n  \
             - {{ name: a0, role: A, validators: 8 }}\n  - {{ name: b0, role: A, validators: 8 }}\n\
             steps: [{step}]\nchecks: [peered]\n"
        );
        crate::scenario::parse("t.yaml", &text, &Default::default())
    }

    #[test]
    fn only_what_executes_can_take_it() {
        let why = scenario("lockin", "transact: { node: a0 }").unwrap_err().to_string();
        assert!(why.contains("`a0` has no execution client that executes"), "{why}");
        let why = scenario("lockin+geth", "transact: { node: c0 }").unwrap_err().to_string();
        assert!(why.contains("no node is named `c0`"), "{why}");
    }

    #[test]
    fn it_lasts_until_every_chain_has_it() {
        let plan = scenario("lockin+geth", "transact: { node: a0, within: 4 slots }").unwrap();
        let mut history = History::default();
        for node in ["a0", "b0"] {
            history.apply(&Line::new(0, None, Event::Node(NodeEvent::new(node, NodeState::Ready))));
        }
        let poll = |step: &mut Box<dyn Running>, history: &History, ms: u64| {
            let mut out = Out::default();
            let turn = step.poll(&Ctx { plan: &plan, history, now: Now { ms, slot: Some(ms / 1000) } }, &mut out);
            (turn, out.0.len())
        };
        let ctx = Ctx { plan: &plan, history: &history, now: Now { ms: 0, slot: Some(0) } };
        let mut step = plan.steps[0].common().begin(&ctx);
        assert_eq!(poll(&mut step, &history, 1000), (Turn::Going(None), 1), "handed over");
        assert_eq!(poll(&mut step, &history, 2000), (Turn::Going(None), 0));
        let told = |node: &str, block| Event::Transfer { node: node.into(), hash: "0x1".into(), block };
        history.apply(&Line::new(2000, Some(2), told("a0", None)));
        history.apply(&Line::new(3000, Some(3), told("a0", Some(7))));
        assert_eq!(poll(&mut step, &history, 3000), (Turn::Going(None), 0), "not b0's chain");
        let missed = poll(&mut step, &history, 5000).0;
        assert_eq!(
            missed,
            Turn::Missed("the transfer handed to a0 was not in a block within 4 slots: none of b0".into())
        );
        history.apply(&Line::new(5000, Some(5), told("b0", Some(7))));
        let done = poll(&mut step, &history, 5000).0;
        assert_eq!(done, Turn::Done("0x1, handed to a0, is in block 7 of a0, b0".into()));
    }
}
