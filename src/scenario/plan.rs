//! The resolved scenario: every default filled in, every role cast, every name known. Second of two stages.
//!
//! `lockin plan FILE` prints it, the journal begins with it, and everything that runs or judges works from it alone.
//! Plain data: it never opens files, and two equal plans with equal seeds are the same run.

use super::checks::Check;
use super::quantity::Duration;
use super::steps::Step;
use crate::ssz::{Fork, Preset, sha256};
use crate::topology::{self, GenesisPlan, KeyRange, Links, NetworkPlan, NodeSpec, Start, Validators};
use crate::types::ChainConfig;
use crate::types::config::ConfigError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Two nodes: the first dials the second.
pub type Link = (String, String);

/// A scenario, ready to be run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Its name: part of the run directory's name and of reports.
    pub name: String,
    /// What it is for, in a sentence.
    pub about: String,
    /// What all randomness comes from.
    pub seed: u64,
    /// The chain.
    pub network: Network,
    /// Which client plays which role.
    pub roles: BTreeMap<String, String>,
    /// In the order of the file.
    pub nodes: Vec<Node>,
    /// Static peerings.
    pub links: Vec<Link>,
    /// In order.
    pub steps: Vec<Step>,
    /// In order.
    pub checks: Vec<Check>,
}

/// The chain that all nodes run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Network {
    /// `minimal` or `mainnet`.
    pub preset: String,
    /// Of the preset, or as `constants` overrides it.
    pub slots_per_epoch: u64,
    /// Length of a slot.
    pub slot_time: Duration,
    /// Where it begins.
    pub genesis: Genesis,
    /// Epochs of the forks after genesis; one that is not named never comes.
    pub forks: BTreeMap<String, u64>,
    /// Overrides of preset or configuration values, by the spec's names.
    pub constants: BTreeMap<String, String>,
}

/// How the chain begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Genesis {
    /// The fork of the genesis state.
    pub fork: String,
    /// Validators in it, with interop keys.
    pub validators: u64,
    /// From the start of the nodes to genesis; `None`, written `auto`: as long as their clients declare.
    #[serde(with = "auto")]
    pub delay: Option<Duration>,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Its name in everything.
    pub name: String,
    /// The role it plays.
    pub role: String,
    /// The client that plays the role.
    pub client: String,
    /// Indices of its validators, ascending; none: it follows.
    pub validators: Vec<KeyRange>,
    /// When it starts.
    pub start: Start,
}

impl Plan {
    /// The node of that name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// The network as runtimes start it.
    ///
    /// # Errors
    /// See [`PlanError`].
    pub fn network_plan(&self) -> Result<NetworkPlan, PlanError> {
        let spec = |node: &Node| NodeSpec {
            name: node.name.clone(),
            role: Some(node.role.clone()),
            client: node.client.clone(),
            validators: Validators::Ranges(node.validators.clone()),
            start: node.start,
        };
        let specs: Vec<_> = self.nodes.iter().map(spec).collect();
        let links = Links::Pairs(self.links.clone());
        let genesis = self.network.genesis_plan()?;
        Ok(topology::lay_out(&self.name, self.seed, self.network.config()?, genesis, &specs, &links)?)
    }

    /// Name and 8 hex digits: the same for the same plan and seed, another for any other. The run id of simulations.
    pub fn run_id(&self) -> String {
        let json = serde_json::to_vec(self).expect("a plan is plain data with string keys");
        let digest: String = sha256(&json).0[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}-{digest}", self.name)
    }

    /// The epoch of a slot.
    pub fn epoch_of(&self, slot: u64) -> u64 {
        self.network.epoch_of(slot)
    }

    /// Length of a slot, milliseconds.
    pub fn slot_ms(&self) -> u64 {
        self.network.slot_time.0
    }
}

/// A plan that names what does not exist. Never for a plan that came from a file; one that was read from a damaged
/// journal may.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The chain's configuration.
    #[error("configuring the network: {0}")]
    Config(#[from] ConfigError),
    /// The nodes.
    #[error("laying out the network: {0}")]
    Topology(#[from] topology::TopologyError),
}

impl Network {
    /// The epoch of a slot.
    pub fn epoch_of(&self, slot: u64) -> u64 {
        slot / self.slots_per_epoch.max(1)
    }

    /// The configuration that all nodes load: the values of the preset, fork versions of our own, the plan's forks,
    /// slot time and constants.
    ///
    /// # Errors
    /// A name or a value that does not exist.
    pub fn config(&self) -> Result<ChainConfig, ConfigError> {
        let preset =
            Preset::by_name(&self.preset).map_err(|_| bad("PRESET_BASE", &self.preset, "minimal or mainnet"))?;
        let mut config = ChainConfig::lockin(preset);
        config.slot_duration_ms = self.slot_time.0;
        let genesis = fork(&self.genesis.fork)?;
        for earlier in Fork::ALL.into_iter().filter(|fork| *fork <= genesis) {
            config.set_fork_epoch(earlier, 0);
        }
        for (name, epoch) in &self.forks {
            config.set_fork_epoch(fork(name)?, *epoch);
        }
        for (key, value) in &self.constants {
            config.set(key, value)?;
        }
        Ok(config)
    }

    /// The genesis state that all nodes load.
    ///
    /// # Errors
    /// A fork that does not exist.
    pub fn genesis_plan(&self) -> Result<GenesisPlan, ConfigError> {
        Ok(GenesisPlan {
            fork: fork(&self.genesis.fork)?,
            validators: self.genesis.validators,
            delay_ms: self.genesis.delay.map(|delay| delay.0),
            convention: Default::default(),
        })
    }
}

fn fork(name: &str) -> Result<Fork, ConfigError> {
    name.parse().map_err(|_| bad("fork", name, &Fork::ALL.map(Fork::name).join(", ")))
}

fn bad(key: &str, value: &str, expected: &str) -> ConfigError {
    ConfigError::BadValue { key: key.to_owned(), value: value.to_owned(), expected: expected.to_owned() }
}

impl Node {
    /// How many validators it runs.
    pub fn validator_count(&self) -> u64 {
        self.validators.iter().map(|range| range.count()).sum()
    }
}

/// `None` as `auto`.
mod auto {
    use super::Duration;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(value: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(duration) => to.collect_str(duration),
            None => to.serialize_str("auto"),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        match String::deserialize(from)?.as_str() {
            "auto" => Ok(None),
            text => text.parse().map(Some).map_err(D::Error::custom),
        }
    }
}
