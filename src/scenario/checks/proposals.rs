//! `proposals`: in every epoch, each node was on blocks of every validating node.
//!
//! ```yaml
//! - proposals                       # at the nodes that run at the end, in every whole epoch since they started
//! - proposals: { nodes: [a0, b0] }
//! ```
//!
//! With half of the stake each, a node may have no proposal in an epoch of eight slots by mere chance: for the mainnet preset.

use super::{Evidence, Judge, Outcome, judged, listed};
use crate::journal::Event;
use crate::scenario::error::Error;
use crate::scenario::raw::{At, RawNames};
use crate::scenario::resolve::Scope;
use std::collections::{BTreeMap, BTreeSet};

/// As written.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    #[serde(default)]
    nodes: Option<At<RawNames>>,
}

/// At which nodes.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Plan {
    /// By name.
    pub nodes: Vec<String>,
}

/// Reads it.
pub fn resolve(raw: &Raw, at: &At<super::RawCheck>, scope: &mut Scope<'_>) -> Result<Plan, Error> {
    Ok(Plan { nodes: judged(raw.nodes.as_ref(), at, scope)? })
}

impl Judge for Plan {
    fn judge(&self, evidence: &Evidence<'_>) -> Outcome {
        let per_epoch = evidence.plan.network.slots_per_epoch;
        let validating = evidence.plan.nodes.iter().filter(|node| !node.validators.is_empty());
        let validating: Vec<_> = validating.collect();
        let owner = |key: u64| validating.iter().find(|node| node.validators.iter().any(|range| range.contains(key)));
        // whose blocks each node was on, by epoch, from the epoch of its first head on
        let mut seen: BTreeMap<&str, BTreeMap<u64, BTreeSet<&str>>> = BTreeMap::new();
        // the slot of each node's last block that anybody was on
        let mut last: BTreeMap<&str, u64> = BTreeMap::new();
        for line in evidence.lines {
            if let Event::Head { node, head_slot, proposer, .. } = &line.event {
                let owners = seen.entry(node).or_default().entry(head_slot / per_epoch).or_default();
                if let Some(owner) = proposer.and_then(owner) {
                    owners.insert(&owner.name);
                    let last = last.entry(&owner.name).or_default();
                    *last = (*last).max(*head_slot);
                }
            }
        }
        let end = evidence.end_slot() / per_epoch;
        for name in &self.nodes {
            let Some((begun, epochs)) =
                seen.get(name.as_str()).and_then(|epochs| Some((epochs.keys().next()?, epochs)))
            else {
                return Outcome::absent(format!("{name} was never seen on a head"));
            };
            // a node that came later was not watched in the whole of the epoch in which it came
            let first = if *begun == 0 { 0 } else { begun + 1 };
            if first >= end {
                return Outcome::unknown(format!("{name} was watched in no whole epoch"));
            }
            for epoch in first..end {
                let owners = epochs.get(&epoch);
                let absent =
                    validating.iter().find(|node| owners.is_none_or(|owners| !owners.contains(node.name.as_str())));
                if let Some(absent) = absent {
                    let absent = &absent.name;
                    let last = last
                        .get(absent.as_str())
                        .map_or("it has none at all".to_owned(), |slot| format!("its last was of slot {slot}"));
                    return Outcome::absent(format!(
                        "in epoch {epoch} {name} was seen on no block of {absent}: {last}"
                    ));
                }
            }
        }
        let proposers: Vec<String> = validating.iter().map(|node| node.name.clone()).collect();
        Outcome::pass(format!(
            "{} were on blocks of {} in every epoch before epoch {end}",
            listed(&self.nodes),
            listed(&proposers)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::super::test::Run;

    /// Both nodes on a block of validator `first` and on one of `second`, in this epoch.
    fn epoch(run: Run, epoch: u64, first: u64, second: u64) -> Run {
        let at = epoch * 8;
        ["a0", "b0"].into_iter().fold(run, |run, node| {
            run.block(at + 1, node, at + 1, "0x1", Some(first)).block(at + 2, node, at + 2, "0x2", Some(second))
        })
    }

    #[test]
    fn blocks_of_all_are_seen_by_all_in_every_whole_epoch() {
        let check = "proposals";
        assert_eq!(Run::new().judge(check), "fail: a0 was never seen on a head");
        let (of_a, of_b) = (0, 8);
        let run = epoch(Run::new(), 0, of_a, of_b);
        assert_eq!(run.judge(check), "unknown: a0 was watched in no whole epoch");
        let run = epoch(run, 1, of_b, of_a);
        assert_eq!(run.judge(check), "pass: a0 and b0 were on blocks of a0 and b0 in every epoch before epoch 1");
        let run = epoch(epoch(run, 2, of_b, of_b), 3, of_a, of_b);
        assert_eq!(run.judge(check), "fail: in epoch 2 a0 was seen on no block of a0: its last was of slot 25");
    }

    #[test]
    fn a_node_that_comes_later_is_judged_from_its_second_epoch_on() {
        let run = epoch(epoch(Run::new(), 0, 0, 8), 1, 0, 8).block(21, "late", 21, "0x1", Some(8));
        let run = epoch(epoch(run, 2, 0, 8), 3, 0, 8);
        let run = run.block(25, "late", 25, "0x1", Some(0));
        assert_eq!(run.judge("proposals: { nodes: late }"), "unknown: late was watched in no whole epoch");
        let run = epoch(run, 4, 0, 8);
        assert_eq!(
            run.judge("proposals: { nodes: late }"),
            "fail: in epoch 3 late was seen on no block of b0: its last was of slot 34"
        );
    }
}
