//! The runtime of local programs, on loopback: any client whose file names a program. Needs nothing but the binaries.
//!
//! Every node has a folder: its network directory, its data, and for each program a log and the command line.

mod node;
mod owner;
mod ports;
mod program;
mod start_times;

pub use owner::{Leftover, leftovers, sweep};

use super::{Ending, Error, Exit, Runtime, Started, Startup, config_of, identity};
use crate::{
    api::{Client, HttpTransport},
    client::{self, BeaconUrls, ClientDef, Context, ENGINE, Keys, NetworkFiles, Slot},
    engine::{self, Script},
    genesis::{NetworkDirectory, Peers, write_secret},
    journal::RunDir,
    topology::{NetworkPlan, NodePlan, Start},
    types::BeaconState,
    yaml,
};
use async_trait::async_trait;
use node::Node;
use ports::Ports;
use program::Program;
use start_times::{Clients, StartTimes, Took};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

/// How long a node may take to answer a request before it counts as not answering.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// No answer of a node is larger: a mainnet state of a million validators is 129 MB.
const LARGEST_ANSWER: usize = 256 << 20;
/// How long all nodes together are given to end by themselves when the run is over.
const DESTROY_WITHIN: Duration = Duration::from_secs(3);
/// Lines of a log that an exit is reported with.
const LOG_LINES: usize = 20;

/// Runs nodes as local programs.
pub struct Process {
    since: Instant,
    dir: RunDir,
    clients: BTreeMap<String, ClientDef>,
    ports: Ports,
    log_level: String,
    lockin: Option<PathBuf>,
    plan: Option<NetworkPlan>,
    nodes: BTreeMap<String, Node>,
    times: StartTimes,
    /// Nodes that do not answer yet: when their start began, and how long their programs took to be started.
    starting: BTreeMap<String, (Instant, u64)>,
}

impl Process {
    /// Nodes get their folders in `dir`; `clients` are the definitions of all clients in the plan, by name.
    pub fn new(dir: RunDir, clients: BTreeMap<String, ClientDef>, log_level: &str) -> Self {
        let ports = Ports::new(u64::from(std::process::id()).wrapping_mul(97));
        let (log_level, lockin) = (log_level.to_owned(), std::env::current_exe().ok());
        Self {
            since: Instant::now(),
            dir,
            clients,
            ports,
            log_level,
            lockin,
            plan: None,
            nodes: BTreeMap::new(),
            times: StartTimes::default(),
            starting: BTreeMap::new(),
        }
    }

    /// The same, with another program than this one as the embedded client.
    pub fn with_lockin(mut self, program: PathBuf) -> Self {
        self.lockin = Some(program);
        self
    }

    /// The same, going by the starts that this user's earlier runs measured, and measuring more.
    pub fn with_start_times(mut self) -> Self {
        self.times = StartTimes::of_user();
        self
    }

    /// The clients of a node and what makes one start of them like another; `None` where a definition is missing.
    fn kind(&self, plan: &NetworkPlan, node: &NodePlan) -> Option<(Clients<'_>, String)> {
        let execution = match &node.engine {
            Some(engine) => Some(self.clients.get(&engine.client)?),
            None => None,
        };
        let clients = Clients { consensus: self.clients.get(&node.client)?, execution };
        let kind = clients.kind(self.lockin.as_deref(), plan.config.preset.name, plan.genesis.validators);
        Some((clients, kind))
    }

    fn node(&self, name: &str) -> Result<&Node, Error> {
        self.nodes.get(name).ok_or_else(|| Error::UnknownNode(name.to_owned()))
    }

    fn node_mut(&mut self, name: &str) -> Result<&mut Node, Error> {
        self.nodes.get_mut(name).ok_or_else(|| Error::UnknownNode(name.to_owned()))
    }

    fn def(&self, client: &str) -> Result<ClientDef, Error> {
        self.clients.get(client).cloned().ok_or_else(|| {
            let why = "its definition was not loaded".to_owned();
            Error::Unsupported { client: client.to_owned(), runtime: "process", why }
        })
    }

