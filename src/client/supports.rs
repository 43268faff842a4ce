//! What networks a client can take part in: presets, forks, slot times. Outside it a pairing is `unsupported`, with
//! the reason, before anything starts.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{ClientDef, Millis};
use crate::ssz::{Fork as ForkName, Preset};
use crate::types::{ChainConfig, FAR_FUTURE_EPOCH};

/// The networks that a client can take part in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Supports {
    /// Names of presets.
    #[serde(deserialize_with = "presets")]
    pub presets: Vec<String>,
    /// The forks it can start from and live through.
    pub forks: ForkRange,
    /// The slot times it keeps up with.
    #[serde(default)]
    pub slot_time: SlotLimit,
    /// What limits only the release that can be had, and not a build of the user's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_build: Option<OwnBuild>,
}

/// Limits that take the place of a release's for an image or a program of the user's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnBuild {
    /// Names of presets; those of the release if none are given.
    #[serde(default, deserialize_with = "presets", skip_serializing_if = "Vec::is_empty")]
    pub presets: Vec<String>,
    /// Forks; those of the release if none are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forks: Option<ForkRange>,
}

impl Supports {
    /// For a build of the user's own.
    pub(super) fn lift(&mut self) {
        let Some(own) = self.own_build.take() else { return };
        if !own.presets.is_empty() {
            self.presets = own.presets;
        }
        self.forks = own.forks.unwrap_or(self.forks);
    }
}

/// Slot times: of all presets, or of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlotLimit {
    /// The same for every preset.
    All(SlotTimes),
    /// By the preset's name; any where it is not named.
    ByPreset(BTreeMap<String, SlotTimes>),
}

impl Default for SlotLimit {
    fn default() -> Self {
        SlotLimit::All(SlotTimes::Any)
    }
}

impl SlotLimit {
    /// The slot times that it allows on a preset.
    pub fn of(&self, preset: &str) -> &SlotTimes {
        match self {
            SlotLimit::All(times) => times,
            SlotLimit::ByPreset(by_preset) => by_preset.get(preset).unwrap_or(&SlotTimes::Any),
        }
    }
}

impl fmt::Display for SlotLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SlotLimit::All(times) => times.fmt(f),
            SlotLimit::ByPreset(by_preset) => {
                let each: Vec<_> = by_preset.iter().map(|(preset, times)| format!("{preset}: {times}")).collect();
                f.write_str(&each.join("; "))
            }
        }
    }
}

impl Serialize for SlotLimit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            SlotLimit::All(times) => times.serialize(serializer),
            SlotLimit::ByPreset(by_preset) => by_preset.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for SlotLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SlotLimitVisitor)
    }
}

struct SlotLimitVisitor;

impl<'de> Visitor<'de> for SlotLimitVisitor {
    type Value = SlotLimit;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("slot times (`at least 2s`), or slot times by preset ({ minimal: 6s, mainnet: at least 12s })")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<SlotLimit, E> {
        text.parse().map(SlotLimit::All).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SlotLimit, A::Error> {
        let mut by_preset = BTreeMap::new();
        while let Some(preset) = map.next_key::<String>()? {
            Preset::by_name(&preset).map_err(de::Error::custom)?;
            by_preset.insert(preset, map.next_value()?);
        }
        Ok(SlotLimit::ByPreset(by_preset))
    }
}

/// Forks from one to another, both included: `phase0..fulu`, or one alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForkRange {
    /// The oldest.
    pub first: ForkName,
    /// The newest.
    pub last: ForkName,
}

/// Slot times: `any`, `at least 2s`, `whole seconds, at least 2s`, `at most 12s`, or a list `6s, 12s`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SlotTimes {
    /// No limit.
    #[default]
    Any,
    /// So long or longer.
    AtLeast(Millis),
    /// So long or longer, in whole seconds: for clients that read `SECONDS_PER_SLOT`.
    WholeSeconds(Millis),
    /// So long or shorter.
    AtMost(Millis),
    /// One of these.
    OneOf(Vec<Millis>),
}

