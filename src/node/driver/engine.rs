//! Carries the chain's calls to the execution engine, each after the one before was answered: over HTTP, or to a stub in
//! this process. This file NEVER judges an answer, and never asks twice: what a failure means is the chain's to say.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;

use super::{Shared, Shell};
use crate::chain::EngineId;
use crate::engine::{Answer, BadUrl, Call, Client, Failure, METHODS, Secret, SecretError, Stub, StubConfig};
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
    BuiltIn(Box<Stub>),
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
        Engine::BuiltIn(Box::new(Stub::new(StubConfig::of_network(cfg.clone(), state))))
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

    async fn call(&mut self, call: &Call) -> Result<Answer, Failure> {
        match self {
            Engine::Remote(client) => client.call(call).await,
            Engine::BuiltIn(stub) => stub.call(WallClock.now_ms(), call),
        }
    }
}

/// Makes the calls in order, and hands the core each answer. Ends when nobody is left to call or to be answered.
pub(super) async fn carry(
    mut calls: UnboundedReceiver<(EngineId, Box<Call>)>,
    mut engine: Engine,
    shared: Arc<Shared<Shell>>,
) {
    engine.greet().await;
    while let Some((id, call)) = calls.recv().await {
        let answer = engine.call(&call).await;
        if shared.called(|shell| shell.with(|core, now_ms| core.on_engine(id, answer, now_ms))).is_err() {
            return;
        }
    }
}
