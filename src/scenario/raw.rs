//! A scenario file as it is written: keys and shapes, and where each stands in the file. First of two stages.
//!
//! Quantities stay text here; [`super::resolve`] reads them, so that every mistake can be shown at its place. Unknown
//! keys are errors. Never fills in a default that a reader of the plan would not see.

use super::{checks::RawCheck, steps::RawStep};
use crate::engine::Script;
use crate::engine::stub::BlobPlan;
use crate::topology::{Links, Validators};
use serde::de::value::SeqAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use serde_saphyr::Location;
use std::collections::BTreeMap;
use std::fmt;

/// A value and where in the file it stands.
pub type At<T> = serde_saphyr::Spanned<T>;
/// A scalar as it is written.
pub type Word = At<String>;

/// The whole file.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawScenario {
    pub name: Word,
    #[serde(default)]
    pub about: String,
    #[serde(default)]
    pub seed: Option<Word>,
    #[serde(default)]
    pub network: RawNetwork,
    #[serde(default = "preflight")]
    pub preflight: bool,
    pub roles: At<BTreeMap<String, Word>>,
    pub nodes: At<Vec<At<RawNode>>>,
    #[serde(default)]
    pub links: Option<At<Links>>,
    #[serde(default)]
    pub steps: Vec<At<RawStep>>,
    pub checks: At<Vec<At<RawCheck>>>,
}

fn preflight() -> bool {
    true
}

/// `network:`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawNetwork {
    #[serde(default)]
    pub preset: Option<Word>,
    #[serde(default)]
    pub genesis: RawGenesis,
    #[serde(default)]
    pub forks: BTreeMap<String, Word>,
    #[serde(default)]
    pub slot_time: Option<Word>,
    #[serde(default)]
    pub merge: Option<Word>,
    #[serde(default)]
    pub blob_schedule: Option<At<BTreeMap<u64, u64>>>,
    #[serde(default)]
    pub blobs: Option<At<BlobPlan>>,
    #[serde(default)]
    pub constants: BTreeMap<String, Word>,
}

/// `genesis:`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawGenesis {
    #[serde(default)]
    pub fork: Option<Word>,
    #[serde(default)]
    pub validators: Option<Word>,
    #[serde(default)]
    pub delay: Option<Word>,
}

/// One of `nodes:`
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawNode {
    pub name: Word,
    pub role: Word,
    #[serde(default)]
    pub validators: Option<At<Validators>>,
    #[serde(default)]
    pub start: Option<Word>,
    #[serde(default)]
    pub engine: Option<At<Script>>,
    #[serde(default)]
    pub config: BTreeMap<String, Word>,
}

/// One name, a list of names, or `all`.
#[derive(Debug, Default)]
pub struct RawNames(
    /// As written; a lone name is a list of one.
    pub Vec<Word>,
);

/// A place that is none, for values that stand where the value around them stands.
pub fn nowhere(text: String) -> Word {
    At::new(text, Location::UNKNOWN, Location::UNKNOWN)
}

struct NamesVisitor;

impl<'de> Visitor<'de> for NamesVisitor {
    type Value = RawNames;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a node as `a0`, a list as `[a0, b1]`, or `all`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<RawNames, E> {
        Ok(RawNames(vec![nowhere(text.to_owned())]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<RawNames, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(seq)).map(RawNames)
    }
}

impl<'de> Deserialize<'de> for RawNames {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(NamesVisitor)
    }
}
