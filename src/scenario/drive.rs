//! Runs a plan on a runtime: genesis, nodes, steps, judgement, the end of all nodes. The only place where a scenario acts.
//!
//! It goes by the runtime's clock, so the same code drives real time and virtual time, and it tells everything to the
//! journal before it goes on. Never: decides a verdict (that is [`judge`]) or shows anything to a person.

mod attach;
mod faults;
mod transfers;

pub use attach::{ATTACHED, Attach, learned_network, unattachable};

use super::{Action, Ending as ScriptEnding, Judgement, Now, Output, Plan, Script, judge};
use crate::{
    genesis::{GenesisError, QuickStart},
    journal::{Error as JournalError, Event, History, Line, NodeEvent, NodeState, Verdict, Writer},
    monitor::{self, Examined, Genesis, Monitor},
    runtime::{Complaint, Ending, Error as RuntimeError, Runtime, Usage},
    ssz::{Root, Ssz},
    time::SlotClock,
    topology::{NetworkPlan, Start},
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Beyond the time that nodes are expected to take until they answer: a part of it, and at least this.
const MARGIN_MS: u64 = 500;
/// Looks at the nodes in a slot.
const LOOKS_PER_SLOT: u64 = 4;
/// Never longer between two looks, whatever the slot.
const LONGEST_LOOK_MS: u64 = 1_000;
/// The same before genesis: how long nodes take to start is measured by it.
const LONGEST_LOOK_BEFORE_MS: u64 = 250;

/// Why a run could not be carried through. All of it is trouble of harness or environment.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// The runtime failed.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The journal can't be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// There is no such genesis.
    #[error("the genesis state: {0}")]
    Genesis(#[from] GenesisError),
}

/// Everything a run has to do with.
pub struct Drive<'a> {
    plan: &'a Plan,
    network: &'a NetworkPlan,
    runtime: &'a mut dyn Runtime,
    journal: Writer,
    monitor: Monitor,
    clock: SlotClock,
    /// Told when its moment has come; slots are counted from then on.
    genesis: Option<Event>,
    /// From the start of the nodes to genesis, milliseconds.
    delay_ms: u64,
    /// Some node was not ready at a genesis before this one.
    again: bool,
    /// A program crashed or trouble came up: the steps can't be carried through as planned.
    lost: bool,
    /// Transfers, and the nodes whose chains don't hold them yet.
    transfers: Vec<(Root, String)>,
    seen: Arc<Mutex<Seen>>,
}

/// The journal so far.
#[derive(Default)]
struct Seen {
    lines: Vec<Line>,
    history: History,
}

impl Seen {
    /// All that is written to a journal from now on.
    fn listen(journal: &Writer) -> Arc<Mutex<Seen>> {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let listener = Arc::clone(&seen);
        journal.observe(move |line| {
            let mut seen = listener.lock().unwrap_or_else(PoisonError::into_inner);
            seen.history.apply(line);
            seen.lines.push(line.clone());
        });
        seen
    }
}

impl<'a> Drive<'a> {
    /// A run of `plan`, whose network is `network`, on `runtime`, told to `journal`.
    pub fn new(plan: &'a Plan, network: &'a NetworkPlan, runtime: &'a mut dyn Runtime, journal: Writer) -> Self {
        let seen = Seen::listen(&journal);
        let monitor = Monitor::new(Arc::new(network.config.clone()), journal.clone());
        let clock = network.config.slot_clock(0);
        Self {
            plan,
            network,
            runtime,
            journal,
            monitor,
            clock,
            genesis: None,
            delay_ms: 0,
            again: false,
            lost: false,
            transfers: Vec::new(),
            seen,
        }
    }