    fn prepare_node(&mut self, plan: &NodePlan) -> Result<Node, Error> {
        let def = self.def(&plan.client)?;
        for role in def.roles.keys() {
            let data = self.dir.path().join(&plan.name).join(format!("{role}-data"));
            match std::fs::remove_dir_all(&data) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::Io { doing: "emptying", path: data, source });
                }
                _ => {}
            }
        }
        let engine = plan.engine.as_ref().map(|engine| self.def(&engine.client)).transpose()?;
        let folder = self.dir.node(&plan.name).map_err(|error| Error::Other(error.to_string()))?;
        let peer_id =
            identity::peer_id(&plan.node_key).map_err(|why| Error::Other(format!("node {}: {why}", plan.name)))?;
        Node::new(plan.clone(), def, engine, folder, peer_id, &mut self.ports)
    }

    /// What the templates of one role of a node can name.
    fn context(&self, node: &Node, role: &str) -> Result<Context, Error> {
        let plan = self.plan.as_ref().ok_or(Error::State { node: node.plan.name.clone(), state: "not prepared" })?;
        let network = NetworkDirectory::at(node.folder.join("network"));
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        let peers = plan.dials(&node.plan.name).filter_map(|name| self.nodes.get(name)).map(Node::as_peer).collect();
        let ranges: Vec<_> = node.plan.validators.iter().map(|range| range.keys()).collect();
        let slot_ms = plan.config.slot_duration_ms;
        Ok(Context {
            lockin: self.lockin.clone().map(text),
            data: text(node.folder.join(format!("{role}-data"))),
            network: NetworkFiles {
                dir: text(node.folder.join("network")),
                config: text(network.config()),
                genesis: text(network.genesis()),
            },
            node: client::Node {
                name: node.plan.name.clone(),
                key: hex::encode(node.plan.node_key.0),
                key_file: Some(text(node.folder.join("node.key"))),
            },
            ports: node.ports.get(role).cloned().unwrap_or_default(),
            listen: "127.0.0.1".into(),
            peers,
            keys: Keys::interop(&ranges),
            beacon: node.rest_port().map(|rest| BeaconUrls {
                rest: format!("http://127.0.0.1:{rest}"),
                grpc: node.port("grpc").map(|port| format!("127.0.0.1:{port}")),
            }),
            engine: node.port_of(ENGINE, ENGINE).map(|port| client::Engine {
                url: format!("http://127.0.0.1:{port}"),
                jwt: text(network.jwt()),
                script: Some(node.engine_script()).filter(|path| path.exists()).map(text),
            }),
            slot: Slot { ms: slot_ms, seconds: plan.config.seconds_per_slot() },
            log_level: self.log_level.clone(),
        })
    }

    fn start_program(&self, node: &Node, role: &str) -> Result<(Program, Vec<String>), Error> {
        let name = &node.plan.name;
        let client_error = |source: client::ClientError| Error::Client { node: name.clone(), source: Box::new(source) };
        let context = self.context(node, role)?;
        let def = node.def_of(role);
        let command = def.render(role, &context).map_err(client_error)?;
        let Some(program) = command.program else {
            let why = format!("its role `{role}` names no program");
            return Err(Error::Unsupported { client: def.name.clone(), runtime: "process", why });
        };
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Io { doing: "writing", path, source }
        };
        let data = Path::new(&context.data);
        std::fs::create_dir_all(data).map_err(io(data))?;
        let line: Vec<String> = std::iter::once(program.clone()).chain(command.args).collect();
        let shown = node.folder.join(format!("{role}.cmd"));
        std::fs::write(&shown, line.join("\n") + "\n").map_err(io(&shown))?;
        let log = node.folder.join(format!("{role}.log"));
        match Program::start(&line, &command.env, &node.folder, log) {
            Ok(started) => Ok((started, line)),
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => Err(Error::ProgramMissing {
                node: name.clone(),
                client: def.name.clone(),
                role: role.to_owned(),
                program,
            }),
            Err(source) => Err(Error::Spawn { node: name.clone(), role: role.to_owned(), program, source }),
        }
    }
}

