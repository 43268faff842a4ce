//! Carries the chain's calls to the execution engine, those of a [`Lane`] one after another: over HTTP, or to a stub in this
//! process. This file NEVER judges an answer, and never asks twice: what a failure means is the chain's to say.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::{Shared, Shell};
use crate::chain::EngineId;
use crate::engine::{Answer, BadUrl, Call, Client, Failure, Lane, METHODS, Secret, SecretError, Stub, StubConfig};
use crate::time::{Clock, WallClock};
use crate::types::{BeaconState, ChainConfig, FAR_FUTURE_EPOCH, ForkName};

/// Where a node finds its execution engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineOptions {
    /// Its address, e.g. `http://127.0.0.1:8551`.
    pub url: String,
    /// File with the secret that both sides know: 64 hexadecimal digits.
    pub jwt_secret: PathBuf,
}

/// Why the execution engine can't be asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The address is unusable.
    #[error("--engine: {0}")]
    Url(#[from] BadUrl),
    /// The secret is unusable.
    #[error("--jwt-secret: {0}")]
    Secret(#[from] SecretError),
}

/// The execution engine of a node.
pub(super) enum Engine {
    /// A program of its own.
    Remote(Client),
    /// A stub in this process.
    BuiltIn(Box<Mutex<Stub>>),
}

/// The engine that the options name.
///
/// # Errors
/// Options that can't be used.
pub(super) fn remote(options: &EngineOptions, cfg: &ChainConfig) -> Result<Client, EngineError> {
    Ok(Client::new(&options.url, Secret::read(&options.jwt_secret)?, cfg.preset)?)
}

impl Engine {
    /// The remote engine; without one, a stub whose chain goes on from `state`.
    pub fn new(remote: Option<Client>, cfg: &Arc<ChainConfig>, state: &BeaconState) -> Engine {
        if let Some(client) = remote {
            tracing::info!("the execution engine is at {}", client.url());
            return Engine::Remote(client);
        }
        if cfg.fork_epoch(ForkName::Bellatrix) != FAR_FUTURE_EPOCH {
            tracing::warn!(
                "no --engine was given: a stub in this process takes its place, which executes nothing and tells no peers"
            );
        }
        Engine::BuiltIn(Box::new(Mutex::new(Stub::new(StubConfig::of_network(cfg.clone(), state)))))
    }

    /// Says in the log who the engine is, and what it lacks. One that is not up yet is asked when there is something to
    /// ask.
    async fn greet(&self) {
        let Engine::Remote(client) = self else { return };
        match client.exchange_capabilities(METHODS).await {
            Ok(theirs) => {
                let lacks = |method: &&&str| !theirs.iter().any(|has| has == **method);
                let missing: Vec<&str> = METHODS.iter().filter(lacks).copied().collect();
                if !missing.is_empty() {
                    tracing::warn!("the execution engine does not know {}", missing.join(", "));
                }
            }
            Err(error) => tracing::info!("{error}; it is asked again when it is needed"),
        }
        for engine in client.client_version().await.unwrap_or_default() {
            tracing::info!("the execution engine is {} {}", engine.name, engine.version);
        }
    }

    async fn call(&self, call: &Call) -> Result<Answer, Failure> {
        match self {
            Engine::Remote(client) => client.call(call).await,
            // A panic of the stub's has been logged; what it kept is whole between two calls, or stale.
            Engine::BuiltIn(stub) => stub.lock().unwrap_or_else(PoisonError::into_inner).call(WallClock.now_ms(), call),
        }
    }
}

/// A call and its number.
type Asked = (EngineId, Box<Call>);

/// Makes the calls, and hands the core each answer. Ends when nobody is left to call or to be answered.
pub(super) async fn carry(calls: UnboundedReceiver<Asked>, engine: Engine, shared: Arc<Shared<Shell>>) {
    engine.greet().await;
    let tell =
        |id, answer| shared.called(|shell| shell.with(|core, now_ms| core.on_engine(id, answer, now_ms))).is_ok();
    in_lanes(calls, &engine, tell).await;
}

/// `tell` is given the answers, and says whether they are still wanted.
async fn in_lanes(
    mut calls: UnboundedReceiver<Asked>,
    engine: &Engine,
    tell: impl Fn(EngineId, Result<Answer, Failure>) -> bool,
) {
    let ((import, imports), (lead, leads)) = (unbounded_channel(), unbounded_channel());
    let sort = async {
        while let Some((id, call)) = calls.recv().await {
            let lane = match Lane::of(&call) {
                Lane::Import => &import,
                Lane::Lead => &lead,
            };
            if lane.send((id, call)).is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = sort => {}
        () = in_turn(imports, engine, &tell) => {}
        () = in_turn(leads, engine, &tell) => {}
    }
}

async fn in_turn(
    mut calls: UnboundedReceiver<Asked>,
    engine: &Engine,
    tell: &impl Fn(EngineId, Result<Answer, Failure>) -> bool,
) {
    while let Some((id, call)) = calls.recv().await {
        let answer = engine.call(&call).await;
        if !tell(id, answer) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::genesis::execution_genesis;
    use crate::engine::{ForkchoiceState, NewPayload, Script, server};
    use crate::ssz::{Preset, Root, Ssz};
    use crate::types::{ExecutionPayload, ExecutionRequests};

    const GENESIS_TIME: u64 = 1_700_000_000;

    /// A program that says nothing of payloads, and the head of its chain.
    async fn silent_about_payloads() -> (Engine, Root) {
        let mut cfg = ChainConfig::lockin(Preset::minimal());
        cfg.start_at(ForkName::Capella);
        let shape = cfg.shape(ForkName::Capella);
        let mut state = BeaconState::zero(shape);
        state.genesis_time = GENESIS_TIME;
        state.fork.current_version = cfg.fork_version(ForkName::Capella);
        state.latest_execution_payload_header = execution_genesis(shape, GENESIS_TIME);
        let head = state.latest_execution_payload_header.block_hash;
        let script = "verdicts: [{ answer: timeout, calls: [new_payload] }]";
        let script = Script::from_yaml("script", script).expect("a script");
        let stub = Stub::new(StubConfig::of_network(Arc::new(cfg), &state).with_script(script));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        tokio::spawn(server::serve(listener, stub, Secret::new([7; 32])));
        (Engine::Remote(Client::new(&url, Secret::new([7; 32]), Preset::minimal()).expect("an address")), head)
    }

    #[tokio::test]
    async fn a_silence_about_a_payload_does_not_keep_the_head_waiting() {
        let (engine, head_block_hash) = silent_about_payloads().await;
        let payload = NewPayload {
            fork: ForkName::Capella,
            payload: ExecutionPayload { timestamp: GENESIS_TIME, ..ExecutionPayload::default() },
            versioned_hashes: Vec::new(),
            parent_beacon_block_root: Root::ZERO,
            execution_requests: ExecutionRequests::default(),
        };
        let state = ForkchoiceState { head_block_hash, ..ForkchoiceState::default() };
        let head = Call::ForkchoiceUpdated { fork: ForkName::Capella, state, attributes: None };
        let (ask, calls) = unbounded_channel();
        for (id, call) in [(1, Call::NewPayload(Box::new(payload))), (2, head)] {
            ask.send((EngineId(id), Box::new(call))).expect("it is received");
        }
        let (hear, mut heard) = unbounded_channel();
        let tell = |id, answer: Result<Answer, Failure>| hear.send((id, answer.is_ok())).is_ok();
        tokio::select! {
            () = in_lanes(calls, &engine, tell) => panic!("it goes on while it may be asked"),
            first = heard.recv() => assert_eq!(first, Some((EngineId(2), true))),
        }
    }
}
