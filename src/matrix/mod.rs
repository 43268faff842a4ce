//! The matrix: one scenario, played by every group of clients, one isolated run a group, one grid of verdicts.
//!
//! - [`casts`]: which groups there are. [`Shard`]: which of them are this machine's. [`Cell`]: a group and its folder.
//! - [`Runner`]: starts a child process `lockin run` for each and waits; [`Pace`] says whether the machine kept up.
//! - [`RunRecord`]: the `A / B` record of one run, read off its journal and kept in its folder.
//! - [`KnownFailures`]: failures that are listed, with why and until when.
//! - [`Matrix`]: all of it with one verdict; [`terminal`], [`json`], [`junit`] and [`html`] render it.
//!
//! This module never judges a network: a run's verdict is the one in its journal. What it adds is whether the machine was
//! too busy for it to count, and whether it was known before.

mod casts;
mod cell;
mod folder;
mod grid;
mod html;
mod junit;
mod known;
mod merge;
mod model;
mod pace;
mod record;
mod runner;
mod sweep;
mod weight;

pub use casts::{Choice, casts};
pub use cell::{Cell, Identity, Shard, cells};
pub use folder::{Existing, Folder};
pub use grid::terminal;
pub use html::html;
pub use junit::junit;
pub use known::{Day, KnownFailures, Told, Use};
pub use merge::merge;
pub use model::{CellReport, Head, Matrix, RunReport, Tally, VERSION, json};
pub use pace::{Metronome, Pace, Sample};
pub use record::{NodeRecord, ProgramRecord, RunRecord, record_page};
pub use runner::{Capacity, Job, News, Runner};
pub use sweep::Sweep;
pub use weight::{SIMULATION, weight};

use std::path::{Path, PathBuf};

/// Why there is no matrix. [`Error::Refused`] is bad usage; the others are trouble of the environment.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder holds something else than this matrix.
    #[error("{}: {why}", path.display())]
    Refused {
        /// The folder, or a file in it.
        path: PathBuf,
        /// What it holds, and what to do.
        why: String,
    },
    /// A file or folder could not be read, written, made or removed.
    #[error("{doing} {}: {source}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A file of a matrix could not be rendered. A bug.
    #[error("rendering {what}: {why}; please report this")]
    Render {
        /// Which file.
        what: &'static str,
        /// Why not.
        why: String,
    },
}

/// Writes `matrix.json`, `junit.xml` and `matrix.html` into a folder; the page's path.
///
/// # Errors
/// They can't be written.
pub fn write(matrix: &Matrix, folder: &Path) -> Result<PathBuf, Error> {
    folder::write(&folder.join("matrix.json"), &json(matrix)?)?;
    folder::write(&folder.join("junit.xml"), &junit(matrix)?)?;
    let page = folder.join("matrix.html");
    folder::write(&page, &html(matrix)?)?;
    Ok(page)
}
