//! The validators of a simulated network: the same ones as in a real network, asked for each phase of a slot when its
//! moment has come. They reach their node through the Beacon API; only what carries it is a call.

use super::world::{Answered, World};
use crate::{
    api::{Client, Request, Response, Transport, TransportError, TransportErrorKind},
    validator::{Network, Phase, Validator},
};
use async_trait::async_trait;
use futures::{FutureExt, future::BoxFuture};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

/// A shared world. Nobody else runs while it is locked: there is one thread.
pub(super) type Shared = Arc<Mutex<World>>;

pub(super) fn lock(world: &Shared) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Carries requests to a simulated node by calling it.
pub(super) struct Call {
    pub(super) world: Shared,
    pub(super) node: usize,
    pub(super) name: String,
}

#[async_trait]
impl Transport for Call {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let failed = |kind, detail: &str| TransportError {
            request: request.to_string(),
            url: self.name.clone(),
            kind,
            detail: detail.into(),
        };
        let down = || failed(TransportErrorKind::Refused, "the node is down");
        let answered = lock(&self.world).handle(self.node, &request);
        match answered {
            Answered::Now(response) => Ok(response),
            Answered::Later(response) => response.await.map_err(|_| down()),
            Answered::Refused => Err(down()),
            Answered::Never => Err(failed(TransportErrorKind::Timeout, "the node is paused")),
        }
    }
}

/// The validators of one node and their next moment.
pub(super) struct Duties {
    validator: Arc<Validator>,
    next: Phase,
    /// Phases that wait for a block to be built; the next ones go on meanwhile.
    waiting: Vec<BoxFuture<'static, ()>>,
}

impl Duties {
    /// Starts at the slot of `now_ms`, or the next if that has begun already. Duties are looked up at once.
    pub(super) fn start(validator: Validator, now_ms: u64) -> Self {
        let clock = validator.network().clock();
        let slot = match clock.slot_at(now_ms) {
            None => 0,
            Some(slot) if clock.start_of(slot) == now_ms => slot,
            Some(slot) => slot + 1,
        };
        at_once(validator.prepare(slot, now_ms));
        Self { validator: Arc::new(validator), next: Phase::SlotStart(slot), waiting: Vec::new() }
    }

    /// When its next phase is due, unix milliseconds of the node's clock.
    pub(super) fn due_ms(&self) -> u64 {
        self.next.due_ms(self.validator.network())
    }

    /// Does its next phase.
    pub(super) fn go(&mut self, now_ms: u64) {
        let (validator, phase) = (Arc::clone(&self.validator), self.next);
        self.waiting.push(async move { drop(validator.on(phase, now_ms).await) }.boxed());
        self.go_on();
        self.next = self.next.after();
    }

    /// Leaves out what the node's clock says is too late.
    pub(super) fn catch_up(&mut self, now_ms: u64) {
        self.next = self.next.caught_up(self.validator.network(), now_ms);
    }

    /// Goes on with what waited, as far as it has been answered.
    pub(super) fn go_on(&mut self) {
        let mut nobody = Context::from_waker(Waker::noop());
        self.waiting.retain_mut(|phase| phase.as_mut().poll(&mut nobody).is_pending());
    }

    /// Everything signed so far, as an EIP-3076 interchange file: what is left on disk.
    pub(super) fn signed(&self) -> String {
        self.validator.export_protection()
    }
}

/// A client of a simulated node.
pub(super) fn client(world: &Shared, node: usize, name: &str) -> Client {
    Client::new(Arc::new(Call { world: Arc::clone(world), node, name: name.to_owned() }))
}

/// What a validator has to know of its network.
pub(super) fn network(config: &crate::types::ChainConfig, genesis: &crate::types::BeaconState) -> Network {
    Network {
        config: config.clone(),
        genesis_time: genesis.genesis_time,
        genesis_validators_root: genesis.genesis_validators_root,
    }
}

/// The result of what never has to wait: every request but for a block is answered by a call.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("a simulated node answers within the call")
}
