//! `finalized`: the nodes finalized an epoch, and never two different blocks of one epoch.
//!
//! ```yaml
//! - finalized                                      # what the last `wait` for a finalized epoch waits for, or any
//! - finalized: { epoch: 8, within: 12 epochs }     # of genesis
//! - finalized: { within: 4 epochs, after: kill }   # an epoch that nobody had finalized when the kill was over
//! ```

use super::{Evidence, Judge, Outcome, listed};
use crate::journal::NodeHistory;
use crate::scenario::error::Error;
use crate::scenario::quantity::Span;
use crate::scenario::raw::{At, RawNames, Word};
use crate::scenario::resolve::Scope;
use crate::scenario::steps::last_finality;
use std::collections::BTreeMap;

/// As written.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    #[serde(default)]
    epoch: Option<Word>,
    #[serde(default)]
    within: Option<Word>,
    #[serde(default)]
    after: Option<Word>,
    #[serde(default)]
    nodes: Option<At<RawNames>>,
}

/// Which epoch, how soon, where.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Plan {
    /// This one or a later one; `None` with `after`: one that is new then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// Counted from genesis, or from the end of the step that `after` names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Span>,
    /// The verb of a step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// The nodes that must.
    pub nodes: Vec<String>,
}

/// Reads it.
pub fn resolve(raw: &Raw, at: &At<super::RawCheck>, scope: &mut Scope<'_>) -> Result<Plan, Error> {
    let after = raw.after.as_ref().map(|word| scope.verb(word)).transpose()?;
    let epoch = match &raw.epoch {
        Some(word) => match word.value.parse() {
            Ok(0) => return Err(scope.source.error(word, "epoch 0 is finalized from the start; accepted: 1 or more")),
            Ok(epoch) => Some(epoch),
            Err(_) => {
                let says = format!("`{}` is no epoch; accepted: a number such as `2`", word.value);
                return Err(scope.source.error(word, says));
            }
        },
        None if after.is_some() => None,
        None => Some(last_finality(&scope.steps).unwrap_or(1)),
    };
    let nodes = super::judged(raw.nodes.as_ref(), at, scope)?;
    Ok(Plan { epoch, within: scope.read_optional(raw.within.as_ref())?, after, nodes })
}

impl Judge for Plan {
    fn judge(&self, evidence: &Evidence<'_>) -> Outcome {
        if let Some(apart) = finalized_apart(&evidence.history.nodes) {
            return Outcome::wrong(apart);
        }
        let (from, epoch) = match &self.after {
            None => (0, self.epoch.unwrap_or(1)),
            Some(verb) => {
                let Some(end) = evidence.ended(verb) else {
                    return Outcome::unknown(format!("the step `{verb}` that it counts from did not come to its end"));
                };
                let before = |node: &NodeHistory| {
                    let known = node.finalized.iter().filter(|at| at.slot.is_some_and(|slot| slot <= end));
                    known.map(|at| at.epoch).max().unwrap_or(0)
                };
                let newest = evidence.history.nodes.values().map(before).max().unwrap_or(0);
                (end, self.epoch.unwrap_or(newest.saturating_add(1)))
            }
        };
        let limit = self.within.map(|within| from.saturating_add(evidence.slots(within)));
        let mut last = 0;
        let mut wrong = Vec::new();
        for name in &self.nodes {
            let Some(node) = evidence.history.node(name) else {
                wrong.push(format!("{name} was never heard of"));
                continue;
            };
            match reached(node, epoch) {
                None => wrong.push(format!("{name} finalized only epoch {}", node.finalized_epoch)),
                Some(slot) if limit.is_some_and(|limit| slot > limit) => {
                    wrong.push(format!("{name} did so only in slot {slot}"));
                }
                Some(slot) => last = last.max(slot),
            }
        }
        let who = listed(&self.nodes);
        let since = self
            .after
            .as_ref()
            .map_or(String::new(), |verb| format!(", {} slots after `{verb}`", last.saturating_sub(from)));
        if wrong.is_empty() {
            return Outcome::pass(format!("{who} finalized epoch {epoch} or later, the last in slot {last}{since}"));
        }
        let by = limit.map_or(String::new(), |slot| format!(" by slot {slot}"));
        Outcome::absent(format!("{who} should have finalized epoch {epoch}{by}: {}", wrong.join("; ")))
    }
}

/// The slot in which a node was first seen with that epoch finalized, or a later one.
fn reached(node: &NodeHistory, epoch: u64) -> Option<u64> {
    let told = node.finalized.iter().find(|at| at.epoch >= epoch).map(|at| at.slot.unwrap_or(0));
    let seen = node.heads.iter().find(|head| head.finalized >= epoch).map(|head| head.slot.unwrap_or(0));
    told.into_iter().chain(seen).min()
}

/// A sentence if two nodes, or one node at two times, finalized different blocks for one epoch.
fn finalized_apart(nodes: &BTreeMap<String, NodeHistory>) -> Option<String> {
    let mut first: BTreeMap<u64, (&str, &str)> = BTreeMap::new();
    for (name, node) in nodes {
        for at in &node.finalized {
            let (other, root) = *first.entry(at.epoch).or_insert((name, &at.root));
            if root != at.root {
                let epoch = at.epoch;
                return Some(format!(
                    "two chains were finalized: epoch {epoch} is {root} at {other}, {} at {name}",
                    at.root
                ));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::test::Run;
    use crate::journal::{Event, StepState};

    #[test]
    fn all_nodes_in_time() {
        let run = Run::new().finalized(32, "a0", 2);
        assert_eq!(
            run.judge("finalized: { epoch: 2, within: 5 epochs }"),
            "fail: a0 and b0 should have finalized epoch 2 by slot 40: b0 finalized only epoch 0"
        );
        let run = run.finalized(33, "b0", 2);
        assert_eq!(
            run.judge("finalized: { epoch: 2, within: 5 epochs }"),
            "pass: a0 and b0 finalized epoch 2 or later, the last in slot 33"
        );
        assert_eq!(
            run.judge("finalized: { epoch: 2, within: 32 slots, nodes: b0 }"),
            "fail: b0 should have finalized epoch 2 by slot 32: b0 did so only in slot 33"
        );
        assert!(run.judge("finalized").starts_with("pass"));
    }

    #[test]
    fn something_new_after_a_fault() {
        let run = Run::new().finalized(32, "a0", 2).finalized(32, "b0", 2).step(40, "kill", StepState::Begin);
        let check = "finalized: { after: kill, within: 3 epochs }";
        assert!(run.judge(check).starts_with("unknown: the step `kill`"));
        let run = run.step(48, "kill", StepState::End);
        assert!(run.judge(check).starts_with("fail: a0 and b0 should have finalized epoch 3 by slot 72"));
        let run = run.finalized(56, "a0", 5).finalized(57, "b0", 5);
        assert_eq!(
            run.judge(check),
            "pass: a0 and b0 finalized epoch 3 or later, the last in slot 57, 9 slots after `kill`"
        );
    }

    #[test]
    fn two_finalized_chains_are_a_wrong_that_was_seen() {
        let run = Run::new()
            .finalized(32, "a0", 2)
            .at(33, Event::Finalized { node: "b0".into(), epoch: 2, root: "0xother".into() });
        assert_eq!(run.judge("finalized"), "fail: two chains were finalized: epoch 2 is 0x2 at a0, 0xother at b0");
    }
}
