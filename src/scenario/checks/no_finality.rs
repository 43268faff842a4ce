//! `no_finality`: while something was broken, no epoch was finalized of those that passed meanwhile.
//!
//! ```yaml
//! - no_finality: { during: kill }     # the verb of a step
//! ```

use super::{Evidence, Judge, Outcome};
use crate::journal::{Event, Line};
use crate::scenario::error::Error;
use crate::scenario::raw::{At, Word};
use crate::scenario::resolve::Scope;

/// As written.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    during: Word,
}

/// While which step lasted.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Plan {
    /// Its verb.
    pub during: String,
}

/// Reads it.
pub fn resolve(raw: &Raw, _: &At<super::RawCheck>, scope: &mut Scope<'_>) -> Result<Plan, Error> {
    Ok(Plan { during: scope.verb(&raw.during)? })
}

impl Judge for Plan {
    fn judge(&self, evidence: &Evidence<'_>) -> Outcome {
        let verb = &self.during;
        let Some(window) = evidence.window(verb) else {
            return Outcome::unknown(format!("the step `{verb}` never began"));
        };
        // votes of an epoch that had begun before can still be in time
        let per_epoch = evidence.plan.network.slots_per_epoch.max(1);
        let first = window.from.div_ceil(per_epoch);
        let to = window.to.unwrap_or(u64::MAX);
        for (name, node) in &evidence.history.nodes {
            let meanwhile = |slot: Option<u64>| slot.is_some_and(|slot| (window.from..=to).contains(&slot));
            let told = node.finalized.iter().map(|at| (at.slot, at.epoch));
            let seen = node.heads.iter().map(|head| (head.slot, head.finalized));
            // epoch 0 is every node's finalized checkpoint from the start
            let found = told.chain(seen).find(|(slot, epoch)| meanwhile(*slot) && *epoch >= first.max(1));
            if let Some((slot, epoch)) = found {
                let slot = slot.unwrap_or(0);
                return Outcome::wrong(format!("{name} finalized epoch {epoch} in slot {slot}, while `{verb}` lasted"));
            }
        }
        let inside = |line: &&Line| line.slot.is_some_and(|slot| (window.from..=to).contains(&slot));
        let looked = |line: &Line| matches!(line.event, Event::Head { .. } | Event::Finalized { .. });
        if !evidence.lines.iter().filter(inside).any(looked) {
            return Outcome::unknown(format!("no node was seen on a head while `{verb}` lasted"));
        }
        let end = window.to.map_or("the end".to_owned(), |slot| format!("slot {slot}"));
        Outcome::pass(format!("nothing from epoch {first} on was finalized from slot {} to {end}", window.from))
    }
}

#[cfg(test)]
mod tests {
    use super::super::test::Run;
    use crate::journal::StepState;

    #[test]
    fn only_epochs_of_the_window_count() {
        let check = "no_finality: { during: kill }";
        assert_eq!(Run::new().judge(check), "unknown: the step `kill` never began");
        let run = Run::new().step(20, "kill", StepState::Begin).finalized(25, "a0", 2);
        assert_eq!(run.judge(check), "pass: nothing from epoch 3 on was finalized from slot 20 to the end");
        let run = run.step(40, "kill", StepState::End).finalized(41, "a0", 3);
        assert_eq!(run.judge(check), "pass: nothing from epoch 3 on was finalized from slot 20 to slot 40");
        let run = run.finalized(40, "b0", 3);
        assert_eq!(run.judge(check), "fail: b0 finalized epoch 3 in slot 40, while `kill` lasted");
    }
}
