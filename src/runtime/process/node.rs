//! One node of local programs: whose roles it has, the ports they listen on, and how they end.

use super::{context::LOOPBACK, program::Program};
use crate::{
    client::{ClientDef, ENGINE, IdentitySource, Peer, Role, Signal, VALIDATOR},
    keystore::Layout,
    runtime::{
        Ending, Error,
        identity::{Identity, genesis_fork_id, record},
    },
    ssz::Root,
    topology::NodePlan,
    types::ChainConfig,
};
use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    path::PathBuf,
    time::{Duration, Instant},
};

/// How long the kernel may take to end a killed process.
const KILL_WITHIN: Duration = Duration::from_secs(5);
/// Between two attempts to connect to a program that is starting.
const CONNECT_EVERY: Duration = Duration::from_millis(20);

/// A node that is prepared, running or not.
pub(super) struct Node {
    pub(super) plan: NodePlan,
    def: ClientDef,
    /// Whose role `validator` signs, if another's than its own.
    validator: Option<ClientDef>,
    /// Whose role `engine` it has as its execution engine.
    engine: Option<ClientDef>,
    pub(super) folder: PathBuf,
    /// What follows from its key.
    pub(super) identity: Identity,
    /// As others know it: at once, or when it has said it.
    pub(super) peer_id: Option<String>,
    /// The record that it gave of itself, where it has a key of its own.
    pub(super) said_enr: Option<String>,
    /// By role, then by the name that the role gives the port.
    pub(super) ports: BTreeMap<String, BTreeMap<String, u16>>,
    /// Those that run, by role.
    pub(super) programs: BTreeMap<String, Program>,
    /// Its programs are stopped, to be continued.
    paused: bool,
}

impl Node {
    /// A node of that plan, with free ports for all its roles.
    pub(super) fn new(
        plan: NodePlan,
        defs: &mut dyn FnMut(&str) -> Result<ClientDef, Error>,
        folder: PathBuf,
        free: &mut dyn FnMut() -> Result<u16, Error>,
    ) -> Result<Self, Error> {
        let def = defs(&plan.client)?;
        let validator = plan.validator.as_deref().map(&mut *defs).transpose()?;
        let engine = plan.engine.as_ref().map(|engine| defs(&engine.client)).transpose()?;
        for (def, role) in [(&validator, VALIDATOR), (&engine, ENGINE)] {
            let unfit = |source| Error::Client { node: plan.name.clone(), source: Box::new(source) };
            def.as_ref().map(|def| def.role(role)).transpose().map_err(unfit)?;
        }
        let identity =
            Identity::of(&plan.node_key).map_err(|why| Error::Other(format!("node {}: {why}", plan.name)))?;
        let (ports, programs) = (BTreeMap::new(), BTreeMap::new());
        let mut node = Node {
            plan,
            def,
            validator,
            engine,
            folder,
            identity,
            peer_id: None,
            said_enr: None,
            ports,
            programs,
            paused: false,
        };
        if !node.says_its_identity() {
            node.peer_id = Some(node.identity.peer_id.clone());
        }
        let mut ports = BTreeMap::new();
        for (role, definition) in node.roles() {
            let taken: Result<_, Error> = definition.ports.keys().map(|name| Ok((name.clone(), free()?))).collect();
            ports.insert(role.to_owned(), taken?);
        }
        node.ports = ports;
        Ok(node)
    }

    /// The definition that a role's program is made from.
    pub(super) fn def_of(&self, role: &str) -> &ClientDef {
        let other = match role {
            ENGINE => self.engine.as_ref(),
            VALIDATOR => self.validator.as_ref(),
            _ => None,
        };
        other.unwrap_or(&self.def)
    }

