//! `participation`: enough of the stake attested to the right target.
//!
//! ```yaml
//! - participation                                        # at least 90%, in the last 2 epochs that are known
//! - participation: { at_least: 95%, from: last 4 epochs }
//! ```

use super::{Evidence, Judge, Outcome};
use crate::journal::Event;
use crate::scenario::error::Error;
use crate::scenario::quantity::{LastEpochs, Percent};
use crate::scenario::raw::{At, Word};
use crate::scenario::resolve::Scope;
use std::collections::BTreeMap;

/// As written.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    #[serde(default)]
    at_least: Option<Word>,
    #[serde(default)]
    from: Option<Word>,
}

/// How much, when.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Plan {
    /// In every one of the epochs.
    pub at_least: Percent,
    /// The epochs: of those whose votes are all in.
    pub from: LastEpochs,
}

/// Reads it.
pub fn resolve(raw: &Raw, _: &At<super::RawCheck>, scope: &mut Scope<'_>) -> Result<Plan, Error> {
    let at_least = scope.read_optional(raw.at_least.as_ref())?.unwrap_or(Percent(90));
    if let Some(word) = raw.at_least.as_ref().filter(|_| at_least.0 == 0) {
        return Err(scope.source.error(word, "0% is always there; accepted: 1% to 100%"));
    }
    Ok(Plan { at_least, from: scope.read_optional(raw.from.as_ref())?.unwrap_or(LastEpochs(2)) })
}

impl Judge for Plan {
    fn judge(&self, evidence: &Evidence<'_>) -> Outcome {
        // nodes on one chain see the same; of those that differ, the one that saw least counts
        let mut epochs: BTreeMap<u64, (u64, u64, &str)> = BTreeMap::new();
        for line in evidence.lines {
            if let Event::Participation { node, epoch, active_gwei, target_gwei } = &line.event {
                let seen = epochs.entry(*epoch).or_insert((*target_gwei, *active_gwei, node));
                let share = |(target, active): (u64, u64)| u128::from(target) * 1_000_000 / u128::from(active.max(1));
                if share((*target_gwei, *active_gwei)) < share((seen.0, seen.1)) {
                    *seen = (*target_gwei, *active_gwei, node);
                }
            }
        }
        let known: Vec<_> = epochs.into_iter().rev().take(usize::try_from(self.from.0).unwrap_or(usize::MAX)).collect();
        if (known.len() as u64) < self.from.0 {
            let said =
                format!("the journal tells the participation of {} epochs, {} are needed", known.len(), self.from.0);
            return Outcome::unknown(said);
        }
        let tenths = |target: u64, active: u64| u128::from(target) * 1000 / u128::from(active.max(1));
        let shown = |tenths: u128| format!("{}.{}%", tenths / 10, tenths % 10);
        let low = known.iter().find(|(_, (target, active, _))| {
            u128::from(*target) * 100 < u128::from(self.at_least.0) * u128::from(*active) || *active == 0
        });
        if let Some((epoch, (target, active, node))) = low {
            let share = shown(tenths(*target, *active));
            return Outcome::absent(format!(
                "{share} of the stake attested in epoch {epoch}, seen by {node}, less than {}",
                self.at_least
            ));
        }
        let least = known.iter().map(|(_, (target, active, _))| tenths(*target, *active)).min().unwrap_or(0);
        let (last, first) = (known.first().map_or(0, |it| it.0), known.last().map_or(0, |it| it.0));
        Outcome::pass(format!("at least {} of the stake attested in epochs {first} to {last}", shown(least)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::test::Run;
    use crate::journal::Event;

    fn voted(run: Run, node: &str, epoch: u64, target_gwei: u64) -> Run {
        run.at(epoch * 8, Event::Participation { node: node.into(), epoch, active_gwei: 1000, target_gwei })
    }

    #[test]
    fn the_last_epochs_count() {
        let run = voted(Run::new(), "a0", 1, 10);
        assert_eq!(
            run.judge("participation"),
            "unknown: the journal tells the participation of 1 epochs, 2 are needed"
        );
        let run = voted(voted(voted(run, "a0", 2, 950), "b0", 2, 900), "a0", 3, 999);
        assert_eq!(run.judge("participation"), "pass: at least 90.0% of the stake attested in epochs 2 to 3");
        assert_eq!(
            run.judge("participation: { at_least: 91% }"),
            "fail: 90.0% of the stake attested in epoch 2, seen by b0, less than 91%"
        );
        assert_eq!(
            run.judge("participation: { from: last 3 epochs }"),
            "fail: 1.0% of the stake attested in epoch 1, seen by a0, less than 90%"
        );
    }
}
