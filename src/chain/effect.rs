//! What the chain wants done. Effects come in the order in which they are to be carried out.
//! This file NEVER holds logic: only the vocabulary.

use std::sync::Arc;

use super::event::Origin;
use crate::ssz::Root;
use crate::types::{
    Attestation, AttesterSlashing, Epoch, ProposerSlashing, SignedAggregateAndProof, SignedBeaconBlock,
    SignedContributionAndProof, SignedVoluntaryExit, Slot, SyncCommitteeMessage,
};

/// The verdict on an object, in gossip's terms. The text is the reason, for logs and API answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Valid: forward it. A block is accepted once it is imported.
    Accept,
    /// Not (or no longer, or not yet) of use; nobody's fault.
    Ignore(String),
    /// Of no use since the chain has it, or one that does the same; gossip ignores it, an API call has got what it wanted.
    Duplicate(String),
    /// Invalid: whoever sent it misbehaves.
    Reject(String),
}

impl Outcome {
    /// Whether this is [`Outcome::Accept`].
    pub fn is_accept(&self) -> bool {
        matches!(self, Outcome::Accept)
    }
}

/// An object as a gossip topic carries it. The topic's fork digest is that of the object's slot (an exit, slashing: the clock's).
#[derive(Clone, Debug)]
pub enum Gossip {
    /// `beacon_block`
    Block(Arc<SignedBeaconBlock>),
    /// `beacon_attestation_{subnet}`
    Attestation { subnet: u64, attestation: Arc<Attestation> },
    /// `beacon_aggregate_and_proof`
    Aggregate(Arc<SignedAggregateAndProof>),
    /// `sync_committee_{subnet}`
    SyncMessage { subnet: u64, message: Arc<SyncCommitteeMessage> },
    /// `sync_committee_contribution_and_proof`
    Contribution(Arc<SignedContributionAndProof>),
    /// `voluntary_exit`
    VoluntaryExit(Arc<SignedVoluntaryExit>),
    /// `proposer_slashing`
    ProposerSlashing(Arc<ProposerSlashing>),
    /// `attester_slashing`
    AttesterSlashing(Arc<AttesterSlashing>),
}

/// News for subscribers of the node's events; fields as in the Beacon API's event stream.
#[derive(Clone, Debug)]
pub enum Notice {
    /// The head is another block.
    Head {
        slot: Slot,
        block: Root,
        state: Root,
        epoch_transition: bool,
        /// Decides the attester duties of the head's epoch.
        previous_duty_dependent_root: Root,
        /// Decides the proposer duties of the head's epoch, the attester duties of the next.
        current_duty_dependent_root: Root,
    },
    /// The new head does not descend from the old one. Comes before the `Head` it explains.
    Reorg {
        /// Slot of the new head.
        slot: Slot,
        epoch: Epoch,
        /// Slots between the old head and the common ancestor.
        depth: u64,
        old_head: Root,
        new_head: Root,
        old_state: Root,
        new_state: Root,
        common_ancestor: Root,
    },
    /// The store's justified checkpoint advanced.
    Justified { epoch: Epoch, root: Root },
    /// The store's finalized checkpoint advanced; `state` is the state root of the block `root`.
    Finalized { epoch: Epoch, root: Root, state: Root },
    /// A block was imported.
    Block { slot: Slot, root: Root },
    /// A valid attestation, single or aggregate, came by gossip or API.
    Attestation(Arc<Attestation>),
    /// A valid contribution came by gossip or API.
    Contribution(Arc<SignedContributionAndProof>),
    /// A valid exit came by gossip or API.
    VoluntaryExit(Arc<SignedVoluntaryExit>),
    /// A valid slashing came by gossip or API.
    ProposerSlashing(Arc<ProposerSlashing>),
    /// A valid slashing came by gossip or API.
    AttesterSlashing(Arc<AttesterSlashing>),
}

/// One change of the database. Keys are documented in [`schema`](super::schema).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Insert or replace.
    Put { key: Vec<u8>, value: Vec<u8> },
    /// Remove, if there.
    Delete { key: Vec<u8> },
}

/// How loud a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Of interest when hunting a bug.
    Debug,
    /// Of interest to whoever watches.
    Info,
    /// Something is wrong, here or elsewhere.
    Warn,
    /// A bug, or a broken database.
    Error,
}

/// One thing to do outside.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Tell whoever sent the object what came of it. Exactly one for each object, perhaps slots later when it is held.
    Outcome { origin: Origin, outcome: Outcome },
    /// Send to everybody.
    Publish(Gossip),
    /// Ask for the block with this root: `origin`'s object needs it. Asked once while it is missing, and again each slot
    /// that it still is; for each block of [`Origin::Sync`] that lacks its parent, though.
    RequestBlock { root: Root, origin: Origin },
    /// Apply all writes of the batch at once, or none (one transaction), batches in order.
    Persist(Vec<Write>),
    /// Tell subscribers.
    Notify(Notice),
    /// Write a log line.
    Log { level: Level, message: String },
}
