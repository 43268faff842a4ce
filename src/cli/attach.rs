//! `lockin attach`: judges nodes that somebody else runs.

use super::{
    exit,
    progress::Progress,
    run::{interrupts, listen, make_dir},
};
use crate::{
    api::{Client, HttpTransport},
    journal::{self, Event, RunDir},
    monitor::{Learned, learn},
    report,
    scenario::{self, ATTACHED, Attach, Options, Plan, learned_network, unattachable},
};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

/// How long nodes are waited for that do not answer yet.
const PATIENCE: Duration = Duration::from_secs(30);

/// Judges nodes that somebody else runs, by their Beacon API: the same checks, referee and report as `lockin run`. Starts,
/// ends and changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Configuration, forks and genesis are learned from the first node; the others must agree with it. Blocks are recomputed
from the block on that it has finalized. A file of checks has the keys `checks` and `steps` of a scenario, a scenario has
them all: its nodes are the URLs in order, its network is not looked at. Steps can only be waits.

Examples:
  lockin attach http://127.0.0.1:5052 http://127.0.0.1:5053
  lockin attach a0=http://10.0.0.2:5052 b0=http://10.0.0.3:3500 --checks checks.yaml
  lockin attach http://10.0.0.2:5052 http://10.0.0.3:3500 --scenario scenarios/pairwise.yaml")]
pub struct AttachArgs {
    /// The nodes' Beacon APIs, with names if they are to have other ones than n0, n1, ... or the scenario's.
    #[arg(value_name = "[NAME=]URL", required = true, value_parser = target)]
    urls: Vec<Target>,
    /// A file with `checks`, and `steps` if there are any; nodes are called by their names.
    #[arg(long, value_name = "FILE", conflicts_with = "scenario")]
    checks: Option<PathBuf>,
    /// A whole scenario, of which steps, checks and the nodes' names are taken.
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// Without a file, or with checks alone: the epochs within which two more must be finalized.
    #[arg(long, value_name = "N", default_value_t = 6)]
    epochs: u64,
    /// The run's directory [default: runs/<time>-<name>].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Shows no progress.
    #[arg(long, short)]
    quiet: bool,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    name: Option<String>,
    url: String,
}

fn target(text: &str) -> Result<Target, String> {
    let (name, url) = match text.split_once('=') {
        Some((name, url)) if !name.contains(['/', ':']) => (Some(name.to_owned()), url),
        _ => (None, text),
    };
    HttpTransport::new(url).map_err(|error| error.to_string())?;
    Ok(Target { name, url: url.to_owned() })
}

/// Why nothing was judged, with the exit code.
struct Failure(u8, String);

impl Failure {
    fn usage(why: impl std::fmt::Display) -> Self {
        Self(exit::USAGE, why.to_string())
    }

    fn environment(why: impl std::fmt::Display) -> Self {
        Self(exit::UNKNOWN, why.to_string())
    }
}

/// Runs the subcommand; the exit code.
pub fn run(args: &AttachArgs) -> u8 {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::environment);
    match tokio.and_then(|tokio| tokio.block_on(attach(args))) {
        Ok(code) => code,
        Err(Failure(code, why)) => {
            eprintln!("error: {why}");
            code
        }
    }
}

async fn attach(args: &AttachArgs) -> Result<u8, Failure> {
    let mut plan = plan(args)?;
    if let Some(why) = unattachable(&plan) {
        eprintln!("error: unsupported: {why}");
        return Ok(exit::UNSUPPORTED);
    }
    let mut nodes = Vec::new();
    for (node, target) in plan.nodes.iter().zip(&args.urls) {
        let transport = HttpTransport::new(&target.url).map_err(Failure::usage)?;
        nodes.push((node.name.clone(), Client::new(Arc::new(transport))));
    }
    let clients = versions(&nodes, &args.urls).await?;
    let (first, client) = nodes.first().ok_or_else(|| Failure::usage("name a node"))?;
    let learned =
        learn(client).await.map_err(|error| Failure::environment(format!("learning from {first}: {error}")))?;
    complete(&mut plan, &learned, &clients);

    let dir = make_dir(args.out.as_deref(), &plan.name).map_err(|error| match error {
        journal::Error::Taken { .. } => Failure::usage(error),
        _ => Failure::environment(error),
    })?;
    if let Err(error) = super::log::init("error") {
        eprintln!("error: logging: {error}");
    }
    let judged = judged(args, &plan, learned, nodes, &dir).await;
    judged.map_err(Failure::environment)
}

async fn judged(
    args: &AttachArgs,
    plan: &Plan,
    learned: Learned,
    nodes: Vec<(String, Client)>,
    dir: &RunDir,
) -> Result<u8, Box<dyn std::error::Error>> {
    std::fs::write(dir.path().join("config.yaml"), learned.config.to_yaml())?;
    let journal = dir.journal_writer()?;
    let (progress, done) = listen(&journal, Progress::new(plan.network.slots_per_epoch, plan.slot_ms(), args.quiet));
    let folder = dir.path().file_name().map(|name| name.to_string_lossy().into_owned());
    let run = Event::Run {
        id: format!("{}-{}", folder.unwrap_or_default(), std::process::id()),
        name: plan.name.clone(),
        lockin: env!("CARGO_PKG_VERSION").to_owned(),
        runtime: ATTACHED.to_owned(),
        seed: plan.seed,
        plan: serde_json::to_value(plan)?,
    };
    // It listens from now on: what is judged is all of the journal.
    let attach = Attach::new(plan, learned, nodes, journal.clone());
    journal.write(0, None, run)?;
    for (node, target) in plan.nodes.iter().zip(&args.urls) {
        let says = format!("at {}", journal::redact(std::slice::from_ref(&target.url)).concat());
        journal.write(0, None, Event::Note { says, node: Some(node.name.clone()) })?;
    }
    attach.run(interrupts()?).await;
    done(&progress);
    Ok(super::say_report(&report::write_all(dir)?, dir))
}

