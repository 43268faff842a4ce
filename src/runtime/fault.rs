//! What a runtime can do to its nodes beside starting and ending them: pause them, part them, impair what goes between
//! them. Each kind is an ability that a runtime has or lacks, and it says why it lacks one.
//!
//! Faults are between nodes. A node's own programs always reach each other, and whoever runs the network always reaches
//! every node's REST interface: a fault must not blind who judges it.
//!
//! Never: knows slots or epochs, or ends a fault by itself; a scenario's steps do.

use super::{Error, Watch};
use crate::engine::{Failure, stub::Say};
use async_trait::async_trait;
use std::fmt;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ability {
    /// [`Fault::Pause`].
    Pause,
    /// [`Fault::Partition`].
    Partition,
    /// [`Fault::Loss`].
    Loss,
    /// [`Fault::Latency`].
    Latency,
    /// [`Fault::Bandwidth`].
    Bandwidth,
    /// [`Fault::Skew`].
    Skew,
    /// [`Fault::Answer`].
    Answer,
}

impl Ability {
    /// All of them.
    pub const ALL: [Ability; 7] = [
        Ability::Pause,
        Ability::Partition,
        Ability::Loss,
        Ability::Latency,
        Ability::Bandwidth,
        Ability::Skew,
        Ability::Answer,
    ];
}

impl fmt::Display for Ability {
    /// What it is to have it, after `can't`: `pause nodes`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Ability::Pause => "pause nodes",
            Ability::Partition => "partition the network",
            Ability::Loss => "lose packets",
            Ability::Latency => "delay packets",
            Ability::Bandwidth => "limit bandwidth",
            Ability::Skew => "skew clocks",
            Ability::Answer => "tell engines what to answer",
        })
    }
}

/// Something that is broken until it is lifted. Nodes are named as the plan names them.
///
/// Several may be in force at once, but only one partition, and only one of a kind at a node. A fault stays in force for
/// a node that ends and starts again, except that its end lifts a pause and makes its engine forget what it was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The nodes' programs do nothing at all, as if their machine slept. Their connections stay open.
    Pause {
        /// Which; all are up.
        nodes: Vec<String>,
    },
    /// Nodes of different sides can't exchange anything. A node that is on no side reaches everybody.
    Partition {
        /// Two or more, none empty, no node on two.
        sides: Vec<Vec<String>>,
    },
    /// Of the packets between one of the nodes and any other node, in either direction, this share is lost.
    Loss {
        /// Which.
        nodes: Vec<String>,
        /// Of 100 packets, 1 to 99.
        percent: u8,
    },
    /// What the nodes send to other nodes takes so much longer.
    Latency {
        /// Which.
        nodes: Vec<String>,
        /// Milliseconds.
        ms: u64,
        /// Up to so many milliseconds more or less, each time anew; at most `ms`.
        jitter_ms: u64,
    },
    /// What each of the nodes sends to other nodes together is no more than this.
    Bandwidth {
        /// Which.
        nodes: Vec<String>,
        /// Thousands of bits in a second, at least 1.
        kbit_per_s: u64,
    },
    /// The nodes' clocks are ahead of true time, or behind.
    Skew {
        /// Which.
        nodes: Vec<String>,
        /// Milliseconds ahead; negative: behind.
        ms: i64,
    },
    /// The nodes' execution engines give this answer to whatever can be answered so, before they look into their script.
    /// Only the embedded engine can be told.
    Answer {
        /// Which; all are up.
        nodes: Vec<String>,
        /// What is answered.
        say: Say,
    },
}

impl Fault {
    /// What a runtime must be able to do for it.
    pub fn ability(&self) -> Ability {
        match self {
            Fault::Pause { .. } => Ability::Pause,
            Fault::Partition { .. } => Ability::Partition,
            Fault::Loss { .. } => Ability::Loss,
            Fault::Latency { .. } => Ability::Latency,
            Fault::Bandwidth { .. } => Ability::Bandwidth,
            Fault::Skew { .. } => Ability::Skew,
            Fault::Answer { .. } => Ability::Answer,
        }
    }

    /// The nodes that it names.
    pub fn nodes(&self) -> impl Iterator<Item = &str> {
        let sides = match self {
            Fault::Partition { sides } => sides.as_slice(),
            Fault::Pause { nodes }
            | Fault::Loss { nodes, .. }
            | Fault::Latency { nodes, .. }
            | Fault::Bandwidth { nodes, .. }
            | Fault::Skew { nodes, .. }
            | Fault::Answer { nodes, .. } => std::slice::from_ref(nodes),
        };
        sides.iter().flatten().map(String::as_str)
    }
}

/// Breaks things. A runtime that says nothing has no ability.
#[async_trait(?Send)]
pub trait Faults {
    /// Why it can't do that, after `because`: `all nodes share the loopback interface`; `None` if it can.
    fn lacks(&self, ability: Ability) -> Option<String> {
        Some(format!("it was not taught to {ability}"))
    }

    /// Breaks it, until it is lifted or the network ends.
    async fn inflict(&mut self, fault: &Fault) -> Result<(), Error> {
        Err(Error::Lacks { ability: fault.ability(), why: self.lacks(fault.ability()).unwrap_or_default() })
    }

    /// Mends what the same fault broke. What is whole already stays so: a node may have ended meanwhile.
    async fn lift(&mut self, fault: &Fault) -> Result<(), Error> {
        Err(Error::Lacks { ability: fault.ability(), why: self.lacks(fault.ability()).unwrap_or_default() })
    }
}

/// [`Fault::Answer`] where engines are asked over HTTP: `say` to those of `nodes`. One that is not up has nothing to
/// forget, so being told nothing any more is fine with it.
pub(super) async fn tell_engines(runtime: &impl Watch, nodes: &[String], say: Option<Say>) -> Result<(), Error> {
    for node in nodes {
        let engine =
            runtime.engine(node)?.ok_or_else(|| Error::Other(format!("node {node} has no execution engine")))?;
        match engine.tell(say).await {
            Err(Failure::Unreachable(_)) if say.is_none() => {}
            told => told.map_err(|why| Error::Other(format!("telling the engine of {node} what to answer: {why}")))?,
        }
    }
    Ok(())
}