    /// The roles that its programs play, in the order in which they start: the engine first.
    pub(super) fn roles<'a>(&'a self) -> Vec<(&'a str, &'a Role)> {
        let role = |def: &'a ClientDef, role: &str| def.roles.get_key_value(role);
        let engine = self.engine.as_ref().and_then(|def| role(def, ENGINE));
        let validator = self.validator.as_ref().and_then(|def| role(def, VALIDATOR));
        let replaced = |name: &str| name == ENGINE || (name == VALIDATOR && self.validator.is_some());
        let own = self.def.start_order().into_iter().filter(|name| !replaced(name));
        let own = own.filter_map(|name| role(&self.def, name));
        let all = engine.into_iter().chain(own).chain(validator).map(|(name, role)| (name.as_str(), role));
        all.filter(|(_, role)| self.plays(role)).collect()
    }

    /// Whether a role has anything to do: one that does nothing but sign needs keys.
    fn plays(&self, role: &Role) -> bool {
        let signs_only = role.keys.is_some() && !role.ports.contains_key("rest");
        !signs_only || !self.plan.validators.is_empty()
    }

    /// The role that is given its validators.
    pub(super) fn signing_role(&self) -> Option<&str> {
        if self.validator.is_some() { Some(VALIDATOR) } else { self.def.signing_role() }
    }

    /// How the keystores are laid out that it is given, if it is given any.
    pub(super) fn keystore_layout(&self) -> Option<Layout> {
        let ranges: Vec<_> = self.plan.validators.iter().map(|range| range.keys()).collect();
        let signs = self.signing_role()?;
        let keys = self.def_of(signs).roles.get(signs)?.keys.as_ref()?;
        keys.keystores_for(&ranges).filter(|_| !ranges.is_empty()).map(|keystores| keystores.layout)
    }

    /// Whether its peer id is its own choice, and known when it says it.
    pub(super) fn says_its_identity(&self) -> bool {
        self.def.roles.values().any(|role| role.identity.from == IdentitySource::Api)
    }

    /// A port of one of its roles, by its name there.
    pub(super) fn port_of(&self, role: &str, name: &str) -> Option<u16> {
        self.ports.get(role)?.get(name).copied()
    }

    /// The port of that name, of whichever role of the consensus client has one.
    pub(super) fn port(&self, name: &str) -> Option<u16> {
        let own = self.ports.iter().filter(|(role, _)| *role != ENGINE);
        own.map(|(_, ports)| ports).find_map(|ports| ports.get(name).copied())
    }

    pub(super) fn rest_port(&self) -> Option<u16> {
        self.port("rest")
    }

    /// As another node dials it; `None` while its peer id is not known.
    pub(super) fn as_peer(&self, cfg: &ChainConfig, validators_root: Root) -> Option<Peer> {
        let (port, peer_id) = (self.port("p2p")?, self.peer_id.clone()?);
        let udp = self.port("discovery");
        let enr = match self.says_its_identity() {
            true => self.said_enr.clone(),
            false => {
                record(&self.plan.node_key, &genesis_fork_id(cfg, validators_root), Ipv4Addr::LOCALHOST, port, udp).ok()
            }
        };
        let multiaddr = format!("/ip4/{LOOPBACK}/tcp/{port}/p2p/{peer_id}");
        Some(Peer { name: self.plan.name.clone(), multiaddr, peer_id, enr })
    }

    /// Waits until a role's program takes connections, if that is what it declares; no longer than it declares, and not
    /// for one that has ended: whoever needs it will say so.
    pub(super) async fn wait_for(&mut self, role: &str) {
        let ready = self.def_of(role).roles.get(role).and_then(|role| role.ready.clone());
        let Some(ready) = ready.filter(|ready| ready.get.is_none()) else { return };
        let Some(port) = self.port_of(role, &ready.port) else { return };
        let end = Instant::now() + Duration::from_millis(ready.within.0);
        while Instant::now() < end && self.programs.get_mut(role).is_some_and(|program| program.ended().is_none()) {
            if tokio::net::TcpStream::connect((LOOPBACK, port)).await.is_ok() {
                return;
            }
            tokio::time::sleep(CONNECT_EVERY).await;
        }
    }

    /// How long its consensus client declares to need at most until it serves.
    pub(super) fn starts_within(&self) -> Duration {
        let ready = self.def.roles.values().filter_map(|role| role.ready.as_ref());
        ready.map(|ready| ready.within.duration()).max().unwrap_or_default()
    }

    /// Whether none of its programs has ended by itself.
    pub(super) fn all_run(&mut self) -> bool {
        self.programs.values_mut().all(|program| program.ended().is_none())
    }

    /// The signal that asks a role's program to end, and how long it is given.
    pub(super) fn stop_of(&self, role: &str) -> (libc::c_int, Duration) {
        let stop = self.def_of(role).roles.get(role).map(|role| role.stop.clone()).unwrap_or_default();
        let signal = match stop.signal {
            Signal::Term => libc::SIGTERM,
            Signal::Int => libc::SIGINT,
            Signal::Kill => libc::SIGKILL,
        };
        (signal, Duration::from_millis(stop.within.0))
    }

    /// Halts all programs, those first that need others, or lets them go on, those last.
    pub(super) fn pause(&mut self, on: bool) {
        let signal = if on { libc::SIGSTOP } else { libc::SIGCONT };
        let mut order: Vec<String> = self.roles().into_iter().rev().map(|(role, _)| role.to_owned()).collect();
        if !on {
            order.reverse();
        }
        for program in order.iter().filter_map(|role| self.programs.get(role)) {
            program.signal(signal);
        }
        self.paused = on;
    }

    /// Asks its programs to end, all at once.
    pub(super) fn ask_to_end(&mut self) {
        for (role, program) in &self.programs {
            program.signal(self.stop_of(role).0);
        }
        self.wake();
    }

    /// A program that is paused hears of nothing but its death.
    fn wake(&mut self) {
        if self.paused {
            self.pause(false);
        }
    }

    /// Ends the programs, those first that need others.
    pub(super) async fn end(&mut self, how: Ending) -> Result<(), Error> {
        if how == Ending::Stop {
            self.wake();
        }
        self.paused = false;
        let order: Vec<String> = self.roles().into_iter().rev().map(|(role, _)| role.to_owned()).collect();
        for role in order {
            let Some(mut program) = self.programs.remove(&role) else { continue };
            if how == Ending::Stop {
                let (signal, within) = self.stop_of(&role);
                program.signal(signal);
                if program.wait(within).await {
                    continue;
                }
            }
            program.signal(libc::SIGKILL);
            if !program.wait(KILL_WITHIN).await {
                return Err(Error::Immortal { node: self.plan.name.clone(), pid: program.pid() });
            }
        }
        Ok(())
    }
}
