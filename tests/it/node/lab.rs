//! A few cores on the in-memory network in virtual time, each with its validators and a stub engine that answers at once:
//! what the simulation does, in small.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::executor::block_on;
use lockin::api::{Client, Request, Response, Transport, TransportError};
use lockin::chain::{Memo, MemoryRows, Notice};
use lockin::engine::{Script, Stub, StubConfig};
use lockin::genesis::{Convention, genesis_state, interop_key};
use lockin::net::PeerId;
use lockin::net::memory::MemoryNetwork;
use lockin::node::{CallId, Core, Handled, Identity};
use lockin::ssz::Preset;
use lockin::time::{Clock, VIRTUAL_START_MS, VirtualClock};
use lockin::types::{BeaconState, ChainConfig, Epoch, ForkName, Slot};
use lockin::validator::{Network, Outcome, Phase, SlashingProtection, Validator};

/// Seconds from the start of virtual time to genesis.
pub const GENESIS_DELAY: u64 = 10;

/// One node and its validators.
pub struct Node {
    pub core: Arc<Mutex<Core>>,
    pub outside: Outside,
    validator: Validator,
    identity: Identity,
    up: bool,
}

/// What a core works upon. Clones share it.
#[derive(Clone)]
pub struct Outside {
    number: usize,
    pub rows: MemoryRows,
    pub notices: Arc<Mutex<Vec<Notice>>>,
    pub engine: Arc<Mutex<Stub>>,
    answers: Arc<Mutex<BTreeMap<CallId, Response>>>,
    net: Arc<Mutex<MemoryNetwork>>,
    clock: VirtualClock,
}

impl Outside {
    /// Carries out what a core wants, until it wants nothing more.
    fn carry_out(&self, core: &mut Core) {
        let mut calls = VecDeque::new();
        loop {
            let (now_ms, effects) = (self.clock.now_ms(), core.take_effects());
            effects.writes.iter().for_each(|batch| self.rows.apply(batch));
            self.notices.lock().expect("not poisoned").extend(effects.notices);
            let answers = effects.answers.into_iter().map(|(call, reply)| (call, reply.into()));
            self.answers.lock().expect("not poisoned").extend(answers);
            let mut net = self.net.lock().expect("not poisoned");
            effects.commands.into_iter().for_each(|command| net.send(self.number, now_ms, command));
            calls.extend(effects.engine);
            let Some((id, call)) = calls.pop_front() else { return };
            let answer = self.engine.lock().expect("not poisoned").call(now_ms, &call);
            drop(net);
            core.on_engine(id, answer, now_ms);
        }
    }

    /// Lets a core serve a request, and its engine answer.
    fn ask(&self, core: &mut Core, request: &Request) -> Response {
        let handled = core.handle(request, self.clock.now_ms());
        self.carry_out(core);
        match handled {
            Handled::Now(response) => response,
            Handled::Later(call) => {
                self.answers.lock().expect("not poisoned").remove(&call).expect("the engine answers at once")
            }
        }
    }
}

/// The cores, what connects them, and the time.
pub struct Lab {
    pub cfg: Arc<ChainConfig>,
    pub genesis: Arc<BeaconState>,
    pub nodes: Vec<Node>,
    clock: VirtualClock,
    net: Arc<Mutex<MemoryNetwork>>,
    phase: Phase,
    /// Duties that did not end well.
    pub undone: Vec<Outcome>,
}

/// Calls a core directly, as if by HTTP.
struct Direct {
    core: Arc<Mutex<Core>>,
    outside: Outside,
}

#[async_trait]
impl Transport for Direct {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let mut core = self.core.lock().expect("no test panics while it holds a core");
        Ok(self.outside.ask(&mut core, &request))
    }
}

/// Minimal preset; altair from the given epoch on.
pub fn config(altair: Option<Epoch>) -> ChainConfig {
    let altair = altair.map(|epoch| (ForkName::Altair, epoch));
    forked(altair.as_slice())
}

/// Minimal preset with these forks after phase0. One that merges does so in bellatrix, on the stub's own proof of work.
pub fn forked(forks: &[(ForkName, Epoch)]) -> ChainConfig {
    let mut cfg = ChainConfig::lockin(Preset::minimal());
    cfg.slot_duration_ms = 6000;
    forks.iter().for_each(|(fork, epoch)| cfg.set_fork_epoch(*fork, *epoch));
    cfg.set("TERMINAL_TOTAL_DIFFICULTY", "1").expect("a number");
    cfg
}

impl Lab {
    /// `nodes` cores in a line, each with its share of `validators`.
    pub fn new(cfg: ChainConfig, nodes: usize, validators: u64) -> Lab {
        Lab::at(VIRTUAL_START_MS, cfg, nodes, validators)
    }

    /// As [`Lab::new`], with its time beginning at `start_ms`.
    pub fn at(start_ms: u64, cfg: ChainConfig, nodes: usize, validators: u64) -> Lab {
        Lab::scripted(start_ms, cfg, nodes, validators, &Script::default())
    }

    /// As [`Lab::at`], with engines that do as this script says.
    pub fn scripted(start_ms: u64, cfg: ChainConfig, nodes: usize, validators: u64, script: &Script) -> Lab {
        let fork = cfg.genesis_fork();
        let time = start_ms / 1000 + GENESIS_DELAY;
        let genesis = genesis_state(&cfg, fork, Convention::Genesis, time, validators).expect("a genesis state");
        let mut lab = Lab {
            cfg: Arc::new(cfg),
            genesis: Arc::new(genesis),
            nodes: Vec::new(),
            clock: VirtualClock::new(start_ms),
            net: Arc::new(Mutex::new(MemoryNetwork::new(1, 5..=50))),
            phase: Phase::SlotStart(0),
            undone: Vec::new(),
        };
        let share = validators / nodes as u64;
        for number in 0..nodes as u64 {
            lab.add(number * share..(number + 1) * share, script.clone());
        }
        for number in 1..nodes {
            lab.net().connect(number - 1, number, start_ms);
        }
        for number in 0..nodes {
            lab.start(number);
        }
        lab
    }

