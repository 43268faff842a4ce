//! `lockin clean`: ends what killed runs left behind.

use super::exit;
use crate::{
    image,
    runtime::{
        Error,
        docker::{self, Engine, Found, Which},
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
  lockin clean --run 20261121-142600-L4-17")]
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
}

/// Runs the subcommand; the exit code.
pub fn run(args: CleanArgs) -> u8 {
    let done = if args.dry_run { "left over" } else { "ended" };
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

/// What the container engine had; `None` if none answers.
fn containers(which: Which<'_>, dry_run: bool) -> Result<Option<Found>, Error> {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let tokio = tokio.map_err(|error| Error::Other(format!("starting the event loop: {error}")))?;
    tokio.block_on(async {
        let Ok(api) = image::connect().await else { return Ok(None) };
        let engine = Engine::over(api);
        let found =
            if dry_run { docker::sweep(&engine, which, true).await } else { docker::sweep_all(&engine, which).await };
        found.map(Some)
    })
}
