//! `peered`: both ends of every link became each other's peers, and still are when the run ends, where both still run: a
//! client lists a peer before it has judged the peer's Status, and one that it refuses comes and goes.
//!
//! ```yaml
//! - peered
//! - peered: { within: 30s }      # of the start of the later end
//! ```

use super::{Evidence, Judge, Outcome};
use crate::journal::{History, NodeHistory};
use crate::scenario::error::Error;
use crate::scenario::quantity::{Span, plural};
use crate::scenario::raw::{At, Word};
use crate::scenario::resolve::Scope;

/// As written.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    #[serde(default)]
    within: Option<Word>,
}

/// How soon.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Plan {
    /// After the later end was first started; `None`: at any time of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Span>,
}

/// Reads it.
pub fn resolve(raw: &Raw, at: &At<super::RawCheck>, scope: &mut Scope<'_>) -> Result<Plan, Error> {
    if scope.links.is_empty() {
        return Err(scope.source.error(at, "a network of one node has no links to check; leave `peered` out"));
    }
    Ok(Plan { within: scope.read_optional(raw.within.as_ref())? })
}

impl Judge for Plan {
    fn judge(&self, evidence: &Evidence<'_>) -> Outcome {
        let started = |name: &String| evidence.history.node(name).and_then(|node| node.first_started_ms);
        let mut slowest = 0;
        let mut wrong = Vec::new();
        for (a, b) in &evidence.plan.links {
            let (Some(a_started), Some(b_started)) = (started(a), started(b)) else {
                let absent = if started(a).is_none() { a } else { b };
                wrong.push(format!("{absent} was never started"));
                continue;
            };
            let listed = |at: &String, other: &String| evidence.history.node(at)?.peered_ms.get(other).copied();
            match (listed(a, b), listed(b, a)) {
                (Some(at_a), Some(at_b)) => {
                    let took = at_a.max(at_b).saturating_sub(a_started.max(b_started));
                    slowest = slowest.max(took);
                    let limit =
                        self.within.map(|s| s.millis(evidence.plan.network.slots_per_epoch, evidence.plan.slot_ms()));
                    if limit.is_some_and(|limit| took > limit) {
                        wrong.push(format!("{a} and {b} were peers only after {}", seconds(took)));
                    } else if parted(evidence.history, a, b) {
                        wrong.push(format!("{a} and {b} did not stay peers: at the end they were none"));
                    }
                }
                (None, None) => wrong.push(format!("{a} and {b} never were peers")),
                (Some(_), None) => wrong.push(format!("{a} had {b} as a peer, {b} never listed {a}")),
                (None, Some(_)) => wrong.push(format!("{b} had {a} as a peer, {a} never listed {b}")),
            }
        }
        if !wrong.is_empty() {
            return Outcome::absent(wrong.join("; "));
        }
        let links = evidence.plan.links.len() as u64;
        let s = plural(links);
        Outcome::pass(format!(
            "both ends of {links} link{s} listed each other, at most {} after their start",
            seconds(slowest)
        ))
    }
}

/// Whether both run at the end, and one of them does not have the other as a peer.
fn parted(history: &History, a: &str, b: &str) -> bool {
    let (Some(a_now), Some(b_now)) = (history.node(a), history.node(b)) else { return false };
    let lacks = |node: &NodeHistory, other: &str| !node.peers.iter().any(|peer| peer == other);
    a_now.is_up() && b_now.is_up() && (lacks(a_now, b) || lacks(b_now, a))
}

fn seconds(ms: u64) -> String {
    format!("{}.{} s", ms / 1000, ms % 1000 / 100)
}

#[cfg(test)]
mod tests {
    use super::super::test::Run;
    use crate::journal::{Event, NodeState};

    fn peers(run: Run, slot: u64, node: &str, peers: &[&str]) -> Run {
        let peers = peers.iter().map(|peer| peer.to_string()).collect();
        run.at(slot, Event::Peers { node: node.into(), peers, foreign: 0 })
    }

    #[test]
    fn both_ends_of_every_link() {
        let run = peers(peers(Run::new(), 1, "a0", &["b0"]), 2, "b0", &["a0"]);
        assert_eq!(run.judge("peered"), "fail: late was never started; late was never started");
        let run = run.node("late", NodeState::Started);
        let run = peers(peers(run, 3, "late", &["a0"]), 3, "a0", &["b0", "late"]);
        assert_eq!(run.judge("peered"), "fail: late and b0 never were peers");
        let run = peers(run, 4, "late", &["a0", "b0"]);
        assert_eq!(run.judge("peered"), "fail: late had b0 as a peer, b0 never listed late");
        let run = peers(run, 5, "b0", &["a0", "late"]);
        assert_eq!(
            run.judge("peered"),
            "pass: both ends of 3 links listed each other, at most 5.0 s after their start"
        );
        assert_eq!(run.judge("peered: { within: 4s }"), "fail: late and b0 were peers only after 5.0 s");
    }

    #[test]
    fn a_peer_that_came_and_went_is_none() {
        let run = peers(
            peers(Run::new().node("late", NodeState::Started), 1, "a0", &["b0", "late"]),
            1,
            "b0",
            &["a0", "late"],
        );
        let run = peers(peers(run, 1, "late", &["a0", "b0"]), 6, "late", &["a0"]);
        assert_eq!(run.judge("peered"), "fail: late and b0 did not stay peers: at the end they were none");
        let ended = run.node("late", NodeState::Stopped).judge("peered");
        assert!(ended.starts_with("pass"), "it is not there to be a peer: {ended}");
    }
}
