//! `same_head`: at the end, and for so long before it, the nodes were on one chain.
//!
//! ```yaml
//! - same_head                       # for 1 epoch
//! - same_head: { for: 2 epochs }
//! ```

use super::{Evidence, Judge, Outcome, listed, short};
use crate::journal::{HeadAt, NodeHistory};
use crate::scenario::error::Error;
use crate::scenario::quantity::Span;
use crate::scenario::raw::{At, RawNames, Word};
use crate::scenario::resolve::Scope;
use std::collections::BTreeMap;

/// Nodes are asked for their heads one after the other, so each may have a block more than the last one asked.
const LAG: usize = 1;

/// As written.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    #[serde(default, rename = "for")]
    span: Option<Word>,
    #[serde(default)]
    nodes: Option<At<RawNames>>,
}

/// For how long, where.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Plan {
    /// Before the end.
    #[serde(rename = "for")]
    pub span: Span,
    /// The nodes that must.
    pub nodes: Vec<String>,
}

/// Reads it.
pub fn resolve(raw: &Raw, at: &At<super::RawCheck>, scope: &mut Scope<'_>) -> Result<Plan, Error> {
    let span = scope.read_optional(raw.span.as_ref())?.unwrap_or(Span::Epochs(1));
    Ok(Plan { span, nodes: super::judged(raw.nodes.as_ref(), at, scope)? })
}

impl Judge for Plan {
    fn judge(&self, evidence: &Evidence<'_>) -> Outcome {
        let mut nodes = Vec::with_capacity(self.nodes.len());
        for name in &self.nodes {
            let known = evidence.history.node(name).and_then(|node| Some((node, node.head()?)));
            let Some((node, head)) = known else {
                return Outcome::absent(format!("{name} was never seen on a head"));
            };
            nodes.push((name.as_str(), node, head));
        }
        let Some((leader, ahead, newest)) = nodes.iter().copied().max_by_key(|(.., head)| head.head_slot) else {
            return Outcome::unknown("no node ran to the end");
        };
        let from = evidence.end_slot().saturating_sub(evidence.slots(self.span));
        if let Some(apart) = apart(&nodes, from) {
            return Outcome::wrong(apart);
        }
        if newest.head_slot + LAG as u64 + 1 < from {
            let (end, slot) = (evidence.end_slot(), newest.head_slot);
            return Outcome::absent(format!("in slot {end} the newest head was at slot {slot}: the chain stood still"));
        }
        let last_of_leader = ahead.recent_blocks(1 + LAG);
        for (name, node, head) in &nodes {
            if !node.recent_blocks(1 + LAG).iter().any(|block| last_of_leader.contains(block)) {
                let (slot, newest) = (head.head_slot, newest.head_slot);
                return Outcome::absent(format!(
                    "at the end {name} was on {} of slot {slot}, {leader} on another chain or ahead, at slot {newest}",
                    short(&head.block)
                ));
            }
        }
        let (who, slot) = (listed(&self.nodes), newest.head_slot);
        Outcome::pass(format!("{who} were on one chain from slot {from} to their head at slot {slot}"))
    }
}

/// A sentence if, for some slot, two nodes had different blocks as their head. A node's last word on a slot counts.
fn apart(nodes: &[(&str, &NodeHistory, &HeadAt)], from: u64) -> Option<String> {
    let mut blocks: BTreeMap<u64, (&str, &str)> = BTreeMap::new();
    for (name, node, last) in nodes {
        let in_time = node.heads.iter().filter(|head| head.slot.unwrap_or(0) >= from || head == last);
        let of_slot: BTreeMap<u64, &str> = in_time.map(|head| (head.head_slot, head.block.as_str())).collect();
        for (slot, block) in of_slot {
            let (other, expected) = *blocks.entry(slot).or_insert((name, block));
            if expected != block {
                let (expected, block) = (short(expected), short(block));
                return Some(format!("of slot {slot}, {other} was on {expected} and {name} on {block}"));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::test::Run;

    #[test]
    fn one_chain_at_the_end() {
        let run = Run::new().head(3, "a0", 3, "0xA").head(3, "b0", 3, "0xB").head(20, "a0", 20, "0x20");
        assert_eq!(
            run.judge("same_head"),
            "fail: at the end b0 was on 0xB of slot 3, a0 on another chain or ahead, at slot 20"
        );
        let run = run.head(19, "b0", 19, "0x19").head(19, "a0", 19, "0x19").head(20, "a0", 20, "0x20");
        assert_eq!(
            run.judge("same_head"),
            "pass: a0 and b0 were on one chain from slot 12 to their head at slot 20",
            "what was long ago does not count, one slot of lag neither"
        );
        assert_eq!(run.judge("same_head: { for: 3 epochs }"), "fail: of slot 3, a0 was on 0xA and b0 on 0xB");
        let run = run.head(21, "a0", 21, "0x21").head(21, "b0", 21, "0xother");
        assert_eq!(run.judge("same_head"), "fail: of slot 21, a0 was on 0x21 and b0 on 0xother");
    }

    #[test]
    fn two_chains_whose_slots_never_meet_are_not_one() {
        let run = (1..20).fold(Run::new(), |run, slot| {
            let node = if slot % 2 == 0 { "a0" } else { "b0" };
            run.head(slot, node, slot, &format!("0x{slot}"))
        });
        assert_eq!(
            run.judge("same_head"),
            "fail: at the end a0 was on 0x18 of slot 18, b0 on another chain or ahead, at slot 19"
        );
    }

    #[test]
    fn a_chain_that_stands_still_is_no_pass() {
        let run = Run::new().head(9, "a0", 9, "0x9").head(9, "b0", 9, "0x9").finalized(40, "a0", 1);
        assert_eq!(run.judge("same_head"), "fail: in slot 40 the newest head was at slot 9: the chain stood still");
    }

    #[test]
    fn a_node_without_a_head_is_not_on_the_same() {
        assert_eq!(Run::new().head(1, "a0", 1, "0x").judge("same_head"), "fail: b0 was never seen on a head");
    }
}
