//! `lockin clean`: ends what killed runs left behind.

use super::{exit, kubernetes::AccessArgs};
use crate::{
    image,
    runtime::{
        Error,
        docker::{self, Engine, Found, Which},
        kubernetes::{self, Cluster},
        process,
    },
};

/// Ends what a run started whose orchestrator is gone: processes, containers, networks, volumes. Runs that still go on,
/// and those of other machines that share a container engine, are not touched.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  lockin clean --dry-run
  lockin clean --kept                       # what `lockin run --keep` left up, too
  lockin clean --run 20261121-142600-L4-17
  lockin clean --kubernetes --namespace ci  # what is left in a cluster, and nothing here")]
pub struct CleanArgs {
    /// Only say what would be ended.
    #[arg(long)]
    dry_run: bool,
    /// Ends networks that were left up on purpose, too.
    #[arg(long)]
    kept: bool,
    /// Ends the containers, the network and the volumes of one run, whatever its orchestrator does.
    #[arg(long, value_name = "ID", conflicts_with = "kept")]
    run: Option<String>,
    /// Looks in a namespace of a cluster, and nowhere else; what belongs to no living run is known after half a minute.
    #[arg(long, conflicts_with = "kept")]
    kubernetes: bool,
    #[command(flatten)]
    access: AccessArgs,
}

/// Runs the subcommand; the exit code.
pub fn run(args: CleanArgs) -> u8 {
    let done = if args.dry_run { "left over" } else { "ended" };
    if args.kubernetes || args.access.is_given() {
        return match pods(&args) {
            Ok(found) => {
                super::say(&format!("{found} {done}"));
                exit::PASS
            }
            Err(error) => {
                eprintln!("error: {error}");
                exit::UNKNOWN
            }
        };
    }
    if args.run.is_none() {
        let found = if args.dry_run { process::leftovers() } else { process::sweep() };
        for leftover in &found {
            super::say(&format!("{done}: process {} {}", leftover.pid, leftover.command));
        }
        super::say(&format!("{} process{} {done}", found.len(), if found.len() == 1 { "" } else { "es" }));
    }
    let which = match &args.run {
        Some(id) => Which::Run(id),
        None if args.kept => Which::Kept,
        None => Which::Left,
    };
    match containers(which, args.dry_run) {
        Ok(Some(found)) => {
            super::say(&format!("{found} {done}"));
            match &args.run {
                Some(id) if found.is_empty() => {
                    eprintln!(
                        "error: no run {id} has anything here; `lockin clean --dry-run --kept` names those that have"
                    );
                    exit::USAGE
                }
                _ => exit::PASS,
            }
        }
        // Where no engine is, none of its containers are; but one that was asked for by name should be there.
        Ok(None) if args.run.is_none() && !args.kept => exit::PASS,
        Ok(None) => {
            eprintln!("error: no container engine answers");
            exit::UNKNOWN
        }
        Err(error) => {
            eprintln!("error: {error}");
            exit::UNKNOWN
        }
    }
}

/// What the namespace had.
fn pods(args: &CleanArgs) -> Result<kubernetes::Found, Error> {
    let which = args.run.as_deref().map_or(kubernetes::Which::Left, kubernetes::Which::Run);
    event_loop()?.block_on(async {
        let cluster = Cluster::connect(&args.access.access()).await?;
        kubernetes::sweep(&cluster, which, args.dry_run).await
    })
}

fn event_loop() -> Result<tokio::runtime::Runtime, Error> {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build();
    tokio.map_err(|error| Error::Other(format!("starting the event loop: {error}")))
}

/// What the container engine had; `None` if none answers.
fn containers(which: Which<'_>, dry_run: bool) -> Result<Option<Found>, Error> {
    event_loop()?.block_on(async {
        let Ok(api) = image::connect().await else { return Ok(None) };
        let engine = Engine::over(api);
        let found =
            if dry_run { docker::sweep(&engine, which, true).await } else { docker::sweep_all(&engine, which).await };
        found.map(Some)
    })
}
