//! The runtime of clusters: any client that has an image, in pods of one namespace.
//!
//! A node is a pod, with a container for each of its programs. A pod can't be started again with its address and its disk,
//! so containers run a supervisor of ours, put there by an init container, and that one starts and ends the client's
//! program as it is told ([`inside`]). Pods are made and bound to machines first ([`Runtime::reserve`]); then the time of
//! genesis is set, and each pod makes the genesis state for itself from the plan. Whoever runs the network is outside, and
//! reaches pods through the API server, or inside as a Job.
//!
//! All objects of a run are owned by one Job with a deadline, and a lease says that their owner lives ([`sweep`]).
//!
//! Never: needs rights beyond its namespace, runs what has more rights than a user unless it was allowed, or takes what
//! the cluster does to a pod (evicts it, loses its machine) for what a client did.

mod attend;
mod board;
mod cluster;
mod faults;
mod forward;
pub mod inside;
mod job;
mod label;
mod log;
mod manifest;
mod nodes;
mod reserve;
mod rights;
mod sweep;
mod view;

pub use cluster::{Access, Cluster, is_inside};
pub use forward::Way;
pub use job::JobSpec;
pub use manifest::{Resources, Shape, Spread};
pub use reserve::own_image;
pub use rights::{ROLE, check as check_rights};
pub use sweep::{Found, Which, sweep};

use super::{
    Complaint, Ending, Error, Exit, Fault, Runtime, Started, Startup, Time, Usage, Watch,
    node::{Node, Setting, StartTimes, Starts, complaints, disk_use, reference, unix_ms},
};
use crate::{
    api::Client,
    client::{ClientDef, ENGINE, Lock, Signal},
    engine as engine_api, image,
    journal::RunDir,
    topology::NetworkPlan,
    types::BeaconState,
};
use async_trait::async_trait;
use attend::Tasks;
use board::{Board, Exited};
use cluster::Kind;
use inside::{Answer, Ask, Order};
use label::Run;
use reserve::Place;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::task::JoinHandle;

/// How long all nodes together are given to end by themselves when the run is over.
const DESTROY_WITHIN: Duration = Duration::from_secs(5);
/// How long it takes to fill the places of nodes until that was measured, milliseconds.
const PREPARE_MS: u64 = 1000;
const PREPARE_NODE_MS: u64 = 500;
/// How much longer a program takes to start in a pod, milliseconds.
const SLOWER_MS: u64 = 1000;

/// Runs nodes as pods.
pub struct Kubernetes {
    since: Instant,
    cluster: Cluster,
    run: Run,
    dir: RunDir,
    clients: BTreeMap<String, ClientDef>,
    /// Exact images by the references of definitions.
    lock: Lock,
    shape: Shape,
    way: Way,
    log_level: String,
    deadline_s: u64,
    schedule_within: Duration,
    /// Whether there is a Job and a lease.
    owned: bool,
    board: Board,
    tasks: Tasks,
    logs: Vec<JoinHandle<()>>,
    setting: Option<Setting>,
    places: BTreeMap<String, Place>,
    nodes: BTreeMap<String, Node>,
    /// Where ports of nodes are reached.
    ways: BTreeMap<String, BTreeMap<u16, SocketAddr>>,
    /// Which program of each role of a node is up.
    running: BTreeMap<String, BTreeMap<String, u64>>,
    /// Programs that were started.
    number: u64,
    paused: BTreeSet<String>,
    /// Those that rules are made of.
    faults: Vec<Fault>,
    /// Why no rules can be set, if it was tried.
    no_filter: Option<String>,
    /// Nodes whose loss was told.
    told: BTreeSet<String>,
    starts: Starts,
}

/// What a run is made with.
pub struct Options {
    /// What it is called; its id is made from it.
    pub name: String,
    /// What nodes log.
    pub log_level: String,
    /// What its pods have in common.
    pub shape: Shape,
    /// Exact images by the references of definitions, where they are written down.
    pub lock: Lock,
    /// How nodes are reached.
    pub way: Way,
    /// Everything of the run is removed after so many seconds, whoever lives.
    pub deadline_s: u64,
    /// How long the scheduler may find no machine for a pod, with no run that is whole beside this one.
    pub schedule_within: Duration,
}

