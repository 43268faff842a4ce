//! What is known of the cells of a matrix before anything is started: which can't be run, and what `lockin run` is told
//! for those that can.

use super::{Code, MatrixArgs, place_name, scenario_args, usage};
use crate::{
    cli::{
        exit,
        plan::{Resolved, ScenarioArgs},
        run::Place,
    },
    client::{ClientDef, ClientError, LOCK_FILE},
    image,
    journal::Verdict,
    matrix::{self, Cell, Head, Identity, Job, RunRecord},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::ErrorKind,
    path::Path,
};

/// What was learned of a cell before anything is started.
pub(super) enum Asked {
    /// It can't be run, with the reason.
    Unsupported(Box<RunRecord>),
    /// It can.
    Ready(Ready),
}

/// What every run of a cell has in common.
pub(super) struct Ready {
    /// What is run.
    pub(super) identity: Identity,
    args: Vec<String>,
    weight: u32,
    slot_ms: u64,
}

impl Ready {
    /// One of the cell's runs.
    pub(super) fn job(&self, cell: &Cell, run: u32, folder: String) -> Job {
        Job {
            cell: cell.clone(),
            run,
            folder,
            identity: self.identity.clone(),
            args: self.args.clone(),
            weight: self.weight,
            slot_ms: self.slot_ms,
        }
    }
}

/// Resolves the scenario for every cell. What is wrong with the words of the command line is said, and ends all.
pub(super) fn ask_all(args: &MatrixArgs, file: &Path, head: &Head, cells: &[Cell]) -> Result<Vec<Asked>, Code> {
    let build = build(args)?;
    let mut players: BTreeMap<String, ClientDef> = BTreeMap::new();
    let mut asked = Vec::new();
    for cell in cells {
        let roles: Vec<_> = head.roles.iter().cloned().zip(cell.cast.iter().cloned()).collect();
        let mut settings = args.settings.clone();
        if let (Some(sweep), Some(value)) = (&args.sweep, &cell.value) {
            settings.push((sweep.key.clone(), value.clone()));
        }
        let scenario = scenario_args(args, file, roles, settings);
        let unsupported = |says: &str| {
            let says = says.strip_prefix("unsupported: ").unwrap_or(says).to_owned();
            let verdict = Verdict::Unsupported;
            Asked::Unsupported(Box::new(RunRecord::without_run(Identity::of("", "", ""), Vec::new(), verdict, says)))
        };
        let resolved = match scenario.read() {
            Ok(resolved) => resolved,
            Err(refusal) if refusal.code == exit::UNSUPPORTED => {
                asked.push(unsupported(&refusal.says));
                continue;
            }
            Err(refusal) => return Err(refusal.said()),
        };
        players.extend(resolved.clients.clone());
        if let Some(why) = args.runtime.lacks(&resolved) {
            asked.push(unsupported(&why));
            continue;
        }
        asked.push(Asked::Ready(ready(args, &resolved, &build, tell(args, &scenario, &resolved.clients))?));
    }
    all_changes_are_used(args, &players)?;
    // what is wrong with the words behind `--` is wrong with all of them
    let first = asked.iter().find_map(|asked| match asked {
        Asked::Ready(ready) => Some(&ready.args),
        Asked::Unsupported(_) => None,
    });
    match first.map_or(Ok(()), |words| crate::cli::check_words(words)) {
        Ok(()) => Ok(asked),
        Err(error) => Err(usage(&format!("what follows `--`: {error}"))),
    }
}

/// A change of a client that plays nowhere is a mistake. Of those that are unsupported everywhere only the name is known.
fn all_changes_are_used(args: &MatrixArgs, players: &BTreeMap<String, ClientDef>) -> Result<(), Code> {
    let words = args.clients.iter().flat_map(|client| client.split(['+', '/']));
    let names: BTreeSet<&str> = players.values().map(|def| def.name.as_str()).chain(words).collect();
    match args.changes.all().into_iter().find(|change| !names.iter().any(|name| change.is_of(name))) {
        None => Ok(()),
        Some(change) => Err(usage(&ClientError::Unused {
            flag: change.what.flag(),
            change: change.to_string(),
            client: change.client,
            known: names.into_iter().collect::<Vec<_>>().join(", "),
        })),
    }
}

