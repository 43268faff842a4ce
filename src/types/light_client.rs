//! Light client objects, from altair on. They are shapes only: the light client protocol itself is not offered.

use super::{
    BeaconBlockHeader, ExecutionPayloadHeader, ForkName, Root, Slot, SyncAggregate, SyncCommittee,
    limits::{ExecutionBranchDepth, FinalityBranchDepth, SyncCommitteeBranchDepth},
};
use crate::{container, ssz::Vector};

container! {
    /// altair `LightClientHeader`; capella adds the payload's header.
    pub struct LightClientHeader {
        pub beacon: BeaconBlockHeader,
        pub execution: ExecutionPayloadHeader = ForkName::Capella..,
        pub execution_branch: Vector<Root, ExecutionBranchDepth> = ForkName::Capella..,
    }
}

container! {
    /// altair `LightClientBootstrap`.
    pub struct LightClientBootstrap {
        pub header: LightClientHeader,
        pub current_sync_committee: SyncCommittee,
        pub current_sync_committee_branch: Vector<Root, SyncCommitteeBranchDepth>,
    }
}

container! {
    /// altair `LightClientUpdate`.
    pub struct LightClientUpdate {
        pub attested_header: LightClientHeader,
        pub next_sync_committee: SyncCommittee,
        pub next_sync_committee_branch: Vector<Root, SyncCommitteeBranchDepth>,
        pub finalized_header: LightClientHeader,
        pub finality_branch: Vector<Root, FinalityBranchDepth>,
        pub sync_aggregate: SyncAggregate,
        pub signature_slot: Slot,
    }
}

container! {
    /// altair `LightClientFinalityUpdate`.
    pub struct LightClientFinalityUpdate {
        pub attested_header: LightClientHeader,
        pub finalized_header: LightClientHeader,
        pub finality_branch: Vector<Root, FinalityBranchDepth>,
        pub sync_aggregate: SyncAggregate,
        pub signature_slot: Slot,
    }
}

container! {
    /// altair `LightClientOptimisticUpdate`.
    pub struct LightClientOptimisticUpdate {
        pub attested_header: LightClientHeader,
        pub sync_aggregate: SyncAggregate,
        pub signature_slot: Slot,
    }
}
