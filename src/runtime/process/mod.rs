//! The runtime of local programs, on loopback: any client whose file names a program. Needs nothing but the binaries.
//!
//! Every node has a folder: its network directory, its data, and for each program a log and the command line.

mod complaints;
mod context;
mod faults;
mod files;
mod missing;
mod node;
mod owner;
mod ports;
mod preview;
mod program;
mod start_times;

pub use missing::{check_programs, found};
pub use owner::{Leftover, leftovers, sweep};
pub use ports::free_ports;
pub use preview::{Shown, preview};
pub use program::Program;

use super::{Complaint, Ending, Error, Exit, Runtime, Started, Startup, Time, Watch, config_of};
use crate::{
    api::{Client, HttpTransport},
    client::{ClientDef, Command, ENGINE},
    engine,
    genesis::{Peers, write_keystores},
    journal::RunDir,
    keystore::write_secret,
    topology::{NetworkPlan, NodePlan, Start},
    types::BeaconState,
    yaml,
};
use async_trait::async_trait;
use context::{LOOPBACK, Setting};
use files::{empty_but_for_logs, write, write_files};
use node::Node;
use ports::Ports;
use start_times::{Clients, StartTimes, Took};
use std::{
    collections::BTreeMap,
    path::PathBuf,
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
/// How long a program may take for what is to be done before it first starts.
const SETUP_WITHIN: Duration = Duration::from_secs(120);
/// Between two questions to a node for its peer id.
const ASK_EVERY: Duration = Duration::from_millis(250);

/// Runs nodes as local programs.
pub struct Process {
    since: Instant,
    dir: RunDir,
    clients: BTreeMap<String, ClientDef>,
    ports: Ports,
    log_level: String,
    lockin: Option<PathBuf>,
    setting: Option<Setting>,
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
            setting: None,
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
        let clients = Clients::of(node, &self.clients)?;
        let kind = clients.kind(self.lockin.as_deref(), plan);
        Some((clients, kind))
    }

    fn node(&self, name: &str) -> Result<&Node, Error> {
        self.nodes.get(name).ok_or_else(|| Error::UnknownNode(name.to_owned()))
    }

    fn node_mut(&mut self, name: &str) -> Result<&mut Node, Error> {
        self.nodes.get_mut(name).ok_or_else(|| Error::UnknownNode(name.to_owned()))
    }

    fn prepare_node(&mut self, plan: &NodePlan) -> Result<Node, Error> {
        let folder = self.dir.node(&plan.name).map_err(|error| Error::Other(error.to_string()))?;
        empty_but_for_logs(&folder)?;
        let (clients, ports) = (&self.clients, &mut self.ports);
        Node::new(plan.clone(), &mut |client| definition(clients, client), folder, &mut || ports.take())
    }

    fn command(&self, node: &Node, role: &str) -> Result<Command, Error> {
        let name = &node.plan.name;
        let setting = self.setting.as_ref().ok_or(Error::State { node: name.clone(), state: "not prepared" })?;
        let context = setting.context(&self.nodes, node, role);
        let rendered = node.def_of(role).render(role, &context);
        rendered.map_err(|source| Error::Client { node: name.clone(), source: Box::new(source) })
    }

    async fn start_program(&self, node: &Node, role: &str) -> Result<(Program, Vec<String>), Error> {
        let command = self.command(node, role)?;
        let client = &node.def_of(role).name;
        let Some(program) = command.program.as_deref().map(from_here) else {
            let why = format!("its role `{role}` names no program");
            return Err(Error::Unsupported { client: client.clone(), runtime: "process", why });
        };
        let line = |args: &[String]| -> Vec<String> { std::iter::once(&program).chain(args).cloned().collect() };
        let start = |line: &[String]| {
            let log = node.folder.join(format!("{role}.log"));
            Program::start(line, &command.env, &node.folder, log).map_err(|source| {
                let (node, role, program) = (node.plan.name.clone(), role.to_owned(), program.clone());
                match source.kind() {
                    std::io::ErrorKind::NotFound => {
                        Error::ProgramMissing { node, client: client.clone(), role, program }
                    }
                    _ => Error::Spawn { node, role, program, source },
                }
            })
        };
        let data = node.data(role);
        let set_up = node.folder.join(format!("{role}.setup"));
        if !set_up.exists() {
            write_files(&data, &command)?;
            for args in &command.setup {
                let mut program = start(&line(args))?;
                let ended = program.wait(SETUP_WITHIN).await;
                if !ended || !program.ended().is_some_and(|status| status.success()) {
                    let command = line(args).join(" ");
                    let says = program.last_lines(1).join("");
                    return Err(Error::Setup { node: node.plan.name.clone(), role: role.to_owned(), command, says });
                }
            }
            let shown: Vec<String> = command.setup.iter().map(|args| line(args).join("\n") + "\n").collect();
            write(&set_up, shown.join("\n").as_bytes())?;
        }
        let line = line(&command.args);
        write(&node.folder.join(format!("{role}.cmd")), (line.join("\n") + "\n").as_bytes())?;
        Ok((start(&line)?, line))
    }

    /// Waits until a node has said its peer id, for those that can't be told one: whoever dials it needs it. No longer
    /// than it declares to need for its start, and not for one that has ended: what follows will say so.
    async fn learn_identity(&mut self, name: &str) -> Result<(), Error> {
        let node = self.node_mut(name)?;
        if !node.says_its_identity() {
            return Ok(());
        }
        // It may have another one after every start.
        (node.peer_id, node.said_enr) = (None, None);
        let end = Instant::now() + node.starts_within();
        let client = self.beacon(name)?;
        while Instant::now() < end && self.node_mut(name)?.all_run() {
            if let Ok(identity) = client.identity().await {
                let node = self.node_mut(name)?;
                node.peer_id = Some(identity.peer_id);
                node.said_enr = Some(identity.enr).filter(|enr| !enr.is_empty());
                break;
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
        Ok(())
    }
}

fn definition(clients: &BTreeMap<String, ClientDef>, client: &str) -> Result<ClientDef, Error> {
    clients.get(client).cloned().ok_or_else(|| {
        let why = "its definition was not loaded".to_owned();
        Error::Unsupported { client: client.to_owned(), runtime: "process", why }
    })
}

/// A program's path as it was meant, whatever folder it is started in; a bare name is looked for on PATH.
fn from_here(program: &str) -> String {
    let path = Some(program).filter(|program| program.contains('/')).and_then(|path| std::path::absolute(path).ok());
    path.map_or_else(|| program.to_owned(), |path| path.to_string_lossy().into_owned())
}

#[async_trait(?Send)]
impl Time for Process {
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
}

impl Watch for Process {
    fn peer_id(&self, node: &str) -> Option<String> {
        self.nodes.get(node)?.peer_id.clone()
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

    fn complaints(&self) -> Vec<Complaint> {
        let mut all = Vec::new();
        for (name, node) in &self.nodes {
            for (role, _) in node.roles() {
                let log = node.folder.join(format!("{role}.log"));
                let found = complaints::complaints(&log, &node.def_of(role).logs);
                all.extend(found.into_iter().map(|(line, count)| Complaint {
                    node: name.clone(),
                    role: role.to_owned(),
                    line,
                    count,
                }));
            }
        }
        all
    }

    fn beacon(&self, node: &str) -> Result<Client, Error> {
        let known = self.node(node)?;
        let Some(port) = known.rest_port() else {
            let why = "its definition has no port called `rest`".to_owned();
            return Err(Error::Unsupported { client: known.plan.client.clone(), runtime: "process", why });
        };
        let transport = HttpTransport::with_limits(&format!("http://{LOOPBACK}:{port}"), ANSWER_WITHIN, LARGEST_ANSWER)
            .map_err(|error| Error::Other(error.to_string()))?;
        Ok(Client::new(Arc::new(transport)))
    }

    fn engine(&self, node: &str) -> Result<Option<engine::Client>, Error> {
        let known = self.node(node)?;
        let (Some(port), Some(setting)) = (known.port_of(ENGINE, ENGINE), &self.setting) else { return Ok(None) };
        let other = |error: &dyn std::fmt::Display| Error::Other(error.to_string());
        let secret = engine::Secret::read(&known.network().jwt()).map_err(|error| other(&error))?;
        let url = format!("http://{LOOPBACK}:{port}");
        let client = engine::Client::new(&url, secret, setting.plan.config.preset);
        client.map(Some).map_err(|error| other(&error))
    }
}

#[async_trait(?Send)]
impl Runtime for Process {
    fn name(&self) -> &'static str {
        "process"
    }

    fn startup(&self, plan: &NetworkPlan) -> Startup {
        // Programs start one after the other; each node is ready when it is.
        let (mut begins, mut startup) = (0, Startup { expected_ms: 0, at_most_ms: 0 });
        let mut declared = Vec::new();
        for node in plan.nodes.iter().filter(|node| node.start == Start::Genesis) {
            let Some((clients, kind)) = self.kind(plan, node) else { continue };
            let took = self.times.measured(&kind).unwrap_or_else(|| {
                declared.push(clients.declared());
                clients.declared()
            });
            startup.expected_ms = startup.expected_ms.max(begins + took.ready_ms);
            startup.at_most_ms = startup.at_most_ms.max(begins + clients.at_most_ms());
            begins += took.start_ms;
        }
        startup.expected_ms = startup.expected_ms.max(start_times::side_by_side(&declared));
        startup
    }

    fn is_ready(&mut self, node: &str) {
        let Some((since, start_ms)) = self.starting.remove(node) else { return };
        let took = Took { start_ms, ready_ms: since.elapsed().as_millis() as u64 };
        let plan = self.setting.as_ref().map(|setting| &setting.plan);
        if let Some((_, kind)) = plan.and_then(|plan| self.kind(plan, plan.node(node)?)) {
            self.times.remember(kind, took);
        }
    }

    async fn prepare(&mut self, plan: &NetworkPlan, genesis: Arc<BeaconState>) -> Result<(), Error> {
        for node in &plan.nodes {
            let prepared = self.prepare_node(node)?;
            let other = |error: &dyn std::fmt::Display| Error::Other(error.to_string());
            prepared
                .network()
                .write(&config_of(plan, node)?, &genesis, &Peers::default())
                .map_err(|error| other(&error))?;
            if let (Some(engine), Some(path)) = (&node.engine, prepared.engine_script()) {
                let text = yaml::to_string(&engine.script).map_err(|error| other(&error))?;
                write(&path, text.as_bytes())?;
            }
            if let Some(layout) = prepared.keystore_layout() {
                let keys = node.validators.iter().flat_map(|range| range.keys());
                write_keystores(&prepared.keystores(), layout, keys).map_err(|error| other(&error))?;
            }
            let path = prepared.key_file();
            write_secret(&path, hex::encode(node.node_key.0)).map_err(|source| Error::Io {
                doing: "writing",
                path,
                source,
            })?;
            self.nodes.insert(node.name.clone(), prepared);
        }
        self.setting = Some(Setting {
            plan: plan.clone(),
            genesis_time: genesis.genesis_time,
            validators_root: genesis.genesis_validators_root,
            lockin: self.lockin.clone(),
            log_level: self.log_level.clone(),
        });
        Ok(())
    }

    async fn start(&mut self, name: &str) -> Result<Vec<Started>, Error> {
        let node = self.node(name)?;
        if !node.programs.is_empty() {
            return Err(Error::State { node: name.to_owned(), state: "running already" });
        }
        let roles: Vec<String> = node.roles().into_iter().map(|(role, _)| role.to_owned()).collect();
        let (mut started, since) = (Vec::new(), Instant::now());
        for role in roles {
            let (program, command) = self.start_program(self.node(name)?, &role).await?;
            started.push(Started { role: role.clone(), command: Some(command), pid: Some(program.pid()) });
            let node = self.node_mut(name)?;
            node.programs.insert(role.clone(), program);
            node.wait_for(&role).await;
        }
        self.learn_identity(name).await?;
        self.starting.insert(name.to_owned(), (since, since.elapsed().as_millis() as u64));
        Ok(started)
    }

    async fn stop(&mut self, node: &str, how: Ending) -> Result<(), Error> {
        self.starting.remove(node);
        self.node_mut(node)?.end(how).await
    }

    async fn destroy(&mut self) -> Result<(), Error> {
        // All at once, and within the time that whoever pressed Ctrl-C is willing to wait.
        for node in self.nodes.values_mut() {
            node.ask_to_end();
        }
        let patience = tokio::time::Instant::now() + DESTROY_WITHIN;
        for program in self.nodes.values_mut().flat_map(|node| node.programs.values_mut()) {
            program.wait(patience.saturating_duration_since(tokio::time::Instant::now())).await;
        }
        let ends = self.nodes.values_mut().map(|node| node.end(Ending::Kill));
        futures::future::join_all(ends).await.into_iter().collect()
    }
}
