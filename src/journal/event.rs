//! What can happen in a run. One variant an event; adding one is one variant here.

use super::{Difference, Disputed, Side, Stalled, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// One thing that happened. The variant's name, in snake case, is the line's `event`.
///
/// Nodes are named as the plan names them. Roots are 0x-hex. Epochs and slots are numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The first line of every journal.
    Run {
        /// Unique among runs on a machine; in the simulation made of plan and seed alone.
        id: String,
        /// The scenario's name.
        #[serde(default)]
        name: String,
        /// Version of this program.
        lockin: String,
        /// `process`, `simulation`, ...
        runtime: String,
        /// What all randomness of the run comes from.
        seed: u64,
        /// The resolved scenario, whole.
        plan: Value,
    },
    /// Known behaviour of a client that plays, as its definition has it. Means nothing by itself; reports quote it where a
    /// run went wrong.
    Quirk {
        /// Name of the client.
        client: String,
        /// Short name of the behaviour.
        id: String,
        /// The behaviour, as a sentence.
        says: String,
        /// How it is known.
        source: String,
    },
    /// All nodes have their places; nothing has been started in them yet.
    Placed {
        /// The machine of each node.
        machines: BTreeMap<String, String>,
    },
    /// A node changed its state.
    Node(NodeEvent),
    /// The genesis state that all nodes were given.
    Genesis {
        /// Unix seconds; absent in the simulation.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        time: Option<u64>,
        /// hash_tree_root of the state.
        root: String,
        /// genesis_validators_root.
        validators_root: String,
    },
    /// A node was held against the plan before anything was expected of it.
    Preflight {
        /// Which node.
        node: String,
        /// What changes consensus and is not as planned.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        differs: Vec<Difference>,
        /// What the planned forks need and it lacks, as phrases.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        lacks: Vec<String>,
        /// What could not be asked or read of what decides whether it is as planned, and why: its configuration, its fork
        /// schedule, its genesis, its execution client's methods.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unknown: Vec<String>,
        /// What else could not be asked or read, or is worth a remark. Decides nothing.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        remarks: Vec<String>,
    },
    /// A node was seen on a head that it was not on before, or with other checkpoints on the same head.
    Head {
        /// Which node.
        node: String,
        /// The slot of the head block; the line's `slot` is that of the clock.
        head_slot: u64,
        /// Root of the head block.
        block: String,
        /// Root of its post-state.
        state: String,
        /// Validator that proposed it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        proposer: Option<u64>,
        /// Epoch of the justified checkpoint.
        justified: u64,
        /// Epoch of the finalized checkpoint.
        finalized: u64,
    },
    /// A node's justified checkpoint advanced.
    Justified {
        /// Which node.
        node: String,
        /// The checkpoint's epoch.
        epoch: u64,
        /// The checkpoint's block root.
        root: String,
    },
    /// A node's finalized checkpoint advanced.
    Finalized {
        /// Which node.
        node: String,
        /// The checkpoint's epoch.
        epoch: u64,
        /// The checkpoint's block root.
        root: String,
    },
    /// The set of a node's peers changed. Only peers with which the handshake, Status included, is complete.
    Peers {
        /// Whose peers.
        node: String,
        /// Names of the plan's nodes among them, sorted.
        peers: Vec<String>,
        /// How many others there are: a network has none.
        #[serde(default)]
        foreign: u64,
    },
    /// A validator's duty was done.
    Duty {
        /// The node whose validator did it.
        node: String,
        /// `propose`, `attest`, `aggregate`, `sync_message`, `contribute`.
        duty: String,
        /// Index of the validator.
        validator: u64,
        /// Milliseconds after the moment the spec gives; negative if early.
        late_ms: i64,
    },
    /// What share of the stake attested in an epoch, as seen by one node once the epoch's votes can no longer come in.
    Participation {
        /// Which node saw it.
        node: String,
        /// The epoch that was attested to.
        epoch: u64,
        /// Effective balance of the active validators, in Gwei.
        active_gwei: u64,
        /// Of these, those with an included vote for the right target.
        target_gwei: u64,
    },
    /// A block on some node's chain commits to blobs. Told once a block.
    Blobs {
        /// Which node it was fetched from.
        node: String,
        /// The block's slot.
        block_slot: u64,
        /// The block's root.
        block: String,
        /// How many blobs.
        count: u64,
    },
    /// A block that a node follows breaks the rules as this program has them.
    Disputed(Box<Disputed>),
    /// Nodes follow branches of which none holds the other, for longer than news takes to travel. Means nothing by itself.
    Split {
        /// The slot of the first block that not all of them have.
        from_slot: u64,
        /// Root of the last block that all of them have.
        common: String,
        /// The heads, and who is on each.
        sides: Vec<Side>,
    },
    /// A node's head has stayed where it is for long, while others go on with a block after it that keeps the rules. Told
    /// once a head. Means nothing by itself: what never reached the node, it can't take.
    Stalled(Box<Stalled>),
    /// What the referee saw in all, at the end of a run.
    Refereed {
        /// Blocks whose post-state was recomputed.
        blocks: u64,
        /// Blocks that could not be judged: after a disputed one, with a state from before what was kept, or known of and
        /// never to be had.
        unjudged: u64,
    },
    /// What a node has used of the machine until the end of the run.
    Usage {
        /// Which node.
        node: String,
        /// Bytes of memory that each of its programs used at most, by role; pages that only cache files don't count.
        memory: BTreeMap<String, u64>,
        /// Bytes of disk that its files take, logs included.
        disk: u64,
    },
    /// A transfer was handed to a node's execution client, or seen in a block of its chain.
    Transfer {
        /// Which node.
        node: String,
        /// The transaction's hash.
        hash: String,
        /// The number of the block that holds it; none when it was handed over.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        block: Option<u64>,
    },
    /// A step of the scenario began or ended.
    Step {
        /// Its place in the plan, from 0.
        step: usize,
        /// `wait`, `start`, ...
        verb: String,
        /// Its arguments as the plan has them.
        #[serde(default)]
        args: Value,
        /// Where it is.
        state: StepState,
        /// A sentence, at the end of a step: what was reached, or what was not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        says: Option<String>,
    },
    /// Something was broken on purpose, or mended.
    Fault {
        /// The step's verb: `kill`, `partition`, ...
        verb: String,
        /// Its arguments as the plan has them.
        #[serde(default)]
        args: Value,
        /// Broken or mended.
        state: FaultState,
    },
    /// How far a `wait` has come.
    Wait {
        /// The step's place in the plan, from 0.
        step: usize,
        /// What is waited for, as a phrase: "finalized epoch 2".
        goal: String,
        /// Progress, in slots or epochs as the goal counts.
        have: u64,
        /// The same at the goal.
        want: u64,
        /// Slots from now to the goal if all goes well, where that can be told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        eta_slots: Option<u64>,
    },
    /// A node that runs did not answer, for the first time since it last did.
    Unreachable {
        /// Which node.
        node: String,
        /// What was tried and how it failed.
        why: String,
    },
    /// Not every node was ready at genesis: all were ended, and the network begins again with a later one. Nothing of
    /// what was seen of nodes before counts.
    Again {
        /// Why, as a sentence.
        says: String,
    },
    /// The scenario needs what its runtime can't do: nothing was started.
    Unsupported {
        /// Which step needs what, and why the runtime lacks it.
        says: String,
    },
    /// A check was judged.
    Check {
        /// Its name, with a number behind it where the plan has several of that name.
        check: String,
        /// What came out.
        verdict: Verdict,
        /// The reason, as a sentence.
        says: String,
    },
    /// The harness or the environment failed: makes a verdict `unknown`, never `fail`.
    Trouble {
        /// What was being done.
        doing: String,
        /// What happened, and what to do about it.
        says: String,
    },
    /// Somebody ended the run before it was judged.
    Interrupted {
        /// `SIGINT`, `SIGTERM`.
        by: String,
    },
    /// A remark for the reader of the report.
    Note {
        /// The remark, as a sentence.
        says: String,
        /// The node that it is about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<String>,
    },
    /// The last line of every journal of a run that came to its end.
    Verdict {
        /// All checks, crashes and troubles merged.
        verdict: Verdict,
        /// The reason, as a sentence.
        #[serde(default)]
        says: String,
    },
    /// An event of a later lockin: read, and passed over. Never written.
    #[serde(other)]
    Other,
}

