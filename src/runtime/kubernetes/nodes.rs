//! Nodes in their places: what they load is made and put there, their programs are started in the order in which they
//! need each other, and ended.

use super::{
    Kubernetes,
    cluster::{Refusal, patiently},
    inside::{Answer, Ask, Awaited, Ended, Genesis, Launch, Order},
    manifest::{FOLDER, HOLD},
    reserve::Place,
};
use crate::{
    client::{Command, ENGINE, Signal},
    image::BINARY,
    runtime::{
        Error, Started, Watch,
        node::{Node, Seat, definition, identity_of, line, write},
    },
    ssz::Ssz,
    topology::{NetworkPlan, NodePlan},
    types::BeaconState,
};
use futures::{StreamExt, TryStreamExt, stream};
use std::{collections::BTreeMap, net::Ipv4Addr, path::PathBuf, time::Duration};

/// The first port of a node; each has its own address, so all begin with it.
const FIRST_PORT: u16 = 9000;
/// Pods that are filled at once.
const AT_ONCE: usize = 16;
/// How long a program may take for what is to be done before it first starts.
const SETUP_WITHIN: Duration = Duration::from_secs(120);
/// What a pod may take longer than what it is told to wait for.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// To make a genesis state of very many validators.
const GENESIS_WITHIN: Duration = Duration::from_secs(600);

impl Kubernetes {
    /// Makes all nodes and puts what they load into their pods.
    pub(super) async fn fill_places(&mut self, plan: &NetworkPlan, genesis: &BeaconState) -> Result<(), Error> {
        for node in &plan.nodes {
            let prepared = self.prepare_node(node)?;
            prepared.write_folder(plan, genesis)?;
            self.nodes.insert(node.name.clone(), prepared);
        }
        let root = genesis.hash_tree_root(plan.config.shape(plan.genesis.fork)).to_string();
        let filled = stream::iter(self.nodes.values()).map(|node| self.fill(node, plan, genesis, &root));
        filled.buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        self.open_ways().await
    }

    fn prepare_node(&self, plan: &NodePlan) -> Result<Node, Error> {
        let folder = self.dir.node(&plan.name).map_err(|error| Error::Other(error.to_string()))?;
        crate::runtime::node::empty_but_for_logs(&folder)?;
        let address = self.place_of(&plan.name)?.address;
        let seat = Seat { folder, inside: FOLDER.into(), listen: Ipv4Addr::UNSPECIFIED, address };
        let defs = &mut |client: &str| definition(&self.clients, client, "kubernetes");
        let mut port = FIRST_PORT;
        let mut free = || {
            port = port.checked_add(1).ok_or_else(|| Error::Other("more ports than there are".to_owned()))?;
            Ok(port - 1)
        };
        Node::new(plan.clone(), defs, seat, &mut free)
    }

    /// Puts a node's folder into its pod; the genesis state is too large to be sent there, and made there instead.
    async fn fill(&self, node: &Node, plan: &NetworkPlan, state: &BeaconState, root: &str) -> Result<(), Error> {
        let name = &node.plan.name;
        self.ask(name, &Ask::Empty(FOLDER.into()), &[], ANSWER_WITHIN).await?;
        let here = node.network().genesis();
        let archive = node.folder_archive(&|path| path == here)?;
        self.ask(name, &Ask::Put(archive.len() as u64), &archive, ANSWER_WITHIN).await?;
        let there = PathBuf::from(node.seen(&here));
        let genesis = Genesis::of(state, &plan.config, plan.genesis, there);
        match self.ask(name, &Ask::Genesis(Box::new(genesis)), &[], GENESIS_WITHIN).await? {
            Answer::Root(made) if made == root => Ok(()),
            Answer::Root(made) => Err(Error::Other(format!(
                "node {name}: its pod made a genesis state of root {made}, and this program one of {root}: is the image {} of this version?",
                self.shape.own_image
            ))),
            other => Err(strange(name, &other)),
        }
    }

