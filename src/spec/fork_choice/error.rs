//! Why the fork choice refused something.

use crate::ssz::Root;
use crate::types::{Epoch, Slot};
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