impl Kubernetes {
    /// Nodes get their folders in `dir`; `clients` are the definitions of all clients in the plan, by name.
    pub fn new(cluster: Cluster, dir: RunDir, clients: BTreeMap<String, ClientDef>, options: Options) -> Self {
        Self {
            since: Instant::now(),
            cluster,
            run: Run::mine(&options.name),
            dir,
            clients,
            lock: options.lock,
            shape: options.shape,
            way: options.way,
            log_level: options.log_level,
            deadline_s: options.deadline_s,
            schedule_within: options.schedule_within,
            owned: false,
            board: Board::default(),
            tasks: Tasks::default(),
            logs: Vec::new(),
            setting: None,
            places: BTreeMap::new(),
            nodes: BTreeMap::new(),
            ways: BTreeMap::new(),
            running: BTreeMap::new(),
            number: 0,
            paused: BTreeSet::new(),
            faults: Vec::new(),
            no_filter: None,
            told: BTreeSet::new(),
            starts: Starts::slower_by(SLOWER_MS),
        }
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

    fn reached(&self, name: &str, port: Option<u16>) -> Option<SocketAddr> {
        self.ways.get(name)?.get(&port?).copied()
    }

    /// What a role's program is here: its image, and the cluster that it runs in.
    fn stamp(&self, def: &ClientDef, role: &str) -> Vec<u8> {
        let image = def.roles.get(role).and_then(|role| role.image.as_deref()).or(def.versions.image.as_deref());
        let reference = reference(def, image).unwrap_or_default();
        format!("kubernetes {} {reference} {:?}", self.cluster.namespace, self.shape.resources).into_bytes()
    }

    /// A program that ended by itself, as it is reported; `None` of one that was not up any more.
    fn exit(&mut self, exited: Exited) -> Option<Exit> {
        let Exited { node, role, number, ended } = exited;
        let programs = self.running.get_mut(&node)?;
        if programs.get(&role) != Some(&number) {
            return None;
        }
        programs.remove(&role);
        let mut log = ended.log;
        if ended.out_of_memory {
            let limit =
                self.shape.resources.memory_limit.map_or(String::new(), |bytes| format!(" of {} MiB", bytes >> 20));
            log.push(format!("the kernel ended it: it used more memory than its container may{limit}"));
        }
        let blamed = ended
            .code
            .is_some_and(|code| self.nodes.get(&node).is_some_and(|known| known.blames_environment(&role, code)));
        let environment = ended.out_of_memory || blamed;
        Some(Exit { node, role, code: ended.code, signal: ended.signal, environment, log })
    }

    /// What the cluster did to nodes, each told once.
    fn troubles(&mut self) -> Vec<Exit> {
        let mut troubles = self.board.learn(|known| std::mem::take(&mut known.troubles));
        let known = self.board.known();
        troubles.extend(self.places.iter().filter_map(|(node, place)| Some((node.clone(), known.lost(&place.pod)?))));
        drop(known);
        let mut exits = Vec::new();
        for (node, says) in troubles {
            if self.told.insert(node.clone()) {
                self.running.remove(&node);
                let log = vec![says];
                exits.push(Exit { node, role: "pod".to_owned(), code: None, signal: None, environment: true, log });
            }
        }
        exits
    }
}

#[async_trait(?Send)]
impl Time for Kubernetes {
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

impl Watch for Kubernetes {
    fn peer_id(&self, node: &str) -> Option<String> {
        self.nodes.get(node)?.peer_id.clone()
    }

    fn beacon(&self, node: &str) -> Result<Client, Error> {
        let known = self.node(node)?;
        known.beacon(self.reached(node, known.rest_port()), "kubernetes")
    }

    fn engine(&self, node: &str) -> Result<Option<engine_api::Client>, Error> {
        let known = self.node(node)?;
        let at = self.reached(node, known.port_of(ENGINE, ENGINE));
        let (Some(at), Some(setting)) = (at, &self.setting) else { return Ok(None) };
        known.engine(at, setting).map(Some)
    }

    fn exits(&mut self) -> Vec<Exit> {
        let mut exits = self.troubles();
        let ended = self.board.learn(|known| std::mem::take(&mut known.exits));
        exits.extend(ended.into_iter().filter_map(|ended| self.exit(ended)));
        exits
    }

    fn complaints(&self) -> Vec<Complaint> {
        complaints(&self.nodes)
    }
}

#[async_trait(?Send)]
impl Runtime for Kubernetes {
    fn name(&self) -> &'static str {
        "kubernetes"
    }