impl ClientDef {
    /// Why this client can't take part in a network of that configuration; `None` if it can.
    pub fn unsupported(&self, cfg: &ChainConfig) -> Option<String> {
        let Supports { presets, forks, slot_time, .. } = &self.supports;
        let name = &self.name;
        if let Some(why) = &self.gone {
            return Some(format!("{name} can't be had any more: {why}"));
        }
        if !presets.iter().any(|preset| preset == cfg.preset.name) {
            return Some(format!("{name} supports the presets {}, not {}", presets.join(", "), cfg.preset.name));
        }
        let start = cfg.genesis_fork();
        if start < forks.first {
            return Some(format!("{name} supports {forks}; the network starts in {start}"));
        }
        let reaches = |fork: &ForkName| cfg.fork_epoch(*fork) != FAR_FUTURE_EPOCH;
        if let Some(fork) = ForkName::ALL.into_iter().filter(reaches).find(|fork| *fork > forks.last) {
            return Some(format!("{name} supports {forks}; {fork} comes in epoch {}", cfg.fork_epoch(fork)));
        }
        let slot = Millis(cfg.slot_duration_ms);
        let allowed = slot_time.of(cfg.preset.name);
        (!allowed.allows(slot)).then(|| format!("{name} supports slots of {allowed}, not {slot}"))
    }
}

impl SlotTimes {
    /// Whether slots may last so long.
    pub fn allows(&self, slot: Millis) -> bool {
        match self {
            SlotTimes::Any => true,
            SlotTimes::AtLeast(least) => slot >= *least,
            SlotTimes::WholeSeconds(least) => slot >= *least && slot.0.is_multiple_of(1000),
            SlotTimes::AtMost(most) => slot <= *most,
            SlotTimes::OneOf(times) => times.contains(&slot),
        }
    }
}

fn presets<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    match names.iter().find_map(|name| Preset::by_name(name).err()) {
        Some(unknown) => Err(de::Error::custom(unknown)),
        None if names.is_empty() => Err(de::Error::custom("at least one preset: minimal, mainnet")),
        None => Ok(names),
    }
}

impl fmt::Display for ForkRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first == self.last {
            true => write!(f, "{}", self.first),
            false => write!(f, "{}..{}", self.first, self.last),
        }
    }
}

impl FromStr for ForkRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (first, last) = text.split_once("..").unwrap_or((text, text));
        let fork = |name: &str| name.trim().parse::<ForkName>().map_err(|error| error.to_string());
        let range = ForkRange { first: fork(first)?, last: fork(last)? };
        if range.first > range.last {
            return Err(format!("`{text}` runs backwards: the older fork comes first"));
        }
        Ok(range)
    }
}

impl fmt::Display for SlotTimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SlotTimes::Any => f.write_str("any"),
            SlotTimes::AtLeast(time) => write!(f, "at least {time}"),
            SlotTimes::WholeSeconds(time) => write!(f, "whole seconds, at least {time}"),
            SlotTimes::AtMost(time) => write!(f, "at most {time}"),
            SlotTimes::OneOf(times) => {
                f.write_str(&times.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

impl FromStr for SlotTimes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let parsed = if text == "any" {
            Ok(SlotTimes::Any)
        } else if let Some(time) = text.strip_prefix("whole seconds, at least ") {
            time.trim().parse().map(SlotTimes::WholeSeconds)
        } else if let Some(time) = text.strip_prefix("at least ") {
            time.trim().parse().map(SlotTimes::AtLeast)
        } else if let Some(time) = text.strip_prefix("at most ") {
            time.trim().parse().map(SlotTimes::AtMost)
        } else {
            text.split(',').map(|time| time.trim().parse()).collect::<Result<_, _>>().map(SlotTimes::OneOf)
        };
        parsed.map_err(|why| {
            format!(
                "{why}; slot times are `any`, `at least 2s`, `whole seconds, at least 2s`, `at most 12s` or `6s, 12s`"
            )
        })
    }
}

macro_rules! serde_as_text {
    ($type:ty) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

serde_as_text!(ForkRange);
serde_as_text!(SlotTimes);
