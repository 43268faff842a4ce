//! From the nodes and links that a scenario names to a [`NetworkPlan`]: pure data, complete before anything starts.
//!
//! [`lay_out`] deals validator keys, turns links into who dials whom, derives the nodes' network keys from the seed,
//! and refuses what can't work (two nodes with one key, a link to nobody) with the names involved.
//!
//! What this module NEVER does: pick ports, addresses or times, touch a file, or know what a client's flags are.

mod keys;
mod links;
mod plan;

pub use keys::{KeyRange, ParseKeyRangeError, Validators};
pub use links::{Edge, Links};
pub use plan::{EnginePlan, GenesisPlan, NetworkPlan, NodePlan, Start};

use crate::ssz::{Bytes, sha256};
use crate::types::ChainConfig;
use std::collections::BTreeMap;

/// Longest node name: it names folders, containers and hosts.
pub const MAX_NAME: usize = 40;

/// One node as a scenario names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSpec {
    /// Unique; letters, digits, `-` and `_`.
    pub name: String,
    /// The role letter that it plays, if the scenario has roles.
    pub role: Option<String>,
    /// The client that plays it: a name of a client definition.
    pub client: String,
    /// The client whose validator signs, if another than its own.
    pub validator: Option<String>,
    /// Its execution engine, if the network has payloads.
    pub engine: Option<EnginePlan>,
    /// Which validator keys it holds.
    pub validators: Validators,
    /// When it starts.
    pub start: Start,
    /// Values of its own configuration that are not the network's, by the spec's names.
    pub config: BTreeMap<String, String>,
}

/// Why nodes and links make no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopologyError {
    /// No node at all.
    #[error("the network has no nodes; name at least one")]
    NoNodes,
    /// A name that can't name a folder and a host.
    #[error("`{0}` can't be a node's name: letters, digits, `-` and `_`, a letter or digit first, at most {MAX_NAME}")]
    BadName(String),
    /// Two nodes of one name.
    #[error("two nodes are called `{0}`; names are unique")]
    SameName(String),
    /// A link names nobody.
    #[error("a link names `{name}`, which is no node; nodes: {known}")]
    UnknownNode {
        /// The name in the link.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A link from a node to itself.
    #[error("`{0}` is linked to itself")]
    SelfLink(String),
    /// One pair linked twice.
    #[error("`{0}` and `{1}` are linked twice; one link is enough, the first named dials")]
    LinkedTwice(String, String),
    /// Keys beyond the genesis set.
    #[error("`{node}` is given validators {range}, but genesis has only {validators} (0..{validators})")]
    OutOfRange {
        /// The node.
        node: String,
        /// Its range.
        range: KeyRange,
        /// How many there are.
        validators: u64,
    },
    /// One key, two holders: both would be slashed.
    #[error("validators {range} are given to `{first}` and to `{second}`; a key has one holder")]
    Overlap {
        /// One holder.
        first: String,
        /// The other (the same node, if it names a key twice).
        second: String,
        /// What both have.
        range: KeyRange,
    },
    /// Counts that add up to more than there is.
    #[error("`{node}` asks for {wanted} validators, but only {left} of {validators} are left to deal")]
    TooMany {
        /// The node.
        node: String,
        /// Its count.
        wanted: u64,
        /// What was left.
        left: u64,
        /// How many there are.
        validators: u64,
    },
}

/// Lays out a network: deals the keys, resolves the links, derives the node keys.
///
/// # Errors
/// Names, links or keys that contradict each other; nothing has been started then.
pub fn lay_out(
    name: &str,
    seed: u64,
    config: ChainConfig,
    genesis: GenesisPlan,
    nodes: &[NodeSpec],
    links: &Links,
) -> Result<NetworkPlan, TopologyError> {
    check_names(nodes)?;
    let dealt = keys::deal(nodes, genesis.validators)?;
    let edges = links.edges(nodes)?;
    let nodes = nodes
        .iter()
        .zip(dealt)
        .map(|(spec, validators)| NodePlan {
            name: spec.name.clone(),
            role: spec.role.clone(),
            client: spec.client.clone(),
            validator: spec.validator.clone(),
            engine: spec.engine.clone(),
            validators,
            start: spec.start,
            config: spec.config.clone(),
            node_key: node_key(seed, &spec.name),
        })
        .collect();
    Ok(NetworkPlan { name: name.into(), seed, config, genesis, nodes, edges })
}

/// The secp256k1 secret of a node's network identity: the same for the same seed and name, so that peer ids are known
/// before anything starts. (That a hash is no valid secret has a chance of 2^-128.)
pub fn node_key(seed: u64, name: &str) -> Bytes<32> {
    let mut input = seed.to_le_bytes().to_vec();
    input.extend_from_slice(name.as_bytes());
    sha256(&input)
}

fn check_names(nodes: &[NodeSpec]) -> Result<(), TopologyError> {
    if nodes.is_empty() {
        return Err(TopologyError::NoNodes);
    }
    for (index, node) in nodes.iter().enumerate() {
        let plain = node.name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        if !plain || node.name.len() > MAX_NAME || !node.name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return Err(TopologyError::BadName(node.name.clone()));
        }
        // Folders and hosts of some systems know no case.
        if nodes[..index].iter().any(|other| other.name.eq_ignore_ascii_case(&node.name)) {
            return Err(TopologyError::SameName(node.name.clone()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
