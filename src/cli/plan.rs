//! `lockin plan`: the resolved scenario, nothing started. Also how every subcommand that takes a scenario reads it.

use super::exit;
use crate::{
    client::{ClientDef, Quirk},
    journal::Event,
    scenario::{self, Options, Plan},
    topology::{NetworkPlan, NodePlan},
};
use std::{collections::BTreeMap, path::PathBuf};

/// Prints a scenario as it would be run, with every default filled in. Starts nothing.
#[derive(Debug, clap::Args)]
pub struct PlanArgs {
    #[command(flatten)]
    scenario: ScenarioArgs,
}

/// Which scenario, and what the command line changes in it.
#[derive(Debug, clap::Args)]
pub struct ScenarioArgs {
    /// The scenario file, such as scenarios/pairwise.yaml.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Lets another client play a role of the scenario; may be repeated.
    #[arg(long = "role", value_name = "ROLE=CLIENT", value_parser = role)]
    pub roles: Vec<(String, String)>,
    /// What all randomness of the run comes from, instead of the scenario's own.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Sets a value of the scenario, such as slot_time=1s or forks.altair=3, in the place of the file's; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
    pub settings: Vec<Setting>,
    /// Other clients than the program's own.
    #[command(flatten)]
    pub clients: super::client::ClientArgs,
}

fn role(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((role, client)) if !role.is_empty() && !client.is_empty() => Ok((role.to_owned(), client.to_owned())),
        _ => Err(format!("`{text}` is not ROLE=CLIENT, such as B=lockin")),
    }
}

/// A key of a scenario and its value.
pub type Setting = (String, String);

/// Reads `KEY=VALUE`.
pub(super) fn setting(text: &str) -> Result<Setting, String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() && !value.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(format!("`{text}` is not KEY=VALUE, such as slot_time=1s")),
    }
}

/// A scenario that is ready to be run.
pub struct Resolved {
    /// The resolved scenario.
    pub plan: Plan,
    /// Its network.
    pub network: NetworkPlan,
    /// The definitions of the clients in it, by the name that the plan uses.
    pub clients: BTreeMap<String, ClientDef>,
}

/// Why a scenario can't be run.
pub struct Refusal {
    /// The exit code: bad usage, or unsupported.
    pub code: u8,
    /// A sentence.
    pub says: String,
}

impl Refusal {
    fn usage(why: &dyn std::fmt::Display) -> Self {
        Self { code: exit::USAGE, says: why.to_string() }
    }

    fn unsupported(why: &str) -> Self {
        Self { code: exit::UNSUPPORTED, says: format!("unsupported: {why}") }
    }

    /// Says it on stderr; the exit code.
    pub fn said(self) -> u8 {
        eprintln!("error: {}", self.says);
        self.code
    }
}

impl From<scenario::Error> for Refusal {
    fn from(error: scenario::Error) -> Self {
        let code = if matches!(error, scenario::Error::Unsupported(_)) { exit::UNSUPPORTED } else { exit::USAGE };
        Self { code, says: error.to_string() }
    }
}

impl Resolved {
    /// What is known of the clients in it, for the journal.
    pub fn quirks(&self) -> Vec<Event> {
        let of = |def: &ClientDef| {
            let client = def.name.clone();
            def.quirks.clone().into_iter().map(move |Quirk { id, says, source }| Event::Quirk {
                client: client.clone(),
                id,
                says,
                source,
            })
        };
        self.clients.values().flat_map(of).collect()
    }
}

impl ScenarioArgs {
    /// What they change in the file.
    pub fn options(&self) -> Options {
        Options { roles: self.roles.clone(), seed: self.seed, settings: self.settings.clone(), clients: None }
    }

    /// Reads the scenario and all that it needs. An error is already said on stderr; its exit code is given.
    pub fn resolve(&self) -> Result<Resolved, u8> {
        let resolved = self.read().map_err(Refusal::said)?;
        match self.clients.library().all_used(&resolved.clients) {
            Ok(()) => Ok(resolved),
            Err(error) => Err(Refusal::usage(&error).said()),
        }
    }

    /// Reads the scenario and all that it needs. Changes of clients that take no part are let pass.
    pub fn read(&self) -> Result<Resolved, Refusal> {
        let plan = scenario::load(&self.file, &self.options())?;
        let network = plan.network_plan().map_err(|error| Refusal::usage(&error))?;
        let library = self.clients.library();
        let mut clients = BTreeMap::new();
        for node in &network.nodes {
            for name in node.clients() {
                let def = library.load(name).map_err(|error| Refusal::usage(&error))?;
                if let Some(why) = def.unsupported(&network.config) {
                    return Err(Refusal::unsupported(&why));
                }
                clients.insert(name.to_owned(), def);
            }
        }
        if let Some(why) = unlike_engines(&network, &clients) {
            return Err(Refusal::unsupported(&why));
        }
        Ok(Resolved { plan, network, clients })
    }
}

/// Why the engines of a network can't be on one chain, if they can't: the embedded one executes nothing, so what it
/// builds is refused by those that do.
fn unlike_engines(network: &NetworkPlan, clients: &BTreeMap<String, ClientDef>) -> Option<String> {
    let embedded = |name: &str| clients.get(name).is_some_and(|def| def.embedded);
    let engine = |node: &NodePlan| node.engine.as_ref().map(|engine| engine.client.clone());
    let real = network.nodes.iter().filter_map(engine).find(|name| !embedded(name))?;
    let stub = |node: &&NodePlan| engine(node).is_some_and(|name| embedded(&name)) && node.validator_count() > 0;
    let node = network.nodes.iter().find(stub)?;
    Some(format!(
        "{} would build payloads with the embedded engine, which executes nothing, and {real} refuses those; give it an \
         execution client, such as {}+{real}",
        node.name, node.client
    ))
}

/// Runs the subcommand; the exit code.
pub fn run(args: PlanArgs) -> u8 {
    let resolved = match args.scenario.resolve() {
        Ok(resolved) => resolved,
        Err(code) => return code,
    };
    match crate::yaml::to_string(&resolved.plan) {
        Ok(text) => {
            super::say(text.trim_end());
            exit::PASS
        }
        Err(error) => {
            eprintln!("error: writing the plan as YAML: {error}");
            exit::UNKNOWN
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        scenario: ScenarioArgs,
    }

    #[test]
    fn what_is_known_of_the_clients_that_play_is_for_the_journal() {
        let quirks = |role: &str| {
            let line = Line::parse_from(["run", "scenarios/lockin/L1.yaml", "--role", role]);
            let resolved = line.scenario.resolve().unwrap_or_else(|code| panic!("exit code {code}"));
            let of = |event: &Event| match event {
                Event::Quirk { client, id, says, source } if !says.is_empty() && !source.is_empty() => {
                    format!("{client}: {id}")
                }
                other => panic!("{other:?}"),
            };
            resolved.quirks().iter().map(of).collect::<Vec<_>>()
        };
        assert_eq!(quirks("B=lockin"), [""; 0]);
        assert!(quirks("B=lodestar").contains(&"lodestar: zero-finalized-root".to_owned()));
    }
}
