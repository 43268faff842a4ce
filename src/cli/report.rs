//! `lockin report`: the reports again, from a journal.

use super::exit;
use crate::{journal::RunDir, report};
use std::path::PathBuf;

/// Writes report.json, report.html and junit.xml of a run again, from its journal alone.
#[derive(Debug, clap::Args)]
pub struct ReportArgs {
    /// The run's directory, or the journal in it.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// Runs the subcommand; the exit code is that of the run's verdict.
pub fn run(args: ReportArgs) -> u8 {
    let dir = match args.dir.is_file() {
        true => args.dir.parent().map(PathBuf::from).unwrap_or_default(),
        false => args.dir,
    };
    let dir = RunDir::existing(dir);
    if !dir.journal().is_file() {
        eprintln!("error: {} is not there; name the directory of a run", dir.journal().display());
        return exit::USAGE;
    }
    match report::write_all(&dir) {
        Ok(report) => super::say_report(&report, &dir),
        Err(error) => {
            eprintln!("error: {error}");
            if matches!(error, report::Error::Journal(_)) { exit::USAGE } else { exit::UNKNOWN }
        }
    }
}
