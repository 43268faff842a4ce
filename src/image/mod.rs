//! The image of this program: packed out of a binary and what it is linked to, and put into a container engine.
//!
//! [`Packed::of`] makes an image archive from a file: FROM scratch, no builder, no base image, no registry, and the same
//! bytes for the same binary. [`load`] puts it into the engine that [`connect`] finds. Docker of any age and Podman take
//! such archives.
//!
//! What this module NEVER does: start a container, or build a program.

mod archive;
mod connect;
mod load;
mod program;

pub use archive::{Packed, Part};
pub use connect::{Engine, NoEngine, connect, find};
pub use load::{Loaded, load};
pub use program::{Library, Program, this_machine};

use std::path::PathBuf;

/// The repository that images of this program are in.
pub const NAME: &str = "lockin";
/// Label: the SHA-256 of the binary inside, 64 hexadecimal digits.
pub const BINARY_LABEL: &str = "lockin.binary";
/// Where the binary is inside.
pub const BINARY: &str = "/lockin";
/// Where data belongs inside: a folder that its user may write to, and so may a volume mounted there.
pub const DATA: &str = "/data";
/// User and group that it runs as, unless a container says otherwise: nobody whom the host knows.
pub const USER: u64 = 65_532;

/// The tag that runs use: that of this version.
pub fn reference() -> String {
    format!("{NAME}:{}", env!("CARGO_PKG_VERSION"))
}

/// What [`BINARY_LABEL`] says of an image of this very build; `None` if the program's file is gone.
pub fn own_digest() -> Option<String> {
    let bytes = std::env::current_exe().and_then(std::fs::read).ok()?;
    Some(hex::encode(crate::ssz::sha256(&bytes).0))
}

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file that can't be read.
    #[error("can't read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file that can't be written.
    #[error("can't write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not a program that a container could run.
    #[error("{path} is no Linux program: {why}")]
    NotAProgram {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A dynamic program whose libraries are not to be had here.
    #[error(
        "{path} is for {arch} and needs libraries of such a machine, but this one is {here}; build it static, for {target}"
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is for.
        arch: &'static str,
        /// This machine.
        here: &'static str,
        /// The Rust target that would do.
        target: &'static str,
    },
    /// The program's loader does not say what it would load.
    #[error("asking {loader} what {path} is linked to: {says}")]
    Loader {
        /// The file.
        path: PathBuf,
        /// Its loader.
        loader: PathBuf,
        /// What came of it.
        says: String,
    },
    /// A library that is not there.
    #[error("{path} needs the library {library}, which its loader does not find; does it run here?")]
    NoLibrary {
        /// The file.
        path: PathBuf,
        /// The library.
        library: String,
    },
    /// A program that the engine's machine can't run.
    #[error(
        "the program is for {arch}, the container engine at {at} runs {engine}; write the image to a file: --out FILE"
    )]
    Architecture {
        /// What the program is for.
        arch: &'static str,
        /// What the engine runs.
        engine: String,
        /// Where the engine is.
        at: String,
    },
    /// No engine.
    #[error(transparent)]
    NoEngine(#[from] NoEngine),
    /// The engine refused.
    #[error("{doing}: the container engine says: {source}")]
    Engine {
        /// What was being done.
        doing: String,
        /// What it said.
        source: bollard::errors::Error,
    },
    /// The engine took the image, but does not have it.
    #[error("the container engine took the image, yet {tag} is {says}")]
    NotLoaded {
        /// The tag.
        tag: String,
        /// What is there instead.
        says: String,
    },
}
