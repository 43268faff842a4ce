//! Why the fork choice refused something.

use crate::ssz::Root;
use crate::types::{Epoch, Hash32, Slot};
use thiserror::Error;

/// A handler's refusal. The store is unchanged.
#[derive(Debug, Error)]
pub enum Error {
    /// The anchor's block and state do not belong together.
    #[error("anchor block has state root {block} but the anchor state's root is {state}: give the block of that state")]
    Anchor {
        /// As the block says.
        block: Root,
        /// As computed.
        state: Root,
    },
    /// The anchor's block is not the one that its state knows as the latest.
    #[error(
        "anchor block of slot {block} is not the latest block of the anchor state, of slot {latest}: give that one"
    )]
    AnchorHeader {
        /// Slot of the block given.
        block: Slot,
        /// Slot of the state's latest block.
        latest: Slot,
    },
    /// Wait for the parent, or ask for it.
    #[error("parent {0} of the block is unknown: ask for it")]
    UnknownParent(Root),
    /// Wait for the slot.
    #[error("block is of slot {block}, the store is at slot {current}: try again when it has come")]
    FutureBlock {
        /// The block's slot.
        block: Slot,
        /// The store's slot.
        current: Slot,
    },
    /// Never valid again.
    #[error("block of slot {block} is not after the finalized slot {finalized}: drop it")]
    BeforeFinalized {
        /// The block's slot.
        block: Slot,
        /// First slot of the finalized epoch.
        finalized: Slot,
    },
    /// Never valid again.
    #[error("block does not descend from the finalized block {finalized}: drop it")]
    NotFinalizedDescendant {
        /// Root of the finalized checkpoint.
        finalized: Root,
    },
    /// Wait for the blobs or columns, or ask for them.
    #[error("the blobs of block {0} are not available, or not proved: ask for them")]
    DataUnavailable(Root),
    /// Wait for the engine to know it.
    #[error("proof-of-work block {0} is unknown: try again when the execution engine knows it")]
    UnknownPowBlock(Hash32),
    /// Never valid.
    #[error("the first payload builds on {0}, which is no terminal proof-of-work block: drop it")]
    NotTerminal(Hash32),
    /// Never valid.
    #[error(
        "a first payload in epoch {epoch} is too early, TERMINAL_BLOCK_HASH_ACTIVATION_EPOCH is {activation}: drop it"
    )]
    TooEarlyToMerge {
        /// Epoch of the block.
        epoch: Epoch,
        /// The first epoch in which it could be.
        activation: Epoch,
    },
    /// The state transition refused it.
    #[error("state transition failed: {0}")]
    Transition(#[from] crate::spec::Error),
    /// Wait for the epoch, or too old.
    #[error("attestation's target epoch {target} is not the current ({current}) or previous epoch")]
    TargetEpoch {
        /// Epoch of the target.
        target: Epoch,
        /// The store's epoch.
        current: Epoch,
    },
    /// Malformed: drop it.
    #[error("attestation of slot {slot} has target epoch {target}: drop it")]
    TargetSlot {
        /// The attestation's slot.
        slot: Slot,
        /// Epoch of the target.
        target: Epoch,
    },
    /// Wait for the block, or ask for it.
    #[error("attestation names the unknown block {0}: ask for it")]
    UnknownBlock(Root),
    /// Malformed: drop it.
    #[error("attestation of slot {slot} votes for a block of the later slot {block}: drop it")]
    VoteForFuture {
        /// The attestation's slot.
        slot: Slot,
        /// The block's slot.
        block: Slot,
    },
    /// Malformed: drop it.
    #[error(
        "attestation's target {target} is not the checkpoint block {checkpoint} of the block it votes for: drop it"
    )]
    TargetMismatch {
        /// Root of the target.
        target: Root,
        /// The checkpoint block of the vote.
        checkpoint: Root,
    },
    /// Wait for the next slot.
    #[error("attestation of slot {slot} counts only after its slot, the store is at {current}: try again then")]
    TooEarly {
        /// The attestation's slot.
        slot: Slot,
        /// The store's slot.
        current: Slot,
    },
    /// Bad indices or signature: drop it.
    #[error("indexed attestation is invalid (indices not sorted and unique, or signature wrong): drop it")]
    InvalidIndexedAttestation,
    /// Nothing slashable: drop it.
    #[error("the two attestations of an attester slashing are not slashable: drop it")]
    NotSlashable,
    /// A question about a block that is not there.
    #[error("block {0} is not in the store: import it first, or ask about a block after finality")]
    Missing(Root),
    /// `get_proposer_head` is for when the boost has worn off.
    #[error("block {0} still has the proposer boost: ask in the next slot")]
    StillBoosted(Root),
}
