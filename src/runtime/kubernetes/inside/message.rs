//! What is said to a pod and what it answers: one line of JSON each way. Whoever runs the network asks ([`Ask`]) by a
//! command that is run in the pod; that command passes orders on to the supervisors ([`Order`]).

use crate::{
    topology::GenesisPlan,
    types::{BeaconState, ChainConfig},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::PathBuf};

/// What is asked of a pod.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// Whether anybody is there.
    Here,
    /// The files of a tar archive of so many bytes, which follows the line, are put where they belong.
    Put(u64),
    /// A folder is emptied.
    Empty(PathBuf),
    /// The genesis state is made and written.
    Genesis(Box<Genesis>),
    /// Bytes of disk that a folder takes.
    Usage(PathBuf),
    /// An order to the supervisor of a role.
    To(String, Order),
    /// Tells of every change of these roles' programs, a line each, until nobody listens.
    Watch(Vec<String>),
}

/// What a genesis state is made from; always the same from the same.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Genesis {
    /// The network's configuration.
    pub config: ChainConfig,
    /// The fork, the validators, the convention.
    pub plan: GenesisPlan,
    /// Unix seconds.
    pub time: u64,
    /// The file that it is written to.
    pub path: PathBuf,
}

impl Genesis {
    /// What a state was made from.
    pub fn of(state: &BeaconState, config: &ChainConfig, plan: GenesisPlan, path: PathBuf) -> Self {
        Self { config: config.clone(), plan, time: state.genesis_time, path }
    }
}

/// What a supervisor is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// To start its program; once is enough, however often it is told with the same number.
    Start(Launch),
    /// To run its program to its end, no longer than so many milliseconds.
    Run(Launch, u64),
    /// To send a signal to its program and kill it after so many milliseconds; answered when all is ended.
    End { signal: i32, within_ms: u64 },
    /// To freeze all that runs, or to let it go on.
    Pause(bool),
    /// To end what runs, and itself.
    Quit,
    /// To tell of every change.
    Watch,
}

/// A program to be started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// Larger than that of any program before it.
    pub number: u64,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Beside what the image sets.
    pub env: BTreeMap<String, String>,
    /// What to wait for before it counts as started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaits: Option<Awaited>,
}

/// A port on which a program takes connections when it serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Awaited {
    /// Which.
    pub port: u16,
    /// No longer than this, milliseconds: who needs it will say so.
    pub within_ms: u64,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Done.
    Done,
    /// Root of the state that was made.
    Root(String),
    /// So many.
    Bytes(u64),
    /// How a program ended that was to be run to its end.
    Ended(Ended),
    /// What became of a role's program.
    State(State),
    /// It could not be done.
    Failed(String),
}

/// What became of a role's program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The role.
    pub role: String,
    /// The number of the last program that was started; 0 before.
    pub number: u64,
    /// How it ended; `None` while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
    /// Bytes of memory that programs of this role used at most.
    pub memory: u64,
}

/// How a program ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Its exit code, if it ended by itself.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// The kernel ended it because its container used more memory than it may.
    pub out_of_memory: bool,
    /// It was told to.
    pub asked: bool,
    /// The last lines that it wrote.
    pub log: Vec<String>,
}
