//! Faults that a runtime makes: inflicted when their step begins; lifted when its `for` is over, or by a step of their own.

use super::{Action, Ctx, Now, Out, Running, Turn};
use crate::journal::{Event, FaultState};
use crate::runtime::Fault;
use crate::scenario::error::Error;
use crate::scenario::quantity::Span;
use crate::scenario::raw::{At, RawNames};
use crate::scenario::resolve::Scope;

/// A step that breaks something.
pub(super) struct Lasting {
    /// The step's verb.
    pub verb: &'static str,
    /// What is broken, as a phrase: `paused b0`.
    pub says: String,
    pub fault: Fault,
    /// Without it the step is over at once, and the fault stays.
    pub span: Option<Span>,
    /// When it began.
    since: Option<Now>,
}

impl Lasting {
    pub(super) fn boxed(verb: &'static str, says: String, fault: Fault, span: Option<Span>) -> Box<dyn Running> {
        Box::new(Self { verb, says, fault, span, since: None })
    }
}

impl Running for Lasting {
    fn poll(&mut self, ctx: &Ctx<'_>, out: &mut Out) -> Turn {
        let slot = ctx.now.slot.unwrap_or(0);
        let Some(since) = self.since else {
            self.since = Some(ctx.now);
            out.tell(told(self.verb, &self.fault, FaultState::On));
            out.act(Action::Inflict(self.fault.clone()));
            return match self.span {
                None => Turn::Done(format!("{} in slot {slot}", self.says)),
                Some(_) => Turn::Going(None),
            };
        };
        if !self.span.is_none_or(|span| passed(ctx, since, span)) {
            return Turn::Going(None);
        }
        out.act(Action::Lift(self.fault.clone()));
        out.tell(told(self.verb, &self.fault, FaultState::Off));
        Turn::Done(format!("{} from slot {} to slot {slot}", self.says, since.slot.unwrap_or(0)))
    }
}

/// A step that mends what an earlier one broke.
pub(super) struct Mending {
    /// The verb of the step that broke it.
    pub verb: &'static str,
    /// What is mended, as a phrase: `resumed b0`.
    pub says: String,
    pub fault: Fault,
}

impl Running for Mending {
    fn poll(&mut self, ctx: &Ctx<'_>, out: &mut Out) -> Turn {
        out.act(Action::Lift(self.fault.clone()));
        out.tell(told(self.verb, &self.fault, FaultState::Off));
        Turn::Done(format!("{} in slot {}", self.says, ctx.now.slot.unwrap_or(0)))
    }
}

fn told(verb: &str, fault: &Fault, state: FaultState) -> Event {
    let args = match fault {
        Fault::Partition { sides } => serde_json::json!({ "sides": sides }),
        _ => serde_json::json!({ "node": fault.nodes().collect::<Vec<_>>() }),
    };
    Event::Fault { verb: verb.to_owned(), args, state }
}

/// Whether so long has passed since then.
pub(super) fn passed(ctx: &Ctx<'_>, since: Now, span: Span) -> bool {
    if let Span::Millis(ms) = span {
        return ctx.now.ms >= since.ms.saturating_add(ms);
    }
    let slots = span.slots(ctx.plan.network.slots_per_epoch, ctx.plan.slot_ms());
    ctx.now.slot.unwrap_or(0) >= since.slot.unwrap_or(0).saturating_add(slots)
}

/// The nodes of a fault on nodes. Without `for` it lasts to the end of the run: no other of its verb can be at them.
pub(super) fn nodes(
    verb: &'static str,
    names: &At<RawNames>,
    span: Option<Span>,
    scope: &mut Scope<'_>,
) -> Result<Vec<String>, Error> {
    let nodes = scope.names(Some(names), &[])?;
    for node in &nodes {
        if scope.impaired.contains(&(verb, node.clone())) {
            let message =
                format!("`{verb}` is in force at `{node}` already, to the end of the run; give that one a `for`");
            return Err(scope.source.error(names, message));
        }
    }
    if span.is_none() {
        scope.impaired.extend(nodes.iter().map(|node| (verb, node.clone())));
    }
    Ok(nodes)
}
