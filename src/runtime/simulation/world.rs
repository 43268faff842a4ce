//! The nodes of a simulated network and what is under way between them, on one clock.
//!
//! One thread, no sockets, no disk, no wall clock. What happens next is the earliest of the messages under way, the
//! engines' answers and the nodes' own alarms; at one moment messages come first, then nodes in the order of the plan. So a seed replays exactly.

use super::engine::Engine;
use crate::{
    api::{Request, Response},
    chain::{Memo, MemoryRows},
    engine::{Script, Stub, StubConfig, stub::Say},
    net::{
        LinkEvent, PeerId,
        memory::{Line, MemoryNetwork},
    },
    node::{CallId, Core, Handled, Identity, LogLine},
    runtime::Error,
    types::{BeaconState, ChainConfig},
};
use futures::channel::oneshot;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// How long a message takes from node to node.
const LATENCY_MS: std::ops::RangeInclusive<u64> = 5..=50;
/// States that all nodes share: a few epochs of several forks.
const SHARED_STATES: usize = 512;

/// A node: up, or what it left on its disk.
struct Node {
    core: Option<Core>,
    /// What its engine is told, on a network that has payloads.
    script: Option<Script>,
    config: Arc<ChainConfig>,
    genesis: Arc<BeaconState>,
    /// While it is up. A new one knows nothing of what the one before was told.
    engine: Option<Engine>,
    /// Requests that are answered when the engine has.
    waiting: BTreeMap<CallId, oneshot::Sender<Response>>,
    disk: MemoryRows,
    dials: Vec<String>,
    identity: Identity,
    /// When it wants to be told that time has passed, on its own clock.
    alarm_ms: u64,
    /// How far its clock is ahead of the world's, milliseconds.
    ahead_ms: i64,
    /// What came while it is paused.
    paused: Option<VecDeque<LinkEvent>>,
    log: Vec<(u64, LogLine)>,
}

impl Node {
    /// Its clock at a moment of the world.
    fn clock(&self, now_ms: u64) -> u64 {
        now_ms.saturating_add_signed(self.ahead_ms)
    }

    /// The moment of the world at which its clock shows this.
    fn when(&self, clock_ms: u64) -> u64 {
        clock_ms.saturating_add_signed(self.ahead_ms.saturating_neg())
    }

    /// When it does something by itself next, by the world's clock.
    fn due_ms(&self) -> Option<u64> {
        let awake = self.core.as_ref().filter(|_| self.paused.is_none());
        let engine = self.engine.as_ref().and_then(Engine::due_ms);
        let alarm = awake.map(|_| self.alarm_ms);
        alarm.into_iter().chain(engine.filter(|_| awake.is_some())).min().map(|due_ms| self.when(due_ms))
    }
}

/// What a node makes of a request.
pub(super) enum Answered {
    /// The response.
    Now(Response),
    /// It comes later, or never if the node ends before.
    Later(oneshot::Receiver<Response>),
    /// None: nobody is there.
    Refused,
    /// None in time: the node is paused.
    Never,
}

/// All nodes, and the clock.
pub(super) struct World {
    now_ms: u64,
    config: Arc<ChainConfig>,
    genesis: Arc<BeaconState>,
    memo: Memo,
    network: MemoryNetwork,
    nodes: Vec<Node>,
}

impl World {
    /// An empty world at `now_ms` (unix milliseconds of its own).
    pub(super) fn new(seed: u64, now_ms: u64, config: Arc<ChainConfig>, genesis: Arc<BeaconState>) -> Self {
        let network = MemoryNetwork::new(seed, LATENCY_MS);
        Self { now_ms, config, genesis, memo: Memo::new(SHARED_STATES), network, nodes: Vec::new() }
    }

