//! Where nodes run: trait [`Runtime`], one implementation a place. `process` runs any client that is a local program,
//! `docker` any that has a container image, `kubernetes`, too, in the pods of a cluster, `simulation` runs the embedded client in virtual time. A runtime has its own [`Time`], lets nodes be watched ([`Watch`])
//! and breaks what it is told to ([`Faults`]).
//!
//! Faults beyond start, stop and kill are optional abilities. A scenario that needs one which its runtime lacks is
//! `unsupported`, and that is said before anything starts.
//!
//! Never: judges. A runtime says what happened; `monitor` writes it into the journal, checks make the verdict.

pub mod docker;
mod error;
mod fault;
mod identity;
pub mod kubernetes;
pub mod netfilter;
mod node;
mod owner;
pub mod process;
pub mod simulation;

pub use error::Error;
pub use fault::{Ability, Fault, Faults};
pub use node::disk_use;

use crate::{
    api, engine,
    topology::{NetworkPlan, NodePlan},
    types::{BeaconState, ChainConfig},
};
use async_trait::async_trait;
use std::{collections::BTreeMap, sync::Arc};

/// The configuration that a node's programs load.
fn config_of(plan: &NetworkPlan, node: &NodePlan) -> Result<ChainConfig, Error> {
    node.config(&plan.config).map_err(|why| Error::Other(format!("node {}: its configuration: {why}", node.name)))
}

/// How a node is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Asked to end (SIGTERM), then killed if it takes too long.
    Stop,
    /// Killed at once (SIGKILL), as by a crash.
    Kill,
}

/// A program of a node that was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// The client's role that the program plays: `beacon`, `validator`.
    pub role: String,
    /// The command line; none in the simulation.
    pub command: Option<Vec<String>>,
    /// The process id; none in the simulation and in containers.
    pub pid: Option<u32>,
    /// The container image as it was asked for.
    pub image: Option<String>,
    /// The digest that it has in its registry; its id where it comes from none.
    pub digest: Option<String>,
}

/// A program of a node that ended without being asked to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// The node's name.
    pub node: String,
    /// Which of its programs.
    pub role: String,
    /// Its exit code, if it ended by itself.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// The code is one by which the client says that its environment, not itself, is at fault: a port taken, a disk full.
    pub environment: bool,
    /// The last lines of its log.
    pub log: Vec<String>,
}

/// How long it takes from the first start until all nodes answer that begin with the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Startup {
    /// As a rule, milliseconds.
    pub expected_ms: u64,
    /// Longer is a failure to start, milliseconds.
    pub at_most_ms: u64,
}

/// Lines of a program's log that its client's definition calls trouble, alike but for their numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// The node's name.
    pub node: String,
    /// Which of its programs.
    pub role: String,
    /// The first of them.
    pub line: String,
    /// How many there are.
    pub count: u64,
}

/// What a node has used of the machine since it first started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The node's name.
    pub node: String,
    /// Bytes of memory that each of its programs used at most, by role.
    pub memory: BTreeMap<String, u64>,
    /// Bytes of disk that its files take.
    pub disk: u64,
}

/// The runtime's own time.
#[async_trait(?Send)]
pub trait Time {
    /// Milliseconds since the run began: the journal's `at`.
    fn now_ms(&self) -> u64;

    /// Unix milliseconds, which the network's genesis time counts in: wall clock, or the simulation's own.
    fn unix_ms(&self) -> u64;

    /// Waits until `at_ms` milliseconds after the run began. Virtual time passes here and nowhere else.
    async fn sleep_until(&mut self, at_ms: u64);
}

/// What can be learned of nodes.
pub trait Watch {
    /// The peer id that a node will have, where it is known before the node says it.
    fn peer_id(&self, node: &str) -> Option<String>;

    /// The Beacon API of a node, whether it is up or not.
    fn beacon(&self, node: &str) -> Result<api::Client, Error>;

    /// The Engine API of a node's execution client, where it is a program that can be asked.
    fn engine(&self, _node: &str) -> Result<Option<engine::Client>, Error> {
        Ok(None)
    }

    /// Programs that ended without being asked to since the last call.
    fn exits(&mut self) -> Vec<Exit>;

    /// What the programs' logs complain of, for the report of a run that went wrong.
    fn complaints(&self) -> Vec<Complaint> {
        Vec::new()
    }
}

/// A place where nodes run. Verbs take the names that the plan gives to nodes; an unknown name is an error.
///
/// A runtime owns what it starts: `destroy`, or its process's end in any way, leaves nothing behind.
#[async_trait(?Send)]
pub trait Runtime: Time + Watch + Faults {
    /// `process`, `simulation`, ...: what `--runtime` calls it.
    fn name(&self) -> &'static str;

    /// How long the plan's nodes take to start, by what their clients declare and what earlier runs measured.
    fn startup(&self, _plan: &NetworkPlan) -> Startup {
        Startup { expected_ms: 1000, at_most_ms: 1000 }
    }

    /// Hears that a node that was started answers.
    fn is_ready(&mut self, _node: &str) {}

    /// Takes the places that the plan's nodes will have, for which it may have to wait, before a time of genesis is set; the
    /// machine of each node, where there are several. Asked for once in a run.
    async fn reserve(&mut self, _plan: &NetworkPlan) -> Result<BTreeMap<String, String>, Error> {
        Ok(BTreeMap::new())
    }

    /// Makes ready for a network that begins with `genesis`: directories, ports, identities. Nothing runs yet. When it
    /// is called again, all nodes have been ended, and nothing is left of what they had.
    async fn prepare(&mut self, plan: &NetworkPlan, genesis: Arc<BeaconState>) -> Result<(), Error>;

    /// Starts a node's programs, or starts them again on what an earlier start left on disk.
    async fn start(&mut self, node: &str) -> Result<Vec<Started>, Error>;

    /// Ends a node's programs, paused or not, and waits for their end.
    async fn stop(&mut self, node: &str, how: Ending) -> Result<(), Error>;

    /// What the nodes have used of the machine; of nodes that share one process nothing can be said.
    async fn usage(&mut self) -> Vec<Usage> {
        Vec::new()
    }

    /// Ends everything that was started.
    async fn destroy(&mut self) -> Result<(), Error>;
}
