//! [`Core`]: one node without its sockets, disk and clock. What happens is told to it; what is to be done it gives back.
//! It NEVER does I/O, reads a clock or uses randomness, so the same inputs in the same order give the same effects.

mod identity;
mod later;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

pub use self::identity::{Endpoint, Identity};
use self::later::{Blinded, Waiting};
pub use self::later::{CallId, Handled};
use super::rest::{self, Refusal, Reply, Served};
use crate::api::Request;
use crate::chain::{Chain, Effect, EngineId, Error, Event, Level, Memo, Notice, Origin, Outcome, Rows, Write};
use crate::engine;
use crate::net::link::Direction;
use crate::net::service::{self, Action, Service};
use crate::net::{Command, LinkEvent};
use crate::types::{BeaconState, ChainConfig};

/// Parts of a slot between two ticks while there is something to hurry for: peers to shake hands with, blocks to fetch.
const TICKS_PER_SLOT: u64 = 4;
/// Shortest time between two ticks, milliseconds.
const SHORTEST_TICK_MS: u64 = 100;

/// A line for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How loud.
    pub level: Level,
    /// The text.
    pub message: String,
}

/// What a core wants done outside, each list in order.
#[derive(Debug, Default)]
pub struct Effects {
    /// Commands for the link.
    pub commands: Vec<Command>,
    /// Batches for the database, each to be applied whole.
    pub writes: Vec<Vec<Write>>,
    /// Calls to the execution engine, each to be made when the one before was answered. Every one needs exactly one
    /// [`Core::on_engine`], if only with a failure.
    pub engine: Vec<(EngineId, Box<engine::Call>)>,
    /// Answers to requests that had to wait.
    pub answers: Vec<(CallId, Reply)>,
    /// News for the subscribers of the event stream.
    pub notices: Vec<Notice>,
    /// Lines for the log.
    pub logs: Vec<LogLine>,
}

/// Figures about the process, which only a driver can know. All zero in a simulation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProcessFigures {
    /// Bytes.
    pub resident_memory: u64,
    /// Bytes.
    pub virtual_memory: u64,
    /// Seconds of user and system time.
    pub cpu_seconds: f64,
    /// Unix seconds.
    pub start_time: f64,
    /// Open file descriptors.
    pub open_fds: u64,
}

/// One peer, as `/eth/v1/node/peers` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerView {
    /// base58.
    pub peer_id: String,
    /// The multiaddr last seen.
    pub address: String,
    /// `connected`, `disconnected`, ...
    pub state: &'static str,
    /// `inbound` or `outbound`.
    pub direction: &'static str,
    /// What it calls itself.
    pub agent: String,
}

/// How far the node is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncView {
    /// Slot of our head.
    pub head_slot: u64,
    /// Slots between it and where we are going.
    pub distance: u64,
    /// Whether blocks are being fetched to get there.
    pub is_syncing: bool,
    /// Whether the execution engine has not yet called the head valid.
    pub is_optimistic: bool,
    /// Whether the execution engine did not answer when it was last asked.
    pub engine_is_offline: bool,
}

/// One node: the chain, the network protocol, and the Beacon API over both.
pub struct Core {
    chain: Chain,
    net: Service,
    identity: Identity,
    effects: Effects,
    now_ms: u64,
    ticked_ms: Option<u64>,
    next_call: u64,
    /// Verdicts on the objects of API calls, by call.
    verdicts: BTreeMap<u64, Outcome>,
    /// Requests that are answered later.
    waiting: BTreeMap<CallId, Waiting>,
    blinded: Blinded,
    slot_told: Option<u64>,
    process: ProcessFigures,
}

impl Core {
    /// A node whose database is empty, at a genesis state. The first effects write the genesis.
    ///
    /// # Errors
    /// A genesis state that the spec's functions refuse.
    pub fn new(
        cfg: Arc<ChainConfig>,
        memo: Memo,
        rows: Arc<dyn Rows>,
        genesis: Arc<BeaconState>,
        identity: Identity,
    ) -> Result<Core, Error> {
        let (chain, effects) = Chain::genesis(cfg, memo, rows, genesis)?;
        let mut core = Core::over(chain, identity);
        core.carry_out(effects);
        Ok(core)
    }

