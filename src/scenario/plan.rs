//! The resolved scenario: every default filled in, every role cast, every name known. Second of two stages.
//!
//! `lockin plan FILE` prints it, the journal begins with it, and everything that runs or judges works from it alone.
//! Plain data: it never opens files, and two equal plans with equal seeds are the same run.

use super::checks::Check;
use super::quantity::Duration;
use super::steps::Step;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

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
    /// Static peerings: the first dials the second.
    pub links: Vec<(String, String)>,
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
    /// Added to the arguments of its beacon node.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
}

/// When a node starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// Before genesis.
    Genesis,
    /// When a step says so.
    Later,
}

/// Validator indices from one up to, and without, another. Written `0..16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// The first.
    pub start: u64,
    /// One past the last; greater than `start`.
    pub end: u64,
}

impl KeyRange {
    /// As a range.
    pub fn range(self) -> Range<u64> {
        self.start..self.end
    }

    /// How many.
    pub fn count(self) -> u64 {
        self.end - self.start
    }

    /// `0..16`, or one number.
    pub fn parse(text: &str) -> Option<KeyRange> {
        let number = |digits: &str| digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten();
        let (start, end): (u64, u64) = match text.trim().split_once("..") {
            Some((start, end)) => (number(start)?, number(end)?),
            None => {
                let one = number(text.trim())?;
                (one, one.checked_add(1)?)
            }
        };
        (start < end).then_some(KeyRange { start, end })
    }
}

impl fmt::Display for KeyRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

impl Serialize for KeyRange {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyRange {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        KeyRange::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("`{text}` is no range such as `0..16`")))
    }
}

impl Plan {
    /// The node of that name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// Names of all nodes, in the order of the file.
    pub fn node_names(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().map(|node| node.name.as_str())
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

impl Network {
    /// The epoch of a slot.
    pub fn epoch_of(&self, slot: u64) -> u64 {
        slot / self.slots_per_epoch.max(1)
    }
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