/// Steps, checks and nodes, of whichever file they are in; the network is not known yet.
fn plan(args: &AttachArgs) -> Result<Plan, Failure> {
    let options = Options::default();
    let plan = match &args.scenario {
        Some(file) => scenario::load(file, &options),
        None => {
            let (file, text) = match &args.checks {
                Some(path) => {
                    let text = std::fs::read_to_string(path);
                    let text =
                        text.map_err(|error| Failure::usage(format!("can't read {}: {error}", path.display())))?;
                    (path.display().to_string(), text)
                }
                None => ("the usual checks".to_owned(), USUAL.to_owned()),
            };
            scenario::parse(&file, &whole(&text, &args.urls, args.epochs), &options)
        }
    };
    let plan = plan.map_err(Failure::usage)?;
    if plan.nodes.len() != args.urls.len() {
        let (nodes, urls) = (plan.nodes.len(), args.urls.len());
        return Err(Failure::usage(format!(
            "the scenario has {nodes} nodes, and {urls} are named; name each, in its order"
        )));
    }
    let wrong =
        plan.nodes.iter().zip(&args.urls).find(|(node, url)| url.name.as_ref().is_some_and(|it| *it != node.name));
    match wrong {
        Some((node, _)) => {
            Err(Failure::usage(format!("node {} of the scenario is named otherwise or out of order", node.name)))
        }
        None => Ok(plan),
    }
}

/// What is checked where nobody says what.
const USUAL: &str = "\
checks:
  - finalized
  - same_head: { for: 1 epoch }
  - participation: { from: last 1 epoch }
";

/// A scenario of this text and the nodes. They stand behind it, so that places in messages are those of the file.
fn whole(text: &str, targets: &[Target], epochs: u64) -> String {
    let mut whole = text.to_owned();
    if !text.lines().any(|line| line.starts_with("steps:")) {
        whole += &format!("\nsteps:\n  - wait: {{ finalized: +2, within: {epochs} epochs }}");
    }
    let names: Vec<String> =
        targets.iter().enumerate().map(|(n, target)| target.name.clone().unwrap_or_else(|| format!("n{n}"))).collect();
    // Who plays and with which keys is learned later, or never.
    let roles = names.iter().map(|name| format!("{name:?}: lockin")).collect::<Vec<_>>().join(", ");
    let nodes = names.iter().map(|name| format!("{{ name: {name:?}, role: {name:?}, validators: 8 }}"));
    let nodes = nodes.collect::<Vec<_>>().join(", ");
    whole += &format!("\nname: {ATTACHED}\nroles: {{ {roles} }}\nnodes: [{nodes}]\n");
    whole
}

/// Waits until every node answers; what each says that it is.
async fn versions(nodes: &[(String, Client)], targets: &[Target]) -> Result<Vec<String>, Failure> {
    let asked = nodes.iter().zip(targets).map(|((name, client), target)| async move {
        let begun = tokio::time::Instant::now();
        loop {
            match client.node_version().await {
                Ok(version) => return Ok(version),
                Err(error) if begun.elapsed() > PATIENCE => {
                    return Err(Failure::environment(format!("{name} ({}) does not answer: {error}", target.url)));
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(500)).await,
            }
        }
    });
    futures::future::try_join_all(asked).await
}

/// Fills in what was learned.
fn complete(plan: &mut Plan, learned: &Learned, versions: &[String]) {
    plan.network = learned_network(learned);
    let generated = plan.name == ATTACHED;
    let mut roles = BTreeMap::new();
    for (node, version) in plan.nodes.iter_mut().zip(versions) {
        let client = version.split(['/', ' ']).next().unwrap_or_default().to_lowercase();
        roles.insert(node.role.clone(), client.clone());
        node.client = client;
        (node.validator, node.engine) = (None, None);
        if generated {
            node.validators.clear();
        }
    }
    plan.roles = roles;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_urls_with_or_without_a_name() {
        let named = Target { name: Some("a0".into()), url: "http://127.0.0.1:5052".into() };
        assert_eq!(target("a0=http://127.0.0.1:5052").unwrap(), named);
        assert!(target("http://h:1/?a=b").unwrap_err().contains("query"));
        assert_eq!(target("http://127.0.0.1:1").unwrap().name, None);
        assert!(target("https://127.0.0.1:1").unwrap_err().contains("only http"));
        assert!(target("127.0.0.1").is_err());
    }

    #[test]
    fn places_in_messages_are_those_of_the_file_of_checks() {
        let targets = [target("http://127.0.0.1:1").unwrap(), target("b=http://127.0.0.1:2").unwrap()];
        let parse = |text: &str| scenario::parse("c.yaml", &whole(text, &targets, 4), &Options::default());
        let plan = parse(USUAL).unwrap();
        assert_eq!(plan.nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>(), ["n0", "b"]);
        assert_eq!(unattachable(&plan), None);
        assert_eq!(plan.steps.len(), 1);
        let error = parse("checks:\n  - same_haed\n").unwrap_err().to_string();
        assert!(error.starts_with("c.yaml:2:5: "), "{error}");
        let steps = parse("steps:\n  - wait: 2 slots\nchecks: [same_head]\n").unwrap();
        assert_eq!(steps.steps.len(), 1);
    }
}
