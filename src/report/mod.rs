//! Reports: what a journal says, for people and for machines.
//!
//! [`write_all`] reads `journal.jsonl` of a run's directory and writes beside it `report.json`, `report.html` (one
//! self-contained page) and `junit.xml`. It does so for a journal whose writer was killed too; its verdict is
//! `unknown` then. [`terminal`] shows the same on a terminal.
//!
//! Everything here is a function of the journal. This module never asks a node, never reads a clock, never judges:
//! verdicts are those that the journal has.

mod chart;
pub mod exit;
mod gather;
mod html;
mod junit;
mod model;
mod terminal;

pub use html::html;
pub use junit::junit;
pub use model::{
    CheckReport, FinalityReport, HeadReport, NodeReport, QuirkReport, Report, RunFacts, SplitReport, StepReport,
    Timings, VERSION,
};
pub use terminal::{last_line, terminal};

use crate::journal::{self, RunDir};
use std::path::{Path, PathBuf};

/// Why no report was written. Trouble of the environment, never of a node.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The journal could not be read.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// A report could not be written.
    #[error("writing the report {}: {source}; free some space, or copy the journal elsewhere and run `lockin report`", path.display())]
    Write {
        /// The report.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A report could not be rendered. A bug.
    #[error("rendering {what}: {why}; please report this with the journal")]
    Render {
        /// Which report.
        what: &'static str,
        /// Why not.
        why: String,
    },
}

/// Writes all reports of a run from its journal alone.
///
/// # Errors
/// [`Error`].
pub fn write_all(dir: &RunDir) -> Result<Report, Error> {
    let journal = journal::read(&dir.journal())?;
    let report = Report::of(&journal);
    write(&dir.report_json(), &json(&report)?)?;
    write(&dir.junit(), &junit(&report)?)?;
    write(&dir.report_html(), &html(&report, &journal)?)?;
    Ok(report)
}

/// `report.json`.
///
/// # Errors
/// [`Error::Render`], which would be a bug.
pub fn json(report: &Report) -> Result<String, Error> {
    match serde_json::to_string_pretty(report) {
        Ok(text) => Ok(text + "\n"),
        Err(why) => Err(Error::Render { what: "report.json", why: why.to_string() }),
    }
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    std::fs::write(path, text).map_err(|source| Error::Write { path: path.to_owned(), source })
}
