//! A run's network and what its nodes have there before any of their programs starts: an address, a volume, a container
//! that holds both.

use super::{
    Docker,
    container::{self, FOLDER, NET},
    label::REST,
    subnet::{Subnet, candidates},
    sweep,
};
use crate::{
    client::ENGINE,
    image,
    runtime::{
        Error,
        node::{Node, Seat, definition, empty_but_for_logs},
    },
    topology::{NetworkPlan, NodePlan},
    types::BeaconState,
};
use futures::{StreamExt, stream};
use std::{
    collections::{BTreeMap, HashMap},
    net::Ipv4Addr,
};

/// The first port of a node; each has its own address, so all begin with it.
const FIRST_PORT: u16 = 9000;
/// Bytes of a crashed program's data that are kept at most.
const MOST_BROUGHT_OUT: u64 = 1 << 30;
/// Containers that are made at once.
const AT_ONCE: usize = 8;

/// The container that holds a node's network.
pub struct Net {
    /// Its id.
    pub id: String,
    /// The port of this machine for each published one.
    pub ports: HashMap<u16, u16>,
}

/// The ports by which a node is reached from this machine, with what they serve.
fn published(node: &Node) -> BTreeMap<u16, String> {
    let awaited = node.roles().into_iter().filter_map(|(role, _)| Some((node.awaited_port(role)?.0, role.to_owned())));
    let served = ["engine", "rpc"].into_iter().filter_map(|name| Some((node.port_of(ENGINE, name)?, name.to_owned())));
    awaited.chain(served).chain(node.rest_port().map(|port| (port, REST.to_owned()))).collect()
}

impl Docker {
    /// Makes the network and all nodes in it.
    pub(super) async fn make_nodes(&mut self, plan: &NetworkPlan, genesis: &BeaconState) -> Result<(), Error> {
        let subnet = self.make_network(plan.nodes.len()).await?;
        for (index, node) in plan.nodes.iter().enumerate() {
            let prepared = self.prepare_node(node, subnet.address(index))?;
            prepared.write_folder(plan, genesis)?;
            self.nodes.insert(node.name.clone(), prepared);
        }
        let made = stream::iter(self.nodes.values()).map(|node| self.make_net(node)).buffer_unordered(AT_ONCE);
        // All of them, though one may have failed: what is being made can be removed only when it is there.
        let made: Vec<Result<(String, Net), Error>> = made.collect().await;
        self.nets = made.into_iter().collect::<Result<_, _>>()?;
        Ok(())
    }

    async fn make_network(&mut self, nodes: usize) -> Result<Subnet, Error> {
        if let Some(subnet) = self.subnet {
            return Ok(subnet);
        }
        let name = self.run.network();
        for subnet in candidates(&self.run.id, nodes) {
            if self.engine.create_network(&name, &subnet.text(), subnet.gateway(), self.run.labels()).await? {
                self.subnet = Some(subnet);
                return Ok(subnet);
            }
        }
        Err(Error::Other(format!("no free subnet for {nodes} nodes; `docker network ls` shows who has them")))
    }

    fn prepare_node(&self, plan: &NodePlan, address: Ipv4Addr) -> Result<Node, Error> {
        let folder = self.dir.node(&plan.name).map_err(|error| Error::Other(error.to_string()))?;
        empty_but_for_logs(&folder)?;
        let seat = Seat { folder, inside: FOLDER.into(), listen: Ipv4Addr::UNSPECIFIED, address };
        let defs = &mut |client: &str| definition(&self.clients, client, "docker");
        let mut port = FIRST_PORT;
        let mut free = || {
            port = port.checked_add(1).ok_or_else(|| Error::Other("more ports than there are".to_owned()))?;
            Ok(port - 1)
        };
        Node::new(plan.clone(), defs, seat, &mut free)
    }

    /// The container that holds a node's network, with the node's folder in its volume.
    async fn make_net(&self, node: &Node) -> Result<(String, Net), Error> {
        let (name, engine) = (&node.plan.name, &self.engine);
        engine.create_volume(&self.run.volume(name), self.run.labels_of(name, "data")).await?;
        let (image, address) = (self.images.net_id(), node.seat.address);
        let body = container::net(&self.run, name, image, address, &published(node));
        let id = engine.create(&self.run.container(name, NET), body).await?;
        engine.put(&id, node.folder_archive(&|_| false)?).await?;
        engine.start(&id).await?;
        let ports = engine.published(&id).await?;
        Ok((name.clone(), Net { id, ports }))
    }

    /// Bytes of disk that a node's volume takes.
    pub(super) async fn volume_use(&self, name: &str) -> Option<u64> {
        let command = [image::BINARY, "netns", "usage", FOLDER].map(str::to_owned).to_vec();
        let said = self.engine.exec(&self.nets.get(name)?.id, &container::user(), command).await.ok()?;
        said.text.trim().parse().ok().filter(|_| said.code == 0)
    }

    /// Copies what crashed programs left on disk into their nodes' folders, for whoever looks into it.
    pub(super) async fn bring_out(&mut self) {
        for (name, role) in std::mem::take(&mut self.crashed) {
            let (Some(node), Some(net)) = (self.nodes.get(&name), self.nets.get(&name)) else { continue };
            let file = node.seat.folder.join(format!("{role}-data.tar"));
            let copied = self.engine.get(&net.id, &node.seen(&node.data(&role)), &file, MOST_BROUGHT_OUT).await;
            if let Err(error) = copied {
                tracing::warn!("the data of the crashed {role} of {name} is not kept: {error}");
            }
        }
    }

    /// Removes everything that there is of the run but its network.
    pub(super) async fn remove_nodes(&mut self) -> Result<(), Error> {
        self.running.clear();
        self.nets.clear();
        self.nodes.clear();
        self.ended.clear();
        self.crashed.clear();
        self.paused.clear();
        self.faults.clear();
        sweep::remove_nodes(&self.engine, &self.run).await
    }
}
