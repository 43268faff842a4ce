//! A scenario file as it is written: keys and shapes, and where each stands in the file. First of two stages.
//!
//! Quantities stay text here; [`super::resolve`] reads them, so that every mistake can be shown at its place. Unknown
//! keys are errors. Never fills in a default that a reader of the plan would not see.

use super::{checks::RawCheck, steps::RawStep};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
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
    pub roles: At<BTreeMap<String, Word>>,
    pub nodes: At<Vec<At<RawNode>>>,
    #[serde(default)]
    pub links: Option<At<RawLinks>>,
    #[serde(default)]
    pub steps: Vec<At<RawStep>>,
    pub checks: At<Vec<At<RawCheck>>>,
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
    pub validators: Option<At<RawValidators>>,
    #[serde(default)]
    pub start: Option<Word>,
    #[serde(default)]
    pub args: Vec<String>,
}

/// `16`, `0..16`, or a list of indices and ranges.
#[derive(Debug, PartialEq)]
pub enum RawValidators {
    /// So many, dealt in order.
    Count(u64),
    /// Taken as written; each is a number or a range. A range alone has no place of its own.
    Listed(Vec<Word>),
}

/// `full`, `ring`, `{ star: a0 }`, `[[a0, b0], [a0, b1]]`.
#[derive(Debug)]
pub enum RawLinks {
    /// `full`, `ring`, or something that is neither.
    Shape(String),
    /// All linked to this one.
    Star(Word),
    /// As written.
    Pairs(Vec<At<Vec<Word>>>),
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

struct ValidatorsVisitor;

impl<'de> Visitor<'de> for ValidatorsVisitor {
    type Value = RawValidators;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a count as `16`, a range as `0..16`, or a list as `[0, 2, 8..12]`")
    }

    fn visit_u64<E: de::Error>(self, count: u64) -> Result<RawValidators, E> {
        Ok(RawValidators::Count(count))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<RawValidators, E> {
        Ok(RawValidators::Listed(vec![nowhere(text.to_owned())]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<RawValidators, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(seq)).map(RawValidators::Listed)
    }
}

struct LinksVisitor;

impl<'de> Visitor<'de> for LinksVisitor {
    type Value = RawLinks;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`full`, `ring`, `{ star: a0 }` or pairs as `[[a0, b0], [a0, b1]]`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<RawLinks, E> {
        Ok(RawLinks::Shape(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<RawLinks, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(seq)).map(RawLinks::Pairs)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawLinks, A::Error> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Star {
            star: Word,
        }
        Star::deserialize(MapAccessDeserializer::new(map)).map(|it| RawLinks::Star(it.star))
    }
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

macro_rules! any_shape {
    ($($type:ty: $visitor:expr;)*) => { $(
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                from.deserialize_any($visitor)
            }
        }
    )* };
}
any_shape! {
    RawValidators: ValidatorsVisitor;
    RawLinks: LinksVisitor;
    RawNames: NamesVisitor;
}