    /// Carries the run through, or breaks it off when `interrupt` gets a name. Whatever happens, the nodes are ended and
    /// the journal ends with a judgement, as far as it can be written.
    pub async fn run(mut self, interrupt: watch::Receiver<Option<&'static str>>) -> Judgement {
        let went = self.carry_through(interrupt.clone()).await;
        if let Err(error) = went {
            self.trouble("running the scenario", &error);
        }
        // What comes after an interruption is no evidence, and somebody waits.
        if interrupt.borrow().is_none() {
            let now = self.now();
            if let Err(error) = self.monitor.finish(monitor::Now { at_ms: now.ms, slot: now.slot }).await {
                tracing::error!("{error}");
            }
        }
        for Usage { node, memory, disk } in self.runtime.usage().await {
            if let Err(error) = self.tell(Event::Usage { node, memory, disk }) {
                tracing::error!("{error}");
            }
        }
        let mut judgement = judge(self.plan, &self.seen().lines);
        // What a place has done to its nodes may be known a moment after it made the run fail.
        if judgement.verdict == Verdict::Fail && interrupt.borrow().is_none() && self.tell_exits().is_ok() {
            judgement = judge(self.plan, &self.seen().lines);
        }
        if judgement.verdict != Verdict::Pass {
            self.tell_complaints();
        }
        for event in judgement.events() {
            // The journal's own trouble is told on stderr by whoever made it; here the judgement counts.
            if let Err(error) = self.tell(event) {
                tracing::error!("{error}");
            }
        }
        if let Err(error) = self.runtime.destroy().await {
            tracing::error!("ending the nodes: {error}");
        }
        judgement
    }

    async fn carry_through(&mut self, mut interrupt: watch::Receiver<Option<&'static str>>) -> Result<(), DriveError> {
        if let Some(says) = self.lacking() {
            return Ok(self.tell(Event::Unsupported { says })?);
        }
        let reserved = tokio::select! {
            reserved = self.runtime.reserve(self.network) => Some(reserved?),
            () = told(&mut interrupt) => None,
        };
        if let (None, Some(by)) = (&reserved, *interrupt.borrow()) {
            return Ok(self.tell(Event::Interrupted { by: by.to_owned() })?);
        }
        if let Some(machines) = reserved.filter(|machines| !machines.is_empty()) {
            self.tell(Event::Placed { machines })?;
        }
        let wanted = self.network.genesis.delay_ms;
        self.begin(wanted.unwrap_or_else(|| self.expected_delay_ms())).await?;
        let mut script = Script::new();
        loop {
            self.tell_exits()?;
            let now = self.now();
            tokio::select! {
                looked = self.monitor.poll(monitor::Now { at_ms: now.ms, slot: now.slot }) => looked?,
                () = told(&mut interrupt) => {}
            }
            for node in self.monitor.newly_ready() {
                self.runtime.is_ready(&node);
            }
            self.look_for_transfers().await?;
            // What differs is known as soon as everybody was asked; waiting on tells nothing more.
            if self.monitor.preflight_found() && (self.monitor.preflight_is_done() || now.slot.is_some()) {
                return Ok(());
            }
            if self.genesis_is_due() && !self.lost && interrupt.borrow().is_none() {
                self.at_genesis().await?;
            }
            // Steps begin with slot 0.
            let now = self.now();
            let outputs =
                if now.slot.is_some() { script.poll(self.plan, &self.seen().history, now) } else { Vec::new() };
            for output in outputs {
                if interrupt.borrow().is_some() {
                    break;
                }
                tokio::select! {
                    done = self.carry_out(output) => done?,
                    () = told(&mut interrupt) => {}
                }
            }
            if let Some(by) = *interrupt.borrow() {
                return Ok(self.tell(Event::Interrupted { by: by.to_owned() })?);
            }
            // After a missed wait nothing more is done; after a crash or trouble nothing more can be learned.
            if matches!(script.ending(), Some(ScriptEnding::Finished | ScriptEnding::Missed)) || self.lost {
                return Ok(());
            }
            let next = self.next_look();
            tokio::select! {
                () = self.runtime.sleep_until(next) => {}
                () = told(&mut interrupt) => {}
            }
        }
    }

    /// As long as the nodes are expected to take to start, and a margin.
    fn expected_delay_ms(&self) -> u64 {
        let expected = self.runtime.startup(self.network).expected_ms;
        expected + (expected / 4).max(MARGIN_MS)
    }

