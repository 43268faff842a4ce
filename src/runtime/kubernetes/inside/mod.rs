//! What runs inside of a node's pod: a supervisor in the container of each role ([`supervise`]), which starts and ends the
//! role's program when it is told, so that address and disk outlive a program; and [`answer`], what a command run in the
//! container `hold` does for whoever runs the network. They meet over a socket of the file system that all containers of
//! the pod share.
//!
//! Never: reaches beyond its pod, or knows of the cluster.

mod answer;
mod child;
mod message;
mod supervise;

pub use answer::answer;
pub use message::{Answer, Ask, Awaited, Ended, Genesis, Launch, Order, State};
pub use supervise::supervise;

use crate::runtime::Error;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The folder of the pod that holds this program, and the sockets of supervisors.
pub const SHARED: &str = "/.lockin";

/// This program as containers of any image see it.
pub fn program() -> String {
    format!("{SHARED}/lockin")
}

/// The socket of a role's supervisor.
fn socket(shared: &Path, role: &str) -> PathBuf {
    shared.join(format!("{role}.sock"))
}

/// Puts this program into a folder for containers of other images.
///
/// # Errors
/// It can't be copied.
pub fn install(folder: &Path) -> Result<(), Error> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source: io::Error| Error::Io { doing: "copying this program to", path, source }
    };
    let own = std::env::current_exe().map_err(io(Path::new("this program")))?;
    let to = folder.join("lockin");
    fs::copy(&own, &to).map(drop).map_err(io(&to))
}
