//! Ranges of validator keys, and dealing them to nodes.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::{NodeSpec, TopologyError};

/// The keys from `first` up to, not including, `end`. Written `0..16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyRange {
    /// The first key.
    pub first: u64,
    /// One past the last key.
    pub end: u64,
}

impl KeyRange {
    /// How many keys.
    pub fn count(&self) -> u64 {
        self.end.saturating_sub(self.first)
    }

    /// Whether `key` is among them.
    pub fn contains(&self, key: u64) -> bool {
        (self.first..self.end).contains(&key)
    }

    /// The keys.
    pub fn keys(&self) -> std::ops::Range<u64> {
        self.first..self.end
    }

    /// What both have.
    fn common(&self, other: &KeyRange) -> Option<KeyRange> {
        let range = KeyRange { first: self.first.max(other.first), end: self.end.min(other.end) };
        (range.first < range.end).then_some(range)
    }

    /// The parts that are in none of `taken`, which are ascending and don't overlap.
    pub(super) fn without(&self, taken: &[KeyRange]) -> Vec<KeyRange> {
        let mut left = Vec::new();
        let mut first = self.first;
        for range in taken {
            if range.first > first {
                left.push(KeyRange { first, end: range.first.min(self.end) });
            }
            first = first.max(range.end);
        }
        left.push(KeyRange { first, end: self.end });
        left.retain(|range| range.first < range.end);
        left
    }
}

impl fmt::Display for KeyRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.first, self.end)
    }
}

/// Text that is no range of keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no range of validator keys; written FIRST..END, the end not included (0..16 are sixteen keys)")]
pub struct ParseKeyRangeError(pub String);

impl FromStr for KeyRange {
    type Err = ParseKeyRangeError;

    fn from_str(text: &str) -> Result<Self, ParseKeyRangeError> {
        let wrong = || ParseKeyRangeError(text.into());
        let number = |part: &str| {
            let plain = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            part.parse().ok().filter(|_| plain).ok_or_else(wrong)
        };
        let (first, end) = text.trim().split_once("..").ok_or_else(wrong)?;
        let range = KeyRange { first: number(first.trim())?, end: number(end.trim())? };
        if range.first < range.end { Ok(range) } else { Err(wrong()) }
    }
}

impl Serialize for KeyRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// What a scenario says of a node's validators: a number (`16`), or ranges (`0..16`, `0..8,16..24`, `[0..8, 16..24]`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Validators {
    /// So many, dealt in the order of nodes from what no range has taken. 0 for a follower.
    Count(u64),
    /// Exactly these.
    Ranges(Vec<KeyRange>),
}

impl Default for Validators {
    fn default() -> Self {
        Validators::Count(0)
    }
}

impl FromStr for Validators {
    type Err = ParseKeyRangeError;

    fn from_str(text: &str) -> Result<Self, ParseKeyRangeError> {
        match text.trim().parse() {
            Ok(count) => Ok(Validators::Count(count)),
            Err(_) => text.split(',').map(str::parse).collect::<Result<_, _>>().map(Validators::Ranges),
        }
    }
}

impl Serialize for Validators {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Validators::Count(count) => serializer.serialize_u64(*count),
            Validators::Ranges(ranges) => ranges.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Validators {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValidatorsVisitor)
    }
}

struct ValidatorsVisitor;

impl<'de> Visitor<'de> for ValidatorsVisitor {
    type Value = Validators;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of validators (16) or ranges of keys (0..16, or [0..8, 16..24])")
    }

    fn visit_u64<E: de::Error>(self, count: u64) -> Result<Validators, E> {
        Ok(Validators::Count(count))
    }

    fn visit_i64<E: de::Error>(self, count: i64) -> Result<Validators, E> {
        u64::try_from(count).map(Validators::Count).map_err(|_| E::invalid_value(de::Unexpected::Signed(count), &self))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Validators, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Validators, A::Error> {
        let mut ranges = Vec::new();
        while let Some(range) = seq.next_element()? {
            ranges.push(range);
        }
        Ok(Validators::Ranges(ranges))
    }
}

/// The keys of each node: ranges as written, then counts in order from what is left.
pub(super) fn deal(nodes: &[NodeSpec], validators: u64) -> Result<Vec<Vec<KeyRange>>, TopologyError> {
    let mut taken: Vec<(KeyRange, &str)> = Vec::new();
    for node in nodes {
        let Validators::Ranges(ranges) = &node.validators else { continue };
        for range in ranges {
            if range.end > validators || range.first >= range.end {
                return Err(TopologyError::OutOfRange { node: node.name.clone(), range: *range, validators });
            }
            if let Some((common, holder)) = taken.iter().find_map(|(other, by)| Some((range.common(other)?, by))) {
                let (first, second) = ((*holder).to_string(), node.name.clone());
                return Err(TopologyError::Overlap { first, second, range: common });
            }
            taken.push((*range, &node.name));
        }
    }
    let mut taken: Vec<KeyRange> = taken.into_iter().map(|(range, _)| range).collect();
    taken.sort_unstable();
    let mut free = KeyRange { first: 0, end: validators }.without(&taken);
    nodes
        .iter()
        .map(|node| match &node.validators {
            Validators::Ranges(ranges) => {
                let mut ranges = ranges.clone();
                ranges.sort_unstable();
                Ok(ranges)
            }
            Validators::Count(count) => take(&mut free, *count).ok_or_else(|| TopologyError::TooMany {
                node: node.name.clone(),
                wanted: *count,
                left: free.iter().map(KeyRange::count).sum(),
                validators,
            }),
        })
        .collect()
}

/// Takes the first `count` keys of `free`, or none if there are fewer.
fn take(free: &mut Vec<KeyRange>, mut count: u64) -> Option<Vec<KeyRange>> {
    if free.iter().map(KeyRange::count).sum::<u64>() < count {
        return None;
    }
    let mut taken = Vec::new();
    while count > 0 {
        let range = free.first_mut()?;
        let end = range.end.min(range.first.saturating_add(count));
        taken.push(KeyRange { first: range.first, end });
        count -= end - range.first;
        range.first = end;
        if range.first == range.end {
            free.remove(0);
        }
    }
    Some(taken)
}