/// A change of a node's state and what is known with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeEvent {
    /// The node's name in the plan.
    pub node: String,
    /// What it changed to.
    pub state: NodeState,
    /// Which of the client's programs, where it has several: `beacon`, `validator`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The command line it was started with; secrets in it are blotted out when it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// Process id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// The container image it was started from, as it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The digest that the image has in its registry; its id where it comes from none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Its libp2p identity, base58.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer_id: Option<String>,
    /// What `/eth/v1/node/version` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Exit code, of a process that ended by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// The signal that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// The last lines of its log, when it ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<String>,
}

impl NodeEvent {
    /// A change of state with nothing else known; fill in what is.
    pub fn new(node: impl Into<String>, state: NodeState) -> NodeEvent {
        NodeEvent {
            node: node.into(),
            state,
            role: None,
            command: None,
            pid: None,
            image: None,
            digest: None,
            peer_id: None,
            version: None,
            code: None,
            signal: None,
            log: Vec::new(),
        }
    }
}

/// The life of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// Its process was started, for the first time or again.
    Started,
    /// It answers.
    Ready,
    /// It ended, and nobody had asked it to: a crash, whatever the exit code.
    Exited,
    /// A step killed it: on purpose, no failure.
    Killed,
    /// A step, or the end of the run, stopped it: on purpose, no failure.
    Stopped,
}

/// Where a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// It began.
    Begin,
    /// It did what it says.
    End,
    /// A `wait` whose time ran out.
    Missed,
}

/// Broken or mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultState {
    /// It is broken from now on.
    On,
    /// It is whole again.
    Off,
}
