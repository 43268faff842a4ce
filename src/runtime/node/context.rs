//! What the templates of one role of a node can name: addresses and paths as its programs see them.

use super::Node;
use crate::{
    client::{BeaconUrls, Context, ENGINE, Engine, Keys, NetworkFiles, Node as NodeVariables, Slot},
    engine::Script,
    genesis::NetworkDirectory,
    ssz::{Fork, Root},
    topology::NetworkPlan,
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// Who is paid for blocks: an address that nobody has, the same for all nodes.
const FEE_RECIPIENT: &str = "0x8943545177806ED17B9F23F0a21ee5948eCaa776";
/// Where a node's own programs reach each other.
pub const LOOPBACK: &str = "127.0.0.1";

/// What all nodes of a run have in common.
pub struct Setting {
    pub plan: NetworkPlan,
    /// Unix seconds.
    pub genesis_time: u64,
    pub validators_root: Root,
    /// The program of the embedded client, as nodes see it.
    pub lockin: Option<PathBuf>,
    pub log_level: String,
}

impl Setting {
    /// The variables of `role` of `node`, one of `nodes`.
    pub fn context(&self, nodes: &BTreeMap<String, Node>, node: &Node, role: &str) -> Context {
        let plan = &self.plan;
        let dials = plan.dials(&node.plan.name).filter_map(|name| nodes.get(name));
        let slot_ms = plan.config.slot_duration_ms;
        let url = |port: u16| format!("http://{LOOPBACK}:{port}");
        Context {
            lockin: self.lockin.as_deref().map(text),
            data: node.seen(&node.data(role)),
            network: self.network(node),
            node: NodeVariables {
                name: node.plan.name.clone(),
                key: hex::encode(node.plan.node_key.0),
                key_file: Some(node.seen(&node.key_file())),
                peer_id: node.identity.peer_id.clone(),
                libp2p_secret: node.identity.secret.clone(),
                libp2p_public: node.identity.public.clone(),
            },
            ports: node.ports.get(role).cloned().unwrap_or_default(),
            listen: node.seat.listen.to_string(),
            address: node.seat.address.to_string(),
            peers: dials.filter_map(|peer| peer.as_peer(&plan.config, self.validators_root)).collect(),
            keys: keys(node, role),
            beacon: node.rest_port().map(|rest| BeaconUrls {
                rest: url(rest),
                grpc: node.port("grpc").map(|port| format!("{LOOPBACK}:{port}")),
            }),
            engine: node.port_of(ENGINE, ENGINE).map(|port| Engine {
                url: url(port),
                jwt: node.seen(&node.network().jwt()),
                rpc: node.port_of(ENGINE, "rpc").map(url),
                script: node.engine_script().map(|path| node.seen(&path)),
            }),
            slot: Slot { ms: slot_ms, seconds: plan.config.seconds_per_slot() },
            log_level: self.log_level.clone(),
            fee_recipient: FEE_RECIPIENT.into(),
        }
    }

    fn network(&self, node: &Node) -> NetworkFiles {
        let (config, directory) = (&self.plan.config, node.network());
        let merged = config.genesis_fork() >= Fork::Bellatrix;
        NetworkFiles {
            dir: node.seen(&directory.path),
            config: node.seen(&directory.config()),
            genesis: node.seen(&directory.genesis()),
            execution_genesis: merged.then(|| node.seen(&directory.execution_genesis())),
            preset: config.preset.name.to_owned(),
            chain_id: config.deposit_chain_id,
            deposit_contract: config.deposit_contract_address.to_string(),
            validators: self.plan.genesis.validators,
            genesis_time: self.genesis_time,
        }
    }
}

impl Node {
    /// A path in its folder as its programs see it.
    pub fn seen(&self, path: &Path) -> String {
        path.strip_prefix(&self.seat.folder).map_or_else(|_| text(path), |path| text(&self.seat.inside.join(path)))
    }

    /// Its network directory.
    pub fn network(&self) -> NetworkDirectory {
        NetworkDirectory::at(self.seat.folder.join("network"))
    }

    /// The folder of one of its programs.
    pub fn data(&self, role: &str) -> PathBuf {
        self.seat.folder.join(format!("{role}-data"))
    }

    /// The file with the secret of its network identity, hex.
    pub fn key_file(&self) -> PathBuf {
        self.seat.folder.join("node.key")
    }

    /// Where its keystores are, if it is given any.
    pub fn keystores(&self) -> PathBuf {
        self.seat.folder.join("keystores")
    }

    /// The log of one of its programs.
    pub fn log(&self, role: &str) -> PathBuf {
        self.seat.folder.join(format!("{role}.log"))
    }

    /// The file that its engine is told by, if there is anything to tell.
    pub fn engine_script(&self) -> Option<PathBuf> {
        let engine = self.plan.engine.as_ref()?;
        (engine.script != Script::default()).then(|| self.seat.folder.join("engine.yaml"))
    }
}

/// A role that does not sign has none.
fn keys(node: &Node, role: &str) -> Keys {
    if node.signing_role() != Some(role) {
        return Keys::default();
    }
    let ranges: Vec<_> = node.plan.validators.iter().map(|range| range.keys()).collect();
    let keys = Keys::interop(&ranges);
    Keys { dir: node.keystore_layout().map(|_| node.seen(&node.keystores())), ..keys }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
