//! What the chain wants done. Effects come in the order in which they are to be carried out.
//! This file NEVER holds logic: only the vocabulary.

use std::sync::Arc;

use super::Error;
use super::event::{EngineId, Origin, ProductionId};
use crate::engine;
use crate::ssz::{Root, Uint256};
use crate::types::{
    Attestation, AttesterSlashing, BeaconBlock, Blob, BlobSidecar, DataColumnSidecar, Epoch, Hash32, KzgProof,
    ProposerSlashing, SignedAggregateAndProof, SignedBeaconBlock, SignedBlsToExecutionChange,
    SignedContributionAndProof, SignedVoluntaryExit, SingleAttestation, Slot, SyncCommitteeMessage, ValidatorIndex,
};

/// The verdict on an object, in gossip's terms. The text is the reason, for logs and API answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Valid: forward it. A block is accepted once its transition is right, which may be before its sidecars are there
    /// and the execution engine has judged its payload; one of [`Origin::Sync`] once it is imported.
    Accept,
    /// Not (or no longer, or not yet) of use; nobody's fault.
    Ignore(String),
    /// Kept until what it waits for comes: its slot, or a block. Only told to API calls, whose objects are judged, and if
    /// they are right published, then.
    Held(String),
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
    /// `blob_sidecar_{subnet}`
    BlobSidecar { subnet: u64, sidecar: Arc<BlobSidecar> },
    /// `data_column_sidecar_{subnet}`
    DataColumnSidecar { subnet: u64, sidecar: Arc<DataColumnSidecar> },
    /// `beacon_attestation_{subnet}` before electra
    Attestation { subnet: u64, attestation: Arc<Attestation> },
    /// `beacon_attestation_{subnet}` from electra on
    SingleAttestation { subnet: u64, attestation: Arc<SingleAttestation> },
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
    /// `bls_to_execution_change`
    BlsToExecutionChange(Arc<SignedBlsToExecutionChange>),
}

/// An unsigned block, with what its proposer publishes beside it.
#[derive(Clone, Debug)]
pub struct ProducedBlock {
    /// The block, state root included.
    pub block: BeaconBlock,
    /// As the engine gave them: one a blob, from fulu on `CELLS_PER_EXT_BLOB` a blob.
    pub proofs: Vec<KzgProof>,
    /// The blobs of its commitments.
    pub blobs: Vec<Blob>,
    /// What the payload is worth to the fee recipient, in wei.
    pub payload_value: Uint256,
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
        /// The execution engine has not called its payload valid yet. Likewise below.
        optimistic: bool,
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
        optimistic: bool,
    },
    /// The store's justified checkpoint advanced.
    Justified { epoch: Epoch, root: Root },
    /// The store's finalized checkpoint advanced; `state` is the state root of the block `root`.
    Finalized { epoch: Epoch, root: Root, state: Root, optimistic: bool },
    /// A block was imported.
    Block { slot: Slot, root: Root, optimistic: bool },
    /// A valid sidecar came by gossip or API.
    BlobSidecar { block: Root, sidecar: Arc<BlobSidecar>, versioned_hash: Hash32 },
    /// A valid sidecar came by gossip or API.
    DataColumnSidecar { block: Root, sidecar: Arc<DataColumnSidecar> },
    /// The execution engine was told to build on the head for a proposer of this node.
    PayloadAttributes {
        proposer: ValidatorIndex,
        /// Of the block to be.
        slot: Slot,
        parent: Root,
        parent_number: u64,
        parent_hash: Hash32,
        attributes: Box<engine::PayloadAttributes>,
    },
    /// A valid attestation, single or aggregate, came by gossip or API.
    Attestation(Arc<Attestation>),
    /// A valid attestation of electra's form came by gossip or API.
    SingleAttestation(Arc<SingleAttestation>),
    /// A valid contribution came by gossip or API.
    Contribution(Arc<SignedContributionAndProof>),
    /// A valid exit came by gossip or API.
    VoluntaryExit(Arc<SignedVoluntaryExit>),
    /// A valid slashing came by gossip or API.
    ProposerSlashing(Arc<ProposerSlashing>),
    /// A valid slashing came by gossip or API.
    AttesterSlashing(Arc<AttesterSlashing>),
    /// A valid change of credentials came by gossip or API.
    BlsToExecutionChange(Arc<SignedBlsToExecutionChange>),
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
    /// Ask for sidecars of this block of this slot, by index: blobs before fulu, data columns from fulu on. Without them
    /// `origin`'s block can't be imported. Asked some time after the block came, and again each slot that they are missing;
    /// what comes goes in as [`Origin::Sync`].
    RequestSidecars { root: Root, slot: Slot, indices: Vec<u64>, origin: Origin },
    /// Ask the execution engine; its answer goes in as [`Event::Engine`](super::Event::Engine). Calls of one
    /// [`Lane`](engine::Lane) are made in the order of these effects, each after the one before it was answered.
    Engine { id: EngineId, call: Box<engine::Call> },
    /// The block that was wanted by [`Event::Produce`](super::Event::Produce), or why there is none: exactly one each.
    Produced { id: ProductionId, result: Result<Box<ProducedBlock>, Arc<Error>> },
    /// Apply all writes of the batch at once, or none (one transaction), batches in order.
    Persist(Vec<Write>),
    /// Tell subscribers.
    Notify(Notice),
    /// Write a log line.
    Log { level: Level, message: String },
}
