//! Requests that wait for the execution engine: they are answered as an effect, at the latest after a slot's time.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Core;
use crate::api::{BlockContents, Response};
use crate::chain::{Error, Event, ProducedBlock, ProductionId};
use crate::node::rest::{self, Refusal, Served};
use crate::ssz::{Root, Ssz, Uint256};

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

/// Blocks that were handed out blinded, until they come back signed: the latest few.
#[derive(Default)]
pub(super) struct Blinded(VecDeque<(Root, BlockContents)>);

impl Blinded {
    /// More than anybody proposes in one slot, and few enough to hold with all their blobs.
    const MOST: usize = 8;

    fn keep(&mut self, root: Root, contents: BlockContents) {
        self.0.truncate(Self::MOST - 1);
        self.0.push_front((root, contents));
    }

    fn get(&self, root: &Root) -> Option<&BlockContents> {
        self.0.iter().find(|(kept, _)| kept == root).map(|(_, contents)| contents)
    }
}

fn contents_of(produced: ProducedBlock) -> (Uint256, BlockContents) {
    let ProducedBlock { block, proofs, blobs, payload_value } = produced;
    (payload_value, BlockContents { block, kzg_proofs: proofs.into(), blobs: blobs.into() })
}

impl Core {
    /// What was handed out blinded under this block root, if it was.
    pub(in crate::node) fn handed_out_blinded(&self, root: &Root) -> Option<&BlockContents> {
        self.blinded.get(root)
    }

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
            Ok(produced) => {
                let shape = self.chain.config().shape_at_slot(produced.block.slot);
                let (value, contents) = contents_of(*produced);
                let reply = rest::answer(shape, form, &contents, value);
                if form.is_blinded() {
                    self.blinded.keep(contents.block.hash_tree_root(shape), contents);
                }
                reply
            }
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
