//! What pre-flight and referee find, as events tell it.

use serde::{Deserialize, Serialize};

/// A block that breaks the rules as this program has them, and who took it all the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disputed {
    /// Slot of the block.
    pub block_slot: u64,
    /// Its root.
    pub block: String,
    /// Index of the validator that proposed it.
    pub proposer: u64,
    /// What is wrong with it, as a sentence.
    pub why: String,
    /// The nodes that took it.
    pub took: Vec<String>,
    /// The nodes that have gone on without it and do not have it.
    pub refused: Vec<String>,
    /// The first values in which its post-state is not ours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldDifference>,
    /// How many such values there are.
    #[serde(default)]
    pub differing: u64,
    /// Why the post-states could not be compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen: Option<String>,
}

/// A node that does not take a block that keeps the rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stalled {
    /// The node.
    pub node: String,
    /// Root of the head that it stays on.
    pub head: String,
    /// Its slot.
    pub head_slot: u64,
    /// The slot of the clock since which others are ahead of it.
    pub since: u64,
    /// Root of the block after its head that it does not take.
    pub block: String,
    /// Slot of that block.
    pub block_slot: u64,
    /// The nodes that follow it.
    pub followed: Vec<String>,
    /// Whether the node has the block all the same; absent if it would not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub has: Option<bool>,
}

/// A value in which two states differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldDifference {
    /// `balances[3]`, `validators[5].slashed`.
    pub field: String,
    /// By the rules.
    pub ours: String,
    /// By the node that took the block.
    pub theirs: String,
}

/// A branch and who is on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// Root of the head.
    pub block: String,
    /// Its slot.
    pub block_slot: u64,
    /// The nodes on it.
    pub nodes: Vec<String>,
}

/// Something that a node has other than planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// What: the name of a configuration value, or of a root.
    pub what: String,
    /// What the plan has.
    pub planned: String,
    /// What the node has.
    pub has: String,
}
