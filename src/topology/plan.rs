//! The plan of a network: everything that decides what happens, nothing about where it runs.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::{Edge, KeyRange};
use crate::engine::Script;
use crate::genesis::Convention;
use crate::ssz::{Bytes, Fork as ForkName};
use crate::types::{ChainConfig, config::ConfigError};

/// A network, ready to be started by any runtime. Equal plans give equal simulations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkPlan {
    /// What the scenario calls it.
    pub name: String,
    /// All chance in the run comes from it.
    pub seed: u64,
    /// Preset, forks, slot time.
    pub config: ChainConfig,
    /// The state that all start from.
    pub genesis: GenesisPlan,
    /// In the scenario's order.
    pub nodes: Vec<NodePlan>,
    /// Who dials whom.
    pub edges: Vec<Edge>,
}

/// The genesis state, but for its time, which is set when the nodes are ready to be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisPlan {
    /// The fork of the state; the configuration schedules it and all before it at epoch 0.
    #[serde(with = "fork_name")]
    pub fork: ForkName,
    /// Interop validators, keys `0..validators`.
    pub validators: u64,
    /// Milliseconds from the start of the nodes to genesis; `None` leaves it to the runtime.
    #[serde(default)]
    pub delay_ms: Option<u64>,
    /// How the state is built.
    #[serde(default)]
    pub convention: Convention,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodePlan {
    /// Unique in the plan.
    pub name: String,
    /// The role letter that it plays, if the scenario has roles.
    #[serde(default)]
    pub role: Option<String>,
    /// Name of the client definition that plays it.
    pub client: String,
    /// Name of the client definition whose role `validator` signs, if another than its client's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validator: Option<String>,
    /// Its execution engine, on a network that ever has execution payloads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<EnginePlan>,
    /// The interop keys that it holds, ascending; empty for a follower.
    #[serde(default)]
    pub validators: Vec<KeyRange>,
    /// When it starts.
    #[serde(default)]
    pub start: Start,
    /// Values of its own configuration that are not the network's, by the spec's names: what makes it disagree.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub config: BTreeMap<String, String>,
    /// secp256k1 secret of its network identity.
    pub node_key: Bytes<32>,
}

/// The execution engine of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnginePlan {
    /// Name of the client definition whose role `engine` it is.
    pub client: String,
    /// What it is told to answer and to build; only the embedded client's can be told anything.
    #[serde(default, skip_serializing_if = "is_default")]
    pub script: Script,
}

fn is_default(script: &Script) -> bool {
    *script == Script::default()
}

/// When a node starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// With the network, before genesis.
    #[default]
    Genesis,
    /// When a step says so.
    Later,
}

impl NodePlan {
    /// The names of the client definitions that it is made of: its client's, its validator's, its engine's.
    pub fn clients(&self) -> impl Iterator<Item = &str> {
        let others = self.validator.iter().chain(self.engine.iter().map(|engine| &engine.client));
        std::iter::once(&self.client).chain(others).map(String::as_str)
    }

    /// How many keys it holds.
    pub fn validator_count(&self) -> u64 {
        self.validators.iter().map(KeyRange::count).sum()
    }

    /// Whether it holds this key.
    pub fn holds(&self, validator: u64) -> bool {
        self.validators.iter().any(|range| range.contains(validator))
    }

    /// The configuration that its programs load: the network's, but for what it has of its own.
    ///
    /// # Errors
    /// A name or a value that does not exist.
    pub fn config(&self, network: &ChainConfig) -> Result<ChainConfig, ConfigError> {
        let mut config = network.clone();
        for (key, value) in &self.config {
            config.set(key, value)?;
        }
        Ok(config)
    }
}

impl NetworkPlan {
    /// The names of the nodes that are there from genesis, in the order in which they are started: who is dialled before
    /// whoever dials it, since some clients say who they are only when they are up, and some dial once and never again.
    /// Otherwise, and where nodes dial each other round in a circle, as the scenario names them.
    pub fn start_order(&self) -> Vec<&str> {
        let there = self.nodes.iter().filter(|node| node.start == Start::Genesis);
        let mut waiting: Vec<&str> = there.map(|node| node.name.as_str()).collect();
        let mut order = Vec::with_capacity(waiting.len());
        let dials = |node: &str, other: &str| self.edges.iter().any(|edge| edge.from == node && edge.to == other);
        while !waiting.is_empty() {
            let next = waiting.iter().position(|node| !waiting.iter().any(|other| dials(node, other)));
            order.push(waiting.remove(next.unwrap_or(0)));
        }
        order
    }

    /// The node called `name`.
    pub fn node(&self, name: &str) -> Option<&NodePlan> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// The nodes that `name` dials, in the plan's order.
    pub fn dials<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.edges.iter().filter(move |edge| edge.from == name).map(|edge| edge.to.as_str())
    }

    /// The nodes that `name` is linked to, whoever dials.
    pub fn neighbours<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.edges.iter().filter_map(move |edge| edge.other_end(name))
    }

    /// The node that holds a validator's key; `None` for keys that nobody was given.
    pub fn holder(&self, validator: u64) -> Option<&NodePlan> {
        self.nodes.iter().find(|node| node.holds(validator))
    }

    /// The keys of genesis that no node was given: they will never attest.
    pub fn unheld(&self) -> Vec<KeyRange> {
        let mut held: Vec<KeyRange> = self.nodes.iter().flat_map(|node| node.validators.clone()).collect();
        held.sort_unstable();
        KeyRange { first: 0, end: self.genesis.validators }.without(&held)
    }
}

/// Fork names as the lower-case words of the Beacon API.
mod fork_name {
    use super::ForkName;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's `with` hands over a reference")]
    pub fn serialize<S: Serializer>(fork: &ForkName, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(fork.name())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ForkName, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
