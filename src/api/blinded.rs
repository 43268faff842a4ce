//! Blocks with the header of their execution payload in its place, as builders' proposers sign them. Their roots are
//! those of the whole blocks, and so are the signatures.

use crate::container;
use crate::ssz::{Fork, List, Root};
use crate::types::limits::{
    MaxAttestations, MaxAttesterSlashings, MaxBlobCommitmentsPerBlock, MaxBlsToExecutionChanges, MaxDeposits,
    MaxProposerSlashings, MaxVoluntaryExits,
};
use crate::types::{
    Attestation, AttesterSlashing, BeaconBlock, BeaconBlockBody, BlsSignature, Deposit, Eth1Data, ExecutionPayload,
    ExecutionPayloadHeader, ExecutionRequests, KzgCommitment, ProposerSlashing, SignedBlsToExecutionChange,
    SignedVoluntaryExit, Slot, SyncAggregate, ValidatorIndex,
};

container! {
    /// Beacon API `BlindedBeaconBlockBody`: as `BeaconBlockBody` but for the payload. From bellatrix on.
    pub struct BlindedBeaconBlockBody {
        pub randao_reveal: BlsSignature,
        pub eth1_data: Eth1Data,
        pub graffiti: Root,
        pub proposer_slashings: List<ProposerSlashing, MaxProposerSlashings>,
        pub attester_slashings: List<AttesterSlashing, MaxAttesterSlashings>,
        pub attestations: List<Attestation, MaxAttestations>,
        pub deposits: List<Deposit, MaxDeposits>,
        pub voluntary_exits: List<SignedVoluntaryExit, MaxVoluntaryExits>,
        pub sync_aggregate: SyncAggregate = Fork::Altair..,
        pub execution_payload_header: ExecutionPayloadHeader = Fork::Bellatrix..,
        pub bls_to_execution_changes: List<SignedBlsToExecutionChange, MaxBlsToExecutionChanges> = Fork::Capella..,
        pub blob_kzg_commitments: List<KzgCommitment, MaxBlobCommitmentsPerBlock> = Fork::Deneb..,
        pub execution_requests: ExecutionRequests = Fork::Electra..,
    }
}

container! {
    /// Beacon API `BlindedBeaconBlock`.
    pub struct BlindedBeaconBlock {
        pub slot: Slot,
        pub proposer_index: ValidatorIndex,
        pub parent_root: Root,
        pub state_root: Root,
        pub body: BlindedBeaconBlockBody,
    }
}

container! {
    /// Beacon API `SignedBlindedBeaconBlock`.
    pub struct SignedBlindedBeaconBlock {
        pub message: BlindedBeaconBlock,
        pub signature: BlsSignature,
    }
}

/// Moves the fields of a body into the other kind of body, all but the payload.
macro_rules! body_with {
    ($kind:ident, $body:expr, $payload:ident: $value:expr) => {{
        let body = $body;
        $kind {
            randao_reveal: body.randao_reveal,
            eth1_data: body.eth1_data,
            graffiti: body.graffiti,
            proposer_slashings: body.proposer_slashings,
            attester_slashings: body.attester_slashings,
            attestations: body.attestations,
            deposits: body.deposits,
            voluntary_exits: body.voluntary_exits,
            sync_aggregate: body.sync_aggregate,
            $payload: $value,
            bls_to_execution_changes: body.bls_to_execution_changes,
            blob_kzg_commitments: body.blob_kzg_commitments,
            execution_requests: body.execution_requests,
        }
    }};
}

impl BlindedBeaconBlock {
    /// A block with this header in its payload's place; the header must be that payload's.
    pub fn of(block: BeaconBlock, header: ExecutionPayloadHeader) -> Self {
        let BeaconBlock { slot, proposer_index, parent_root, state_root, body } = block;
        let body = body_with!(BlindedBeaconBlockBody, body, execution_payload_header: header);
        Self { slot, proposer_index, parent_root, state_root, body }
    }

    /// The whole block.
    pub fn with_payload(self, payload: ExecutionPayload) -> BeaconBlock {
        let Self { slot, proposer_index, parent_root, state_root, body } = self;
        let body = body_with!(BeaconBlockBody, body, execution_payload: payload);
        BeaconBlock { slot, proposer_index, parent_root, state_root, body }
    }
}
