//! The journal: one append-only history of a run, one JSON object a line.
//!
//! Everything that happens in a run is an [`Event`]. Checks, reports and progress bars are functions of
//! [`Line`]s and of nothing else, so a journal read back tomorrow gives the report of today.
//!
//! ```text
//! {"v":1,"at":"10.031","slot":1,"event":"head","node":"a0","head_slot":1,"block":"0x..","state":"0x..","justified":0,"finalized":0}
//! ```
//!
//! `at` is seconds with three decimals since the run began (virtual time in the simulation), `slot` the slot of the
//! network's clock at that moment, absent before genesis.
//!
//! This module never reads a clock, never judges, and never writes a secret. In a simulation's journal no line has a
//! path, a process id or a wall-clock time: the fields that could carry one are optional.

mod dir;
mod event;
mod finding;
mod history;
mod line;
mod read;
mod redact;
mod verdict;
mod writer;

pub use dir::{RunDir, UnixTime};
pub use event::{Event, FaultState, NodeEvent, NodeState, StepState};
pub use finding::{Difference, Disputed, FieldDifference, Side, Stalled};
pub use history::{FinalizedAt, HeadAt, History, NodeHistory};
pub use line::Line;
pub use read::{Journal, parse, read};
pub use redact::redact;
pub use verdict::Verdict;
pub use writer::Writer;

use std::path::PathBuf;

/// The version of the line format that this program writes, and the newest that it reads.
pub const VERSION: u32 = 1;

/// What can go wrong with a journal or a run directory. All but [`Error::Taken`] is trouble of the environment,
/// never of a node.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The run directory or the file could not be made.
    #[error("creating {}: {source}{}", path.display(), advice(source))]
    Create {
        /// What was to be made.
        path: PathBuf,
        /// Why it was not.
        source: std::io::Error,
    },
    /// The directory given with `--out` holds a run already.
    #[error("{} holds the journal of another run; name another directory with --out", path.display())]
    Taken {
        /// The directory.
        path: PathBuf,
    },
    /// An event could not be written. The file still ends with a whole line, or is not written again.
    #[error("writing the journal {}: {source}{}", path.display(), advice(source))]
    Write {
        /// The journal.
        path: PathBuf,
        /// Why it was not.
        source: std::io::Error,
    },
    /// An event has no JSON form. A bug, since every event is plain data.
    #[error("encoding an event for the journal: {0}")]
    Encode(serde_json::Error),
    /// The file could not be read.
    #[error("reading the journal {}: {source}", path.display())]
    Read {
        /// The journal.
        path: PathBuf,
        /// Why it was not.
        source: std::io::Error,
    },
    /// A line that is not the last is no event: the file was damaged or is not a journal.
    #[error("line {line} of the journal is no event: {why}; the file is damaged or is not a journal")]
    Damaged {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// A journal of a later format.
    #[error("line {line} of the journal has version {version}, this lockin reads up to {VERSION}; use a newer lockin")]
    Newer {
        /// Counted from 1.
        line: usize,
        /// What the line says.
        version: u32,
    },
}

fn advice(source: &std::io::Error) -> &'static str {
    match source.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            "; free some space, or name a directory on another disk with --out"
        }
        std::io::ErrorKind::PermissionDenied => "; name a directory that you may write with --out",
        _ => "",
    }
}
