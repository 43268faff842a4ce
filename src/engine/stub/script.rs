//! What the stub is told to do: verdicts by slot or block number, of which the first that applies counts, and blobs.
//!
//! ```yaml
//! verdicts:
//!   - { slots: 8-11, answer: SYNCING, until_slot: 14 }
//!   - { blocks: 20, answer: INVALID, latest_valid_hash: zero }
//!   - { slots: 30-, answer: timeout, calls: [forkchoice_updated] }
//! blobs: { every: 2, per_block: 3 }
//! ```

use crate::ssz::Fork;
use crate::yaml;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// What a rule makes the stub answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Say {
    /// `VALID`, whatever the payload is.
    Valid,
    /// `INVALID`; so are the payload's descendants.
    Invalid,
    /// `SYNCING`: the payload is put aside.
    Syncing,
    /// `ACCEPTED`: the payload is put aside until it is the head.
    Accepted,
    /// Nothing.
    #[serde(rename = "timeout")]
    Timeout,
    /// The payload does not have the hash that it says: so the verdict on one (`INVALID_BLOCK_HASH` by V1, later
    /// `INVALID`), and so it is with those that `engine_getPayload` gives.
    #[serde(rename = "wrong_hash")]
    WrongHash,
}

/// The methods that a rule can be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    /// `engine_newPayload`; slot and number are the payload's.
    NewPayload,
    /// `engine_forkchoiceUpdated`; slot and number are the head's.
    ForkchoiceUpdated,
    /// `engine_getPayload`; slot and number are those of the payload built.
    GetPayload,
}

/// What `latestValidHash` is when a rule says `INVALID`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LatestValid {
    /// The newest valid ancestor, as the spec has it.
    #[default]
    Ancestor,
    /// Zero, which says that the chain is invalid from its first payload on.
    Zero,
    /// `null`: the engine can't tell.
    None,
}

/// Slots or block numbers, both ends included: `8`, `8-11`, or `8-` for all from there on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
}

impl Span {
    /// Whether `number` is among them.
    pub fn contains(&self, number: u64) -> bool {
        (self.first..=self.last).contains(&number)
    }

    fn parse(text: &str) -> Option<Self> {
        let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?;
        let (first, last) = match text.split_once('-') {
            None => (number(text)?, number(text)?),
            Some((first, "")) => (number(first)?, u64::MAX),
            Some((first, last)) => (number(first)?, number(last)?),
        };
        (first <= last).then_some(Self { first, last })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.first, self.last) {
            (first, last) if first == last => write!(f, "{first}"),
            (first, u64::MAX) => write!(f, "{first}-"),
            (first, last) => write!(f, "{first}-{last}"),
        }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("8, or 8-11 (both included), or 8- (all from there on)")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Span, E> {
                Ok(Span { first: number, last: number })
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Span, E> {
                Span::parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        input.deserialize_any(Visitor)
    }
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Slots of payloads; all, if neither these nor `blocks` are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slots: Option<Span>,
    /// Numbers of payloads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<Span>,
    /// What is answered.
    pub answer: Say,
    /// To what; by default to all methods that can answer so, but a timeout does not befall `get_payload`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<Vec<Asked>>,
    /// The rule holds until this slot begins; by default for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_slot: Option<u64>,
    /// For `INVALID`.
    #[serde(default)]
    pub latest_valid_hash: LatestValid,
}

impl Rule {
    /// For payloads of `slots`.
    pub fn at_slots(slots: std::ops::RangeInclusive<u64>, answer: Say) -> Self {
        let slots = Some(Span { first: *slots.start(), last: *slots.end() });
        Self { slots, blocks: None, answer, calls: None, until_slot: None, latest_valid_hash: LatestValid::default() }
    }

    /// For all payloads, for ever.
    pub(super) fn always(answer: Say) -> Self {
        Self { slots: None, ..Self::at_slots(0..=0, answer) }
    }

    /// Whether it is for such questions.
    pub(super) fn is_about(&self, asked: Asked) -> bool {
        self.calls().contains(&asked)
    }

    fn calls(&self) -> &[Asked] {
        match &self.calls {
            Some(calls) => calls,
            None if self.answer == Say::Timeout => &[Asked::NewPayload, Asked::ForkchoiceUpdated],
            None => self.answer.possible(),
        }
    }

    /// Why the rule can't be followed.
    fn wrong(&self) -> Option<String> {
        let impossible = self.calls().iter().find(|asked| !self.answer.possible().contains(asked));
        if let Some(asked) = impossible {
            return Some(format!("{asked:?} can't be answered with {:?}", self.answer));
        }
        if self.latest_valid_hash != LatestValid::default() && self.answer != Say::Invalid {
            return Some("`latest_valid_hash` goes with `answer: INVALID` only".into());
        }
        None
    }
}

impl fmt::Display for Say {
    /// As it is written in a script.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Valid => "VALID",
            Self::Invalid => "INVALID",
            Self::Syncing => "SYNCING",
            Self::Accepted => "ACCEPTED",
            Self::Timeout => "timeout",
            Self::WrongHash => "wrong_hash",
        })
    }
}

impl Say {
    fn possible(self) -> &'static [Asked] {
        match self {
            Self::Valid | Self::Invalid | Self::Syncing => &[Asked::NewPayload, Asked::ForkchoiceUpdated],
            Self::Accepted => &[Asked::NewPayload],
            Self::Timeout => &[Asked::NewPayload, Asked::ForkchoiceUpdated, Asked::GetPayload],
            Self::WrongHash => &[Asked::NewPayload, Asked::GetPayload],
        }
    }
}

/// Where in a chain a payload is, and when it is asked about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The payload's slot; `None` before genesis.
    pub slot: Option<u64>,
    /// The payload's number.
    pub number: u64,
    /// The slot that is now; `None` before genesis.
    pub now: Option<u64>,
}

