//! Counts the cases and says what came of them.

use super::case::CaseId;
use super::runners::{Outcome, Verdict, later};
use lockin::ssz::Fork;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

/// Failures shown in full; the rest is only counted.
const SHOWN: usize = 60;

#[derive(Default)]
struct Count {
    passed: usize,
    failed: usize,
    not_applicable: usize,
}

/// What came of the cases so far.
#[derive(Default)]
pub struct Report {
    /// By preset, fork (in order of forks) and runner.
    counts: BTreeMap<(String, usize, String, String), Count>,
    /// Why cases are not applicable: by reason and runner, how many.
    reasons: BTreeMap<(&'static str, String), usize>,
    failures: BTreeMap<CaseId, String>,
    broken: Vec<String>,
}

impl Report {
    pub fn add(&mut self, id: &CaseId, outcome: Outcome) {
        let order = Fork::ALL.iter().position(|fork| fork.name() == id.fork).unwrap_or(Fork::ALL.len());
        let key = (id.preset.clone(), order, id.fork.clone(), id.runner.clone());
        let count = self.counts.entry(key).or_default();
        match outcome {
            Ok(Verdict::Passed) => count.passed += 1,
            Ok(Verdict::NotApplicable(reason)) => {
                count.not_applicable += 1;
                let what = if id.runner == "ssz_generic" { &id.handler } else { &id.runner };
                *self.reasons.entry((reason, what.clone())).or_default() += 1;
            }
            Err(error) => {
                count.failed += 1;
                self.failures.insert(id.clone(), error);
            }
        }
    }

    /// An archive that could not be read to its end.
    pub fn broken(&mut self, error: String) {
        self.broken.push(error);
    }

    fn ran(&self) -> usize {
        self.counts.values().map(|count| count.passed + count.failed).sum()
    }

    fn text(&self, folder: &Path) -> String {
        let mut text = format!("\nvectors in {}\n", folder.display());
        let line = |text: &mut String, name: [&str; 3], numbers: [&dyn std::fmt::Display; 4]| {
            let ([preset, fork, runner], [run, passed, failed, not]) = (name, numbers);
            let name = format!("{preset:<8} {fork:<10} {runner:<18}");
            writeln!(text, "{name} {run:>6} {passed:>7} {failed:>7} {not:>15}").expect("writing to a string");
        };
        line(&mut text, ["preset", "fork", "runner"], [&"run", &"passed", &"failed", &"not applicable"]);
        let mut total = Count::default();
        for ((preset, _, fork, runner), count) in &self.counts {
            let Count { passed, failed, not_applicable } = count;
            line(&mut text, [preset, fork, runner], [&(passed + failed), passed, failed, not_applicable]);
            total.passed += passed;
            total.failed += failed;
            total.not_applicable += not_applicable;
        }
        let Count { passed, failed, not_applicable } = total;
        line(&mut text, ["total", "", ""], [&(passed + failed), &passed, &failed, &not_applicable]);
        self.reasons_text(&mut text);
        for (id, error) in self.failures.iter().take(SHOWN) {
            writeln!(text, "FAILED {id}: {error}").expect("writing to a string");
        }
        if self.failures.len() > SHOWN {
            writeln!(text, "... and {} more", self.failures.len() - SHOWN).expect("writing to a string");
        }
        for error in &self.broken {
            writeln!(text, "BROKEN {error}").expect("writing to a string");
        }
        text
    }

    fn reasons_text(&self, text: &mut String) {
        // What is not offered is named even if the archives hold none of it.
        let mut reasons = self.reasons.clone();
        for (runner, reason) in later() {
            reasons.entry((reason, runner.to_owned())).or_default();
        }
        let mut by_reason: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for ((reason, runner), count) in &reasons {
            by_reason.entry(reason).or_default().push(format!("{runner} {count}"));
        }
        for (reason, runners) in by_reason {
            writeln!(text, "not applicable, {reason}: {}", runners.join(", ")).expect("writing to a string");
        }
    }

    /// Prints the table, past the test harness, which would swallow the output of a test that passes.
    pub fn print(&self, folder: &Path) {
        let mut out = std::io::stdout().lock();
        // A closed stdout must not fail the vectors.
        let _ = out.write_all(self.text(folder).as_bytes());
        let _ = out.flush();
    }

    /// An error if anything failed, was broken, or nothing ran.
    pub fn verdict(&self) -> Result<(), String> {
        if !self.broken.is_empty() {
            return Err(format!("{} archives could not be read: {}", self.broken.len(), self.broken[0]));
        }
        if let Some((id, error)) = self.failures.first_key_value() {
            return Err(format!("{} cases failed; the first: {id}: {error}", self.failures.len()));
        }
        if self.ran() == 0 {
            return Err("no case was run: is LOCKIN_VECTORS the folder with the *.tar.zst archives?".into());
        }
        Ok(())
    }
}
