//! The resolved scenario: every default filled in, every role cast, every name known. Second of two stages.
//!
//! `lockin plan FILE` prints it, the journal begins with it, and everything that runs or judges works from it alone.
//! Plain data: it never opens files, and two equal plans with equal seeds are the same run.

use super::checks::Check;
use super::quantity::Duration;
use super::steps::Step;
use crate::engine;
use crate::genesis::Convention;
use crate::runtime::Ability;
use crate::ssz::{Fork, Preset, sha256};
use crate::topology::{self, EnginePlan, GenesisPlan, KeyRange, Links, NetworkPlan, NodeSpec, Start, Validators};
use crate::types::config::{BlobParameters, ConfigError};
use crate::types::{ChainConfig, FAR_FUTURE_EPOCH};
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
    /// Whether nodes are held against the plan before genesis.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub preflight: bool,
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
    /// How it gets from proof of work to proof of stake, if it begins before and lives to see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge: Option<Merge>,
    /// From fulu on: blobs in a block at most, from an epoch on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub blob_schedule: BTreeMap<u64, u64>,
    /// Overrides of preset or configuration values, by the spec's names.
    pub constants: BTreeMap<String, String>,
}

/// What makes a proof-of-work block the terminal one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Merge {
    /// `TERMINAL_TOTAL_DIFFICULTY` is 1.
    TotalDifficulty,
    /// `TERMINAL_BLOCK_HASH` names it, from the epoch of bellatrix on.
    BlockHash,
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
    /// The client whose validator signs, if another than that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validator: Option<String>,
    /// Its execution engine, on a network that ever has execution payloads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<EnginePlan>,
    /// Indices of its validators, ascending; none: it follows.
    pub validators: Vec<KeyRange>,
    /// When it starts.
    pub start: Start,
    /// Values of its own configuration that are not the network's, by the spec's names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub config: BTreeMap<String, String>,
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_yes(value: &bool) -> bool {
    *value
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
            validator: node.validator.clone(),
            engine: node.engine.clone(),
            validators: Validators::Ranges(node.validators.clone()),
            start: node.start,
            config: node.config.clone(),
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

    /// What the runtime must be able to do, beside starting and ending nodes: the step, from 0, and what it needs.
    pub fn needs(&self) -> Vec<(usize, Ability)> {
        let needs = |(n, step): (usize, &Step)| Some((n, step.common().needs()?));
        self.steps.iter().enumerate().filter_map(needs).collect()
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
        let schedule = self.blob_schedule.iter();
        config.blob_schedule =
            schedule.map(|(&epoch, &max_blobs_per_block)| BlobParameters { epoch, max_blobs_per_block }).collect();
        match self.merge {
            Some(Merge::TotalDifficulty) => config.set("TERMINAL_TOTAL_DIFFICULTY", "1")?,
            Some(Merge::BlockHash) => {
                let terminal = engine::genesis::terminal_block(config.terminal_total_difficulty);
                config.terminal_block_hash = terminal.block_hash;
                config.terminal_block_hash_activation_epoch = config.bellatrix_fork_epoch;
            }
            // what execution clients expect of a network that starts after the merge
            None if genesis >= Fork::Bellatrix => config.set("TERMINAL_TOTAL_DIFFICULTY", "0")?,
            None => {}
        }
        for (key, value) in &self.constants {
            config.set(key, value)?;
        }
        Ok(config)
    }

    /// Whether its blocks ever hold execution payloads.
    pub fn has_payloads(&self) -> bool {
        self.config().is_ok_and(|config| config.fork_epoch(Fork::Bellatrix) != FAR_FUTURE_EPOCH)
    }

    /// The genesis state that all nodes load.
    ///
    /// # Errors
    /// A fork that does not exist.
    pub fn genesis_plan(&self) -> Result<GenesisPlan, ConfigError> {
        let fork = fork(&self.genesis.fork)?;
        Ok(GenesisPlan {
            fork,
            validators: self.genesis.validators,
            delay_ms: self.genesis.delay.map(|delay| delay.0),
            convention: Convention::to_run(fork),
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
