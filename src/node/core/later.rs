//! Requests that wait for the execution engine: they are answered as an effect, at the latest after a slot's time.

use std::sync::Arc;

use super::Core;
use crate::api::Response;
use crate::chain::{Error, Event, ProducedBlock, ProductionId};
use crate::node::rest::{self, Refusal, Served};

/// A core's name for a request that it answers later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

/// What [`Core::handle`] makes of a request.
#[derive(Clone, Debug)]
pub enum Handled {
    /// The answer.
    Now(Response),
    /// The answer will be among the effects ([`answers`](super::Effects::answers)), within a slot's time.
    Later(CallId),
}

/// A request that waits for the chain to produce a block.
pub(super) struct Waiting {
    form: rest::Form,
    /// Unix milliseconds; then it is answered with an error.
    until_ms: u64,
}

impl Core {
    /// Has the chain produce a block, which is answered in this form, at once or when the execution engine has built it.
    pub(in crate::node) fn produce(&mut self, form: rest::Form, event: impl FnOnce(ProductionId) -> Event) -> Served {
        self.next_call += 1;
        let call = CallId(self.next_call);
        let until_ms = self.now_ms.saturating_add(self.chain.config().slot_duration_ms);
        self.waiting.insert(call, Waiting { form, until_ms });
        self.tell_chain(event(ProductionId(call.0)));
        match self.effects.answers.iter().position(|(answered, _)| *answered == call) {
            Some(at) => Served::Now(self.effects.answers.remove(at).1),
            None => Served::Later(call),
        }
    }

    /// Answers the request that a production belongs to, if it still waits.
    pub(super) fn answer(&mut self, call: CallId, result: Result<Box<ProducedBlock>, Arc<Error>>) {
        let Some(Waiting { form, .. }) = self.waiting.remove(&call) else { return };
        let reply = match result {
            Ok(produced) => rest::answer(self.chain.config(), form, *produced),
            Err(error) => Refusal::from(&*error).into(),
        };
        self.effects.answers.push((call, reply));
    }

    /// Answers what has waited too long.
    pub(super) fn give_up(&mut self) {
        let now_ms = self.now_ms;
        let late: Vec<CallId> =
            self.waiting.iter().filter(|(_, it)| it.until_ms <= now_ms).map(|(call, _)| *call).collect();
        for call in late {
            self.waiting.remove(&call);
            let refusal = Refusal::new(503, "the execution engine did not build a payload within a slot");
            self.effects.answers.push((call, refusal.into()));
        }
    }
}
