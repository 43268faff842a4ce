//! The simulation: embedded nodes and validators in one thread and virtual time. A minute of network takes a second or
//! less, and a seed replays it exactly.
//!
//! One of the two bridges from the orchestrator to the embedded client. Signatures are real; what several nodes compute
//! alike (a block's post-state, a signature's verdict) is computed once.

mod engine;
mod faults;
mod validators;
mod world;

use super::{Ending, Error, Exit, Runtime, Started, Time, Watch, config_of, identity::Identity};
use crate::{
    api::Client,
    client::{ClientDef, ENGINE},
    crypto::{self, SecretKey},
    genesis::{NetworkDirectory, Peers, interop_keys},
    journal::RunDir,
    ssz::Ssz,
    time::VIRTUAL_START_MS,
    topology::{NetworkPlan, NodePlan},
    types::{BeaconState, ChainConfig},
    validator::{SlashingProtection, Validator},
};
use async_trait::async_trait;
use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    io::Write,
    path::PathBuf,
    sync::{Arc, Mutex},
};
use validators::{Duties, Shared, lock};
use world::World;

/// Runs nodes in virtual time.
pub struct Simulation {
    dir: Option<RunDir>,
    clients: BTreeMap<String, ClientDef>,
    state: Option<State>,
}

/// A configuration, and the genesis state as it is read under it.
type OwnNetwork = (Arc<ChainConfig>, Arc<BeaconState>);

/// A prepared network.
struct State {
    plan: NetworkPlan,
    genesis: Arc<BeaconState>,
    world: Shared,
    nodes: BTreeMap<String, Node>,
}

struct Node {
    index: usize,
    plan: NodePlan,
    peer_id: String,
    duties: Option<Duties>,
    /// What the validators signed before they last ended.
    signed: Option<String>,
    log: Option<PathBuf>,
}

impl Simulation {
    /// Node logs go to their folders in `dir`, if one is given. `clients` are the definitions of all clients in the
    /// plan; only those that are embedded run here.
    pub fn new(dir: Option<RunDir>, clients: BTreeMap<String, ClientDef>) -> Self {
        crypto::remember_verdicts(true);
        Self { dir, clients, state: None }
    }

    fn state(&self) -> Result<&State, Error> {
        self.state.as_ref().ok_or_else(|| Error::Other("the simulation was not prepared".into()))
    }

    fn node(&mut self, name: &str) -> Result<(&Shared, &NetworkPlan, &Arc<BeaconState>, &mut Node), Error> {
        let unknown = || Error::UnknownNode(name.to_owned());
        let state = self.state.as_mut().ok_or_else(unknown)?;
        let node = state.nodes.get_mut(name).ok_or_else(unknown)?;
        Ok((&state.world, &state.plan, &state.genesis, node))
    }

    fn unix_ms_now(&self) -> u64 {
        self.state.as_ref().map_or(VIRTUAL_START_MS, |state| lock(&state.world).now_ms())
    }

    /// Writes the nodes' log lines to their files. What can't be written is lost: the journal has what counts.
    fn write_logs(&self) {
        let Some(state) = &self.state else { return };
        for node in state.nodes.values() {
            let lines = lock(&state.world).take_log(node.index);
            let Some(path) = node.log.as_ref().filter(|_| !lines.is_empty()) else { continue };
            let text: String = lines
                .iter()
                .map(|(at, line)| {
                    format!("{:>10.3} {:?} {}\n", (at - VIRTUAL_START_MS) as f64 / 1000.0, line.level, line.message)
                })
                .collect();
            let file = OpenOptions::new().create(true).append(true).open(path);
            if let Err(error) = file.and_then(|mut file| file.write_all(text.as_bytes())) {
                tracing::warn!("writing {}: {error}", path.display());
            }
        }
    }

