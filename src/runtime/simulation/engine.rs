//! The execution engine of a simulated node: a stub that answers one question after another, each a moment later.

use crate::{
    chain::EngineId,
    engine::{Answer, Call, Failure, Stub, patience},
};
use std::collections::VecDeque;

/// From a question to its answer: as long as a local program takes that executes nothing.
const ANSWER_MS: u64 = 3;

/// What a stub answered, or did not.
type Said = Result<Answer, Failure>;

/// A stub and what it is asked.
pub(super) struct Engine {
    stub: Stub,
    /// Not asked yet: each waits for the answer to the one before.
    queue: VecDeque<(EngineId, Box<Call>)>,
    /// Asked, with the moment at which the node hears.
    asked: Option<(u64, EngineId, Said)>,
}

impl Engine {
    pub(super) fn new(stub: Stub) -> Self {
        Self { stub, queue: VecDeque::new(), asked: None }
    }

    /// Takes more questions.
    pub(super) fn ask(&mut self, calls: Vec<(EngineId, Box<Call>)>, now_ms: u64) {
        self.queue.extend(calls);
        self.next(now_ms);
    }

    /// When the node hears the next answer.
    pub(super) fn due_ms(&self) -> Option<u64> {
        self.asked.as_ref().map(|(due_ms, ..)| *due_ms)
    }

    /// The answer that is due, if one is; the next question is asked.
    pub(super) fn answer(&mut self, now_ms: u64) -> Option<(EngineId, Said)> {
        let (_, id, said) = self.asked.take_if(|(due_ms, ..)| *due_ms <= now_ms)?;
        self.next(now_ms);
        Some((id, said))
    }

    fn next(&mut self, now_ms: u64) {
        if self.asked.is_some() {
            return;
        }
        let Some((id, call)) = self.queue.pop_front() else { return };
        let said = self.stub.call(now_ms, &call);
        // Told to say nothing, it is waited for.
        let takes_ms = match &said {
            Err(Failure::Unreachable(_)) => patience(&call).as_millis() as u64,
            _ => ANSWER_MS,
        };
        self.asked = Some((now_ms.saturating_add(takes_ms), id, said));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{ForkchoiceState, Script, StubConfig};
    use crate::genesis::{Convention, genesis_state};
    use crate::ssz::{Fork, Preset};
    use crate::types::ChainConfig;
    use std::sync::Arc;

    #[test]
    fn answers_come_one_after_another_and_silence_is_waited_for() {
        let mut cfg = ChainConfig::lockin(Preset::minimal());
        cfg.start_at(Fork::Capella);
        let state = genesis_state(&cfg, Fork::Capella, Convention::Live, 1_700_000_000, 4).expect("a state");
        let silent = "verdicts: [{ answer: timeout, calls: [forkchoice_updated] }]\n";
        let script = Script::from_yaml("script.yaml", silent).expect("a script");
        let head_block_hash = state.latest_execution_payload_header.block_hash;
        let mut engine = Engine::new(Stub::new(StubConfig::of_network(Arc::new(cfg), &state).with_script(script)));
        let block = || Box::new(Call::PowBlock { hash: head_block_hash });
        let state = ForkchoiceState { head_block_hash, ..ForkchoiceState::default() };
        let head = Box::new(Call::ForkchoiceUpdated { fork: Fork::Capella, state, attributes: None });
        assert_eq!(engine.due_ms(), None);
        engine.ask(vec![(EngineId(1), block()), (EngineId(2), head), (EngineId(3), block())], 100);
        assert!(engine.answer(102).is_none());
        assert!(matches!(engine.answer(103), Some((EngineId(1), Ok(Answer::PowBlock(Some(_)))))));
        let due = 103 + 8_000;
        assert_eq!((engine.due_ms(), engine.answer(due - 1).is_none()), (Some(due), true));
        assert!(matches!(engine.answer(due), Some((EngineId(2), Err(Failure::Unreachable(_))))));
        assert!(matches!(engine.answer(due + ANSWER_MS), Some((EngineId(3), Ok(_)))));
        assert_eq!(engine.due_ms(), None);
    }
}
