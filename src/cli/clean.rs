//! `lockin clean`: ends what killed runs left behind.

use crate::runtime::process;

/// Ends every process that a run started and whose orchestrator is gone. Runs that still go on are not touched.
#[derive(Debug, clap::Args)]
pub struct CleanArgs {
    /// Only say what would be ended.
    #[arg(long)]
    dry_run: bool,
}

/// Runs the subcommand; the exit code.
pub fn run(args: CleanArgs) -> u8 {
    let (found, done) = match args.dry_run {
        true => (process::leftovers(), "left over"),
        false => (process::sweep(), "ended"),
    };
    for leftover in &found {
        super::say(&format!("{done}: process {} {}", leftover.pid, leftover.command));
    }
    super::say(&format!("{} process{} {done}", found.len(), if found.len() == 1 { "" } else { "es" }));
    super::exit::PASS
}