#[async_trait(?Send)]
impl Runtime for Process {
    fn name(&self) -> &'static str {
        "process"
    }

    fn now_ms(&self) -> u64 {
        self.since.elapsed().as_millis() as u64
    }

    fn unix_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        since.map_or(0, |since| since.as_millis() as u64)
    }

    async fn sleep_until(&mut self, at_ms: u64) {
        tokio::time::sleep_until((self.since + Duration::from_millis(at_ms)).into()).await;
    }

    fn startup(&self, plan: &NetworkPlan) -> Startup {
        // Nodes start one after the other; each is ready when it is.
        let (mut begins, mut expected_ms, mut at_most_ms) = (0, 0, 0);
        for node in plan.nodes.iter().filter(|node| node.start == Start::Genesis) {
            let Some((clients, kind)) = self.kind(plan, node) else { continue };
            let took = self.times.expected(&kind, clients);
            expected_ms = expected_ms.max(begins + took.ready_ms);
            at_most_ms = at_most_ms.max(begins + clients.at_most_ms());
            begins += took.start_ms;
        }
        Startup { expected_ms, at_most_ms }
    }

    fn is_ready(&mut self, node: &str) {
        let Some((since, start_ms)) = self.starting.remove(node) else { return };
        let took = Took { start_ms, ready_ms: since.elapsed().as_millis() as u64 };
        let known = self.plan.as_ref().and_then(|plan| Some(self.kind(plan, plan.node(node)?)?.1));
        if let Some(kind) = known {
            self.times.remember(kind, took);
        }
    }

    async fn prepare(&mut self, plan: &NetworkPlan, genesis: Arc<BeaconState>) -> Result<(), Error> {
        for node in &plan.nodes {
            let prepared = self.prepare_node(node)?;
            NetworkDirectory::at(prepared.folder.join("network"))
                .write(&config_of(plan, node)?, &genesis, &Peers::default())
                .map_err(|error| Error::Other(error.to_string()))?;
            if let Some(engine) = node.engine.as_ref().filter(|engine| engine.script != Script::default()) {
                let text = yaml::to_string(&engine.script).map_err(|error| Error::Other(error.to_string()))?;
                let path = prepared.engine_script();
                std::fs::write(&path, text).map_err(|source| Error::Io { doing: "writing", path, source })?;
            }
            let key = prepared.folder.join("node.key");
            write_secret(&key, &hex::encode(node.node_key.0)).map_err(|source| Error::Io {
                doing: "writing",
                path: key,
                source,
            })?;
            self.nodes.insert(node.name.clone(), prepared);
        }
        self.plan = Some(plan.clone());
        Ok(())
    }

    fn peer_id(&self, node: &str) -> Option<String> {
        self.nodes.get(node).map(|node| node.peer_id.clone())
    }

    async fn start(&mut self, name: &str) -> Result<Vec<Started>, Error> {
        let node = self.node(name)?;
        if !node.programs.is_empty() {
            return Err(Error::State { node: name.to_owned(), state: "running already" });
        }
        let roles: Vec<String> = node.roles().into_iter().map(|(role, _)| role.to_owned()).collect();
        let (mut started, since) = (Vec::new(), Instant::now());
        for role in roles {
            let (program, command) = self.start_program(self.node(name)?, &role)?;
            started.push(Started { role: role.clone(), command: Some(command), pid: Some(program.pid()) });
            let node = self.node_mut(name)?;
            node.programs.insert(role.clone(), program);
            node.wait_for(&role).await;
        }
        self.starting.insert(name.to_owned(), (since, since.elapsed().as_millis() as u64));
        Ok(started)
    }

    async fn stop(&mut self, node: &str, how: Ending) -> Result<(), Error> {
        self.starting.remove(node);
        self.node_mut(node)?.end(how).await
    }

    fn exits(&mut self) -> Vec<Exit> {
        let mut exits = Vec::new();
        for (name, node) in &mut self.nodes {
            let ended = |(role, program): (&String, &mut Program)| Some((role.clone(), program.ended()?));
            let ended: Vec<_> = node.programs.iter_mut().filter_map(ended).collect();
            for (role, status) in ended {
                let Some(program) = node.programs.remove(&role) else { continue };
                let (code, signal) = Program::outcome(status);
                let said = node.def_of(&role).roles.get(&role).map(|role| role.environment_exits.clone());
                exits.push(Exit {
                    node: name.clone(),
                    role,
                    code,
                    signal,
                    environment: code.is_some_and(|code| said.unwrap_or_default().contains(&code)),
                    log: program.last_lines(LOG_LINES),
                });
            }
        }
        exits
    }

    fn beacon(&self, node: &str) -> Result<Client, Error> {
        let known = self.node(node)?;
        let Some(port) = known.rest_port() else {
            let why = "its definition has no port called `rest`".to_owned();
            return Err(Error::Unsupported { client: known.plan.client.clone(), runtime: "process", why });
        };
        let transport = HttpTransport::with_limits(&format!("http://127.0.0.1:{port}"), ANSWER_WITHIN, LARGEST_ANSWER)
            .map_err(|error| Error::Other(error.to_string()))?;
        Ok(Client::new(Arc::new(transport)))
    }

    fn engine(&self, node: &str) -> Result<Option<engine::Client>, Error> {
        let known = self.node(node)?;
        let (Some(port), Some(plan)) = (known.port_of(ENGINE, ENGINE), &self.plan) else { return Ok(None) };
        let jwt = NetworkDirectory::at(known.folder.join("network")).jwt();
        let secret = engine::Secret::read(&jwt).map_err(|error| Error::Other(error.to_string()))?;
        let client = engine::Client::new(&format!("http://127.0.0.1:{port}"), secret, plan.config.preset);
        client.map(Some).map_err(|error| Error::Other(error.to_string()))
    }

    async fn destroy(&mut self) -> Result<(), Error> {
        // All at once, and within the time that whoever pressed Ctrl-C is willing to wait.
        for node in self.nodes.values() {
            for (role, program) in &node.programs {
                program.signal(node.stop_of(role).0);
            }
        }
        let patience = tokio::time::Instant::now() + DESTROY_WITHIN;
        for program in self.nodes.values_mut().flat_map(|node| node.programs.values_mut()) {
            program.wait(patience.saturating_duration_since(tokio::time::Instant::now())).await;
        }
        let ends = self.nodes.values_mut().map(|node| node.end(Ending::Kill));
        futures::future::join_all(ends).await.into_iter().collect()
    }
}
