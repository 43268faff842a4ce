//! A client as data: what the orchestrator knows of any consensus client, the embedded one included, is a YAML file.
//!
//! [`ClientDef`] is that file, read strictly; [`ClientDef::render`] makes the command line of one role of one node out
//! of it and a [`Context`]; [`ClientDef::unsupported`] says why a network is none for this client. The files of
//! `clients/` are part of the binary; a user's own is loaded by path.
//!
//! What this module NEVER does: start a program, choose a port, or hold knowledge of one client in Rust.

mod changes;
mod context;
mod def;
mod library;
mod lock;
mod render;
mod supports;
mod units;

pub use changes::{Change, Changed};
pub use context::{BeaconUrls, Context, Engine, Keys, NetworkFiles, Node, Peer, Slot};
pub use def::{
    ClientDef, ENGINE, Identity, IdentitySource, KeyArgs, Keystores, LogPatterns, Metrics, Quirk, Ready, Role, Signal,
    Stop, Transport, VALIDATOR, Versions,
};
pub use library::Library;
pub use lock::{Digest, LOCK_FILE, Lock, repository};
pub use render::{Command, template_variables};
pub use supports::{ForkRange, OwnBuild, SlotLimit, SlotTimes, Supports};
pub use units::Millis;

use std::fs;
use std::path::Path;

use crate::yaml;

/// The definitions that are part of this program: file name and text.
macro_rules! built_in {
    ($($name:literal)*) => {
        &[$((concat!("clients/", $name, ".yaml"), include_str!(concat!("../../clients/", $name, ".yaml")))),*]
    };
}
const BUILT_IN: &[(&str, &str)] = built_in! {
    "lockin" "grandine" "lighthouse" "lodestar" "nimbus" "prysm" "teku"
    "besu" "erigon" "ethereumjs" "ethrex" "geth" "nethermind" "reth"
    "harmony" "shasper" "trinity"
};

/// Why there is no such client, or no such command line.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The file is not what it should be.
    #[error(transparent)]
    Yaml(#[from] yaml::Error),
    /// The file can't be read.
    #[error("can't read the client definition {path}: {source}")]
    Unreadable {
        /// The path as given.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// No definition of that name.
    #[error("`{name}` is no known client; known are {known}, or name a file: ./{name}.yaml")]
    Unknown {
        /// The name.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A role that the client does not have.
    #[error("client {client} has no role `{role}`; it has {known}")]
    UnknownRole {
        /// The client.
        client: String,
        /// The role.
        role: String,
        /// The roles it has.
        known: String,
    },
    /// A change of a client that takes no part.
    #[error("{flag} {change}: no `{client}` takes part; there are {known}")]
    Unused {
        /// The flag of the command line.
        flag: &'static str,
        /// What it says.
        change: String,
        /// The client.
        client: String,
        /// Those that take part.
        known: String,
    },
    /// A template that can't be read or filled in.
    #[error("client {client}, role {role}, {place}: `{template}`: {why}")]
    Template {
        /// The client.
        client: String,
        /// The role.
        role: String,
        /// Which template of the role: `args line 3`, `program`, ...
        place: String,
        /// The template.
        template: String,
        /// What is wrong with it.
        why: String,
    },
}

/// The names of the clients that this program knows by itself.
pub fn built_in_names() -> Vec<&'static str> {
    BUILT_IN.iter().filter_map(|(file, _)| file.strip_prefix("clients/")?.strip_suffix(".yaml")).collect()
}

/// The definition called `name`: one of the program's own, or, if it looks like a path (`x.yaml`, `dir/x`), that file.
///
/// # Errors
/// An unknown name, an unreadable file, or a file that is no definition.
pub fn load(name: &str) -> Result<ClientDef, ClientError> {
    let is_path = name.contains(['/', '\\']) || [".yaml", ".yml"].iter().any(|end| name.ends_with(end));
    if is_path {
        let bytes =
            fs::read(Path::new(name)).map_err(|source| ClientError::Unreadable { path: name.into(), source })?;
        return ClientDef::from_bytes(name, &bytes);
    }
    let file = format!("clients/{name}.yaml");
    match BUILT_IN.iter().find(|(known, _)| *known == file) {
        Some((file, text)) => ClientDef::from_bytes(file, text.as_bytes()),
        None => Err(ClientError::Unknown { name: name.into(), known: built_in_names().join(", ") }),
    }
}

#[cfg(test)]
mod tests;
