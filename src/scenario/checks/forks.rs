//! `forks`: the network went through every fork that it was to go through, and finalized across each boundary.
//!
//! ```yaml
//! - forks                         # each fork finalized within 4 epochs of its first slot
//! - forks: { within: 3 epochs }
//! ```

use super::{Evidence, Judge, Outcome, listed};
use crate::scenario::error::Error;
use crate::scenario::quantity::Span;
use crate::scenario::raw::{At, RawNames, Word};
use crate::scenario::resolve::Scope;
use crate::ssz::Fork;

/// As written.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    #[serde(default)]
    within: Option<Word>,
    #[serde(default)]
    nodes: Option<At<RawNames>>,
}

/// How soon, where.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Plan {
    /// From a fork's first slot until that slot, or a later one, is finalized.
    pub within: Span,
    /// The nodes that must.
    pub nodes: Vec<String>,
}

/// Reads it.
pub fn resolve(raw: &Raw, at: &At<super::RawCheck>, scope: &mut Scope<'_>) -> Result<Plan, Error> {
    // An epoch is finalized after two more at the earliest, and the first two never by votes.
    let within = scope.read_optional(raw.within.as_ref())?.unwrap_or(Span::Epochs(4));
    Ok(Plan { within, nodes: super::judged(raw.nodes.as_ref(), at, scope)? })
}

impl Judge for Plan {
    fn judge(&self, evidence: &Evidence<'_>) -> Outcome {
        let network = &evidence.plan.network;
        let scheduled = Fork::ALL.into_iter().filter_map(|fork| Some((fork, *network.forks.get(fork.name())?)));
        let forks: Vec<(Fork, u64)> = scheduled.collect();
        if forks.is_empty() {
            return Outcome::unknown("the network has no fork to go through");
        }
        let mut slowest = 0;
        for name in &self.nodes {
            let Some(node) = evidence.history.node(name) else {
                return Outcome::absent(format!("{name} was never heard of"));
            };
            for (index, (fork, epoch)) in forks.iter().enumerate() {
                let first = epoch.saturating_mul(network.slots_per_epoch);
                let next =
                    forks.get(index + 1).map_or(u64::MAX, |(_, next)| next.saturating_mul(network.slots_per_epoch));
                // Two forks of one epoch leave the earlier no slot.
                if first < next && !node.heads.iter().any(|head| (first..next).contains(&head.head_slot)) {
                    return Outcome::absent(format!("{name} was never seen on a block of {fork}"));
                }
                let limit = first.saturating_add(evidence.slots(self.within));
                let reached = node.finalized.iter().filter(|at| at.epoch >= *epoch).filter_map(|at| at.slot).min();
                match reached {
                    None => {
                        let had = node.finalized_epoch;
                        return Outcome::absent(format!(
                            "{name} finalized only epoch {had}, {fork} came in epoch {epoch}"
                        ));
                    }
                    Some(slot) if slot > limit => {
                        let took = slot.saturating_sub(first);
                        let says = format!(
                            "{name} finalized {fork} only {took} slots after it came, not within {}",
                            self.within
                        );
                        return Outcome::absent(says);
                    }
                    Some(slot) => slowest = slowest.max(slot.saturating_sub(first)),
                }
            }
        }
        let names: Vec<&str> = forks.iter().map(|(fork, _)| fork.name()).collect();
        let who = listed(&self.nodes);
        Outcome::pass(format!("{who} finalized each of {}, at most {slowest} slots after it came", names.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::super::test::Run;

    /// The network of the tests comes to altair in epoch 2 and to bellatrix in epoch 3, 8 slots each.
    fn judge(run: &Run) -> String {
        run.judge_with("network: { slot_time: 1s, forks: { altair: 2, bellatrix: 3 } }", "forks: { nodes: [a0] }")
    }

    #[test]
    fn each_fork_is_seen_and_finalized_in_time() {
        let run = || Run::new().head(10, "a0", 10, "0x10").head(17, "a0", 17, "0x17");
        let crossed = || run().head(25, "a0", 25, "0x25").finalized(33, "a0", 2);
        assert_eq!(
            judge(&crossed().finalized(41, "a0", 3)),
            "pass: a0 finalized each of altair, bellatrix, at most 17 slots after it came"
        );
        assert_eq!(judge(&crossed()), "fail: a0 finalized only epoch 2, bellatrix came in epoch 3");
        assert_eq!(
            judge(&crossed().finalized(57, "a0", 3)),
            "fail: a0 finalized bellatrix only 33 slots after it came, not within 4 epochs"
        );
        let late = run().finalized(33, "a0", 2).finalized(41, "a0", 3);
        assert_eq!(judge(&late), "fail: a0 was never seen on a block of bellatrix");
        assert!(Run::new().judge("forks").starts_with("unknown: the network has no fork"));
    }
}
