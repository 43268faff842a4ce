//! Sync committees, from altair on.

use super::{
    BlsPubkey, BlsSignature, Root, Slot, ValidatorIndex,
    limits::{SyncCommitteeSize, SyncSubcommitteeSize},
};
use crate::{
    container,
    ssz::{BitVector, Vector},
};

container! {
    /// altair `SyncAggregate`.
    pub struct SyncAggregate {
        pub sync_committee_bits: BitVector<SyncCommitteeSize>,
        pub sync_committee_signature: BlsSignature,
    }
}

container! {
    /// altair `SyncCommittee`.
    pub struct SyncCommittee {
        pub pubkeys: Vector<BlsPubkey, SyncCommitteeSize>,
        pub aggregate_pubkey: BlsPubkey,
    }
}

container! {
    /// altair validator guide `SyncCommitteeMessage`.
    #[derive(Copy)]
    pub struct SyncCommitteeMessage {
        pub slot: Slot,
        pub beacon_block_root: Root,
        pub validator_index: ValidatorIndex,
        pub signature: BlsSignature,
    }
}

container! {
    /// altair validator guide `SyncCommitteeContribution`.
    pub struct SyncCommitteeContribution {
        pub slot: Slot,
        pub beacon_block_root: Root,
        pub subcommittee_index: u64,
        pub aggregation_bits: BitVector<SyncSubcommitteeSize>,
        pub signature: BlsSignature,
    }
}

container! {
    /// altair validator guide `ContributionAndProof`.
    pub struct ContributionAndProof {
        pub aggregator_index: ValidatorIndex,
        pub contribution: SyncCommitteeContribution,
        pub selection_proof: BlsSignature,
    }
}

container! {
    /// altair validator guide `SignedContributionAndProof`.
    pub struct SignedContributionAndProof {
        pub message: ContributionAndProof,
        pub signature: BlsSignature,
    }
}

container! {
    /// altair validator guide `SyncAggregatorSelectionData`.
    #[derive(Copy)]
    pub struct SyncAggregatorSelectionData {
        pub slot: Slot,
        pub subcommittee_index: u64,
    }
}
