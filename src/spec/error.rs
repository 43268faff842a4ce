//! Why a block or state is invalid: which rule did not hold, and the values it was held against.

use crate::types::{BlsPubkey, CommitteeIndex, Epoch, ForkName, Hash32, Root, Slot, ValidatorIndex};

/// A rule of the spec that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A `uint64` of the spec would overflow, or fall below zero.
    #[error("{what} is out of the range of 64 bits")]
    Arithmetic {
        /// The quantity.
        what: &'static str,
    },
    /// A list of the state has no such element.
    #[error("{list} has no element {index}: it has {len}")]
    IndexOutOfRange {
        /// The list.
        list: &'static str,
        /// The index asked for.
        index: u64,
        /// How many elements there are.
        len: u64,
    },
    /// A list of the state or of a block has no room for another element.
    #[error("{list} is full with {len} elements")]
    ListFull {
        /// The list.
        list: &'static str,
        /// How many elements there are.
        len: u64,
    },
    /// No validator has this index.
    #[error("validator {index} is unknown: the registry has {count}")]
    UnknownValidator {
        /// The index asked for.
        index: ValidatorIndex,
        /// How many validators there are.
        count: u64,
    },
    /// The slot has no such committee.
    #[error("slot {slot} has no committee {index}: it has {count}")]
    UnknownCommittee {
        /// The slot.
        slot: Slot,
        /// The committee asked for.
        index: CommitteeIndex,
        /// How many committees the slot has.
        count: u64,
    },
    /// Nobody can be drawn as proposer or sync committee member.
    #[error("no validator is active at slot {slot}")]
    NoActiveValidators {
        /// The state's slot.
        slot: Slot,
    },
    /// An epoch is neither the previous nor the current one.
    #[error("epoch {epoch} is neither the previous ({previous}) nor the current one ({current})")]
    EpochNotRecent {
        /// The epoch asked for.
        epoch: Epoch,
        /// The state's previous epoch.
        previous: Epoch,
        /// The state's current epoch.
        current: Epoch,
    },
    /// An epoch is later than duties are known for.
    #[error("committees of epoch {epoch} are not known at epoch {current}: ask for the next epoch at most")]
    EpochTooLate {
        /// The epoch asked for.
        epoch: Epoch,
        /// The state's current epoch.
        current: Epoch,
    },
    /// Proposers of an epoch can't be told from a state.
    #[error("the proposers of epoch {epoch} are not known to a state of epoch {current}")]
    ProposersUnknown {
        /// The epoch asked for.
        epoch: Epoch,
        /// The state's current epoch.
        current: Epoch,
    },
    /// The state does not keep the block root of this slot.
    #[error("slot {slot} is not among the {limit} slots before the state's slot {state_slot}")]
    SlotNotInHistory {
        /// The slot asked for.
        slot: Slot,
        /// The state's slot.
        state_slot: Slot,
        /// How many slots are kept.
        limit: u64,
    },
    /// A state can't be advanced to a slot in its past.
    #[error("slot {slot} is not ahead of the state's slot {state_slot}")]
    SlotNotAhead {
        /// The slot to go to.
        slot: Slot,
        /// The state's slot.
        state_slot: Slot,
    },
    /// The block is not of the state's slot.
    #[error("the block is of slot {slot}, the state of slot {state_slot}")]
    BlockSlot {
        /// The block's slot.
        slot: Slot,
        /// The state's slot.
        state_slot: Slot,
    },
    /// The block is not newer than the latest one.
    #[error("the block of slot {slot} is not newer than the latest block, of slot {latest}")]
    BlockNotNewer {
        /// The block's slot.
        slot: Slot,
        /// The latest block's slot.
        latest: Slot,
    },
    /// The block names a wrong proposer.
    #[error("the block of slot {slot} names proposer {claimed}; it is {expected}")]
    WrongProposer {
        /// The block's slot.
        slot: Slot,
        /// The proposer that the block names.
        claimed: ValidatorIndex,
        /// The proposer of the slot.
        expected: ValidatorIndex,
    },
    /// The block does not build on the latest block.
    #[error("the block of slot {slot} builds on {claimed}; the latest block is {expected}")]
    WrongParent {
        /// The block's slot.
        slot: Slot,
        /// The parent that the block names.
        claimed: Root,
        /// The root of the latest block.
        expected: Root,
    },
    /// The proposer is slashed.
    #[error("validator {index}, proposer of slot {slot}, is slashed")]
    SlashedProposer {
        /// The block's slot.
        slot: Slot,
        /// The proposer.
        index: ValidatorIndex,
    },
    /// The state after the block is another one than the block says.
    #[error("the block of slot {slot} claims state root {claimed}; it is {found}")]
    StateRoot {
        /// The block's slot.
        slot: Slot,
        /// The root in the block.
        claimed: Root,
        /// The root of the state.
        found: Root,
    },
    /// A signature does not fit its message and keys.
    #[error("the signature of the {what} is wrong")]
    InvalidSignature {
        /// What was signed.
        what: &'static str,
    },
    /// The block leaves out deposits that are due, or has too many.
    #[error("the block has {found} deposits; {due} are due")]
    DepositCount {
        /// Deposits in the block.
        found: u64,
        /// Deposits that the state asks for.
        due: u64,
    },
    /// A deposit's Merkle proof does not hold.
    #[error("the proof of deposit {index} does not lead to deposit root {root}")]
    DepositProof {
        /// The deposit's index in the contract.
        index: u64,
        /// The deposit root of the state.
        root: Root,
    },
    /// A proposer slashing proves nothing.
    #[error("validator {index} can't be slashed as proposer: {why}")]
    ProposerSlashing {
        /// The proposer of the first header.
        index: ValidatorIndex,
        /// Which check failed.
        why: &'static str,
    },
    /// An attester slashing proves nothing.
    #[error("the attester slashing slashes nobody: {why}")]
    AttesterSlashing {
        /// Which check failed.
        why: &'static str,
    },
    /// A voluntary exit is not allowed.
    #[error("validator {index} may not exit at epoch {epoch}: {why}")]
    VoluntaryExit {
        /// The validator.
        index: ValidatorIndex,
        /// The state's epoch.
        epoch: Epoch,
        /// Which check failed.
        why: &'static str,
    },
    /// A change of withdrawal credentials is not allowed.
    #[error("the withdrawal credentials of validator {index} can't change: {why}")]
    BlsToExecutionChange {
        /// The validator.
        index: ValidatorIndex,
        /// Which check failed.
        why: &'static str,
    },
    /// A payload does not follow the latest one.
    #[error("the payload builds on {claimed}; the latest one is {expected}")]
    PayloadParent {
        /// The parent hash of the payload.
        claimed: Hash32,
        /// The hash of the latest payload.
        expected: Hash32,
    },
    /// A payload has another RANDAO mix than its block.
    #[error("the payload has RANDAO mix {claimed}; the chain's is {expected}")]
    PayloadRandao {
        /// The payload's.
        claimed: Root,
        /// The state's.
        expected: Root,
    },
    /// A payload is not of its block's slot.
    #[error("the payload is of time {claimed}; its slot begins at {expected}")]
    PayloadTime {
        /// The payload's, Unix time in seconds.
        claimed: u64,
        /// The slot's, Unix time in seconds.
        expected: u64,
    },
    /// A block has more blobs than it may.
    #[error("the block has {found} blobs, {limit} are allowed")]
    BlobCount {
        /// Commitments in the block.
        found: u64,
        /// How many may be.
        limit: u64,
    },
    /// A payload withdraws something else than what is due.
    #[error("the payload's withdrawals ({found}) are not those that are due ({expected})")]
    Withdrawals {
        /// How many the payload has.
        found: u64,
        /// How many are due.
        expected: u64,
    },
    /// The attesters of an indexed attestation are not a sorted set.
    #[error("the attesters of an attestation of slot {slot} are invalid: {why}")]
    InvalidAttesters {
        /// The attestation's slot.
        slot: Slot,
        /// Which check failed.
        why: &'static str,
    },
    /// An attestation's target is of another epoch than its slot.
    #[error("the attestation of slot {slot} has a target of epoch {target}; its slot is in epoch {epoch}")]
    TargetEpoch {
        /// The attestation's slot.
        slot: Slot,
        /// The target's epoch.
        target: Epoch,
        /// The slot's epoch.
        epoch: Epoch,
    },
    /// An attestation comes too early or too late.
    #[error("the attestation of slot {slot} belongs into slots {earliest} to {latest}, not into slot {state_slot}")]
    InclusionSlot {
        /// The attestation's slot.
        slot: Slot,
        /// The slot it was included at.
        state_slot: Slot,
        /// The first slot it fits.
        earliest: Slot,
        /// The last slot it fits.
        latest: Slot,
    },
    /// An attestation does not vote from the justified checkpoint.
    #[error(
        "the attestation of slot {slot} votes from a checkpoint of epoch {source_epoch} that is not the justified one, \
         of epoch {justified_epoch}"
    )]
    SourceNotJustified {
        /// The attestation's slot.
        slot: Slot,
        /// The epoch it votes from.
        source_epoch: Epoch,
        /// The justified epoch.
        justified_epoch: Epoch,
    },
    /// An attestation does not have one bit for each committee member.
    #[error("the attestation of slot {slot}, committee {index}, has {bits} bits for {members} members")]
    AggregationBitsLength {
        /// The attestation's slot.
        slot: Slot,
        /// The committee.
        index: CommitteeIndex,
        /// Bits of the attestation.
        bits: usize,
        /// Members of the committee.
        members: usize,
    },
    /// A sync aggregate or committee is not of the preset's size.
    #[error("the sync aggregate has {bits} bits and its committee {members} members; both must be {size}")]
    SyncCommitteeSize {
        /// Bits of the aggregate.
        bits: u64,
        /// Members of the committee.
        members: u64,
        /// `SYNC_COMMITTEE_SIZE`.
        size: u64,
    },
    /// A member of the sync committee is no validator.
    #[error("sync committee member {pubkey} is no validator")]
    UnknownSyncCommitteeMember {
        /// The member's key.
        pubkey: BlsPubkey,
    },
    /// A sync committee is neither the current nor the next one.
    #[error("sync committee period {period} is neither the current ({current}) nor the next one")]
    SyncCommitteePeriod {
        /// The period asked for.
        period: u64,
        /// The state's period.
        current: u64,
    },
    /// Public keys of a sync committee can't be added up.
    #[error("the {count} public keys of a sync committee can't be aggregated: {why}")]
    AggregatePubkeys {
        /// How many keys.
        count: usize,
        /// What the cryptography says.
        why: String,
    },
    /// Signatures can't be added up.
    #[error("{count} signatures can't be aggregated: {why}")]
    AggregateSignatures {
        /// How many signatures.
        count: usize,
        /// What the cryptography says.
        why: String,
    },
    /// An attestation of electra names no committees that it can be of.
    #[error("the committees of an attestation of slot {slot} are invalid: {why}")]
    AttestationCommittees {
        /// The attestation's slot.
        slot: Slot,
        /// Which check failed.
        why: &'static str,
    },
    /// Execution requests are not encoded as they should be.
    #[error("the execution requests can't be read: {why}")]
    ExecutionRequests {
        /// What is wrong.
        why: String,
    },
    /// A block's commitments and what is to be put beside them don't match.
    #[error("there are {found} {what} for {commitments} commitments")]
    SidecarCount {
        /// What does not match.
        what: &'static str,
        /// How many of them there are.
        found: u64,
        /// Commitments of the block.
        commitments: u64,
    },
    /// A blob, cell, commitment or proof can't be computed with.
    #[error("KZG: {0}")]
    Kzg(#[from] crate::crypto::kzg::Error),
    /// A rule of another fork was asked for.
    #[error("{what} does not exist in {fork}")]
    NotInFork {
        /// What was asked for.
        what: &'static str,
        /// The state's fork.
        fork: ForkName,
    },
}
