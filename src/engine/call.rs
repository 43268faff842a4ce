//! What a consensus client asks its execution engine, and what it hears, as types: one pair for every transport. The JSON
//! of the Engine API is in the client and in the stub's server; a simulated node hands these values to its stub directly.
//! This file NEVER holds logic: only the vocabulary.

use crate::ssz::{Bytes, Fork, Uint256};
use crate::types::{
    Blob, Cell, ExecutionAddress, ExecutionPayload, ExecutionRequests, Hash32, KzgCommitment, KzgProof, PowBlock, Root,
    Withdrawal,
};

/// The engine's name for a payload that it builds.
pub type PayloadId = Bytes<8>;

/// deneb and electra `NewPayloadRequest`, with the fork, which says which version of the method is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPayload {
    /// The fork of the block that holds the payload.
    pub fork: Fork,
    /// The payload.
    pub payload: ExecutionPayload,
    /// Versioned hashes of the block's commitments; empty before deneb.
    pub versioned_hashes: Vec<Hash32>,
    /// The block's parent root; sent from deneb on.
    pub parent_beacon_block_root: Root,
    /// The block's requests; sent from electra on, as `get_execution_requests_list` writes them.
    pub execution_requests: ExecutionRequests,
}

/// `ForkchoiceStateV1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ForkchoiceState {
    /// Hash of the head's payload.
    pub head_block_hash: Hash32,
    /// Hash of the justified block's payload; zero before it has one.
    pub safe_block_hash: Hash32,
    /// Hash of the finalized block's payload; zero before it has one.
    pub finalized_block_hash: Hash32,
}

/// `PayloadAttributesV1` to `V3`: the fork says which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayloadAttributes {
    /// Unix seconds.
    pub timestamp: u64,
    /// `get_randao_mix` of the block to be.
    pub prev_randao: Root,
    /// Who gets the fees.
    pub suggested_fee_recipient: ExecutionAddress,
    /// From capella on.
    pub withdrawals: Vec<Withdrawal>,
    /// From deneb on.
    pub parent_beacon_block_root: Root,
}

/// One question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// `engine_newPayload`: is this payload valid?
    NewPayload(Box<NewPayload>),
    /// `engine_forkchoiceUpdated`: this is the head; with attributes: begin to build on it. `fork` is that of the
    /// attributes' slot, or of the head's block.
    ForkchoiceUpdated { fork: Fork, state: ForkchoiceState, attributes: Option<PayloadAttributes> },
    /// `engine_getPayload`: what has been built; `fork` is that of the slot it was built for.
    GetPayload { fork: Fork, id: PayloadId },
    /// `engine_getBlobs`: blobs that the engine's own pool has; `fork` says with which proofs.
    GetBlobs { fork: Fork, versioned_hashes: Vec<Hash32> },
    /// `eth_getBlockByHash`: fork choice's `get_pow_block`.
    PowBlock { hash: Hash32 },
    /// The terminal proof-of-work block by total difficulty: fork choice's `get_pow_block_at_terminal_total_difficulty`,
    /// found by walking back from `eth_getBlockByNumber("latest")`.
    TerminalPowBlock { terminal_total_difficulty: Uint256 },
}

/// `PayloadStatusV1.status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// `VALID`.
    Valid,
    /// `INVALID`.
    Invalid,
    /// `SYNCING`: not known yet.
    Syncing,
    /// `ACCEPTED`: well-formed, on a side chain, not executed.
    Accepted,
    /// `INVALID_BLOCK_HASH`: the payload does not have the hash that it claims.
    InvalidBlockHash,
}

/// `PayloadStatusV1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayloadStatus {
    /// The verdict.
    pub status: Validity,
    /// The newest valid ancestor's hash, where the verdict names one.
    pub latest_valid_hash: Option<Hash32>,
    /// Why it is invalid.
    pub validation_error: Option<String>,
}

/// What `engine_getPayload` gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuiltPayload {
    /// The payload.
    pub payload: ExecutionPayload,
    /// What it is worth to the fee recipient, wei; zero before capella.
    pub block_value: Uint256,
    /// Its blobs' commitments, from deneb on.
    pub commitments: Vec<KzgCommitment>,
    /// Deneb and electra: one proof a blob; fulu: `CELLS_PER_EXT_BLOB` cell proofs a blob, blob after blob.
    pub proofs: Vec<KzgProof>,
    /// The blobs.
    pub blobs: Vec<Blob>,
    /// From electra on.
    pub execution_requests: ExecutionRequests,
}

/// A blob out of the engine's pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobAndProofs {
    /// The blob.
    pub blob: Blob,
    /// One blob proof, or from fulu on its cell proofs.
    pub proofs: Vec<KzgProof>,
    /// The blob's cells, when whoever answered has them at hand.
    pub cells: Vec<Cell>,
}

/// The answer to a [`Call`], variant by variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To [`Call::NewPayload`].
    PayloadStatus(PayloadStatus),
    /// To [`Call::ForkchoiceUpdated`].
    ForkchoiceUpdated { status: PayloadStatus, payload_id: Option<PayloadId> },
    /// To [`Call::GetPayload`].
    Payload(Box<BuiltPayload>),
    /// To [`Call::GetBlobs`], in the order asked; `None` for what the pool lacks.
    Blobs(Vec<Option<BlobAndProofs>>),
    /// To [`Call::PowBlock`] and [`Call::TerminalPowBlock`].
    PowBlock(Option<PowBlock>),
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Nobody answered in time, or at all.
    #[error("the execution engine did not answer: {0}")]
    Unreachable(String),
    /// The engine answered with an error.
    #[error("the execution engine answered error {code}: {message}")]
    Refused { code: i64, message: String },
    /// The answer is not what the Engine API says.
    #[error("the execution engine's answer can't be read: {0}")]
    Malformed(String),
}
