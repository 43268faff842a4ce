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

/// A scenario that is ready to be run.
pub struct Resolved {
    /// The resolved scenario.
    pub plan: Plan,
    /// Its network.
    pub network: NetworkPlan,
    /// The definitions of the clients in it, by the name that the plan uses.
    pub clients: BTreeMap<String, ClientDef>,
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
    /// Reads the scenario and all that it needs. An error is already said on stderr; its exit code is given.
    pub fn resolve(&self) -> Result<Resolved, u8> {
        let options = Options { roles: self.roles.clone(), seed: self.seed, clients: None };
        let said = |error: &dyn std::fmt::Display, code: u8| {
            eprintln!("error: {error}");
            code
        };
        let by_kind = |error: scenario::Error| {
            let code = if matches!(error, scenario::Error::Unsupported(_)) { exit::UNSUPPORTED } else { exit::USAGE };
            said(&error, code)
        };
        let plan = scenario::load(&self.file, &options).map_err(by_kind)?;
        let network = plan.network_plan().map_err(|error| said(&error, exit::USAGE))?;
        let library = self.clients.library();
        let mut clients = BTreeMap::new();
        for node in &network.nodes {
            for name in node.clients() {
                let def = library.load(name).map_err(|error| said(&error, exit::USAGE))?;
                if let Some(why) = def.unsupported(&network.config) {
                    return Err(said(&format!("unsupported: {why}"), exit::UNSUPPORTED));
                }
                clients.insert(name.to_owned(), def);
            }
        }
        library.all_used(&clients).map_err(|error| said(&error, exit::USAGE))?;
        if let Some(why) = unlike_engines(&network, &clients) {
            return Err(said(&format!("unsupported: {why}"), exit::UNSUPPORTED));
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
            let line = Line::parse_from(["run", "scenarios/pairwise.yaml", "--role", role]);
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
