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

/// A node is asked for its head a moment after or before the others are.
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
        let head = |name: &String| nodes.get(name).and_then(|node| node.head()).map_or(0, |head| head.head_slot);
        let finalized = |name: &String| nodes.get(name).map_or(0, |node| node.finalized_epoch);
        let newest_head = nodes.keys().map(head).max().unwrap_or(0);
        let newest_finalized = nodes.keys().map(finalized).max().unwrap_or(0);
        if newest_head == 0 {
            return Outcome::absent("no node has a head that could be synced to");
        }
        for name in &self.0 {
            let (head, finalized) = (head(name), finalized(name));
            if head + LAG < newest_head {
                return Outcome::absent(format!(
                    "{name}'s head is at slot {head}, the network's at slot {newest_head}"
                ));
            }
            if finalized < newest_finalized {
                return Outcome::absent(format!(
                    "{name} has finalized epoch {finalized}, the network epoch {newest_finalized}"
                ));
            }
        }
        let who = listed(&self.0);
        Outcome::pass(format!(
            "at the end: head at slot {newest_head}, finalized epoch {newest_finalized}, and {who} with them"
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
        let run = Run::new().head(40, "a0", 40, "0x").finalized(40, "a0", 3);
        assert_eq!(run.judge(check), "fail: late's head is at slot 0, the network's at slot 40");
        let run = run.head(40, "late", 39, "0x");
        assert_eq!(run.judge(check), "fail: late has finalized epoch 0, the network epoch 3");
        let run = run.finalized(41, "late", 3);
        assert_eq!(run.judge(check), "pass: at the end: head at slot 40, finalized epoch 3, and late with them");
    }
}
