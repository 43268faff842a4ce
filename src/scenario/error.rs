//! What can be wrong with a scenario before anything is started.

use super::raw::At;
use crate::yaml;
use std::path::PathBuf;

/// Why a file gave no plan. `Display` is ready for a terminal.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be opened. Bad usage: exit code 2.
    #[error("{}: {source}; name a scenario file, such as scenarios/pairwise.yaml", path.display())]
    Open {
        /// As given.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file says something wrong, at a place. Exit code 2.
    #[error(transparent)]
    File(#[from] yaml::Error),
    /// The command line says something wrong. Exit code 2.
    #[error("{0}")]
    Usage(String),
    /// The file is right, but this program can't do what it asks for. Exit code 4.
    #[error("unsupported: {0}")]
    Unsupported(String),
}

/// The text that is being resolved, for messages that point into it.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The file's name as given.
    pub file: &'a str,
    /// What is in it.
    pub text: &'a str,
}

impl Source<'_> {
    /// An error at a value.
    pub fn error<T>(self, at: &At<T>, message: impl Into<String>) -> Error {
        self.error_at((at.referenced.line(), at.referenced.column()), message)
    }

    /// An error at a value that may have no place, in a value that has one.
    pub fn error_in<T, U>(self, at: &At<T>, around: &At<U>, message: impl Into<String>) -> Error {
        if at.referenced.line() > 0 { self.error(at, message) } else { self.error(around, message) }
    }

    fn error_at(self, (line, column): (u64, u64), message: impl Into<String>) -> Error {
        if line == 0 {
            return Error::File(yaml::Error::new(self.file, message));
        }
        let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        Error::File(yaml::Error::at(self.file, self.text, number(line), number(column), message))
    }
}
