//! The runtime of local programs, on loopback: any client whose file names a program. Needs nothing but the binaries.
//!
//! Every node has a folder: its network directory, its data, and for each program a log and the command line.

mod faults;
mod leftovers;
mod missing;
mod ports;
mod preview;
mod program;
mod programs;

pub use leftovers::{Leftover, leftovers, sweep};
pub use missing::{check_programs, found};
pub use ports::free_ports;
pub use preview::{Shown, preview};
pub use program::Program;

use super::{
    Complaint, Ending, Error, Exit, Runtime, Started, Startup, Time, Usage, Watch,
    node::{
        Node, Seat, Setting, StartTimes, Starts, complaints, definition, disk_use, empty_but_for_logs, here,
        identity_of, last_lines, unix_ms, write, write_files,
    },
};
use crate::{
    api::Client,
    client::{ClientDef, ENGINE},
    engine,
    journal::RunDir,
    topology::{NetworkPlan, NodePlan},
    types::BeaconState,
};
use async_trait::async_trait;
use ports::Ports;
use programs::Programs;
use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

/// How long all nodes together are given to end by themselves when the run is over.
const DESTROY_WITHIN: Duration = Duration::from_secs(3);
/// Lines of a log that an exit is reported with.
const LOG_LINES: usize = 20;
/// How long a program may take for what is to be done before it first starts.
const SETUP_WITHIN: Duration = Duration::from_secs(120);

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
    /// Of the nodes that are up, by name.
    running: BTreeMap<String, Programs>,
    starts: Starts,
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
            running: BTreeMap::new(),
            starts: Starts::default(),
        }
    }

    /// The same, with another program than this one as the embedded client.
    pub fn with_lockin(mut self, program: PathBuf) -> Self {
        self.lockin = Some(program);
        self
    }

    /// The same, going by the starts that this user's earlier runs measured, and measuring more.
    pub fn with_start_times(mut self) -> Self {
        self.starts.times = StartTimes::of_user();
        self
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
        let defs = &mut |client: &str| definition(clients, client, "process");
        Node::new(plan.clone(), defs, on_loopback(folder), &mut || ports.take())
    }

    async fn start_program(&self, node: &Node, role: &str) -> Result<(Program, Vec<String>), Error> {
        let name = &node.plan.name;
        let setting = self.setting.as_ref().ok_or(Error::State { node: name.clone(), state: "not prepared" })?;
        let command = node.command(setting, &self.nodes, role)?;
        let client = &node.def_of(role).name;
        let Some(program) = command.program.as_deref().map(from_here) else {
            let why = format!("its role `{role}` names no program");
            return Err(Error::Unsupported { client: client.clone(), runtime: "process", why });
        };
        let line = |args: &[String]| -> Vec<String> { std::iter::once(&program).chain(args).cloned().collect() };
        let start = |line: &[String]| {
            Program::start(line, &command.env, &node.seat.folder, &node.log(role)).map_err(|source| {
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
        let set_up = node.seat.folder.join(format!("{role}.setup"));
        if !set_up.exists() {
            write_files(&data, &command)?;
            for args in &command.setup {
                let mut program = start(&line(args))?;
                let ended = program.wait(SETUP_WITHIN).await;
                if !ended || !program.ended().is_some_and(|status| status.success()) {
                    let command = line(args).join(" ");
                    let says = last_lines(&node.log(role), 1).join("");
                    return Err(Error::Setup { node: node.plan.name.clone(), role: role.to_owned(), command, says });
                }
            }
            let shown: Vec<String> = command.setup.iter().map(|args| line(args).join("\n") + "\n").collect();
            write(&set_up, shown.join("\n").as_bytes())?;
        }
        let line = line(&command.args);
        write(&node.seat.folder.join(format!("{role}.cmd")), (line.join("\n") + "\n").as_bytes())?;
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
        let within = node.starts_within();
        let client = self.beacon(name)?;
        let mut programs = self.running.get_mut(name);
        let runs = || programs.as_mut().is_some_and(|programs| programs.all_run());
        if let Some(identity) = identity_of(&client, within, runs).await {
            self.node_mut(name)?.said(identity);
        }
        Ok(())
    }
}

/// What a run's programs find here: their own folder, and everything on loopback.
fn on_loopback(folder: PathBuf) -> Seat {
    Seat { inside: folder.clone(), folder, listen: Ipv4Addr::LOCALHOST, address: Ipv4Addr::LOCALHOST }
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
        unix_ms()
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
        for (name, programs) in &mut self.running {
            let Some(node) = self.nodes.get(name) else { continue };
            for (role, status) in programs.ended() {
                let (code, signal) = Program::outcome(status);
                let environment = code.is_some_and(|code| node.blames_environment(&role, code));
                let log = last_lines(&node.log(&role), LOG_LINES);
                exits.push(Exit { node: name.clone(), role, code, signal, environment, log });
            }
        }
        exits
    }

    fn complaints(&self) -> Vec<Complaint> {
        complaints(&self.nodes)
    }

    fn beacon(&self, node: &str) -> Result<Client, Error> {
        let known = self.node(node)?;
        known.beacon(known.rest_port().map(here), "process")
    }

    fn engine(&self, node: &str) -> Result<Option<engine::Client>, Error> {
        let known = self.node(node)?;
        let (Some(port), Some(setting)) = (known.port_of(ENGINE, ENGINE), &self.setting) else { return Ok(None) };
        known.engine(here(port), setting).map(Some)
    }
}

#[async_trait(?Send)]
impl Runtime for Process {
    fn name(&self) -> &'static str {
        "process"
    }

    fn startup(&self, plan: &NetworkPlan) -> Startup {
        self.starts.expected(plan, &self.clients, &|def, role| missing::stamp(def, role, self.lockin.as_deref()))
    }

    fn is_ready(&mut self, node: &str) {
        let (Some(setting), lockin) = (&self.setting, self.lockin.as_deref()) else { return };
        self.starts.is_ready(node, &setting.plan, &self.clients, &|def, role| missing::stamp(def, role, lockin));
    }

    async fn prepare(&mut self, plan: &NetworkPlan, genesis: Arc<BeaconState>) -> Result<(), Error> {
        for node in &plan.nodes {
            let prepared = self.prepare_node(node)?;
            prepared.write_folder(plan, &genesis)?;
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
        if self.running.get(name).is_some_and(|programs| !programs.is_empty()) {
            return Err(Error::State { node: name.to_owned(), state: "running already" });
        }
        let roles: Vec<String> = node.roles().into_iter().map(|(role, _)| role.to_owned()).collect();
        let (mut started, since) = (Vec::new(), Instant::now());
        for role in roles {
            let node = self.node(name)?;
            let (program, command) = self.start_program(node, &role).await?;
            let (command, pid) = (Some(command), Some(program.pid()));
            started.push(Started { role: role.clone(), command, pid, image: None, digest: None });
            let awaited = node.awaited_port(&role);
            let programs = self.running.entry(name.to_owned()).or_default();
            programs.insert(&role, program);
            if let Some((port, within)) = awaited {
                programs.wait_for(&role, port, within).await;
            }
        }
        self.learn_identity(name).await?;
        self.starts.began(name, since);
        Ok(started)
    }

    async fn stop(&mut self, name: &str, how: Ending) -> Result<(), Error> {
        self.starts.ended(name);
        let programs = self.running.remove(name);
        let node = self.node(name)?;
        programs.unwrap_or_default().end(node, how).await
    }

    async fn usage(&mut self) -> Vec<Usage> {
        let of = |(name, node): (&String, &Node)| {
            let programs = self.running.get(name).into_iter().flat_map(Programs::iter);
            let memory = programs.filter_map(|(role, program)| Some((role.clone(), program.most_memory()?)));
            Usage { node: name.clone(), memory: memory.collect(), disk: disk_use(&node.seat.folder) }
        };
        self.nodes.iter().map(of).collect()
    }

    async fn destroy(&mut self) -> Result<(), Error> {
        // All at once, and within the time that whoever pressed Ctrl-C is willing to wait.
        for (name, programs) in &mut self.running {
            if let Some(node) = self.nodes.get(name) {
                programs.ask_to_end(node);
            }
        }
        let patience = tokio::time::Instant::now() + DESTROY_WITHIN;
        for program in self.running.values_mut().flat_map(Programs::iter_mut) {
            program.wait(patience.saturating_duration_since(tokio::time::Instant::now())).await;
        }
        let running = std::mem::take(&mut self.running);
        let ends =
            running.into_iter().filter_map(|(name, programs)| Some(programs.end(self.nodes.get(&name)?, Ending::Kill)));
        futures::future::join_all(ends).await.into_iter().collect()
    }
}
