//! What can go wrong with a place where nodes run. All of it is trouble of the environment or of the harness: it makes a
//! verdict `unknown`, never `fail`.

use super::Ability;
use std::path::PathBuf;

/// A verb of a runtime that could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A name that the plan does not have.
    #[error("no node is called `{0}` in this network")]
    UnknownNode(String),
    /// A verb on a node in the wrong state.
    #[error("node `{node}` is {state}")]
    State { node: String, state: &'static str },
    /// A client's program is not there.
    #[error(
        "node `{node}`: its {role} program `{program}` was not found; put it on PATH, or name it: --program {client}.{role}=FILE"
    )]
    ProgramMissing { node: String, client: String, role: String, program: String },
    /// A program could not be started.
    #[error("node `{node}`: starting its {role} program `{program}` failed: {source}")]
    Spawn { node: String, role: String, program: String, source: std::io::Error },
    /// What a program is run with before it first starts did not go well.
    #[error("node `{node}`: `{command}`, which sets up its {role}, failed: {says}")]
    Setup { node: String, role: String, command: String, says: String },
    /// No free port.
    #[error("no free TCP port on 127.0.0.1 in {first}..{end}: end what holds them, or wait for other runs to finish")]
    NoPort { first: u16, end: u16 },
    /// A file or folder of the run.
    #[error("{doing} {path}: {source}{}", advice(.source))]
    Io { doing: &'static str, path: PathBuf, source: std::io::Error },
    /// A command line that can't be made from the client's file.
    #[error("node `{node}`: {source}")]
    Client { node: String, source: Box<dyn std::error::Error + Send + Sync> },
    /// A runtime that can't run this client.
    #[error("client `{client}` does not run on runtime `{runtime}`: {why}")]
    Unsupported { client: String, runtime: &'static str, why: String },
    /// A fault that a runtime can't make: scenarios that need it are refused before anything starts.
    #[error("this runtime can't {ability}: {why}")]
    Lacks { ability: Ability, why: String },
    /// A node that was to be ended and did not.
    #[error(
        "node `{node}`: process {pid} did not end after SIGKILL; look at it with `ps -o pid,stat,wchan,args -p {pid}`"
    )]
    Immortal { node: String, pid: u32 },
    /// A container engine that does not do what it is asked.
    #[error("the container engine could not {doing}: {says}")]
    Engine { doing: String, says: String },
    /// A cluster that does not do what it is asked, in its own words.
    #[error("the cluster could not {doing}: {says}")]
    Cluster { doing: String, says: String },
    /// What else a runtime says.
    #[error("{0}")]
    Other(String),
}

fn advice(source: &std::io::Error) -> &'static str {
    match source.kind() {
        std::io::ErrorKind::StorageFull => "; free some space or choose another --out",
        std::io::ErrorKind::PermissionDenied => "; choose a folder you may write to with --out",
        _ => "",
    }
}
