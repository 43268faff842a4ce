//! A node that makes a history: all validators behind it, a stub engine with blobs, everything that it publishes and is
//! asked kept.

use async_trait::async_trait;
use futures::FutureExt;
use lockin::api::{Client, Request, Response, Transport, TransportError};
use lockin::chain::{Memo, MemoryRows};
use lockin::engine::{Script, Stub, StubConfig};
use lockin::genesis::interop_keys;
use lockin::net::Command;
use lockin::node::{CallId, Core, Handled, Identity};
use lockin::types::{BeaconState, ChainConfig, Slot};
use lockin::validator::{Network, Phase, SlashingProtection, Validator};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// The producing node, with its disk and its engine.
pub struct Producer {
    pub core: Core,
    pub stub: Stub,
    pub rows: MemoryRows,
    /// Gossip that it published: topic and payload.
    pub sent: Vec<(String, Vec<u8>)>,
    /// What its validators asked.
    pub asked: Vec<Request>,
    answers: BTreeMap<CallId, Response>,
    now_ms: u64,
}

/// The producer as its validators reach it.
struct Desk(Arc<Mutex<Producer>>);

#[async_trait]
impl Transport for Desk {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let mut producer = self.0.lock().expect("one thread");
        producer.asked.push(request.clone());
        let now_ms = producer.now_ms;
        let handled = producer.core.handle(&request, now_ms);
        producer.settle();
        Ok(match handled {
            Handled::Now(response) => response,
            Handled::Later(call) => producer.answers.remove(&call).expect("the engine answered within the call"),
        })
    }
}

impl Producer {
    fn new(cfg: &Arc<ChainConfig>, genesis: &Arc<BeaconState>, now_ms: u64) -> Self {
        let script = Script::from_yaml("script", "blobs: { every: 4, per_block: 2 }").expect("a script");
        let stub = Stub::new(StubConfig::of_network(cfg.clone(), genesis).with_script(script));
        let rows = MemoryRows::default();
        let identity = Identity { peer_id: "producer".into(), addresses: Vec::new(), endpoint: None };
        let mut core =
            Core::new(cfg.clone(), Memo::new(64), Arc::new(rows.clone()), genesis.clone(), identity).expect("a node");
        core.start(&[], now_ms);
        let (sent, asked, answers) = Default::default();
        let mut producer = Self { core, stub, rows, sent, asked, answers, now_ms };
        producer.settle();
        producer
    }

    /// Carries out what the node wants until it wants nothing more.
    fn settle(&mut self) {
        loop {
            let effects = self.core.take_effects();
            let done = effects.writes.is_empty() && effects.engine.is_empty() && effects.commands.is_empty();
            effects.writes.iter().for_each(|batch| self.rows.apply(batch));
            for command in effects.commands {
                if let Command::Publish { topic, data } = command {
                    self.sent.push((topic.to_string(), data.to_vec()));
                }
            }
            self.answers.extend(effects.answers.into_iter().map(|(call, reply)| (call, Response::from(reply))));
            for (id, call) in effects.engine {
                let answer = self.stub.call(self.now_ms, &call);
                self.core.on_engine(id, answer, self.now_ms);
            }
            if done {
                return;
            }
        }
    }

    fn tick(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
        self.core.on_tick(now_ms);
        self.settle();
    }
}

/// Runs a network of one node with all `validators` up to and including `last`. `each` sees the producer when a slot is
/// over.
pub fn produce(
    cfg: &Arc<ChainConfig>,
    genesis: &Arc<BeaconState>,
    validators: u64,
    last: Slot,
    mut each: impl FnMut(Slot, &mut Producer),
) {
    let network = Network {
        config: ChainConfig::clone(cfg),
        genesis_time: genesis.genesis_time,
        genesis_validators_root: genesis.genesis_validators_root,
    };
    let start_ms = network.clock().start_of(0);
    let producer = Arc::new(Mutex::new(Producer::new(cfg, genesis, start_ms)));
    let keys = interop_keys(0..validators).into_iter().map(|key| key.secret);
    let protection = SlashingProtection::in_memory(genesis.genesis_validators_root);
    let validator = Validator::new(Client::new(Arc::new(Desk(producer.clone()))), network, keys, protection);
    validator.prepare(0, start_ms).now_or_never().expect("never waits");
    for slot in 0..=last {
        for phase in [Phase::SlotStart(slot), Phase::Attest(slot), Phase::Aggregate(slot)] {
            let now_ms = phase.due_ms(validator.network());
            producer.lock().expect("one thread").tick(now_ms);
            validator.on(phase, now_ms).now_or_never().expect("never waits");
        }
        each(slot, &mut producer.lock().expect("one thread"));
    }
}
