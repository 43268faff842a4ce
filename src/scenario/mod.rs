//! Scenarios: what network to run, what to do to it, and how to judge it.
//!
//! A file is read in two stages: as written (`raw`), then resolved to a [`Plan`] with every default filled in. The
//! plan is what `lockin plan` prints, what the journal begins with, and all that a run needs to know.
//!
//! - [`parse`] and [`load`]: file to plan. Errors show file, line, column and what is accepted.
//! - [`Script`]: walks through the plan's steps, says what is to be done; `steps/` has one file a verb.
//! - [`judge`]: plan and journal to verdict; `checks/` has one file a check.
//!
//! - [`Drive`]: carries a plan through on a runtime; [`Attach`] judges a network that somebody else runs.
//!
//! All but these two is pure, or reads one file ([`load`]): it never starts a node, asks one anything or reads a clock.

mod checks;
mod drive;
mod error;
mod judge;
mod named;
mod plan;
mod quantity;
mod raw;
mod resolve;
mod script;
mod settings;
mod steps;

pub use checks::Check;
pub use drive::{ATTACHED, Attach, Drive, DriveError, learned_network, unattachable};
pub use error::Error;
pub use judge::{CheckResult, Judgement, judge};
pub use plan::{Genesis, Link, Network, Node, Plan, PlanError};
pub use quantity::{Duration, LastEpochs, Mark, Offset, Percent, Rate, Span, WrongQuantity};
pub use resolve::DEFAULT_SEED;
pub use script::{Ending, Script};
pub use steps::{Action, Goal, Now, Output, Progress, Step, Wait};

use std::path::Path;

/// What the command line adds to a file.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `--role A=lockin`: the role, and the client that plays it instead of the file's.
    pub roles: Vec<(String, String)>,
    /// `--seed`: instead of the file's.
    pub seed: Option<u64>,
    /// `--set slot_time=1s`: key and value, instead of the file's.
    pub settings: Vec<(String, String)>,
    /// Names of the clients that can play, if known: others are refused.
    pub clients: Option<Vec<String>>,
}

/// Reads a scenario file to a plan.
///
/// # Errors
/// [`Error`]: the file can't be read, says something wrong, or asks for what this program can't do.
pub fn load(path: &Path, options: &Options) -> Result<Plan, Error> {
    let file = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|source| Error::Open { path: path.to_owned(), source })?;
    match String::from_utf8(bytes) {
        Ok(text) => parse(&file, &text, options),
        // the reader of YAML says it with the place
        Err(error) => Err(match crate::yaml::from_bytes::<serde::de::IgnoredAny>(&file, error.as_bytes()) {
            Err(said) => Error::File(said),
            Ok(_) => Error::File(crate::yaml::Error::new(&file, "not a text file")),
        }),
    }
}

/// Reads the text of a scenario file to a plan; `file` is its name in messages.
///
/// # Errors
/// [`Error`]: the text says something wrong, or asks for what this program can't do.
pub fn parse(file: &str, text: &str, options: &Options) -> Result<Plan, Error> {
    resolve::plan(file, text, options)
}

#[cfg(test)]
mod test {
    /// The first check of `checks: [...]`, in the network of the steps' tests.
    pub fn check_of(checks: &str) -> super::Check {
        let end = if checks.contains("late") { "start: late" } else { "wait: 0 slots" };
        let text = format!(
            "name: t\nnetwork: {{ slot_time: 1s }}\nroles: {{ A: lockin, B: lockin }}\nnodes:\n  \
             - {{ name: a0, role: A, validators: 8 }}\n  - {{ name: b0, role: B, validators: 8 }}\n  \
             - {{ name: late, role: B, start: later }}\nsteps:\n  - start: late\n  \
             - kill: {{ node: b0, restart_after: 1 epoch }}\n  - stop: late\n  - {end}\n{checks}"
        );
        let plan = super::parse("t.yaml", &text, &Default::default()).unwrap_or_else(|error| panic!("{error}"));
        plan.checks[0].clone()
    }
}