/// What every run hangs on that no word says: this program's very bytes, and the images of the lock file.
fn build(args: &MatrixArgs) -> Result<String, Code> {
    let Some(program) = image::own_digest() else {
        eprintln!("error: this program's own file can't be read");
        return Err(exit::UNKNOWN);
    };
    let lock = match args.runtime {
        Place::Docker | Place::Kubernetes => lock_file(&args.run_args).map_err(|why| usage(&why))?,
        Place::Process | Place::Simulation => String::new(),
    };
    Ok(format!("{program} {lock}"))
}

/// The text of the lock file that the runs go by: the one that `--lock` names among their words, or that lies here.
fn lock_file(words: &[String]) -> Result<String, String> {
    let named = words.iter().enumerate().find_map(|(n, word)| match word.strip_prefix("--lock")? {
        "" => words.get(n + 1).map(String::as_str),
        value => value.strip_prefix('='),
    });
    let path = named.unwrap_or(LOCK_FILE);
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound && named.is_none() => Ok(String::new()),
        text => text.map_err(|error| format!("reading {path}: {error}")),
    }
}

fn ready(args: &MatrixArgs, resolved: &Resolved, build: &str, told: Vec<String>) -> Result<Ready, Code> {
    let json = |value: &dyn Fn() -> Result<String, serde_json::Error>| {
        value().map_err(|error| {
            eprintln!("error: writing a plan as JSON: {error}");
            exit::UNKNOWN
        })
    };
    let plan = json(&|| serde_json::to_string(&resolved.plan))?;
    let clients = json(&|| serde_json::to_string(&resolved.clients))?;
    let arguments = format!("{} {} {build}", place_name(args.runtime), args.run_args.join(" "));
    let weight = match args.runtime {
        Place::Simulation => matrix::SIMULATION,
        _ => matrix::weight(&resolved.network, &resolved.clients),
    };
    let identity = Identity::of(&plan, &clients, &arguments);
    Ok(Ready { identity, args: told, weight, slot_ms: resolved.plan.slot_ms() })
}

/// The words that a `lockin run` of this scenario with these clients is told.
fn tell(args: &MatrixArgs, scenario: &ScenarioArgs, clients: &BTreeMap<String, ClientDef>) -> Vec<String> {
    let mut words = vec!["run".to_owned(), scenario.file.display().to_string()];
    let mut flag = |name: &str, value: String| words.extend([name.to_owned(), value]);
    for (role, client) in &scenario.roles {
        flag("--role", format!("{role}={client}"));
    }
    flag("--runtime", place_name(args.runtime));
    if let Some(seed) = scenario.seed {
        flag("--seed", seed.to_string());
    }
    for (key, value) in &scenario.settings {
        flag("--set", format!("{key}={value}"));
    }
    for folder in &args.definitions {
        flag("--clients", folder.display().to_string());
    }
    for change in args.changes.of(clients) {
        // one word: the value may begin with a dash
        words.push(format!("{}={change}", change.what.flag()));
    }
    words.push("--quiet".to_owned());
    words.extend(args.run_args.iter().cloned());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_is_the_one_that_the_runs_are_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("images.lock");
        let file = path.to_str().unwrap();
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let both = [words(&["--keep", "--lock", file]), words(&[&format!("--lock={file}"), "--keep"])];
        assert!(lock_file(&both[0]).unwrap_err().contains(file), "what is named must be there");
        for text in ["images: {}", "images: { a: b }"] {
            std::fs::write(&path, text).unwrap();
            assert!(both.iter().all(|words| lock_file(words).unwrap() == text));
        }
    }
}