    fn startup(&self, plan: &NetworkPlan) -> Startup {
        let starts = self.starts.expected(plan, &self.clients, &|def, role| self.stamp(def, role));
        let nodes = plan.nodes.len();
        let prepares = self.starts.preparation_ms(nodes, "kubernetes");
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

    async fn reserve(&mut self, plan: &NetworkPlan) -> Result<BTreeMap<String, String>, Error> {
        self.make_places(plan).await
    }

    async fn prepare(&mut self, plan: &NetworkPlan, genesis: Arc<BeaconState>) -> Result<(), Error> {
        if self.places.is_empty() {
            self.make_places(plan).await?;
        }
        let since = Instant::now();
        self.running.clear();
        self.paused.clear();
        if !std::mem::take(&mut self.faults).is_empty() {
            self.set_rules().await?;
        }
        self.fill_places(plan, &genesis).await?;
        self.setting = Some(Setting {
            plan: plan.clone(),
            genesis_time: genesis.genesis_time,
            validators_root: genesis.genesis_validators_root,
            lockin: Some(image::BINARY.into()),
            log_level: self.log_level.clone(),
        });
        self.starts.prepared(plan.nodes.len(), "kubernetes", since.elapsed().as_millis() as u64);
        Ok(())
    }

    async fn start(&mut self, name: &str) -> Result<Vec<Started>, Error> {
        let node = self.node(name)?;
        if self.running.get(name).is_some_and(|programs| !programs.is_empty()) {
            return Err(Error::State { node: name.to_owned(), state: "running already" });
        }
        let roles: Vec<String> = node.roles().into_iter().map(|(role, _)| role.to_owned()).collect();
        let (mut started, since) = (Vec::new(), Instant::now());
        for role in roles {
            let (number, told) = self.start_program(name, &role).await?;
            started.push(told);
            self.running.entry(name.to_owned()).or_default().insert(role, number);
        }
        self.learn_identity(name).await?;
        self.starts.began(name, since);
        Ok(started)
    }

    async fn stop(&mut self, name: &str, how: Ending) -> Result<(), Error> {
        self.starts.ended(name);
        self.wake(name).await?;
        let mut programs = self.running.remove(name).unwrap_or_default();
        let node = self.node(name)?;
        for (role, _) in node.roles().into_iter().rev() {
            if programs.remove(role).is_none() {
                continue;
            }
            let (signal, within) = match how {
                Ending::Stop => node.stop_of(role),
                Ending::Kill => (Signal::Kill, Duration::ZERO),
            };
            self.end_program(name, role, signal, within).await?;
        }
        Ok(())
    }

    async fn usage(&mut self) -> Vec<Usage> {
        let mut all = Vec::new();
        for (name, node) in &self.nodes {
            let asked = self.ask(name, &Ask::Usage(manifest::FOLDER.into()), &[], DESTROY_WITHIN).await;
            let there = match asked {
                Ok(Answer::Bytes(bytes)) => bytes,
                Ok(_) => 0,
                Err(error) => {
                    self.board.learn(|known| known.troubles.push((name.clone(), error.to_string())));
                    0
                }
            };
            let known = self.board.known();
            let of_node = known.states.iter().filter(|((node, _), _)| node == name);
            let memory = of_node.map(|((_, role), state)| (role.clone(), state.memory)).collect();
            all.push(Usage { node: name.clone(), memory, disk: there + disk_use(&node.seat.folder) });
        }
        all
    }

    async fn destroy(&mut self) -> Result<(), Error> {
        self.running.clear();
        // All at once, and within the time that whoever pressed Ctrl-C is willing to wait; what they say last is kept.
        let quit = self.places.values().flat_map(|place| place.images.keys().map(move |role| (place, role)));
        let cluster = &self.cluster;
        let quit = quit.map(|(place, role)| async move {
            let ask = Ask::To(role.clone(), Order::Quit);
            cluster.ask(&place.pod, manifest::HOLD, &ask, &[]).await.map(drop)
        });
        let said = tokio::time::timeout(DESTROY_WITHIN, futures::future::join_all(quit)).await;
        if said.is_ok_and(|said| said.iter().all(Result::is_ok)) {
            let logs = std::mem::take(&mut self.logs);
            drop(tokio::time::timeout(DESTROY_WITHIN, futures::future::join_all(logs)).await);
        }
        self.tasks = Tasks::default();
        self.logs.drain(..).for_each(|log| log.abort());
        self.places.clear();
        let selector = self.run.selector();
        self.cluster.delete_pods(&selector).await?;
        self.cluster.delete(Kind::Lease, &self.run.lease()).await?;
        if !self.run.owner.is_ours {
            self.cluster.delete(Kind::Job, &self.run.owner.job).await?;
        }
        sweep::until_gone(&self.cluster, &selector).await
    }
}