    fn genesis_is_due(&self) -> bool {
        self.genesis.is_some() && self.runtime.now_ms() >= self.clock.genesis_time_ms
    }

    /// The moment of genesis. With a node that is not ready the network is no network: once all begins again, with as
    /// much time as the clients may take by what they declare; the second time it is trouble.
    async fn at_genesis(&mut self) -> Result<(), DriveError> {
        let missing = self.monitor.not_ready();
        if missing.is_empty() {
            return Ok(self.genesis.take().map_or(Ok(()), |genesis| self.tell(genesis))?);
        }
        let seconds = |ms: u64| format!("{}.{} s", ms / 1000, ms % 1000 / 100);
        let says =
            format!("{} did not answer until genesis, {} after the start", missing.join(", "), seconds(self.delay_ms));
        if std::mem::replace(&mut self.again, true) {
            self.lost = true;
            let doing = "waiting for every node to be ready".to_owned();
            return Ok(self.tell(Event::Trouble { doing, says })?);
        }
        let longer = self.runtime.startup(self.network).at_most_ms.max(2 * self.delay_ms);
        for node in self.network.nodes.iter().filter(|node| node.start == Start::Genesis) {
            self.end(&node.name, Ending::Kill, NodeState::Stopped).await?;
        }
        self.tell(Event::Again { says: format!("{says}; all nodes are started again, with {}", seconds(longer)) })?;
        self.begin(longer).await
    }

    /// Genesis, `delay_ms` from now, and the nodes that are there from the beginning.
    async fn begin(&mut self, delay_ms: u64) -> Result<(), DriveError> {
        self.delay_ms = delay_ms;
        // The keys take their time; only then the time of genesis is set, on a whole second: that is what a state can say.
        let plan = &self.network.genesis;
        let validators = QuickStart::new(&self.network.config, plan.fork, plan.validators)?;
        let genesis_time = (self.runtime.unix_ms() + delay_ms).div_ceil(1000);
        let state = validators.state(plan.convention, genesis_time)?;
        // The journal's time of genesis, on its own clock.
        let genesis_at = self.runtime.now_ms() + (genesis_time * 1000).saturating_sub(self.runtime.unix_ms());
        self.clock = SlotClock { genesis_time_ms: genesis_at, ..self.clock };
        let shape = self.network.config.shape(plan.fork);
        self.genesis = Some(Event::Genesis {
            time: (self.runtime.name() != "simulation").then_some(genesis_time),
            root: state.hash_tree_root(shape).to_string(),
            validators_root: state.genesis_validators_root.to_string(),
        });
        if self.plan.preflight {
            self.monitor.begin_preflight(Genesis::of(&self.network.config, &state));
        } else {
            let says = "the scenario turns pre-flight off: nodes were not held against the plan".to_owned();
            self.tell(Event::Note { says, node: None })?;
        }
        let state = Arc::new(state);
        self.monitor.begin_referee(Arc::clone(&state));
        self.runtime.prepare(self.network, state).await?;
        for node in &self.network.nodes {
            if let Some(peer_id) = self.runtime.peer_id(&node.name) {
                self.monitor.knows(&node.name, peer_id);
            }
        }
        for node in self.network.start_order() {
            self.start(node).await?;
        }
        Ok(())
    }

    async fn carry_out(&mut self, output: Output) -> Result<(), DriveError> {
        match output {
            Output::Tell(event) => Ok(self.tell(event)?),
            Output::Act(Action::Start(node)) => self.start(&node).await,
            Output::Act(Action::Stop(node)) => self.end(&node, Ending::Stop, NodeState::Stopped).await,
            Output::Act(Action::Kill(node)) => self.end(&node, Ending::Kill, NodeState::Killed).await,
            Output::Act(Action::Inflict(fault)) => self.inflict(&fault).await,
            Output::Act(Action::Lift(fault)) => self.lift(&fault).await,
            Output::Act(Action::Transact { node, blob }) => self.transact(&node, blob).await,
        }
    }