    /// A node's folder, if there are folders, with the network directory that a real node would be given.
    fn folder(&self, plan: &NetworkPlan, node: &NodePlan, genesis: &BeaconState) -> Result<Option<PathBuf>, Error> {
        let Some(dir) = &self.dir else { return Ok(None) };
        let folder = dir.node(&node.name).map_err(|error| Error::Other(error.to_string()))?;
        NetworkDirectory::at(folder.join("network"))
            .write(&config_of(plan, node)?, genesis, &Peers::default())
            .map_err(|error| Error::Other(error.to_string()))?;
        Ok(Some(folder))
    }

    fn supports(&self, node: &NodePlan) -> Result<(), Error> {
        let embedded = |client: &&String| self.clients.get(*client).is_some_and(|def| def.embedded);
        let mut clients = std::iter::once(&node.client).chain(node.engine.as_ref().map(|engine| &engine.client));
        match clients.find(|client| !embedded(client)) {
            None => Ok(()),
            Some(client) => Err(Error::Unsupported {
                client: client.clone(),
                runtime: "simulation",
                why: "only the embedded client runs in virtual time".into(),
            }),
        }
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        crypto::remember_verdicts(false);
    }
}

impl State {
    /// Lets virtual time pass until `end` (unix milliseconds).
    fn advance(&mut self, end: u64) {
        loop {
            let duties = self.nodes.values().filter_map(|node| node.due_ms(&self.world)).min();
            let event = lock(&self.world).next_event_ms();
            let Some(next) = duties.into_iter().chain(event).min().filter(|next| *next <= end) else { break };
            // At one moment nodes come before their validators: a slot has begun before its block is asked for.
            lock(&self.world).advance(next);
            for duties in self.nodes.values_mut().filter_map(|node| node.duties.as_mut()) {
                duties.go_on();
            }
            if event.is_some_and(|event| event <= next) {
                continue;
            }
            for node in self.nodes.values_mut() {
                if node.due_ms(&self.world).is_some_and(|due_ms| due_ms <= next) {
                    let now = lock(&self.world).clock_of(node.index);
                    if let Some(duties) = &mut node.duties {
                        duties.go(now);
                    }
                }
            }
        }
        lock(&self.world).advance(end);
    }
}

impl Node {
    /// When its validators have something to do, by the world's clock; `None` while it is paused.
    fn due_ms(&self, world: &Shared) -> Option<u64> {
        let (duties, world) = (self.duties.as_ref()?, lock(world));
        (!world.is_paused(self.index)).then(|| world.when(self.index, duties.due_ms()))
    }
}

/// The configuration of a node that has one of its own, and genesis as it reads it: a copy that shares nothing with the
/// other nodes', since what a state remembers of itself is by their configuration.
fn own_network(plan: &NetworkPlan, node: &NodePlan, genesis: &BeaconState) -> Result<Option<OwnNetwork>, Error> {
    if node.config.is_empty() {
        return Ok(None);
    }
    let config = config_of(plan, node)?;
    let bytes = genesis.encode(plan.config.shape(plan.config.genesis_fork()));
    let unreadable = |error| Error::Other(format!("node {}: genesis under its configuration: {error}", node.name));
    let genesis = config.decode_state(&bytes).map_err(unreadable)?;
    Ok(Some((Arc::new(config), Arc::new(genesis))))
}

/// The validators of a node, with what they signed before.
fn validator(
    plan: &NetworkPlan,
    genesis: &BeaconState,
    node: &NodePlan,
    signed: Option<&str>,
    client: Client,
) -> Result<Validator, Error> {
    let keys: Vec<SecretKey> =
        node.validators.iter().flat_map(|range| interop_keys(range.keys())).map(|key| key.secret).collect();
    let mut protection = SlashingProtection::in_memory(genesis.genesis_validators_root);
    if let Some(signed) = signed {
        protection.import(signed).map_err(|error| Error::Other(error.to_string()))?;
    }
    Ok(Validator::new(client, validators::network(&config_of(plan, node)?, genesis), keys, protection)
        .with_graffiti("lockin"))
}

#[async_trait(?Send)]
impl Time for Simulation {
    fn now_ms(&self) -> u64 {
        self.unix_ms_now() - VIRTUAL_START_MS
    }