/// Everything that a stub can be told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// In order: the first that applies counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verdicts: Vec<Rule>,
    /// Blobs for payloads that the stub builds; none by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blobs: Option<BlobPlan>,
}

impl Script {
    /// Reads a script file; `file` is for messages.
    ///
    /// # Errors
    /// Broken YAML, unknown keys, or a rule that no engine could follow.
    pub fn from_yaml(file: &str, text: &str) -> Result<Self, yaml::Error> {
        let script: Self = yaml::from_str(file, text)?;
        script.check().map_err(|why| yaml::Error::new(file, why))?;
        Ok(script)
    }

    /// Whether an engine could do all this, for scripts that came another way than through [`Self::from_yaml`].
    ///
    /// # Errors
    /// Which verdict can't be given, and why.
    pub fn check(&self) -> Result<(), String> {
        if self.blobs.is_some_and(|plan| plan.every == 0) {
            return Err("blobs: `every` is at least 1".into());
        }
        let wrong = self.verdicts.iter().enumerate().find_map(|(index, rule)| Some((index, rule.wrong()?)));
        wrong.map_or(Ok(()), |(index, why)| Err(format!("verdict {}: {why}", index + 1)))
    }

    /// The rule for a question about a payload.
    pub(super) fn rule(&self, asked: Asked, place: Place) -> Option<&Rule> {
        self.verdicts.iter().find(|rule| {
            rule.is_about(asked)
                && rule.slots.is_none_or(|span| place.slot.is_some_and(|slot| span.contains(slot)))
                && rule.blocks.is_none_or(|span| span.contains(place.number))
                && rule.until_slot.is_none_or(|until| place.now.is_none_or(|now| now < until))
        })
    }
}

/// Blobs that the stub puts into payloads it builds, from deneb on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlobPlan {
    /// Every so many blocks, by number; at least 1.
    pub every: u64,
    /// So many blobs, or as many as the fork allows.
    pub per_block: u64,
    /// `engine_getBlobs` serves what any stub builds, as if all shared one pool; by default only what this one built.
    #[serde(default)]
    pub shared: bool,
}

impl BlobPlan {
    /// Blobs of the payload with this number.
    pub(super) fn blobs_in(&self, fork: Fork, number: u64, max: u64) -> u64 {
        let turn = fork >= Fork::Deneb && number.checked_rem(self.every) == Some(0);
        if turn { self.per_block.min(max) } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Script, String> {
        Script::from_yaml("script.yaml", text).map_err(|error| error.to_string())
    }

    const SAMPLE: &str = "verdicts:
- { slots: 8-11, answer: SYNCING, until_slot: 14 }
- { slots: 8-, answer: INVALID, latest_valid_hash: zero }
- { blocks: 3, answer: timeout, calls: [get_payload] }
blobs: { every: 2, per_block: 3 }
";

    #[test]
    fn the_first_rule_that_applies_counts() {
        let script = read(SAMPLE).unwrap();
        let answer = |asked, slot, number, now| {
            let place = Place { slot: Some(slot), number, now: Some(now) };
            script.rule(asked, place).map(|rule| rule.answer)
        };
        assert_eq!(answer(Asked::NewPayload, 7, 3, 7), None);
        assert_eq!(answer(Asked::NewPayload, 8, 3, 13), Some(Say::Syncing));
        assert_eq!(answer(Asked::NewPayload, 8, 3, 14), Some(Say::Invalid));
        assert_eq!(answer(Asked::ForkchoiceUpdated, 900, 3, 14), Some(Say::Invalid));
        assert_eq!(answer(Asked::GetPayload, 1, 3, 1), Some(Say::Timeout));
    }

    #[test]
    fn answers_are_shown_as_they_are_written() {
        for say in [Say::Valid, Say::Invalid, Say::Syncing, Say::Accepted, Say::Timeout, Say::WrongHash] {
            assert_eq!(serde_json::to_value(say).unwrap(), say.to_string());
            assert_eq!(Rule::always(say).wrong(), None);
        }
    }

    #[test]
    fn scripts_are_written_as_they_are_read() {
        let script = read(SAMPLE).unwrap();
        assert_eq!(read(&yaml::to_string(&script).unwrap()), Ok(script.clone()));
        let json = serde_json::to_string(&script).unwrap();
        assert_eq!(serde_json::from_str::<Script>(&json).unwrap(), script);
        let blobs = |number| script.blobs.unwrap().blobs_in(Fork::Deneb, number, 2);
        assert_eq!([blobs(0), blobs(1), blobs(2)], [2, 0, 2], "as many as the fork allows");
        assert_eq!(script.blobs.unwrap().blobs_in(Fork::Capella, 2, 2), 0);
    }

    #[test]
    fn mistakes_are_explained() {
        for (text, why) in [
            ("verdicts:\n- { slots: 8..9, answer: VALID }\n", "8-11 (both included)"),
            ("verdicts:\n- { slots: 9-8, answer: VALID }\n", "8-11 (both included)"),
            ("verdicts:\n- { slot: 9, answer: VALID }\n", "unknown key `slot`"),
            ("verdicts:\n- { slots: 9, answer: maybe }\n", "accepted values: VALID, INVALID"),
            (
                "verdicts:\n- { slots: 9, answer: ACCEPTED, calls: [forkchoice_updated] }\n",
                "verdict 1: ForkchoiceUpdated",
            ),
            ("verdicts:\n- { answer: SYNCING, latest_valid_hash: none }\n", "goes with `answer: INVALID` only"),
            ("blobs: { every: 0, per_block: 1 }\n", "`every` is at least 1"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(why), "{error}");
        }
    }
}
