//! Calls to the execution engine that have no answer yet, and what each was made for. Their number is bounded by what
//! they are made for: one a waiting block, one a production, one forkchoice call, one a proof-of-work block.

use std::collections::BTreeMap;

use super::Chain;
use super::effect::{Effect, Level};
use super::event::{EngineId, ProductionId};
use crate::engine::{Answer, BuiltPayload, Call, Failure, Lane, PayloadId, PayloadStatus};
use crate::ssz::Root;
use crate::types::{Hash32, PowBlock, Slot};

/// Why a call was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Is the payload of this block valid?
    Payload(Root),
    /// This block is the head; a payload for a block of the slot is to be built on it.
    Head { root: Root, build: Option<Slot> },
    /// The payload for this production.
    Built(ProductionId),
    /// The blobs of this waiting block.
    Blobs(Root),
    /// The proof-of-work block of this hash.
    PowBlock(Hash32),
    /// The terminal proof-of-work block.
    Terminal,
}

/// The open calls.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls {
    made: u64,
    open: BTreeMap<EngineId, (Purpose, Lane)>,
    /// How many calls in a row got no answer at all, by lane.
    silences: BTreeMap<Lane, u32>,
    /// Whether the last call about a payload got none.
    pub(super) silent_about_payloads: bool,
    /// Calls answered so far, with an error or without.
    pub(super) answered: u64,
}

impl Calls {
    /// Whether a call for this has no answer yet.
    pub(super) fn is_open(&self, purpose: impl Fn(&Purpose) -> bool) -> bool {
        self.open.values().any(|(open, _)| purpose(open))
    }

    /// Whether the engine seems to be gone from a lane. One silence may be about what was asked.
    pub(super) fn is_silent(&self, lane: Lane) -> bool {
        self.silences.get(&lane).is_some_and(|silences| *silences > 1)
    }
}

impl Chain {
    /// Makes a call.
    pub(super) fn ask_engine(&mut self, purpose: Purpose, call: Call) {
        self.calls.made += 1;
        let id = EngineId(self.calls.made);
        self.calls.open.insert(id, (purpose, Lane::of(&call)));
        self.out.push(Effect::Engine { id, call: Box::new(call) });
    }

    /// Takes an answer, if it is awaited.
    pub(super) fn on_engine(&mut self, id: EngineId, answer: Result<Answer, Failure>) {
        let Some((purpose, lane)) = self.calls.open.remove(&id) else { return };
        self.note_engine(lane, &answer);
        match purpose {
            Purpose::Payload(root) => {
                self.calls.silent_about_payloads = is_silence(&answer);
                self.on_payload_status(root, answer.and_then(payload_status));
            }
            Purpose::Head { root, build } => self.on_head_told(root, build, answer.and_then(head_told)),
            Purpose::Built(production) => self.on_built(production, answer.and_then(built)),
            Purpose::Blobs(root) => {
                if let Ok(Answer::Blobs(blobs)) = answer {
                    self.on_engine_blobs(root, blobs);
                }
            }
            Purpose::PowBlock(hash) => self.on_pow_block(hash, answer.and_then(pow_block)),
            Purpose::Terminal => self.on_terminal(answer.and_then(pow_block)),
        }
    }

    /// Tells when the engine goes and comes back, and of every other failure.
    fn note_engine(&mut self, lane: Lane, answer: &Result<Answer, Failure>) {
        let silences = self.calls.silences.entry(lane).or_default();
        let before = *silences;
        *silences = if is_silence(answer) { before.saturating_add(1) } else { 0 };
        self.calls.answered += u64::from(!is_silence(answer));
        match answer {
            Err(Failure::Unreachable(_)) if before > 0 => {}
            Err(failure) => self.log(Level::Warn, failure.to_string()),
            Ok(_) if before > 0 => self.log(Level::Info, "the execution engine answers again".into()),
            Ok(_) => {}
        }
    }
}

fn is_silence(answer: &Result<Answer, Failure>) -> bool {
    matches!(answer, Err(Failure::Unreachable(_)))
}

/// Names what came, and no more of it: a payload is too long for a log.
fn unfit<T>(answer: &Answer) -> Result<T, Failure> {
    let came = match answer {
        Answer::PayloadStatus(_) => "a payload's status",
        Answer::ForkchoiceUpdated { .. } => "the status of a head",
        Answer::Payload(_) => "a payload",
        Answer::Blobs(_) => "blobs",
        Answer::PowBlock(_) => "a proof-of-work block",
    };
    Err(Failure::Malformed(format!("it belongs to another question: {came}")))
}

fn payload_status(answer: Answer) -> Result<PayloadStatus, Failure> {
    if let Answer::PayloadStatus(status) = answer { Ok(status) } else { unfit(&answer) }
}

fn head_told(answer: Answer) -> Result<(PayloadStatus, Option<PayloadId>), Failure> {
    if let Answer::ForkchoiceUpdated { status, payload_id } = answer {
        Ok((status, payload_id))
    } else {
        unfit(&answer)
    }
}

fn built(answer: Answer) -> Result<BuiltPayload, Failure> {
    if let Answer::Payload(built) = answer { Ok(*built) } else { unfit(&answer) }
}

fn pow_block(answer: Answer) -> Result<Option<PowBlock>, Failure> {
    if let Answer::PowBlock(block) = answer { Ok(block) } else { unfit(&answer) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_to_another_question_is_named_and_not_quoted() {
        let mut answer = BuiltPayload::default();
        answer.payload.transactions.push(vec![0; 1 << 16].into());
        let failure = payload_status(Answer::Payload(Box::new(answer))).expect_err("no status");
        let said = failure.to_string();
        assert!(said.ends_with("another question: a payload") && said.len() < 200, "{} bytes", said.len());
    }
}
