//! `synced`: nodes that came late, or came back, are where the others are.
//!
//! ```yaml
//! - synced: late
//! - synced: [b1, late]
//! ```

use super::{Evidence, Judge, Outcome, listed};
use crate::scenario::error::Error;
use crate::scenario::raw::{At, RawNames};
use crate::scenario::resolve::Scope;

/// Nodes are asked one after the other: each may have a block or a finalized epoch more than the last one asked.
const LAG: u64 = 1;

/// As written.
pub type Raw = At<RawNames>;

/// The nodes.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Plan(
    /// By name.
    pub Vec<String>,
);

/// Reads it.
pub fn resolve(raw: &Raw, _: &At<super::RawCheck>, scope: &mut Scope<'_>) -> Result<Plan, Error> {
    let nodes = scope.names(Some(raw), &[])?;
    match nodes.iter().find(|node| !scope.up.contains(*node)) {
        Some(down) => Err(scope.source.error(raw, format!("`{down}` does not run at the end"))),
        None => Ok(Plan(nodes)),
    }
}

impl Judge for Plan {
    fn judge(&self, evidence: &Evidence<'_>) -> Outcome {
        let nodes = &evidence.history.nodes;
        let heads = nodes.values().filter_map(|node| Some((node.head()?.head_slot, node)));
        let Some((newest, ahead)) = heads.max_by_key(|(slot, _)| *slot) else {
            return Outcome::absent("no node has a head that could be synced to");
        };
        let per_epoch = evidence.plan.network.slots_per_epoch;
        if newest + per_epoch < evidence.end_slot() {
            let end = evidence.end_slot();
            return Outcome::absent(format!(
                "in slot {end} the newest head was at slot {newest}: the chain stood still"
            ));
        }
        let last = ahead.recent_blocks(1 + LAG as usize);
        let newest_finalized = nodes.values().map(|node| node.finalized_epoch).max().unwrap_or(0);
        for name in &self.0 {
            let Some((node, head)) = nodes.get(name).and_then(|node| Some((node, node.head()?))) else {
                return Outcome::absent(format!("{name} was never seen on a head"));
            };
            let (slot, finalized) = (head.head_slot, node.finalized_epoch);
            if !last.contains(&head.block.as_str()) {
                return Outcome::absent(format!("{name}'s head is at slot {slot}, the network's at slot {newest}"));
            }
            if finalized + LAG < newest_finalized {
                return Outcome::absent(format!(
                    "{name} has finalized epoch {finalized}, the network epoch {newest_finalized}"
                ));
            }
        }
        let who = listed(&self.0);
        Outcome::pass(format!(
            "at the end: head at slot {newest}, finalized epoch {newest_finalized}, and {who} with them"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::super::test::Run;

    #[test]
    fn head_and_finality_are_the_networks() {
        let check = "synced: late";
        assert!(Run::new().judge(check).starts_with("fail: no node has a head"));
        let run = Run::new().head(39, "a0", 39, "0x39").head(40, "a0", 40, "0x40").finalized(40, "a0", 3);
        assert_eq!(run.judge(check), "fail: late was never seen on a head");
        let run = run.head(40, "late", 12, "0x12");
        assert_eq!(run.judge(check), "fail: late's head is at slot 12, the network's at slot 40");
        let run = run.head(40, "late", 39, "0x39");
        assert_eq!(run.judge(check), "fail: late has finalized epoch 0, the network epoch 3");
        let run = run.finalized(41, "late", 2);
        assert_eq!(run.judge(check), "pass: at the end: head at slot 40, finalized epoch 3, and late with them");
    }
}
