//! Checkpoints and attestations.

use super::{BlsSignature, CommitteeIndex, Epoch, Root, Slot, ValidatorIndex, limits::MaxValidatorsPerCommittee};
use crate::{
    container,
    ssz::{BitList, List},
};

container! {
    /// phase0 `Checkpoint`.
    #[derive(Copy, PartialOrd, Ord, Hash)]
    pub struct Checkpoint {
        pub epoch: Epoch,
        pub root: Root,
    }
}

container! {
    /// phase0 `AttestationData`.
    #[derive(Copy, PartialOrd, Ord, Hash)]
    pub struct AttestationData {
        pub slot: Slot,
        pub index: CommitteeIndex,
        pub beacon_block_root: Root,
        pub source: Checkpoint,
        pub target: Checkpoint,
    }
}

container! {
    /// phase0 `Attestation`.
    pub struct Attestation {
        pub aggregation_bits: BitList<MaxValidatorsPerCommittee>,
        pub data: AttestationData,
        pub signature: BlsSignature,
    }
}

container! {
    /// phase0 `IndexedAttestation`.
    pub struct IndexedAttestation {
        pub attesting_indices: List<ValidatorIndex, MaxValidatorsPerCommittee>,
        pub data: AttestationData,
        pub signature: BlsSignature,
    }
}

container! {
    /// phase0 `PendingAttestation`: an attestation that waits in the state for its epoch's end (phase0 only).
    pub struct PendingAttestation {
        pub aggregation_bits: BitList<MaxValidatorsPerCommittee>,
        pub data: AttestationData,
        pub inclusion_delay: Slot,
        pub proposer_index: ValidatorIndex,
    }
}

container! {
    /// phase0 validator guide `AggregateAndProof`.
    pub struct AggregateAndProof {
        pub aggregator_index: ValidatorIndex,
        pub aggregate: Attestation,
        pub selection_proof: BlsSignature,
    }
}

container! {
    /// phase0 validator guide `SignedAggregateAndProof`.
    pub struct SignedAggregateAndProof {
        pub message: AggregateAndProof,
        pub signature: BlsSignature,
    }
}