    fn unix_ms(&self) -> u64 {
        self.unix_ms_now()
    }

    async fn sleep_until(&mut self, at_ms: u64) {
        if let Some(state) = &mut self.state {
            state.advance(VIRTUAL_START_MS + at_ms);
        }
        self.write_logs();
        // Real time has its turn, too: a signal that ends the run is heard here.
        tokio::task::yield_now().await;
    }
}

impl Watch for Simulation {
    fn peer_id(&self, node: &str) -> Option<String> {
        self.state.as_ref()?.nodes.get(node).map(|node| node.peer_id.clone())
    }

    fn exits(&mut self) -> Vec<Exit> {
        Vec::new()
    }

    fn beacon(&self, node: &str) -> Result<Client, Error> {
        let state = self.state()?;
        let known = state.nodes.get(node).ok_or_else(|| Error::UnknownNode(node.to_owned()))?;
        Ok(validators::client(&state.world, known.index, node))
    }
}

#[async_trait(?Send)]
impl Runtime for Simulation {
    fn name(&self) -> &'static str {
        "simulation"
    }

    async fn prepare(&mut self, plan: &NetworkPlan, genesis: Arc<BeaconState>) -> Result<(), Error> {
        // Time goes on where a network before has left it.
        let now = self.unix_ms_now();
        let mut world = World::new(plan.seed, now, Arc::new(plan.config.clone()), Arc::clone(&genesis));
        let mut nodes = BTreeMap::new();
        for node in &plan.nodes {
            self.supports(node)?;
            let peer_id = Identity::of(&node.node_key).map_err(Error::Other)?.peer_id;
            let own = own_network(plan, node, &genesis)?;
            let index = world.join(&peer_id, own, node.engine.as_ref().map(|engine| engine.script.clone()));
            let log = self.folder(plan, node, &genesis)?.map(|folder| folder.join("beacon.log"));
            let plan = node.clone();
            nodes.insert(node.name.clone(), Node { index, plan, peer_id, duties: None, signed: None, log });
        }
        for edge in &plan.edges {
            if let (Some(from), Some(to)) = (nodes.get(&edge.from), nodes.get(&edge.to)) {
                world.link(from.index, to.index);
            }
        }
        let (plan, world) = (plan.clone(), Arc::new(Mutex::new(world)));
        self.state = Some(State { plan, genesis, world, nodes });
        Ok(())
    }

    async fn start(&mut self, name: &str) -> Result<Vec<Started>, Error> {
        let (world, plan, genesis, node) = self.node(name)?;
        if lock(world).is_up(node.index) {
            return Err(Error::State { node: name.to_owned(), state: "running already" });
        }
        lock(world).start(node.index)?;
        let role = |role: &str| Started { role: role.to_owned(), command: None, pid: None, image: None, digest: None };
        let engine = node.plan.engine.as_ref().map(|_| role(ENGINE));
        let mut started: Vec<Started> = engine.into_iter().chain([role("beacon")]).collect();
        if !node.plan.validators.is_empty() {
            let client = validators::client(world, node.index, name);
            let validator = validator(plan, genesis, &node.plan, node.signed.as_deref(), client)?;
            let now = lock(world).clock_of(node.index);
            node.duties = Some(Duties::start(validator, now));
            started.push(role("validator"));
        }
        Ok(started)
    }

    async fn stop(&mut self, node: &str, how: Ending) -> Result<(), Error> {
        let (world, _, _, node) = self.node(node)?;
        if let Some(duties) = node.duties.take() {
            node.signed = Some(duties.signed());
        }
        lock(world).stop(node.index, how == Ending::Stop);
        Ok(())
    }

    async fn destroy(&mut self) -> Result<(), Error> {
        self.write_logs();
        // Whoever still holds a client of a node holds the world, too.
        if let Some(state) = self.state.take() {
            state.nodes.values().for_each(|node| lock(&state.world).stop(node.index, false));
        }
        Ok(())
    }
}