    /// Adds a node with an empty disk, not started; its number. It has the network's configuration and genesis unless it is
    /// given its own, and an execution engine if one is given a script.
    pub(super) fn join(
        &mut self,
        peer_id: &str,
        own: Option<(Arc<ChainConfig>, Arc<BeaconState>)>,
        script: Option<Script>,
    ) -> usize {
        let agent = concat!("lockin/", env!("CARGO_PKG_VERSION"));
        let index = self.network.join(PeerId::new(peer_id), agent);
        let identity =
            Identity { peer_id: peer_id.to_owned(), addresses: vec![self.network.address(index)], endpoint: None };
        let (config, genesis) = own.unwrap_or_else(|| (Arc::clone(&self.config), Arc::clone(&self.genesis)));
        self.nodes.push(Node {
            core: None,
            script,
            config,
            genesis,
            engine: None,
            waiting: BTreeMap::new(),
            disk: MemoryRows::default(),
            dials: Vec::new(),
            identity,
            alarm_ms: 0,
            ahead_ms: 0,
            paused: None,
            log: Vec::new(),
        });
        index
    }

    /// Lets `from` keep a connection to `to` from its next start on.
    pub(super) fn link(&mut self, from: usize, to: usize) {
        let address = self.network.address(to);
        self.nodes[from].dials.push(address);
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.now_ms
    }

    pub(super) fn is_up(&self, node: usize) -> bool {
        self.nodes[node].core.is_some()
    }

    /// Starts a node on what is on its disk, or on genesis.
    pub(super) fn start(&mut self, index: usize) -> Result<(), Error> {
        let broken = |error: crate::chain::Error| Error::Other(format!("simulated node: {error}"));
        let node = &mut self.nodes[index];
        let now = node.clock(self.now_ms);
        let (config, memo) = (&node.config, &self.memo);
        let disk = Arc::new(node.disk.clone());
        let restored = Core::restore(config.clone(), memo.clone(), disk.clone(), node.identity.clone(), now);
        let mut core = match restored.map_err(broken)? {
            Some(core) => core,
            None => Core::new(config.clone(), memo.clone(), disk, node.genesis.clone(), node.identity.clone())
                .map_err(broken)?,
        };
        node.engine = node.script.clone().map(|script| {
            let stub = StubConfig::of_network(config.clone(), &node.genesis).with_script(script);
            Engine::new(Stub::new(stub))
        });
        self.network.start(index, self.now_ms);
        core.start(&node.dials, now);
        node.core = Some(core);
        self.carry_out(index);
        Ok(())
    }

    /// Ends a node, in good order or at once. Its disk stays, and so does what is wrong with its line and its clock.
    pub(super) fn stop(&mut self, index: usize, in_good_order: bool) {
        let node = &mut self.nodes[index];
        let now = node.clock(self.now_ms);
        if in_good_order && let Some(core) = &mut node.core {
            core.say_goodbye(now);
            self.carry_out(index);
        }
        let node = &mut self.nodes[index];
        (node.core, node.engine, node.paused) = (None, None, None);
        node.waiting.clear();
        self.network.stop(index, self.now_ms);
    }

    /// The node's answer to a request.
    pub(super) fn handle(&mut self, index: usize, request: &Request) -> Answered {
        let node = &mut self.nodes[index];
        let now = node.clock(self.now_ms);
        let Some(core) = &mut node.core else { return Answered::Refused };
        if node.paused.is_some() {
            return Answered::Never;
        }
        let answered = match core.handle(request, now) {
            Handled::Now(response) => Answered::Now(response),
            Handled::Later(call) => {
                let (sender, receiver) = oneshot::channel();
                node.waiting.insert(call, sender);
                Answered::Later(receiver)
            }
        };
        self.carry_out(index);
        answered
    }

    /// When something happens next.
    pub(super) fn next_event_ms(&self) -> Option<u64> {
        self.nodes.iter().filter_map(Node::due_ms).chain(self.network.next_event_time()).min()
    }

    /// Lets the clock stand at `at_ms`, or later if it did, and does everything due.
    pub(super) fn advance(&mut self, at_ms: u64) {
        self.now_ms = self.now_ms.max(at_ms);
        while let Some((index, event)) = self.network.pop_due(self.now_ms) {
            self.hear(index, event);
        }
        for index in 0..self.nodes.len() {
            if self.nodes[index].paused.is_some() {
                continue;
            }
            let now = self.nodes[index].clock(self.now_ms);
            while let Some((id, answer)) = self.nodes[index].engine.as_mut().and_then(|engine| engine.answer(now)) {
                if let Some(core) = &mut self.nodes[index].core {
                    core.on_engine(id, answer, now);
                    self.carry_out(index);
                }
            }
            if self.nodes[index].alarm_ms <= now {
                self.tick(index);
            }
        }
    }

