//! `same_head`: at the end, and for so long before it, the nodes were on one chain.
//!
//! ```yaml
//! - same_head                       # for 1 epoch
//! - same_head: { for: 2 epochs }
//! ```

use super::{Evidence, Judge, Outcome, listed};
use crate::scenario::error::Error;
use crate::scenario::quantity::Span;
use crate::scenario::raw::{At, RawNames, Word};
use crate::scenario::resolve::Scope;
use std::collections::BTreeMap;

/// A node is asked for its head a moment after or before the others are, so one slot of difference says nothing.
const LAG: u64 = 1;

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
pub fn resolve(raw: &Raw, _: &At<super::RawCheck>, scope: &mut Scope<'_>) -> Result<Plan, Error> {
    let span = scope.read_optional(raw.span.as_ref())?.unwrap_or(Span::Epochs(1));
    Ok(Plan { span, nodes: scope.names(raw.nodes.as_ref(), &scope.up_now())? })
}

impl Judge for Plan {
    fn judge(&self, evidence: &Evidence<'_>) -> Outcome {
        let from = evidence.end_slot().saturating_sub(evidence.slots(self.span));
        // for every slot of which a block was a head: that block, as the node had it last, and who had it
        let mut blocks: BTreeMap<u64, (&str, &str)> = BTreeMap::new();
        let mut ends = Vec::new();
        for name in &self.nodes {
            let Some(node) = evidence.history.node(name) else {
                return Outcome::absent(format!("{name} was never heard of"));
            };
            let Some(last) = node.head() else {
                return Outcome::absent(format!("{name} was never seen on a head"));
            };
            ends.push((last.head_slot, name.as_str()));
            let of_slot: BTreeMap<u64, &str> = node
                .heads
                .iter()
                .filter(|head| head.slot.unwrap_or(0) >= from || head == &last)
                .map(|head| (head.head_slot, head.block.as_str()))
                .collect();
            for (slot, block) in of_slot {
                let (other, expected) = *blocks.entry(slot).or_insert((name, block));
                if expected != block {
                    return Outcome::wrong(format!("of slot {slot}, {other} was on {expected} and {name} on {block}"));
                }
            }
        }
        let (Some((newest, leader)), Some((oldest, laggard))) = (ends.iter().max(), ends.iter().min()) else {
            return Outcome::unknown("no node ran to the end");
        };
        if newest - oldest > LAG {
            return Outcome::absent(format!("at the end {laggard} was at slot {oldest}, {leader} at slot {newest}"));
        }
        let who = listed(&self.nodes);
        Outcome::pass(format!("{who} were on one chain from slot {from} to their head at slot {newest}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::test::Run;

    #[test]
    fn one_chain_at_the_end() {
        let run = Run::new().head(3, "a0", 3, "0xA").head(3, "b0", 3, "0xB").head(20, "a0", 20, "0x20");
        assert_eq!(run.judge("same_head"), "fail: at the end b0 was at slot 3, a0 at slot 20");
        let run = run.head(19, "b0", 19, "0x19");
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
    fn a_node_without_a_head_is_not_on_the_same() {
        assert_eq!(Run::new().head(1, "a0", 1, "0x").judge("same_head"), "fail: b0 was never seen on a head");
    }
}
