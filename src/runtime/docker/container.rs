//! What the containers of a node are: one that holds its network, so that address, ports and faults outlive its
//! programs, and one for each program, which has that network and the node's volume and else nothing.

use super::{
    engine::endpoint,
    label::{Labels, PORT, Run},
};
use crate::{
    client::Command,
    image::{BINARY, USER},
    runtime::node::LOOPBACK,
};
use bollard::models::{ContainerCreateBody, HostConfig, Mount, MountType, PortBinding};
use std::{
    collections::{BTreeMap, HashMap},
    net::Ipv4Addr,
};

/// Where a node's programs see its folder.
pub const FOLDER: &str = "/node";
/// The role of the container that holds a node's network.
pub const NET: &str = "net";
/// Processes and threads of one container at most: a runaway client does not end the machine.
const MOST_PROCESSES: i64 = 8192;

/// What a container may use of the machine; nothing is unlimited for what is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// Processor cores.
    pub cpus: Option<f64>,
    /// Bytes of memory.
    pub memory: Option<u64>,
}

/// The container that holds a node's network.
pub fn net(
    run: &Run,
    node: &str,
    image: &str,
    address: Ipv4Addr,
    published: &BTreeMap<u16, String>,
) -> ContainerCreateBody {
    let key = |port: &u16| format!("{port}/tcp");
    let mut labels = run.labels_of(node, NET);
    labels.extend(published.iter().map(|(port, name)| (format!("{PORT}{name}"), port.to_string())));
    // A free port of this machine, for this machine only.
    let free = || Some(vec![PortBinding { host_ip: Some(LOOPBACK.to_owned()), host_port: Some(String::new()) }]);
    ContainerCreateBody {
        image: Some(image.to_owned()),
        entrypoint: Some(vec![BINARY.to_owned()]),
        cmd: Some(["netns", "hold"].map(str::to_owned).to_vec()),
        user: Some(user()),
        hostname: Some(node.to_owned()),
        labels: Some(labels),
        exposed_ports: Some(published.keys().map(key).collect()),
        networking_config: Some(endpoint(&run.network(), address)),
        host_config: Some(HostConfig {
            network_mode: Some(run.network()),
            port_bindings: Some(published.keys().map(|port| (key(port), free())).collect()),
            // For root in it alone, which only sets faults and gets it as it is started: the program that it runs has none, and
            // nothing in its image could gain it.
            cap_add: Some(vec!["NET_ADMIN".to_owned()]),
            security_opt: None,
            ..confined(&run.volume(node))
        }),
        ..Default::default()
    }
}

/// A container like that without a network, for trying out what can be done to one.
pub fn trial(run: &Run, image: &str) -> ContainerCreateBody {
    ContainerCreateBody {
        image: Some(image.to_owned()),
        entrypoint: Some(vec![BINARY.to_owned()]),
        cmd: Some(["netns", "hold"].map(str::to_owned).to_vec()),
        user: Some(user()),
        labels: Some(run.labels_of("trial", NET)),
        host_config: Some(HostConfig {
            network_mode: Some("none".to_owned()),
            cap_add: Some(vec!["NET_ADMIN".to_owned()]),
            security_opt: None,
            mounts: None,
            ..confined("")
        }),
        ..Default::default()
    }
}

/// What makes the container of a role's program.
pub struct Program<'a> {
    /// The run.
    pub run: &'a Run,
    /// The node's name.
    pub node: &'a str,
    /// The role.
    pub role: &'a str,
    /// The image, exactly.
    pub image: &'a str,
    /// What is run in it, if not its own entry point.
    pub entrypoint: &'a [String],
    /// Its arguments.
    pub args: &'a [String],
    /// Its data folder as it sees it.
    pub data: &'a str,
    /// The container that holds the node's network.
    pub net: &'a str,
    /// What it may use.
    pub limits: Limits,
}

impl Program<'_> {
    /// As the engine takes it.
    pub fn body(&self, command: &Command) -> ContainerCreateBody {
        // No home of that user's is in anybody's image.
        let mut env = BTreeMap::from([("HOME", self.data)]);
        env.extend(command.env.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let memory = self.limits.memory.map(|bytes| bytes as i64);
        ContainerCreateBody {
            image: Some(self.image.to_owned()),
            entrypoint: Some(self.entrypoint.to_vec()).filter(|words| !words.is_empty()),
            cmd: Some(self.args.to_vec()),
            user: Some(user()),
            env: Some(env.into_iter().map(|(name, value)| format!("{name}={value}")).collect()),
            labels: Some(self.labels()),
            host_config: Some(HostConfig {
                network_mode: Some(format!("container:{}", self.net)),
                tmpfs: Some(HashMap::from([("/tmp".to_owned(), "mode=1777".to_owned())])),
                nano_cpus: self.limits.cpus.map(|cpus| (cpus * 1e9) as i64),
                memory,
                // Memory is not made up for by a disk.
                memory_swap: memory,
                ..confined(&self.run.volume(self.node))
            }),
            ..Default::default()
        }
    }

    fn labels(&self) -> Labels {
        self.run.labels_of(self.node, self.role)
    }
}

/// No rights beyond a user's, none to be gained, and the node's volume.
fn confined(volume: &str) -> HostConfig {
    let mount = Mount {
        target: Some(FOLDER.to_owned()),
        source: Some(volume.to_owned()),
        typ: Some(MountType::VOLUME),
        ..Default::default()
    };
    HostConfig {
        cap_drop: Some(vec!["ALL".to_owned()]),
        security_opt: Some(vec!["no-new-privileges:true".to_owned()]),
        pids_limit: Some(MOST_PROCESSES),
        mounts: Some(vec![mount]),
        ..Default::default()
    }
}

/// Whom nodes' programs run as.
pub fn user() -> String {
    format!("{USER}:{USER}")
}