    /// The ways by which nodes are asked.
    async fn open_ways(&mut self) -> Result<(), Error> {
        for (name, node) in &self.nodes {
            let engine = ["engine", "rpc"].into_iter().filter_map(|port| node.port_of(ENGINE, port));
            for port in node.rest_port().into_iter().chain(engine) {
                if self.ways.get(name).is_some_and(|ways| ways.contains_key(&port)) {
                    continue;
                }
                let place = self.places.get(name).ok_or_else(|| unplaced(name))?;
                let (at, task) = self.way.to(&self.cluster, &place.pod, place.address, port).await?;
                if let Some(task) = task {
                    self.tasks.spawn(task);
                }
                self.ways.entry(name.clone()).or_default().insert(port, at);
            }
        }
        Ok(())
    }

    pub(super) fn place_of(&self, name: &str) -> Result<&Place, Error> {
        self.places.get(name).ok_or_else(|| unplaced(name))
    }

    /// Asks a node's pod, again while it can't be reached.
    pub(super) async fn ask(&self, name: &str, ask: &Ask, more: &[u8], within: Duration) -> Result<Answer, Error> {
        let place = self.place_of(name)?;
        let doing = format!("reach the pod of {name} on {}", place.machine);
        let asked = patiently(&doing, || async {
            let asked = tokio::time::timeout(within, self.cluster.ask(&place.pod, HOLD, ask, more)).await;
            match self.board.known().lost(&place.pod) {
                Some(says) => Err(Refusal::Refused(0, says)),
                None => asked.unwrap_or_else(|_| Err(Refusal::Away("it does not answer".to_owned()))),
            }
        });
        match asked.await? {
            Answer::Failed(says) => {
                Err(Error::Cluster { doing: format!("do in the pod of {name} what it was asked"), says })
            }
            answer => Ok(answer),
        }
    }

    pub(super) async fn order(&self, name: &str, role: &str, order: Order, within: Duration) -> Result<Answer, Error> {
        self.ask(name, &Ask::To(role.to_owned(), order), &[], within + ANSWER_WITHIN).await
    }

    /// Starts a role's program; which one it is.
    pub(super) async fn start_program(&mut self, name: &str, role: &str) -> Result<(u64, Started), Error> {
        let node = self.node(name)?;
        let setting = self.setting.as_ref().ok_or(Error::State { node: name.to_owned(), state: "not prepared" })?;
        let command = node.command(setting, &self.nodes, role)?;
        let entrypoint = self.entrypoint(node, role)?;
        let (data, folder) = (node.seen(&node.data(role)), node.seat.folder.clone());
        let awaits = node.awaited_port(role).map(|(port, within)| Awaited { port, within_ms: millis(within) });
        // No home of that user's is in anybody's image.
        let mut env = BTreeMap::from([("HOME".to_owned(), data)]);
        env.extend(command.env.clone());
        let set_up = folder.join(format!("{role}.setup"));
        if !set_up.exists() {
            let archive = node.files_of(role, &command)?;
            if !command.files.is_empty() {
                self.ask(name, &Ask::Put(archive.len() as u64), &archive, ANSWER_WITHIN).await?;
            }
            self.set_up(name, role, &entrypoint, &command, &env).await?;
            let shown: Vec<String> =
                command.setup.iter().map(|args| line(&entrypoint, args).join("\n") + "\n").collect();
            write(&set_up, shown.join("\n").as_bytes())?;
        }
        let line = line(&entrypoint, &command.args);
        write(&folder.join(format!("{role}.cmd")), (line.join("\n") + "\n").as_bytes())?;
        let launch = Launch { number: self.next_number(), command: line.clone(), env, awaits };
        let (number, within) = (launch.number, awaits.map_or(0, |it| it.within_ms));
        self.order(name, role, Order::Start(launch), Duration::from_millis(within)).await?;
        let (image, digest) = self.image_of(name, role)?;
        let (role, command) = (role.to_owned(), Some(line));
        Ok((number, Started { role, command, pid: None, image: Some(image), digest }))
    }

