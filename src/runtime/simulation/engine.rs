//! The execution engine of a simulated node: a stub that answers the questions of a lane one after another, each a moment
//! later.

use crate::{
    chain::EngineId,
    engine::{Answer, Call, Failure, Lane, Stub, patience, stub::Say},
};
use std::collections::{BTreeMap, VecDeque};

/// From a question to its answer: as long as a local program takes that executes nothing.
const ANSWER_MS: u64 = 3;

/// What a stub answered, or did not.
type Said = Result<Answer, Failure>;

/// A stub and what it is asked.
pub(super) struct Engine {
    stub: Stub,
    lines: BTreeMap<Lane, Line>,
}

/// The questions of a lane.
#[derive(Default)]
struct Line {
    /// Not asked yet: each waits for the answer to the one before.
    queue: VecDeque<(EngineId, Box<Call>)>,
    /// Asked, with the moment at which the node hears.
    asked: Option<(u64, EngineId, Said)>,
}

impl Engine {
    pub(super) fn new(stub: Stub) -> Self {
        Self { stub, lines: BTreeMap::new() }
    }

    /// Tells the stub what to answer beside its script.
    pub(super) fn tell(&mut self, say: Option<Say>) {
        self.stub.tell(say);
    }

    /// Takes more questions.
    pub(super) fn ask(&mut self, calls: Vec<(EngineId, Box<Call>)>, now_ms: u64) {
        for (id, call) in calls {
            let line = self.lines.entry(Lane::of(&call)).or_default();
            line.queue.push_back((id, call));
            line.next(&mut self.stub, now_ms);
        }
    }

    /// When the node hears the next answer.
    pub(super) fn due_ms(&self) -> Option<u64> {
        self.lines.values().filter_map(Line::due_ms).min()
    }

    /// The answer that is due first, if one is due; the next question of its lane is asked.
    pub(super) fn answer(&mut self, now_ms: u64) -> Option<(EngineId, Said)> {
        let due = self.due_ms().filter(|due_ms| *due_ms <= now_ms)?;
        let line = self.lines.values_mut().find(|line| line.due_ms() == Some(due))?;
        let (_, id, said) = line.asked.take()?;
        line.next(&mut self.stub, now_ms);
        Some((id, said))
    }
}

impl Line {
    fn due_ms(&self) -> Option<u64> {
        self.asked.as_ref().map(|(due_ms, ..)| *due_ms)
    }

    fn next(&mut self, stub: &mut Stub, now_ms: u64) {
        if self.asked.is_some() {
            return;
        }
        let Some((id, call)) = self.queue.pop_front() else { return };
        let said = stub.call(now_ms, &call);
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
    use crate::engine::{ForkchoiceState, NewPayload, Script, StubConfig};
    use crate::genesis::{Convention, genesis_state};
    use crate::ssz::{Fork, Preset};
    use crate::types::{ChainConfig, ExecutionPayload, ExecutionRequests, Hash32};
    use std::sync::Arc;

    const GENESIS_TIME: u64 = 1_700_000_000;

    /// A stub at the beginning of a capella chain, and the hash of its first block.
    fn engine(script: &str) -> (Engine, Hash32) {
        let mut cfg = ChainConfig::lockin(Preset::minimal());
        cfg.start_at(Fork::Capella);
        let state = genesis_state(&cfg, Fork::Capella, Convention::Live, GENESIS_TIME, 4).expect("a state");
        let script = Script::from_yaml("script.yaml", script).expect("a script");
        let hash = state.latest_execution_payload_header.block_hash;
        (Engine::new(Stub::new(StubConfig::of_network(Arc::new(cfg), &state).with_script(script))), hash)
    }

    fn head(head_block_hash: Hash32) -> Box<Call> {
        let state = ForkchoiceState { head_block_hash, ..ForkchoiceState::default() };
        Box::new(Call::ForkchoiceUpdated { fork: Fork::Capella, state, attributes: None })
    }

    #[test]
    fn answers_come_one_after_another_and_silence_is_waited_for() {
        let (mut engine, hash) = engine("verdicts: [{ answer: timeout, calls: [forkchoice_updated] }]\n");
        let block = || Box::new(Call::PowBlock { hash });
        assert_eq!(engine.due_ms(), None);
        engine.ask(vec![(EngineId(1), block()), (EngineId(2), head(hash)), (EngineId(3), block())], 100);
        assert!(engine.answer(102).is_none());
        assert!(matches!(engine.answer(103), Some((EngineId(1), Ok(Answer::PowBlock(Some(_)))))));
        let due = 103 + 8_000;
        assert_eq!((engine.due_ms(), engine.answer(due - 1).is_none()), (Some(due), true));
        assert!(matches!(engine.answer(due), Some((EngineId(2), Err(Failure::Unreachable(_))))));
        assert!(matches!(engine.answer(due + ANSWER_MS), Some((EngineId(3), Ok(_)))));
        assert_eq!(engine.due_ms(), None);
    }

    #[test]
    fn a_silence_about_a_payload_keeps_nothing_but_imports_waiting() {
        let (mut engine, hash) = engine("verdicts: [{ answer: timeout, calls: [new_payload] }]\n");
        let payload = ExecutionPayload { timestamp: GENESIS_TIME, ..ExecutionPayload::default() };
        let payload = || {
            Box::new(Call::NewPayload(Box::new(NewPayload {
                fork: Fork::Capella,
                payload: payload.clone(),
                versioned_hashes: Vec::new(),
                parent_beacon_block_root: Hash32::ZERO,
                execution_requests: ExecutionRequests::default(),
            })))
        };
        let calls = vec![(EngineId(1), payload()), (EngineId(2), payload()), (EngineId(3), head(hash))];
        engine.ask(calls, 100);
        assert!(matches!(engine.answer(103), Some((EngineId(3), Ok(Answer::ForkchoiceUpdated { .. })))));
        assert_eq!(engine.due_ms(), Some(100 + 8_000));
        assert!(matches!(engine.answer(100 + 8_000), Some((EngineId(1), Err(_)))));
        assert_eq!(engine.due_ms(), Some(100 + 16_000));
    }
}
