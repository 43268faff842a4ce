//! `blobs`: blocks had blobs, in every fork that the network lived in.
//!
//! ```yaml
//! - blobs                                   # a block with blobs in each fork from deneb on
//! - blobs: { at_least: 2, from: electra }   # two, in each fork from electra on
//! ```

use super::{Evidence, Judge, Outcome};
use crate::journal::Event;
use crate::scenario::error::Error;
use crate::scenario::raw::{At, Word};
use crate::scenario::resolve::Scope;
use crate::ssz::Fork;
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

/// How many, from which fork on.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Plan {
    /// Blocks with blobs, in each fork.
    pub at_least: u64,
    /// The first fork that must have them.
    pub from: String,
}

/// Reads it.
pub fn resolve(raw: &Raw, _: &At<super::RawCheck>, scope: &mut Scope<'_>) -> Result<Plan, Error> {
    let at_least = match &raw.at_least {
        None => 1,
        Some(word) => word.value.parse().ok().filter(|blocks| *blocks > 0).ok_or_else(|| {
            scope.source.error(word, format!("`{}` is no number of blocks; accepted: `1` or more", word.value))
        })?,
    };
    let from = match &raw.from {
        None => Fork::Deneb,
        Some(word) => word.value.parse().ok().filter(|fork| *fork >= Fork::Deneb).ok_or_else(|| {
            let message = format!("`{}` is no fork with blobs; accepted: deneb, electra, fulu", word.value);
            scope.source.error(word, message)
        })?,
    };
    Ok(Plan { at_least, from: from.name().to_owned() })
}

impl Judge for Plan {
    fn judge(&self, evidence: &Evidence<'_>) -> Outcome {
        let (Ok(config), Ok(from)) = (evidence.plan.network.config(), self.from.parse::<Fork>()) else {
            return Outcome::unknown("the plan names a fork or a constant that does not exist");
        };
        // blocks with blobs, and blobs in them, by fork: of every fork that any node was seen in
        let mut forks: BTreeMap<Fork, (u64, u64)> = BTreeMap::new();
        for line in evidence.lines {
            match &line.event {
                Event::Head { head_slot, .. } => drop(forks.entry(config.fork_at_slot(*head_slot)).or_default()),
                Event::Blobs { block_slot, count, .. } => {
                    let (blocks, blobs) = forks.entry(config.fork_at_slot(*block_slot)).or_default();
                    (*blocks, *blobs) = (*blocks + 1, *blobs + count);
                }
                _ => {}
            }
        }
        forks.retain(|fork, _| *fork >= from);
        if forks.is_empty() {
            return Outcome::absent(format!("the chain never came to {from}"));
        }
        if let Some((fork, (blocks, _))) = forks.iter().find(|(_, (blocks, _))| *blocks < self.at_least) {
            return Outcome::absent(format!("{blocks} blocks of {fork} had blobs, {} are needed", self.at_least));
        }
        let told = forks.iter().map(|(fork, (blocks, blobs))| format!("{fork} {blobs} in {blocks} blocks"));
        Outcome::pass(format!("blobs: {}", told.collect::<Vec<_>>().join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::super::test::Run;
    use crate::journal::Event;

    #[test]
    fn every_fork_from_deneb_on_that_was_lived_in_counts() {
        let network = "network: { slot_time: 1s, genesis: { fork: deneb }, forks: { electra: 2 } }";
        let blobs = |run: Run, slot: u64, count| {
            let (node, block) = ("a0".into(), format!("0x{slot}"));
            run.at(slot, Event::Blobs { node, block_slot: slot, block, count })
        };
        let deneb = || blobs(Run::new().head(3, "a0", 3, "0x3"), 3, 2);
        assert_eq!(deneb().judge_with(network, "blobs"), "pass: blobs: deneb 2 in 1 blocks");
        let both = || deneb().head(17, "b0", 17, "0x17");
        assert_eq!(both().judge_with(network, "blobs"), "fail: 0 blocks of electra had blobs, 1 are needed");
        let all = blobs(blobs(both(), 17, 1), 18, 3);
        assert_eq!(all.judge_with(network, "blobs"), "pass: blobs: deneb 2 in 1 blocks, electra 4 in 2 blocks");
        assert_eq!(
            all.judge_with(network, "blobs: { from: electra, at_least: 2 }"),
            "pass: blobs: electra 4 in 2 blocks"
        );
        assert_eq!(
            all.judge_with(network, "blobs: { at_least: 2 }"),
            "fail: 1 blocks of deneb had blobs, 2 are needed"
        );
        assert_eq!(all.judge_with(network, "blobs: { from: fulu }"), "fail: the chain never came to fulu");
    }
}