    /// The node as its database knows it; `None` if the database is empty.
    ///
    /// # Errors
    /// A database that can't be read or lacks what it should hold.
    pub fn restore(
        cfg: Arc<ChainConfig>,
        memo: Memo,
        rows: Arc<dyn Rows>,
        identity: Identity,
        now_ms: u64,
    ) -> Result<Option<Core>, Error> {
        Ok(Chain::restore(cfg, memo, rows, now_ms)?.map(|chain| Core::over(chain, identity)))
    }

    fn over(chain: Chain, identity: Identity) -> Core {
        let (time, root, block) = (chain.genesis_time(), chain.genesis_validators_root(), chain.genesis_block_root());
        Core {
            net: Service::new(chain.config().clone(), time, root, block),
            chain,
            identity,
            effects: Effects::default(),
            now_ms: 0,
            ticked_ms: None,
            next_call: 0,
            verdicts: BTreeMap::new(),
            waiting: BTreeMap::new(),
            blinded: Blinded::default(),
            slot_told: None,
            process: ProcessFigures::default(),
        }
    }

    /// Joins the network and keeps connections to these multiaddrs. Call it once, before anything else.
    pub fn start(&mut self, peers: &[String], now_ms: u64) {
        self.now_ms = now_ms;
        let actions = self.net.start(peers, &self.chain, now_ms);
        self.act(actions);
        self.on_tick(now_ms);
    }

    /// Time passed: due at the moments that [`Core::next_wakeup`] names.
    pub fn on_tick(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
        self.ticked_ms = Some(now_ms);
        self.tell_chain(Event::Tick { now_ms });
        let actions = self.net.on_tick(&self.chain, now_ms);
        self.act(actions);
        self.give_up();
        self.tell_slot();
    }

    /// The execution engine answered one of [`Effects::engine`], or failed to.
    pub fn on_engine(&mut self, id: EngineId, answer: Result<engine::Answer, engine::Failure>, now_ms: u64) {
        self.now_ms = now_ms;
        self.tell_chain(Event::Engine { id, answer, now_ms });
    }

    /// Something happened on the network.
    pub fn on_link(&mut self, event: LinkEvent, now_ms: u64) {
        self.now_ms = now_ms;
        let actions = self.net.on_link(event, &self.chain, now_ms);
        self.act(actions);
    }

    /// When [`Core::on_tick`] is due next, unix milliseconds: counted from the last tick, so that an input that comes
    /// first in a new slot can't make its tick forgotten. Not after `now_ms` if the tick is due already.
    pub fn next_wakeup(&self, now_ms: u64) -> u64 {
        let Some(ticked_ms) = self.ticked_ms else { return now_ms };
        let clock = self.chain.config().slot_clock(self.chain.genesis_time());
        let (next_slot, begun) = match clock.slot_at(ticked_ms) {
            Some(slot) => (clock.start_of(slot.saturating_add(1)), true),
            None => (clock.genesis_time_ms, false),
        };
        let settled = begun && !self.net.is_syncing(&self.chain);
        if settled {
            return next_slot;
        }
        next_slot.min(ticked_ms + (clock.slot_duration_ms / TICKS_PER_SLOT).max(SHORTEST_TICK_MS))
    }

    /// Takes leave of all peers; the node is about to stop.
    pub fn say_goodbye(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
        let actions = self.net.shutdown(now_ms);
        self.act(actions);
    }

    /// Serves one request of the Beacon API.
    pub fn handle(&mut self, request: &Request, now_ms: u64) -> Handled {
        match self.serve(request, now_ms) {
            Served::Now(reply) => Handled::Now(reply.into()),
            Served::Later(call) => Handled::Later(call),
        }
    }

    /// As [`Core::handle`], with all that HTTP can carry. A request that comes first in a new slot brings its tick: its
    /// caller asks about a slot that has begun.
    pub fn serve(&mut self, request: &Request, now_ms: u64) -> Served {
        self.now_ms = now_ms;
        let clock = self.chain.config().slot_clock(self.chain.genesis_time());
        let begun = clock.slot_at(now_ms).is_some_and(|slot| slot > self.chain.current_slot());
        if begun && self.ticked_ms.is_some() {
            self.on_tick(now_ms);
        }
        rest::serve(self, request, now_ms)
    }

    /// What has gathered to be done since the last call.
    pub fn take_effects(&mut self) -> Effects {
        std::mem::take(&mut self.effects)
    }

    /// The chain, to read.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The driver's figures for `/metrics`.
    pub fn set_process(&mut self, figures: ProcessFigures) {
        self.process = figures;
    }

    /// The figures last set.
    pub fn process(&self) -> &ProcessFigures {
        &self.process
    }

