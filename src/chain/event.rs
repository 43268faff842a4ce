//! What the chain is told. An event carries everything the chain may know about the outside, the time included.
//! This file NEVER holds logic: only the vocabulary.

use std::sync::Arc;

use crate::engine;
use crate::types::{
    Attestation, AttesterSlashing, Blob, BlobSidecar, BlsSignature, DataColumnSidecar, ExecutionAddress, KzgProof,
    ProposerSlashing, Root, SignedAggregateAndProof, SignedBeaconBlock, SignedBlsToExecutionChange,
    SignedContributionAndProof, SignedVoluntaryExit, SingleAttestation, Slot, SyncCommitteeMessage, ValidatorIndex,
};

/// The network's own number for one gossip message, by which it wants to hear the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GossipId(pub u64);

/// The chain's own number for one call to the execution engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EngineId(pub u64);

/// The asker's own number for one block to be produced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProductionId(pub u64);

/// Where an object came from, and so who waits for its [`Outcome`](super::Outcome).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A gossip message; the network forwards or punishes by the outcome, which may come slots later (held objects).
    Gossip(GossipId),
    /// A Beacon API call, with the caller's own number. The outcome is always among the effects of the same event;
    /// what is accepted is also published.
    Api(u64),
    /// A block or sidecar answered to a request: a range-sync batch or a lookup, with the requester's own number.
    /// Gossip's rules of timeliness and first-seen don't apply to it, and it is not published. A block's outcome comes
    /// when it is imported, so perhaps after its sidecars and the engine's answer.
    Sync(u64),
    /// Something the node made itself. Accepted objects are published; nobody waits for the outcome.
    Own,
}

/// One thing that happened outside. Times (`now_ms`) are unix milliseconds and never go backwards.
#[derive(Clone, Debug)]
pub enum Event {
    /// Time passed. Due at least once per slot, best shortly after its start; more often does no harm.
    Tick { now_ms: u64 },
    /// A block.
    Block { block: Arc<SignedBeaconBlock>, origin: Origin, now_ms: u64 },
    /// A block with its blobs, from whoever made it (deneb on): its sidecars are made, published and kept by the chain.
    /// `proofs` as `engine::BuiltPayload` has them: one a blob, from fulu on `CELLS_PER_EXT_BLOB` a blob.
    BlockContents {
        block: Arc<SignedBeaconBlock>,
        proofs: Vec<KzgProof>,
        blobs: Vec<Blob>,
        origin: Origin,
        now_ms: u64,
    },
    /// A blob with the header of its block (deneb, electra); `subnet` is the topic's.
    BlobSidecar { sidecar: Arc<BlobSidecar>, subnet: Option<u64>, origin: Origin, now_ms: u64 },
    /// A data column with the header of its block (fulu on); `subnet` is the topic's.
    DataColumnSidecar { sidecar: Arc<DataColumnSidecar>, subnet: Option<u64>, origin: Origin, now_ms: u64 },
    /// An unaggregated attestation as of electra; `subnet` is the topic's, where it came from one.
    SingleAttestation { attestation: Arc<SingleAttestation>, subnet: Option<u64>, origin: Origin, now_ms: u64 },
    /// An unaggregated attestation before electra; `subnet` is the topic's, where it came from one.
    Attestation { attestation: Arc<Attestation>, subnet: Option<u64>, origin: Origin, now_ms: u64 },
    /// An aggregate with its aggregator's proof.
    Aggregate { aggregate: Arc<SignedAggregateAndProof>, origin: Origin, now_ms: u64 },
    /// A sync committee message; `subnet` is the topic's. Without one (API) it counts for every subnet of the member.
    SyncMessage { message: Arc<SyncCommitteeMessage>, subnet: Option<u64>, origin: Origin, now_ms: u64 },
    /// A sync committee contribution with its aggregator's proof.
    Contribution { contribution: Arc<SignedContributionAndProof>, origin: Origin, now_ms: u64 },
    /// A voluntary exit.
    VoluntaryExit { exit: Arc<SignedVoluntaryExit>, origin: Origin, now_ms: u64 },
    /// Evidence against a proposer.
    ProposerSlashing { slashing: Arc<ProposerSlashing>, origin: Origin, now_ms: u64 },
    /// Evidence against attesters.
    AttesterSlashing { slashing: Arc<AttesterSlashing>, origin: Origin, now_ms: u64 },
    /// A change of withdrawal credentials.
    BlsToExecutionChange { change: Arc<SignedBlsToExecutionChange>, origin: Origin, now_ms: u64 },
    /// The execution engine's answer to an [`Effect::Engine`](super::Effect::Engine), or why there is none. Each call
    /// gets exactly one; one that is not awaited (any more) is ignored.
    Engine { id: EngineId, answer: Result<engine::Answer, engine::Failure>, now_ms: u64 },
    /// These validators propose through this node, and their blocks' fees go to these addresses: known for this epoch
    /// and the next two.
    PrepareProposers { proposers: Vec<(ValidatorIndex, ExecutionAddress)>, now_ms: u64 },
    /// An unsigned block is wanted. It comes as [`Effect::Produced`](super::Effect::Produced), in the same event where
    /// the execution engine need not be asked.
    Produce { id: ProductionId, slot: Slot, randao: BlsSignature, graffiti: Root, now_ms: u64 },
}

impl Event {
    /// The time at which it happened, unix milliseconds.
    pub fn now_ms(&self) -> u64 {
        match self {
            Event::Tick { now_ms }
            | Event::Block { now_ms, .. }
            | Event::Attestation { now_ms, .. }
            | Event::Aggregate { now_ms, .. }
            | Event::SyncMessage { now_ms, .. }
            | Event::Contribution { now_ms, .. }
            | Event::VoluntaryExit { now_ms, .. }
            | Event::ProposerSlashing { now_ms, .. }
            | Event::AttesterSlashing { now_ms, .. }
            | Event::BlockContents { now_ms, .. }
            | Event::BlobSidecar { now_ms, .. }
            | Event::DataColumnSidecar { now_ms, .. }
            | Event::SingleAttestation { now_ms, .. }
            | Event::BlsToExecutionChange { now_ms, .. }
            | Event::Engine { now_ms, .. }
            | Event::PrepareProposers { now_ms, .. }
            | Event::Produce { now_ms, .. } => *now_ms,
        }
    }
}
