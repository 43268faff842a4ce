//! Checkpoints and attestations.

use super::{
    BlsSignature, CommitteeIndex, Epoch, ForkName, Root, Slot, ValidatorIndex,
    limits::{MaxCommitteesPerSlot, MaxValidatorsPerAttestation},
};
use crate::{
    container,
    ssz::{BitList, BitVector, List},
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
    /// phase0 `Attestation`; electra lets it hold several committees of a slot.
    pub struct Attestation {
        pub aggregation_bits: BitList<MaxValidatorsPerAttestation>,
        pub data: AttestationData,
        pub signature: BlsSignature,
        pub committee_bits: BitVector<MaxCommitteesPerSlot> = ForkName::Electra..,
    }
}

container! {
    /// phase0 `IndexedAttestation`.
    pub struct IndexedAttestation {
        pub attesting_indices: List<ValidatorIndex, MaxValidatorsPerAttestation>,
        pub data: AttestationData,
        pub signature: BlsSignature,
    }
}

container! {
    /// phase0 `PendingAttestation`: an attestation that waits in the state for its epoch's end (phase0 only).
    pub struct PendingAttestation {
        pub aggregation_bits: BitList<MaxValidatorsPerAttestation>,
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

container! {
    /// electra `SingleAttestation`: one validator's vote, as it travels on the subnets from electra on.
    #[derive(Copy)]
    pub struct SingleAttestation {
        pub committee_index: CommitteeIndex,
        pub attester_index: ValidatorIndex,
        pub data: AttestationData,
        pub signature: BlsSignature,
    }
}
