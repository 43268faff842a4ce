//! A node that is made of real programs, wherever they run: whose roles it has, the ports they listen on, its folder and
//! what their command lines say. What `process`, `docker` and `kubernetes` have in common.
//!
//! Never: starts, asks or ends a program.

mod archive;
mod complaints;
mod context;
mod files;
mod images;
mod reach;
mod start_times;

pub use archive::line;
pub use complaints::of_nodes as complaints;
pub use context::{LOOPBACK, Setting};
pub use files::{disk_use, empty_but_for_logs, write, write_files};
pub use images::{images_of, reference};
pub use reach::{here, identity_of, last_lines, unix_ms};
pub use start_times::{StartTimes, Starts};

use super::{
    Error,
    identity::{Identity, genesis_fork_id, record},
};
use crate::{
    client::{ClientDef, Command, ENGINE, IdentitySource, Peer, Ready, Role, Signal, VALIDATOR},
    keystore::Layout,
    ssz::Root,
    topology::NodePlan,
    types::ChainConfig,
};
use std::{collections::BTreeMap, net::Ipv4Addr, path::PathBuf, time::Duration};

/// Where a node's programs run, as they see it and as others do.
#[derive(Clone, Debug)]
pub struct Seat {
    /// The node's folder in the run directory: logs, command lines, and what its programs load.
    pub folder: PathBuf,
    /// The same folder as its programs see it.
    pub inside: PathBuf,
    /// The address that its programs listen on.
    pub listen: Ipv4Addr,
    /// The address at which other nodes reach it.
    pub address: Ipv4Addr,
}

/// A node that is prepared, running or not.
pub struct Node {
    pub plan: NodePlan,
    pub seat: Seat,
    def: ClientDef,
    /// Whose role `validator` signs, if another's than its own.
    validator: Option<ClientDef>,
    /// Whose role `engine` it has as its execution engine.
    engine: Option<ClientDef>,
    /// What follows from its key.
    pub identity: Identity,
    /// As others know it: at once, or when it has said it.
    pub peer_id: Option<String>,
    /// The record that it gave of itself, where it has a key of its own.
    pub said_enr: Option<String>,
    /// By role, then by the name that the role gives the port.
    pub ports: BTreeMap<String, BTreeMap<String, u16>>,
}

impl Node {
    /// A node of that plan, with free ports for all its roles.
    pub fn new(
        plan: NodePlan,
        defs: &mut dyn FnMut(&str) -> Result<ClientDef, Error>,
        seat: Seat,
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
        let ports = BTreeMap::new();
        let mut node = Node { plan, seat, def, validator, engine, identity, peer_id: None, said_enr: None, ports };
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
    pub fn def_of(&self, role: &str) -> &ClientDef {
        let other = match role {
            ENGINE => self.engine.as_ref(),
            VALIDATOR => self.validator.as_ref(),
            _ => None,
        };
        other.unwrap_or(&self.def)
    }

    /// The roles that its programs play, in the order in which they start: the engine first.
    pub fn roles<'a>(&'a self) -> Vec<(&'a str, &'a Role)> {
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
    pub fn signing_role(&self) -> Option<&str> {
        if self.validator.is_some() { Some(VALIDATOR) } else { self.def.signing_role() }
    }

    /// How the keystores are laid out that it is given, if it is given any.
    pub fn keystore_layout(&self) -> Option<Layout> {
        let ranges: Vec<_> = self.plan.validators.iter().map(|range| range.keys()).collect();
        let signs = self.signing_role()?;
        let keys = self.def_of(signs).roles.get(signs)?.keys.as_ref()?;
        keys.keystores_for(&ranges).filter(|_| !ranges.is_empty()).map(|keystores| keystores.layout)
    }

    /// Whether its peer id is its own choice, and known when it says it.
    pub fn says_its_identity(&self) -> bool {
        self.def.roles.values().any(|role| role.identity.from == IdentitySource::Api)
    }

    /// A port of one of its roles, by its name there.
    pub fn port_of(&self, role: &str, name: &str) -> Option<u16> {
        self.ports.get(role)?.get(name).copied()
    }

    /// The port of that name, of whichever role of the consensus client has one.
    pub fn port(&self, name: &str) -> Option<u16> {
        let own = self.ports.iter().filter(|(role, _)| *role != ENGINE);
        own.map(|(_, ports)| ports).find_map(|ports| ports.get(name).copied())
    }

    pub fn rest_port(&self) -> Option<u16> {
        self.port("rest")
    }

    /// As another node dials it; `None` while its peer id is not known.
    pub fn as_peer(&self, cfg: &ChainConfig, validators_root: Root) -> Option<Peer> {
        let (port, peer_id) = (self.port("p2p")?, self.peer_id.clone()?);
        let udp = self.port("discovery");
        let enr = match self.says_its_identity() {
            true => self.said_enr.clone(),
            false => {
                record(&self.plan.node_key, &genesis_fork_id(cfg, validators_root), self.seat.address, port, udp).ok()
            }
        };
        let multiaddr = format!("/ip4/{}/tcp/{port}/p2p/{peer_id}", self.seat.address);
        Some(Peer { name: self.plan.name.clone(), multiaddr, peer_id, enr })
    }

    /// The port on which a role's program takes connections once it serves those that need it, and how long it may take,
    /// if that is what it declares.
    pub fn awaited_port(&self, role: &str) -> Option<(u16, Duration)> {
        let serves = |ready: &&Ready| ready.get.is_none();
        let ready = self.def_of(role).roles.get(role).and_then(|role| role.ready.as_ref()).filter(serves)?;
        Some((self.port_of(role, &ready.port)?, ready.within.duration()))
    }

    /// How long its consensus client declares to need at most until it serves.
    pub fn starts_within(&self) -> Duration {
        let ready = self.def.roles.values().filter_map(|role| role.ready.as_ref());
        ready.map(|ready| ready.within.duration()).max().unwrap_or_default()
    }

    /// How a role's program is asked to end, and how long it is given.
    pub fn stop_of(&self, role: &str) -> (Signal, Duration) {
        let stop = self.def_of(role).roles.get(role).map(|role| role.stop.clone()).unwrap_or_default();
        (stop.signal, stop.within.duration())
    }

    /// Whether a role's client says by this exit code that its environment is at fault.
    pub fn blames_environment(&self, role: &str, code: i32) -> bool {
        self.def_of(role).roles.get(role).is_some_and(|role| role.environment_exits.contains(&code))
    }

    /// The command of one of its roles.
    ///
    /// # Errors
    /// A template that names what there is not.
    pub fn command(&self, setting: &Setting, nodes: &BTreeMap<String, Node>, role: &str) -> Result<Command, Error> {
        let rendered = self.def_of(role).render(role, &setting.context(nodes, self, role));
        rendered.map_err(|source| Error::Client { node: self.plan.name.clone(), source: Box::new(source) })
    }
}

/// The definition of a client of the plan.
///
/// # Errors
/// It was not loaded.
pub fn definition(
    clients: &BTreeMap<String, ClientDef>,
    client: &str,
    runtime: &'static str,
) -> Result<ClientDef, Error> {
    clients.get(client).cloned().ok_or_else(|| {
        let why = "its definition was not loaded".to_owned();
        Error::Unsupported { client: client.to_owned(), runtime, why }
    })
}