    async fn start(&mut self, node: &str) -> Result<(), DriveError> {
        let started = self.runtime.start(node).await?;
        for program in started {
            let mut event = NodeEvent::new(node, NodeState::Started);
            event.role = Some(program.role);
            event.command = program.command;
            (event.pid, event.image, event.digest) = (program.pid, program.image, program.digest);
            self.tell(Event::Node(event))?;
        }
        if let Some(peer_id) = self.runtime.peer_id(node) {
            self.monitor.knows(node, peer_id);
        }
        let (beacon, engine) = (self.runtime.beacon(node)?, self.runtime.engine(node)?);
        let proposes = self.network.node(node).is_some_and(|node| !node.validators.is_empty());
        self.monitor.examine(node, Examined { beacon: beacon.clone(), engine, proposes });
        self.monitor.watch(node, beacon);
        Ok(())
    }

    async fn end(&mut self, node: &str, how: Ending, state: NodeState) -> Result<(), DriveError> {
        self.tell_exits()?;
        self.monitor.forget(node);
        self.runtime.stop(node, how).await?;
        Ok(self.tell(Event::Node(NodeEvent::new(node, state)))?)
    }

    /// Programs that ended by themselves: a crash, or trouble if the client says that it is its environment's fault.
    fn tell_exits(&mut self) -> Result<(), DriveError> {
        for exit in self.runtime.exits() {
            self.lost = true;
            self.monitor.forget(&exit.node);
            if exit.environment {
                let says = exit.log.last().cloned().unwrap_or_else(|| "it left no word in its log".to_owned());
                self.tell(Event::Trouble { doing: format!("running {} ({})", exit.node, exit.role), says })?;
                continue;
            }
            let mut event = NodeEvent::new(&exit.node, NodeState::Exited);
            event.role = Some(exit.role);
            (event.code, event.signal, event.log) = (exit.code, exit.signal, exit.log);
            self.tell(Event::Node(event))?;
        }
        Ok(())
    }

    fn now(&self) -> Now {
        let ms = self.runtime.now_ms();
        Now { ms, slot: self.slot_at(ms) }
    }

    /// The slot of the network's clock at a moment of the run.
    fn slot_at(&self, at_ms: u64) -> Option<u64> {
        // A genesis that was not told of may come to nothing.
        let begun = self.clock.genesis_time_ms > 0 && self.genesis.is_none();
        if begun { self.clock.slot_at(at_ms) } else { None }
    }

    fn next_look(&self) -> u64 {
        let every = (self.clock.slot_duration_ms / LOOKS_PER_SLOT).clamp(1, LONGEST_LOOK_MS);
        let (now, genesis) = (self.runtime.now_ms(), self.clock.genesis_time_ms);
        // In step with the slots, so that what happens at a slot's start is seen at its start.
        if now < genesis {
            (now + every.min(LONGEST_LOOK_BEFORE_MS)).min(genesis)
        } else {
            genesis + ((now - genesis) / every + 1) * every
        }
    }

    fn tell(&self, event: Event) -> Result<(), JournalError> {
        let now = self.now();
        self.journal.write(now.ms, now.slot, event)
    }

    /// What the nodes themselves say: it may be why the run went wrong.
    fn tell_complaints(&self) {
        for Complaint { node, role, line, count } in self.runtime.complaints() {
            let times = if count == 1 { "once".to_owned() } else { format!("{count} times") };
            let says = format!("its {role} logged, {times}: {line}");
            if let Err(error) = self.tell(Event::Note { says, node: Some(node) }) {
                tracing::error!("{error}");
            }
        }
    }

    fn trouble(&self, doing: &str, error: &DriveError) {
        let event = Event::Trouble { doing: doing.to_owned(), says: error.to_string() };
        if let Err(error) = self.tell(event) {
            tracing::error!("{error}");
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until the run is told to end; for ever where nobody can tell it any more.
async fn told(interrupt: &mut watch::Receiver<Option<&'static str>>) {
    if interrupt.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}