    /// The peers known, by peer id.
    pub fn peers(&self) -> Vec<PeerView> {
        let view = |peer: service::PeerInfo| PeerView {
            peer_id: peer.peer.to_string(),
            address: peer.addr,
            state: peer.state.name(),
            direction: match peer.direction {
                Direction::Inbound => "inbound",
                Direction::Outbound => "outbound",
            },
            agent: peer.agent.unwrap_or_default(),
        };
        self.net.peers().into_iter().map(view).collect()
    }

    /// How many peers are connected and of our network.
    pub fn peer_count(&self) -> u64 {
        self.net.connected_peers() as u64
    }

    /// The network's counters.
    pub fn net_metrics(&self) -> &service::Metrics {
        self.net.metrics()
    }

    /// How far the node is behind.
    pub fn sync_view(&self) -> SyncView {
        SyncView {
            head_slot: self.chain.head().slot,
            distance: self.net.sync_distance(&self.chain, self.now_ms),
            is_syncing: self.net.is_syncing(&self.chain),
            is_optimistic: self.chain.is_optimistic(&self.chain.head().root),
            engine_is_offline: self.chain.engine_is_offline(),
        }
    }

    /// 503 while the node is catching up.
    pub(super) fn refuse_while_syncing(&self) -> Result<(), Refusal> {
        if self.net.is_syncing(&self.chain) { Err(Refusal::syncing()) } else { Ok(()) }
    }

    /// Hands an object of an API call to the chain and gives its verdict.
    pub(super) fn submit(&mut self, event: impl FnOnce(Origin) -> Event) -> Result<Outcome, Refusal> {
        self.next_call += 1;
        let call = self.next_call;
        self.tell_chain(event(Origin::Api(call)));
        self.verdicts.remove(&call).ok_or_else(|| Refusal::internal("the chain gave no verdict"))
    }

    /// Hands the chain an event that nobody waits for.
    pub(super) fn tell(&mut self, event: Event) {
        self.tell_chain(event);
    }

    fn tell_chain(&mut self, event: Event) {
        let effects = self.chain.on(event);
        self.carry_out(effects);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        let mut actions = VecDeque::new();
        self.sort_out(effects, &mut actions);
        self.act(actions);
    }

    /// Carries out what the network's service wants, and what follows from that.
    fn act(&mut self, actions: impl Into<VecDeque<Action>>) {
        let mut actions = actions.into();
        while let Some(action) = actions.pop_front() {
            match action {
                Action::Link(command) => self.effects.commands.push(command),
                Action::Chain(event) => {
                    let effects = self.chain.on(event);
                    self.sort_out(effects, &mut actions);
                }
            }
        }
    }

    /// Sorts the chain's effects: to the service, or out.
    fn sort_out(&mut self, effects: Vec<Effect>, actions: &mut VecDeque<Action>) {
        for effect in effects {
            actions.extend(self.net.on_effect(&effect, &self.chain, self.now_ms));
            match effect {
                Effect::Outcome { origin: Origin::Api(call), outcome } => {
                    self.verdicts.insert(call, outcome);
                }
                Effect::Outcome { .. } | Effect::Publish(_) => {}
                Effect::RequestBlock { .. } | Effect::RequestSidecars { .. } => {}
                Effect::Engine { id, call } => self.effects.engine.push((id, call)),
                Effect::Produced { id, result } => self.answer(CallId(id.0), result),
                Effect::Persist(batch) => self.effects.writes.push(batch),
                Effect::Notify(notice) => self.effects.notices.push(notice),
                Effect::Log { level, message } => self.effects.logs.push(LogLine { level, message }),
            }
        }
    }

    /// One line a slot: where the node stands.
    fn tell_slot(&mut self) {
        let slot = self.chain.current_slot();
        let clock = self.chain.config().slot_clock(self.chain.genesis_time());
        if self.slot_told == Some(slot) || clock.slot_at(self.now_ms).is_none() {
            return;
        }
        self.slot_told = Some(slot);
        let (head, justified, finalized) = (self.chain.head(), self.chain.justified(), self.chain.finalized());
        let message = format!(
            "slot {slot} epoch {} head {} {} justified {} finalized {} peers {}",
            self.chain.config().epoch_of(slot),
            head.slot,
            head.root,
            justified.epoch,
            finalized.epoch,
            self.peer_count(),
        );
        self.effects.logs.push(LogLine { level: Level::Info, message });
    }
}