    async fn set_up(
        &mut self,
        name: &str,
        role: &str,
        entrypoint: &[String],
        command: &Command,
        env: &BTreeMap<String, String>,
    ) -> Result<(), Error> {
        for args in &command.setup {
            let line = line(entrypoint, args);
            let number = self.next_number();
            let launch = Launch { number, command: line.clone(), env: env.clone(), awaits: None };
            let answer = self.order(name, role, Order::Run(launch, millis(SETUP_WITHIN)), SETUP_WITHIN).await?;
            let Answer::Ended(Ended { code, log, .. }) = answer else { return Err(strange(name, &answer)) };
            if code != Some(0) {
                let says = log.last().cloned().unwrap_or_default();
                let (node, role) = (name.to_owned(), role.to_owned());
                return Err(Error::Setup { node, role, command: line.join(" "), says });
            }
        }
        Ok(())
    }

    /// What is run in a role's container, whose own entry point is the supervisor.
    fn entrypoint(&self, node: &Node, role: &str) -> Result<Vec<String>, Error> {
        let def = node.def_of(role);
        let entrypoint = def.roles.get(role).map(|role| role.entrypoint.clone()).unwrap_or_default();
        match entrypoint.is_empty() {
            true if def.embedded => Ok(vec![BINARY.to_owned()]),
            true => {
                let why = format!("its role `{role}` names no entrypoint");
                Err(Error::Unsupported { client: def.name.clone(), runtime: "kubernetes", why })
            }
            false => Ok(entrypoint),
        }
    }

    /// The image of a role: as its definition names it, and as the cluster has it.
    fn image_of(&self, name: &str, role: &str) -> Result<(String, Option<String>), Error> {
        let place = self.place_of(name)?;
        let known = self.board.known();
        let id = known.pods.get(&place.pod).and_then(|pod| pod.image_id(role));
        // `registry/name@sha256:...`, or the id of an image that came from no registry.
        let digest = id.map(|id| id.rsplit_once('@').map_or(id, |(_, digest)| digest).to_owned());
        Ok((place.images.get(role).cloned().unwrap_or_default(), digest))
    }

    /// Asks a node for its peer id, for those that can't be told one.
    pub(super) async fn learn_identity(&mut self, name: &str) -> Result<(), Error> {
        let client = self.beacon(name)?;
        let (board, node_name) = (self.board.clone(), name.to_owned());
        let runs = move || {
            let known = board.known();
            !known.states.iter().any(|((node, _), state)| *node == node_name && state.ended.is_some())
        };
        let Some(node) = self.nodes.get_mut(name).filter(|node| node.says_its_identity()) else { return Ok(()) };
        // It may have another one after every start.
        (node.peer_id, node.said_enr) = (None, None);
        if let Some(identity) = identity_of(&client, node.starts_within(), runs).await {
            node.said(identity);
        }
        Ok(())
    }

    /// Ends a role's program with a signal, and kills it if it takes longer.
    pub(super) async fn end_program(
        &self,
        name: &str,
        role: &str,
        signal: Signal,
        within: Duration,
    ) -> Result<(), Error> {
        let signal = match signal {
            Signal::Term => libc::SIGTERM,
            Signal::Int => libc::SIGINT,
            Signal::Kill => libc::SIGKILL,
        };
        let order = Order::End { signal, within_ms: millis(within) };
        self.order(name, role, order, within).await.map(drop)
    }

    fn next_number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn unplaced(name: &str) -> Error {
    Error::State { node: name.to_owned(), state: "not prepared" }
}

fn strange(name: &str, answer: &Answer) -> Error {
    Error::Other(format!("the pod of {name} answered {answer:?}: is the program in it of this version?"))
}
