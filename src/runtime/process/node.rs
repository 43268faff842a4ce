//! One node of local programs: whose roles it has, the ports they listen on, and how they end.

use super::{ports::Ports, program::Program};
use crate::{
    client::{ClientDef, ENGINE, Peer, Role, Signal},
    runtime::{Ending, Error},
    topology::NodePlan,
};
use std::{
    collections::BTreeMap,
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
    /// Whose role `engine` it has as its execution engine.
    engine: Option<ClientDef>,
    pub(super) folder: PathBuf,
    pub(super) peer_id: String,
    /// By role, then by the name that the role gives the port.
    pub(super) ports: BTreeMap<String, BTreeMap<String, u16>>,
    /// Those that run, by role.
    pub(super) programs: BTreeMap<String, Program>,
}

impl Node {
    /// A node of that plan, with ports for all its roles.
    pub(super) fn new(
        plan: NodePlan,
        def: ClientDef,
        engine: Option<ClientDef>,
        folder: PathBuf,
        peer_id: String,
        free: &mut Ports,
    ) -> Result<Self, Error> {
        if let Some(engine) = &engine {
            let unfit = |source| Error::Client { node: plan.name.clone(), source: Box::new(source) };
            engine.role(ENGINE).map_err(unfit)?;
        }
        let (ports, programs) = (BTreeMap::new(), BTreeMap::new());
        let mut node = Node { plan, def, engine, folder, peer_id, ports, programs };
        let mut ports = BTreeMap::new();
        for (role, definition) in node.roles() {
            let taken: Result<_, Error> =
                definition.ports.keys().map(|name| Ok((name.clone(), free.take()?))).collect();
            ports.insert(role.to_owned(), taken?);
        }
        node.ports = ports;
        Ok(node)
    }

    /// The definition that a role's program is made from.
    pub(super) fn def_of(&self, role: &str) -> &ClientDef {
        self.engine.as_ref().filter(|_| role == ENGINE).unwrap_or(&self.def)
    }

    /// The roles that its programs play, in the order in which they start: the engine first.
    pub(super) fn roles(&self) -> Vec<(&str, &Role)> {
        let engine = self.engine.as_ref().and_then(|def| def.roles.get_key_value(ENGINE));
        let own = self.def.start_order().into_iter().filter(|role| *role != ENGINE && self.plays(role));
        let own = own.filter_map(|role| self.def.roles.get_key_value(role));
        engine.into_iter().chain(own).map(|(name, role)| (name.as_str(), role)).collect()
    }

    /// Whether the role has anything to do: one that signs needs keys.
    fn plays(&self, role: &str) -> bool {
        let signs = self.def.roles.get(role).is_some_and(|role| role.keys.is_some() && role.needs.is_some());
        !signs || !self.plan.validators.is_empty()
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

    /// The file that its engine is told by, if there is anything to tell.
    pub(super) fn engine_script(&self) -> PathBuf {
        self.folder.join("engine.yaml")
    }

    pub(super) fn rest_port(&self) -> Option<u16> {
        self.port("rest")
    }

    pub(super) fn as_peer(&self) -> Peer {
        let port = self.port("p2p").unwrap_or_default();
        let multiaddr = format!("/ip4/127.0.0.1/tcp/{port}/p2p/{}", self.peer_id);
        Peer { name: self.plan.name.clone(), multiaddr, peer_id: self.peer_id.clone(), enr: None }
    }

    /// Waits until a role's program takes connections, if that is what it declares; no longer than it declares, and not
    /// for one that has ended: whoever needs it will say so.
    pub(super) async fn wait_for(&mut self, role: &str) {
        let ready = self.def_of(role).roles.get(role).and_then(|role| role.ready.clone());
        let Some(ready) = ready.filter(|ready| ready.get.is_none()) else { return };
        let Some(port) = self.port_of(role, &ready.port) else { return };
        let end = Instant::now() + Duration::from_millis(ready.within.0);
        while Instant::now() < end && self.programs.get_mut(role).is_some_and(|program| program.ended().is_none()) {
            if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return;
            }
            tokio::time::sleep(CONNECT_EVERY).await;
        }
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

    /// Ends the programs, those first that need others.
    pub(super) async fn end(&mut self, how: Ending) -> Result<(), Error> {
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
