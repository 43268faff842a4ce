//! The runtime of containers: any client that has an image, over the API of Docker's engine or of one that speaks it.
//!
//! A run has a network of its own with static addresses. A node is a container that holds its network, a volume with its
//! folder, and a container for each of its programs. Folders of the run directory hold the same files as in `process`.
//! Everything is labelled with its owner, so that what a killed run has left is found and removed ([`sweep`]).
//!
//! Never: makes a container with more rights than its program needs, publishes a port beyond this machine, or touches
//! what is not its own.

mod container;
mod engine;
mod faults;
mod images;
mod label;

mod network;
mod program;
mod reach;
mod start;
mod subnet;
mod sweep;

pub use container::Limits;
pub use engine::Engine;
pub use images::{Images, ImagesError, Missing, Pull, registry_digest};
pub use label::run_id;
pub use reach::{Reached, reach};
pub use sweep::{Found, Which, sweep, sweep_all};

use super::{
    Complaint, Ending, Error, Exit, Fault, Runtime, Started, Startup, Time, Usage, Watch,
    node::{Node, Setting, StartTimes, Starts, complaints, disk_use, here, last_lines, reference, unix_ms},
};
use crate::{
    api::Client,
    client::{ClientDef, ENGINE, Signal},
    engine as engine_api, image,
    journal::RunDir,
    topology::NetworkPlan,
    types::BeaconState,
};
use async_trait::async_trait;
use label::Run;
use network::Net;
use program::{Ended, Program};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};
use subnet::Subnet;

/// How long all nodes together are given to end by themselves when the run is over.
const DESTROY_WITHIN: Duration = Duration::from_secs(3);
/// How long it takes to make a network until that was measured, and each node in it, milliseconds.
const PREPARE_MS: u64 = 500;
const PREPARE_NODE_MS: u64 = 500;
/// How much longer a program takes to start in a container, milliseconds.
const SLOWER_MS: u64 = 500;
/// How long the engine may take to end a killed container.
const KILL_WITHIN: Duration = Duration::from_secs(10);
/// Lines of a log that an exit is reported with.
const LOG_LINES: usize = 20;

/// Runs nodes as containers.
pub struct Docker {
    since: Instant,
    engine: Engine,
    run: Run,
    dir: RunDir,
    clients: BTreeMap<String, ClientDef>,
    images: Images,
    log_level: String,
    limits: Limits,
    setting: Option<Setting>,
    subnet: Option<Subnet>,
    nodes: BTreeMap<String, Node>,
    nets: BTreeMap<String, Net>,
    /// Of the nodes that are up, by name and role.
    running: BTreeMap<String, BTreeMap<String, Program>>,
    /// Containers of programs that ended by themselves: they are looked at no more.
    ended: Vec<String>,
    /// Nodes and roles of those of them that may have themselves to blame.
    crashed: BTreeSet<(String, String)>,
    /// Bytes of memory that programs of nodes used at most, of those that ended, by node and role.
    memory: BTreeMap<String, BTreeMap<String, u64>>,
    /// Names of nodes that are frozen.
    paused: BTreeSet<String>,
    /// Those that rules are made of.
    faults: Vec<Fault>,
    /// Why no rules can be set, if it was tried.
    no_filter: Option<String>,
    starts: Starts,
}

/// What a run is made with.
pub struct Options {
    /// Its id, unique on this machine.
    pub id: String,
    /// What nodes log.
    pub log_level: String,
    /// What each container may use.
    pub limits: Limits,
    /// Whether the network stays when the run is over.
    pub keep: bool,
}

impl Docker {
    /// Nodes get their folders in `dir`; `clients` are the definitions of all clients in the plan, by name.
    ///
    /// # Errors
    /// This process can't be known as an owner: there is no `/proc`.
    pub fn new(
        engine: Engine,
        dir: RunDir,
        clients: BTreeMap<String, ClientDef>,
        images: Images,
        options: Options,
    ) -> Result<Self, Error> {
        let no_owner =
            || Error::Other("this system has no /proc, by which leftovers of killed runs are known".to_owned());
        let run = Run::mine(&options.id, options.keep).ok_or_else(no_owner)?;
        Ok(Self {
            since: Instant::now(),
            engine,
            run,
            dir,
            clients,
            images,
            log_level: options.log_level,
            limits: options.limits,
            setting: None,
            subnet: None,
            nodes: BTreeMap::new(),
            nets: BTreeMap::new(),
            running: BTreeMap::new(),
            ended: Vec::new(),
            crashed: BTreeSet::new(),
            memory: BTreeMap::new(),
            paused: BTreeSet::new(),
            faults: Vec::new(),
            no_filter: None,
            starts: Starts::slower_by(SLOWER_MS),
        })
    }

