//! The runners of the official layout, by name. A new one is one line here and one function.

mod blocks;
mod bls;
mod epoch_processing;
mod fork;
mod fork_choice;
mod genesis;
mod merkle_proof;
mod networking;
mod operations;
mod rewards;
mod shuffling;
mod ssz_generic;
mod ssz_static;

use super::case::{Case, CaseId};
use lockin::ssz::Fork;

/// What came of a case that did not fail.
pub enum Verdict {
    Passed,
    /// Not run, and why.
    NotApplicable(&'static str),
}

/// What came of a case; the error says why it failed.
pub type Outcome = Result<Verdict, String>;

enum Runner {
    Run(fn(&Case) -> Result<(), String>),
    /// Nothing of it is built yet; why.
    Later(&'static str),
}
use Runner::{Later, Run};

/// Of what a light client, or a node that follows the fast confirmation rule, would do.
const NOT_OFFERED: &str = "not offered by this program yet";

const RUNNERS: &[(&str, Runner)] = &[
    ("bls", Run(bls::run)),
    ("epoch_processing", Run(epoch_processing::run)),
    ("fast_confirmation", Later(NOT_OFFERED)),
    ("finality", Run(blocks::blocks_only)),
    ("fork", Run(fork::run)),
    ("fork_choice", Run(fork_choice::run)),
    ("genesis", Run(genesis::run)),
    ("light_client", Later(NOT_OFFERED)),
    ("merkle_proof", Run(merkle_proof::run)),
    ("networking", Run(networking::run)),
    ("operations", Run(operations::run)),
    ("random", Run(blocks::blocks_only)),
    ("rewards", Run(rewards::run)),
    ("sanity", Run(blocks::sanity)),
    ("shuffling", Run(shuffling::run)),
    ("ssz_generic", Run(ssz_generic::run)),
    ("ssz_static", Run(ssz_static::run)),
    ("sync", Run(fork_choice::sync)),
    ("transition", Run(blocks::transition)),
];

/// Cases of runners that are run, which are not: runner, handler, beginning of the name, why.
const LATER_CASES: &[(&str, &str, &str, &str)] = &[
    ("ssz_generic", "basic_progressive_list", "", "not offered by this program yet: for gloas and later"),
    ("ssz_generic", "progressive_bitlist", "", "not offered by this program yet: for gloas and later"),
    ("ssz_generic", "progressive_containers", "", "not offered by this program yet: for gloas and later"),
    ("ssz_generic", "compatible_unions", "", "not offered by this program yet: for gloas and later"),
    ("ssz_generic", "containers", "Progressive", "not offered by this program yet: for gloas and later"),
];

fn runner(id: &CaseId) -> Result<&'static Runner, String> {
    let found = RUNNERS.iter().find(|(name, _)| *name == id.runner);
    found.map(|(_, runner)| runner).ok_or_else(|| format!("unknown runner `{}`", id.runner))
}

/// Why the case is not applicable, if that can be told without its files.
pub fn before_reading(id: &CaseId) -> Result<Option<&'static str>, String> {
    if let Later(reason) = runner(id)? {
        return Ok(Some(reason));
    }
    let later = LATER_CASES
        .iter()
        .find(|(runner, handler, name, _)| *runner == id.runner && *handler == id.handler && id.name.starts_with(name));
    if let Some((_, _, _, reason)) = later {
        return Ok(Some(reason));
    }
    let fork: Fork = id.fork.parse().map_err(|error| format!("{error}"))?;
    Ok((!fork.is_built()).then_some("of a fork that is not built yet"))
}

/// The runners of which nothing is built yet, and why.
pub fn later() -> impl Iterator<Item = (&'static str, &'static str)> {
    RUNNERS.iter().filter_map(|(name, runner)| match runner {
        Later(reason) => Some((*name, *reason)),
        Run(_) => None,
    })
}

/// Runs the case.
pub fn run(case: &Case) -> Outcome {
    match runner(&case.id)? {
        Run(run) => run(case).map(|()| Verdict::Passed),
        Later(reason) => Ok(Verdict::NotApplicable(reason)),
    }
}

/// For `match` arms: what the runner does not know is a failure.
fn unknown_handler(case: &Case) -> String {
    format!("unknown handler `{}` of runner `{}`", case.id.handler, case.id.runner)
}
