//! What peers exchange beside consensus objects: phase0 and altair networking specs.

use super::{
    BlobIdentifier, ColumnIndex, DataColumnsByRootIdentifier, Epoch, ForkDigest, ForkName, Root, Slot, Version,
    limits::{
        AttestationSubnetCount, MaxRequestBlobSidecars, MaxRequestBlocks, NumberOfColumns, SyncCommitteeSubnetCount,
    },
};
use crate::{
    container,
    ssz::{BitVector, List},
};

container! {
    /// `Status`, version 1 (phase0) and 2 (fulu).
    #[derive(Copy)]
    pub struct Status {
        pub fork_digest: ForkDigest,
        pub finalized_root: Root,
        pub finalized_epoch: Epoch,
        pub head_root: Root,
        pub head_slot: Slot,
        pub earliest_available_slot: Slot = ForkName::Fulu..,
    }
}

container! {
    /// `MetaData`, version 1 (phase0), 2 (altair) and 3 (fulu).
    pub struct MetaData {
        pub seq_number: u64,
        pub attnets: BitVector<AttestationSubnetCount>,
        pub syncnets: BitVector<SyncCommitteeSubnetCount> = ForkName::Altair..,
        pub custody_group_count: u64 = ForkName::Fulu..,
    }
}

container! {
    /// `BeaconBlocksByRange` request, both versions.
    #[derive(Copy)]
    pub struct BeaconBlocksByRangeRequest {
        pub start_slot: Slot,
        pub count: u64,
        pub step: u64,
    }
}

container! {
    /// `BlobSidecarsByRange` request.
    #[derive(Copy)]
    pub struct BlobSidecarsByRangeRequest {
        pub start_slot: Slot,
        pub count: u64,
    }
}

container! {
    /// `DataColumnSidecarsByRange` request.
    pub struct DataColumnSidecarsByRangeRequest {
        pub start_slot: Slot,
        pub count: u64,
        pub columns: List<ColumnIndex, NumberOfColumns>,
    }
}

container! {
    /// `ENRForkID`: a node record's `eth2` entry.
    #[derive(Copy)]
    pub struct EnrForkId {
        pub fork_digest: ForkDigest,
        pub next_fork_version: Version,
        pub next_fork_epoch: Epoch,
    }
}

/// `BeaconBlocksByRoot` request: the roots asked for. It is a bare list, not a container.
pub type BeaconBlocksByRootRequest = List<Root, MaxRequestBlocks>;
/// `BlobSidecarsByRoot` request, deneb's `BlobIdentifiers`. The limit here is no network's, but higher.
pub type BlobSidecarsByRootRequest = List<BlobIdentifier, MaxRequestBlobSidecars>;
/// `DataColumnSidecarsByRoot` request, fulu's `DataColumnsByRootIdentifiers`. The limit here is no network's, but higher.
pub type DataColumnSidecarsByRootRequest = List<DataColumnsByRootIdentifier, MaxRequestBlocks>;
