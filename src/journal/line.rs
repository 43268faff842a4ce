//! One line: an event with its time and slot.

use super::{Event, VERSION};
use serde::{Deserialize, Serialize};

/// An event, when it happened and in which slot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Format version, [`VERSION`] in every line that this program writes.
    pub v: u32,
    /// Milliseconds since the run began, in the file as seconds with three decimals.
    #[serde(rename = "at", with = "seconds")]
    pub at_ms: u64,
    /// Slot of the network's clock; absent before genesis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<u64>,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

impl Line {
    /// A line of the current version.
    pub fn new(at_ms: u64, slot: Option<u64>, event: Event) -> Line {
        Line { v: VERSION, at_ms, slot, event }
    }
}

/// `10031` as `"10.031"`.
mod seconds {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(ms: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{}.{:03}", ms / 1000, ms % 1000))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        let text = String::deserialize(from)?;
        parse(&text).ok_or_else(|| D::Error::custom(format!("{text:?} is no time: expected seconds as \"10.031\"")))
    }

    fn parse(text: &str) -> Option<u64> {
        let (whole, part) = text.split_once('.')?;
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if part.len() != 3 || !digits(part) || !digits(whole) {
            return None;
        }
        whole.parse::<u64>().ok()?.checked_mul(1000)?.checked_add(part.parse().ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{NodeEvent, NodeState, Verdict};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_is_written_as_the_format_says() {
        let line = Line::new(
            10_031,
            Some(1),
            Event::Head {
                node: "a0".into(),
                head_slot: 1,
                block: "0xaa".into(),
                state: "0xbb".into(),
                proposer: Some(7),
                justified: 0,
                finalized: 0,
            },
        );
        assert_eq!(
            serde_json::to_string(&line).unwrap(),
            r#"{"v":1,"at":"10.031","slot":1,"event":"head","node":"a0","head_slot":1,"block":"0xaa","state":"0xbb","proposer":7,"justified":0,"finalized":0}"#
        );
        let started = Line::new(7, None, Event::Node(NodeEvent::new("b0", NodeState::Started)));
        assert_eq!(
            serde_json::to_string(&started).unwrap(),
            r#"{"v":1,"at":"0.007","event":"node","node":"b0","state":"started"}"#
        );
    }

    #[test]
    fn an_event_of_a_later_program_is_passed_over() {
        let line: Line = serde_json::from_str(r#"{"v":1,"at":"3.900","event":"eclipse","moons":2}"#).unwrap();
        assert_eq!(line.event, Event::Other);
    }

    #[test]
    fn a_time_that_is_none_is_refused() {
        for at in ["1", "1.5", "-1.000", "1.+00", ".000", "99999999999999999999.000"] {
            let text = format!(r#"{{"v":1,"at":"{at}","event":"interrupted","by":"SIGINT"}}"#);
            assert!(serde_json::from_str::<Line>(&text).is_err(), "{at}");
        }
    }

    fn event() -> impl Strategy<Value = Event> {
        let text = any::<String>;
        prop_oneof![
            (text(), any::<u64>(), text(), any::<u64>()).prop_map(|(node, head_slot, block, finalized)| Event::Head {
                node,
                head_slot,
                state: block.clone(),
                proposer: head_slot.checked_sub(1),
                block,
                justified: finalized,
                finalized
            }),
            (text(), any::<Option<u32>>(), any::<Option<i32>>(), proptest::collection::vec(text(), 0..3)).prop_map(
                |(node, pid, code, log)| {
                    Event::Node(NodeEvent { pid, code, log, ..NodeEvent::new(node, NodeState::Exited) })
                }
            ),
            (text(), proptest::collection::vec(text(), 0..3), any::<u64>())
                .prop_map(|(node, peers, foreign)| Event::Peers { node, peers, foreign }),
            (text(), any::<u64>(), any::<i64>()).prop_map(|(node, validator, late_ms)| Event::Duty {
                node,
                duty: "attest".into(),
                validator,
                late_ms
            }),
            (text(), text(), 0usize..5).prop_map(|(check, says, n)| Event::Check {
                check,
                verdict: Verdict::ALL[n],
                says
            }),
            (any::<u64>(), text()).prop_map(|(seed, name)| Event::Run {
                id: name.clone(),
                lockin: "0".into(),
                runtime: "process".into(),
                seed,
                plan: serde_json::json!({ "name": name, "nodes": [seed, null, true] }),
                name,
            }),
            any::<Option<u64>>().prop_map(|time| Event::Genesis {
                time,
                root: "0x".into(),
                validators_root: "0x".into()
            }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(at in 0..u64::MAX / 1000, slot in any::<Option<u64>>(), event in event()) {
            let line = Line::new(at, slot, event);
            let text = serde_json::to_string(&line).unwrap();
            prop_assert!(!text.contains('\n'));
            prop_assert_eq!(serde_json::from_str::<Line>(&text).unwrap(), line);
        }
    }
}
