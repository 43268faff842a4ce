//! Stubs and payloads for tests.

use lockin::engine::header::{block_hash, versioned_hashes};
use lockin::engine::{
    Answer, BuiltPayload, Call, Failure, ForkchoiceState, NewPayload, PayloadAttributes, PayloadId, PayloadStatus,
    Script, Stub, StubConfig, Validity, genesis,
};
use lockin::ssz::{Bytes, Fork, Ssz};
use lockin::types::{BeaconState, ChainConfig, Hash32, Withdrawal};
use std::sync::Arc;

/// Unix seconds.
pub const GENESIS_TIME: u64 = 1_700_000_000;

/// A network of 2 s slots that starts in `fork`.
pub fn network(fork: Fork) -> ChainConfig {
    let mut cfg = ChainConfig::minimal();
    cfg.slot_duration_ms = 2000;
    for later in Fork::ALL {
        cfg.set_fork_epoch(later, u64::MAX);
    }
    cfg.start_at(fork);
    cfg.set("TERMINAL_TOTAL_DIFFICULTY", "1").expect("a key");
    cfg
}

/// Its genesis state, as far as an engine looks at it: after the merge if `merged`.
pub fn genesis_state(cfg: &ChainConfig, merged: bool) -> BeaconState {
    let shape = cfg.shape(cfg.genesis_fork());
    let mut state = BeaconState::zero(shape);
    state.genesis_time = GENESIS_TIME;
    state.fork.current_version = cfg.fork_version(shape.fork);
    if merged {
        state.latest_execution_payload_header = genesis::execution_genesis(shape, GENESIS_TIME);
    }
    state
}

/// A stub with what a test asks of it.
pub struct Lab {
    pub stub: Stub,
    /// The slot that it is.
    pub now: u64,
    /// The chain's head, as we would have it.
    pub head: Hash32,
}

impl Lab {
    pub fn new(cfg: ChainConfig, merged: bool, script: &str) -> Self {
        let state = genesis_state(&cfg, merged);
        let script = match script {
            "" => Script::default(),
            text => Script::from_yaml("script", text).expect("a script"),
        };
        let stub = Stub::new(StubConfig::of_network(Arc::new(cfg), &state).with_script(script));
        let head = stub.head().hash;
        Self { stub, now: 0, head }
    }

    pub fn ask(&mut self, call: &Call) -> Result<Answer, Failure> {
        let now_ms = (GENESIS_TIME + 2 * self.now) * 1000;
        self.stub.call(now_ms, call)
    }

    pub fn new_payload(&mut self, asked: &NewPayload) -> Result<PayloadStatus, Failure> {
        match self.ask(&Call::NewPayload(Box::new(asked.clone())))? {
            Answer::PayloadStatus(status) => Ok(status),
            other => panic!("{other:?}"),
        }
    }

    pub fn say(&mut self, asked: &NewPayload) -> Validity {
        self.new_payload(asked).expect("an answer").status
    }

    pub fn update(
        &mut self,
        fork: Fork,
        state: ForkchoiceState,
        attributes: Option<PayloadAttributes>,
    ) -> Result<(PayloadStatus, Option<PayloadId>), Failure> {
        match self.ask(&Call::ForkchoiceUpdated { fork, state, attributes })? {
            Answer::ForkchoiceUpdated { status, payload_id } => Ok((status, payload_id)),
            other => panic!("{other:?}"),
        }
    }

    /// Names `head` as the head.
    pub fn choose(&mut self, head: Hash32) -> Validity {
        let state = ForkchoiceState { head_block_hash: head, ..ForkchoiceState::default() };
        self.update(Fork::Bellatrix, state, None).expect("an answer").0.status
    }

    pub fn get_payload(&mut self, fork: Fork, id: PayloadId) -> Result<BuiltPayload, Failure> {
        match self.ask(&Call::GetPayload { fork, id })? {
            Answer::Payload(built) => Ok(*built),
            other => panic!("{other:?}"),
        }
    }

    /// Lets the stub build for `slot` on the head, and gives what to ask about it.
    pub fn build(&mut self, slot: u64) -> (BuiltPayload, NewPayload) {
        let attributes = attributes(slot);
        let fork = self.stub.fork_at(attributes.timestamp);
        let state = ForkchoiceState { head_block_hash: self.head, ..ForkchoiceState::default() };
        let (status, id) = self.update(fork, state, Some(attributes.clone())).expect("an answer");
        assert_eq!(status.status, Validity::Valid, "{status:?}");
        let built = self.get_payload(fork, id.expect("it builds")).expect("a payload");
        let asked = asked(fork, &built, &attributes);
        (built, asked)
    }

    /// Builds for `slot`, and makes that the head.
    pub fn extend(&mut self, slot: u64) -> NewPayload {
        self.now = slot;
        let (_, asked) = self.build(slot);
        assert_eq!(self.say(&asked), Validity::Valid);
        self.head = asked.payload.block_hash;
        assert_eq!(self.choose(self.head), Validity::Valid);
        asked
    }
}

pub fn attributes(slot: u64) -> PayloadAttributes {
    PayloadAttributes {
        timestamp: GENESIS_TIME + 2 * slot,
        prev_randao: Bytes([slot as u8; 32]),
        suggested_fee_recipient: Bytes([0xfe; 20]),
        withdrawals: vec![Withdrawal { index: slot, validator_index: 3, address: Bytes([9; 20]), amount: 1 << 40 }],
        parent_beacon_block_root: Bytes([0xbb; 32]),
    }
}

/// What consensus asks about a payload that it got.
pub fn asked(fork: Fork, built: &BuiltPayload, attributes: &PayloadAttributes) -> NewPayload {
    let hashes = versioned_hashes(built.payload.transactions.iter().map(|bytes| &**bytes)).expect("transactions");
    let mut asked = NewPayload {
        fork,
        payload: built.payload.clone(),
        versioned_hashes: hashes,
        parent_beacon_block_root: Bytes::ZERO,
        execution_requests: built.execution_requests.clone(),
    };
    if fork >= Fork::Deneb {
        asked.parent_beacon_block_root = attributes.parent_beacon_block_root;
    }
    asked
}

/// The same with its hash set right.
pub fn rehashed(mut asked: NewPayload) -> NewPayload {
    asked.payload.block_hash = block_hash(&asked);
    asked
}