    /// Tells a node that time has passed.
    fn tick(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        let now = node.clock(self.now_ms);
        if let Some(core) = &mut node.core {
            core.on_tick(now);
            self.carry_out(index);
        }
    }

    /// Lets a node hear of something on the network, when it does not sleep.
    fn hear(&mut self, index: usize, event: LinkEvent) {
        let node = &mut self.nodes[index];
        let now = node.clock(self.now_ms);
        if let Some(held) = &mut node.paused {
            held.push_back(event);
        } else if let Some(core) = &mut node.core {
            core.on_link(event, now);
            self.carry_out(index);
        }
    }

    /// Lets a node that is up do nothing until it is resumed; what comes for it is kept.
    pub(super) fn pause(&mut self, index: usize) {
        self.nodes[index].paused.get_or_insert_default();
    }

    /// Lets a paused node go on: it sees how late it is, then what came meanwhile.
    pub(super) fn resume(&mut self, index: usize) {
        let Some(held) = self.nodes[index].paused.take() else { return };
        self.tick(index);
        for event in held {
            self.hear(index, event);
        }
    }

    pub(super) fn is_paused(&self, index: usize) -> bool {
        self.nodes[index].paused.is_some()
    }

    /// Sets a node's clock so far ahead of the world's, milliseconds; negative: behind.
    pub(super) fn skew(&mut self, index: usize, ahead_ms: i64) {
        self.nodes[index].ahead_ms = ahead_ms;
    }

    /// The moment of the world at which a node's clock shows this.
    pub(super) fn when(&self, index: usize, clock_ms: u64) -> u64 {
        self.nodes[index].when(clock_ms)
    }

    /// A node's clock.
    pub(super) fn clock_of(&self, index: usize) -> u64 {
        self.nodes[index].clock(self.now_ms)
    }

    /// Keeps two nodes apart, or lets them meet again.
    pub(super) fn part(&mut self, a: usize, b: usize, apart: bool) {
        match apart {
            true => self.network.cut(a, b, self.now_ms),
            false => self.network.mend(a, b, self.now_ms),
        }
    }

    /// Tells a node's engine, if it is up, what to answer beside its script.
    pub(super) fn tell_engine(&mut self, index: usize, say: Option<Say>) {
        if let Some(engine) = &mut self.nodes[index].engine {
            engine.tell(say);
        }
    }

    /// A node's line to all others.
    pub(super) fn line_mut(&mut self, index: usize) -> &mut Line {
        self.network.line_mut(index)
    }

    /// The log lines of a node since the last call, with their times.
    pub(super) fn take_log(&mut self, index: usize) -> Vec<(u64, LogLine)> {
        std::mem::take(&mut self.nodes[index].log)
    }

    /// Does what a node wants done: its disk, its messages, its engine's questions, its late answers, its log, its
    /// next alarm.
    fn carry_out(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        let now = node.clock(self.now_ms);
        let Some(core) = &mut node.core else { return };
        let effects = core.take_effects();
        for batch in effects.writes {
            node.disk.apply(&batch);
        }
        for command in effects.commands {
            self.network.send(index, self.now_ms, command);
        }
        match &mut node.engine {
            Some(engine) => engine.ask(effects.engine, now),
            // A network without payloads: nothing is ever asked.
            None => debug_assert!(effects.engine.is_empty()),
        }
        for (call, reply) in effects.answers {
            if let Some(sender) = node.waiting.remove(&call) {
                // Whoever asked may have gone.
                sender.send(reply.into()).ok();
            }
        }
        node.log.extend(effects.logs.into_iter().map(|line| (self.now_ms, line)));
        node.alarm_ms = core.next_wakeup(now);
    }
}