    /// The id by which everything of the run is labelled.
    pub fn id(&self) -> &str {
        &self.run.id
    }

    /// The same, going by the starts that this user's earlier runs measured, and measuring more.
    pub fn with_start_times(mut self) -> Self {
        self.starts.times = StartTimes::of_user();
        self
    }

    fn node(&self, name: &str) -> Result<&Node, Error> {
        self.nodes.get(name).ok_or_else(|| Error::UnknownNode(name.to_owned()))
    }

    fn net(&self, name: &str) -> Result<&Net, Error> {
        self.nets.get(name).ok_or(Error::State { node: name.to_owned(), state: "not prepared" })
    }

    /// What a role's program is here: its image.
    fn stamp(&self, def: &ClientDef, role: &str) -> Vec<u8> {
        let image = def.roles.get(role).and_then(|role| role.image.as_deref()).or(def.versions.image.as_deref());
        let reference = reference(def, image).unwrap_or_default();
        let id = self.images.get(&reference).map_or("", |image| image.id.as_str());
        format!("docker {id} {:?}", self.limits).into_bytes()
    }
}

#[async_trait(?Send)]
impl Time for Docker {
    fn now_ms(&self) -> u64 {
        self.since.elapsed().as_millis() as u64
    }

    fn unix_ms(&self) -> u64 {
        unix_ms()
    }

    async fn sleep_until(&mut self, at_ms: u64) {
        tokio::time::sleep_until((self.since + Duration::from_millis(at_ms)).into()).await;
    }
}

impl Watch for Docker {
    fn peer_id(&self, node: &str) -> Option<String> {
        self.nodes.get(node)?.peer_id.clone()
    }

    fn beacon(&self, node: &str) -> Result<Client, Error> {
        let (known, net) = (self.node(node)?, self.net(node)?);
        let port = known.rest_port().and_then(|port| net.ports.get(&port)).copied();
        known.beacon(port.map(here), "docker")
    }

    fn engine(&self, node: &str) -> Result<Option<engine_api::Client>, Error> {
        let (known, net) = (self.node(node)?, self.net(node)?);
        let port = known.port_of(ENGINE, ENGINE).and_then(|port| net.ports.get(&port)).copied();
        let (Some(port), Some(setting)) = (port, &self.setting) else { return Ok(None) };
        known.engine(here(port), setting).map(Some)
    }

    fn exits(&mut self) -> Vec<Exit> {
        let mut exits = Vec::new();
        for (name, programs) in &mut self.running {
            let Some(node) = self.nodes.get(name) else { continue };
            let ended: Vec<(String, Ended)> =
                programs.iter().filter_map(|(role, program)| Some((role.clone(), program.ended()?))).collect();
            for (role, ended) in ended {
                let mut log = last_lines(&node.log(&role), LOG_LINES);
                let excuse = ended.excuse(log.last().map(String::as_str), self.limits.memory);
                let Ended { code, signal, .. } = ended;
                let environment = excuse.is_some() || code.is_some_and(|code| node.blames_environment(&role, code));
                log.extend(excuse);
                if !environment {
                    self.crashed.insert((name.clone(), role.clone()));
                }
                self.ended.extend(programs.remove(&role).map(|program| program.id.clone()));
                exits.push(Exit { node: name.clone(), role, code, signal, environment, log });
            }
        }
        exits
    }

    fn complaints(&self) -> Vec<Complaint> {
        complaints(&self.nodes)
    }
}