    fn net(&self) -> std::sync::MutexGuard<'_, MemoryNetwork> {
        self.net.lock().expect("no test panics while it holds the network")
    }

    fn add(&mut self, keys: std::ops::Range<u64>, script: Script) {
        let peer = format!("16Uiu2HAmPeerOfTheLab{}", "a".repeat(24 + self.nodes.len()));
        let number = self.net().join(PeerId::new(peer.as_str()), "lab");
        let identity = Identity { peer_id: peer, addresses: vec![self.net().address(number)], endpoint: None };
        let stub = StubConfig::of_network(self.cfg.clone(), &self.genesis).with_script(script);
        let outside = Outside {
            number,
            rows: MemoryRows::default(),
            notices: Arc::default(),
            engine: Arc::new(Mutex::new(Stub::new(stub))),
            answers: Arc::default(),
            net: self.net.clone(),
            clock: self.clock.clone(),
        };
        let rows = Arc::new(outside.rows.clone());
        let core = Core::new(self.cfg.clone(), Memo::new(16), rows, self.genesis.clone(), identity.clone());
        let core = Arc::new(Mutex::new(core.expect("a core at genesis")));
        let transport = Direct { core: core.clone(), outside: outside.clone() };
        let network = Network {
            config: (*self.cfg).clone(),
            genesis_time: self.genesis.genesis_time,
            genesis_validators_root: self.genesis.genesis_validators_root,
        };
        let validator = Validator::new(
            Client::new(Arc::new(transport)),
            network,
            keys.map(|index| interop_key(index).secret),
            SlashingProtection::in_memory(self.genesis.genesis_validators_root),
        );
        self.nodes.push(Node { core, outside, validator, identity, up: false });
    }

    /// Lets a node's core take an input.
    pub fn with<R>(&self, number: usize, input: impl FnOnce(&mut Core, u64) -> R) -> R {
        let node = &self.nodes[number];
        let mut core = node.core.lock().expect("no test panics while it holds a core");
        let result = input(&mut core, self.clock.now_ms());
        node.outside.carry_out(&mut core);
        result
    }

    fn start(&mut self, number: usize) {
        self.nodes[number].up = true;
        self.net().start(number, self.clock.now_ms());
        self.with(number, |core, now_ms| core.start(&[], now_ms));
    }

    /// Takes a node down without a word.
    pub fn kill(&mut self, number: usize) {
        self.nodes[number].up = false;
        self.net().stop(number, self.clock.now_ms());
    }

    /// Brings a killed node up from its database.
    pub fn restart(&mut self, number: usize) {
        let node = &self.nodes[number];
        let rows = Arc::new(node.outside.rows.clone());
        let now_ms = self.clock.now_ms();
        let core = Core::restore(self.cfg.clone(), Memo::new(16), rows, node.identity.clone(), now_ms);
        *node.core.lock().expect("not poisoned") =
            core.expect("a sound database").expect("a database that is not empty");
        self.start(number);
    }

    /// Serves one request on a node.
    pub fn ask(&self, number: usize, request: &Request) -> Response {
        let node = &self.nodes[number];
        let mut core = node.core.lock().expect("no test panics while it holds a core");
        node.outside.ask(&mut core, request)
    }

    /// Lets time pass up to the end of `slot`.
    pub fn run_to_end_of(&mut self, slot: Slot) {
        let clock = self.cfg.slot_clock(self.genesis.genesis_time);
        let end = clock.start_of(slot + 1) - 1;
        let mut wakeups: Vec<u64> = vec![self.clock.now_ms(); self.nodes.len()];
        loop {
            let phase = self.phase;
            let phase_at = phase.due_ms(self.nodes[0].validator.network());
            let message_at = self.net().next_event_time().unwrap_or(u64::MAX);
            let tick_at = self.nodes.iter().zip(&wakeups).filter(|(node, _)| node.up).map(|(_, at)| *at).min();
            let next = phase_at.min(message_at).min(tick_at.unwrap_or(u64::MAX));
            if next > end {
                self.clock.advance_to(end);
                return;
            }
            self.clock.advance_to(next);
            let now_ms = self.clock.now_ms();
            for (number, wakeup) in wakeups.iter_mut().enumerate() {
                if self.nodes[number].up && *wakeup <= now_ms {
                    *wakeup = self.with(number, |core, now_ms| {
                        core.on_tick(now_ms);
                        core.next_wakeup(now_ms)
                    });
                }
            }
            loop {
                let event = self.net().pop_due(now_ms);
                let Some((number, event)) = event else { break };
                self.with(number, |core, now_ms| core.on_link(event, now_ms));
            }
            if phase_at <= now_ms {
                self.validate(phase);
            }
        }
    }

    fn validate(&mut self, phase: Phase) {
        for node in self.nodes.iter().filter(|node| node.up) {
            let outcomes = block_on(node.validator.on(phase, self.clock.now_ms()));
            self.undone.extend(outcomes.into_iter().filter(|outcome| !outcome.is_done()));
        }
        self.phase = match phase {
            Phase::SlotStart(slot) => Phase::Attest(slot),
            Phase::Attest(slot) => Phase::Aggregate(slot),
            Phase::Aggregate(slot) => Phase::SlotStart(slot + 1),
        };
    }
}
