//! From the file to the plan: reads quantities, deals validators, casts roles, checks names. Pure.

mod network;
mod nodes;
mod scope;

pub(super) use nodes::EMBEDDED;
pub use scope::Scope;
pub(super) use scope::unknown_node;

use super::checks::{self, RawCheck};
use super::error::{Error, Source};
use super::plan::Plan;
use super::raw::RawScenario;
use super::steps::{self, RawStep};
use super::{Options, raw::At, settings};
use crate::yaml;

/// The seed of a run that names none: runs of one file are alike unless asked to differ.
pub const DEFAULT_SEED: u64 = 1;

/// Reads a file's text to a plan.
pub(super) fn plan(file: &str, text: &str, options: &Options) -> Result<Plan, Error> {
    let mut raw: RawScenario = yaml::from_str(file, text)?;
    let source = Source { file, text };
    settings::apply(&mut raw, &options.settings)?;
    unsupported(source, &raw)?;
    if !is_name(&raw.name.value) {
        return Err(source.error(&raw.name, format!("`{}` is no name; {NAME_RULE}", raw.name.value)));
    }
    let roles = nodes::cast(source, &raw.roles, options)?;
    let mut network = network::resolve(source, &raw.network)?;
    let (nodes, links) = nodes::resolve(source, &raw, &roles, &mut network)?;
    let seed = match (options.seed, &raw.seed) {
        (Some(seed), _) => seed,
        (None, Some(word)) => word
            .value
            .parse()
            .map_err(|_| source.error(word, format!("`{}` is no seed; accepted: 0 to 2^64-1", word.value)))?,
        (None, None) => DEFAULT_SEED,
    };
    let mut scope = Scope::new(source, &nodes, &links);
    for step in &raw.steps {
        let step = steps::resolve(step, &mut scope)?;
        scope.steps.push(step);
    }
    nodes::all_are_started(source, &raw.nodes, &scope)?;
    if raw.checks.value.is_empty() {
        return Err(source.error(
            &raw.checks,
            format!("a scenario without a check has no verdict; accepted: {}", RawCheck::NAMES.join(", ")),
        ));
    }
    let checks = raw.checks.value.iter().map(|check| checks::resolve(check, &mut scope)).collect::<Result<_, _>>()?;
    let steps = scope.steps;
    Ok(Plan {
        name: raw.name.value,
        about: raw.about.trim().to_owned(),
        seed,
        network,
        preflight: raw.preflight,
        roles,
        nodes,
        links,
        steps,
        checks,
    })
}

/// What this program can't do yet is said before what the file has wrong further on, and before anything starts.
fn unsupported(source: Source<'_>, raw: &RawScenario) -> Result<(), Error> {
    let step = |step: &At<RawStep>| match &step.value {
        RawStep::Later { name, ability } => Some((step.referenced.line(), "step", *name, *ability)),
        _ => None,
    };
    let check = |check: &At<RawCheck>| match &check.value {
        RawCheck::Later { name, ability } => Some((check.referenced.line(), "check", *name, *ability)),
        _ => None,
    };
    let found = raw.steps.iter().find_map(step).or_else(|| raw.checks.value.iter().find_map(check));
    match found {
        None => Ok(()),
        Some((line, what, name, ability)) => Err(Error::Unsupported(format!(
            "{}:{line}: the {what} `{name}` needs {ability}, which this lockin does not have",
            source.file
        ))),
    }
}

const NAME_RULE: &str = "a name is 1 to 40 of the characters a-z A-Z 0-9 _ - and begins with a letter or digit";

fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    text.len() <= 40 && text.chars().all(plain) && text.starts_with(|c: char| c.is_ascii_alphanumeric())
}