#[async_trait(?Send)]
impl Runtime for Docker {
    fn name(&self) -> &'static str {
        "docker"
    }

    fn startup(&self, plan: &NetworkPlan) -> Startup {
        let starts = self.starts.expected(plan, &self.clients, &|def, role| self.stamp(def, role));
        let nodes = plan.nodes.len();
        let prepares = self.starts.preparation_ms(nodes, "docker");
        let prepares = prepares.unwrap_or(PREPARE_MS + PREPARE_NODE_MS * nodes as u64);
        let Startup { expected_ms, at_most_ms } = starts;
        Startup { expected_ms: expected_ms + prepares, at_most_ms: at_most_ms + prepares }
    }

    fn is_ready(&mut self, node: &str) {
        let Some(setting) = &self.setting else { return };
        let mut starts = std::mem::take(&mut self.starts);
        starts.is_ready(node, &setting.plan, &self.clients, &|def, role| self.stamp(def, role));
        self.starts = starts;
    }

    async fn prepare(&mut self, plan: &NetworkPlan, genesis: Arc<BeaconState>) -> Result<(), Error> {
        let since = Instant::now();
        self.remove_nodes().await?;
        self.make_nodes(plan, &genesis).await?;
        self.setting = Some(Setting {
            plan: plan.clone(),
            genesis_time: genesis.genesis_time,
            validators_root: genesis.genesis_validators_root,
            lockin: Some(image::BINARY.into()),
            log_level: self.log_level.clone(),
        });
        self.starts.prepared(plan.nodes.len(), "docker", since.elapsed().as_millis() as u64);
        Ok(())
    }

    async fn start(&mut self, name: &str) -> Result<Vec<Started>, Error> {
        let node = self.node(name)?;
        if self.running.get(name).is_some_and(|programs| !programs.is_empty()) {
            return Err(Error::State { node: name.to_owned(), state: "running already" });
        }
        let roles: Vec<String> = node.roles().into_iter().map(|(role, _)| role.to_owned()).collect();
        sweep::remove(&self.engine, &[&std::mem::take(&mut self.ended)], &[], &[]).await?;
        let (mut started, since) = (Vec::new(), Instant::now());
        for role in roles {
            let node = self.node(name)?;
            let (program, told) = self.start_program(node, &role).await?;
            started.push(told);
            let awaited = node.awaited_port(&role);
            self.running.entry(name.to_owned()).or_default().insert(role.clone(), program);
            if let Some((port, within)) = awaited {
                self.wait_for(name, &role, port, within).await;
            }
        }
        self.learn_identity(name).await?;
        self.starts.began(name, since);
        Ok(started)
    }

    async fn stop(&mut self, name: &str, how: Ending) -> Result<(), Error> {
        self.starts.ended(name);
        self.wake(name).await?;
        let mut programs = self.running.remove(name).unwrap_or_default();
        let node = self.nodes.get(name).ok_or_else(|| Error::UnknownNode(name.to_owned()))?;
        for (role, _) in node.roles().into_iter().rev() {
            let Some(program) = programs.remove(role) else { continue };
            let most = self.memory.entry(name.to_owned()).or_default().entry(role.to_owned()).or_default();
            *most = program.most_memory().await.max(*most);
            let (signal, within) = node.stop_of(role);
            if how == Ending::Stop {
                program.signal(signal).await?;
            }
            if how == Ending::Kill || !program.wait(within).await {
                program.signal(Signal::Kill).await?;
                program.wait(KILL_WITHIN).await;
            }
            self.engine.remove_container(&program.id).await?;
        }
        Ok(())
    }

    async fn usage(&mut self) -> Vec<Usage> {
        let mut all = Vec::new();
        for (name, node) in &self.nodes {
            let mut memory = self.memory.get(name).cloned().unwrap_or_default();
            for (role, program) in self.running.get(name).into_iter().flatten() {
                let most = memory.entry(role.clone()).or_default();
                *most = program.most_memory().await.max(*most);
            }
            let disk = disk_use(&node.seat.folder) + self.volume_use(name).await.unwrap_or(0);
            all.push(Usage { node: name.clone(), memory, disk });
        }
        all
    }

    async fn destroy(&mut self) -> Result<(), Error> {
        self.bring_out().await;
        // What never came up is nothing to keep.
        if self.run.keep && !self.running.is_empty() {
            return Ok(());
        }
        for name in self.paused.clone() {
            self.wake(&name).await?;
        }
        // All at once, and within the time that whoever pressed Ctrl-C is willing to wait.
        let mut asked = Vec::new();
        for (name, programs) in &self.running {
            let Some(node) = self.nodes.get(name) else { continue };
            asked.extend(programs.iter().map(|(role, program)| program.signal(node.stop_of(role).0)));
        }
        let asked: Vec<Result<(), Error>> = futures::future::join_all(asked).await;
        let patience = tokio::time::Instant::now() + DESTROY_WITHIN;
        for program in self.running.values().flat_map(BTreeMap::values) {
            program.wait(patience.saturating_duration_since(tokio::time::Instant::now())).await;
        }
        let removed = self.remove_nodes().await;
        // Who is interrupted may have asked for it and not have heard that it was made.
        let network = self.engine.remove_network(&self.run.network()).await;
        asked.into_iter().collect::<Result<(), Error>>().and(removed).and(network)
    }
}
