//! The beacon state and its blocks.

use super::{
    Attestation, AttesterSlashing, BlsSignature, Checkpoint, Deposit, Epoch, Eth1Data, ExecutionPayload,
    ExecutionPayloadHeader, ExecutionRequests, Fork, ForkName, Gwei, HistoricalSummary, KzgCommitment,
    ParticipationFlags, PendingAttestation, PendingConsolidation, PendingDeposit, PendingPartialWithdrawal,
    ProposerSlashing, Root, SignedBlsToExecutionChange, SignedVoluntaryExit, Slot, StateCache, SyncAggregate,
    SyncCommittee, Validator, ValidatorIndex, WithdrawalIndex,
    limits::{
        EpochsPerHistoricalVector, EpochsPerSlashingsVector, Eth1DataVotesLimit, HistoricalRootsLimit,
        JustificationBitsLength, MaxAttestations, MaxAttesterSlashings, MaxBlobCommitmentsPerBlock,
        MaxBlsToExecutionChanges, MaxDeposits, MaxProposerSlashings, MaxVoluntaryExits, PendingAttestationsLimit,
        PendingConsolidationsLimit, PendingDepositsLimit, PendingPartialWithdrawalsLimit, ProposerLookaheadLength,
        SlotsPerHistoricalRoot, ValidatorRegistryLimit,
    },
};
use crate::{
    container,
    ssz::{BitVector, List, Vector},
};

container! {
    /// phase0 `BeaconBlockHeader`.
    #[derive(Copy)]
    pub struct BeaconBlockHeader {
        pub slot: Slot,
        pub proposer_index: ValidatorIndex,
        pub parent_root: Root,
        pub state_root: Root,
        pub body_root: Root,
    }
}

container! {
    /// phase0 `BeaconBlockBody`, with what each fork added.
    pub struct BeaconBlockBody {
        pub randao_reveal: BlsSignature,
        pub eth1_data: Eth1Data,
        pub graffiti: Root,
        pub proposer_slashings: List<ProposerSlashing, MaxProposerSlashings>,
        pub attester_slashings: List<AttesterSlashing, MaxAttesterSlashings>,
        pub attestations: List<Attestation, MaxAttestations>,
        pub deposits: List<Deposit, MaxDeposits>,
        pub voluntary_exits: List<SignedVoluntaryExit, MaxVoluntaryExits>,
        pub sync_aggregate: SyncAggregate = ForkName::Altair..,
        pub execution_payload: ExecutionPayload = ForkName::Bellatrix..,
        pub bls_to_execution_changes: List<SignedBlsToExecutionChange, MaxBlsToExecutionChanges> = ForkName::Capella..,
        pub blob_kzg_commitments: List<KzgCommitment, MaxBlobCommitmentsPerBlock> = ForkName::Deneb..,
        pub execution_requests: ExecutionRequests = ForkName::Electra..,
    }
}

container! {
    /// phase0 `BeaconBlock`.
    pub struct BeaconBlock {
        pub slot: Slot,
        pub proposer_index: ValidatorIndex,
        pub parent_root: Root,
        pub state_root: Root,
        pub body: BeaconBlockBody,
    }
}

container! {
    /// phase0 `SignedBeaconBlock`.
    pub struct SignedBeaconBlock {
        pub message: BeaconBlock,
        pub signature: BlsSignature,
    }
}

container! {
    /// phase0 `BeaconState`, with what each fork added.
    pub struct BeaconState {
        pub genesis_time: u64,
        pub genesis_validators_root: Root,
        pub slot: Slot,
        pub fork: Fork,
        pub latest_block_header: BeaconBlockHeader,
        pub block_roots: Vector<Root, SlotsPerHistoricalRoot>,
        pub state_roots: Vector<Root, SlotsPerHistoricalRoot>,
        pub historical_roots: List<Root, HistoricalRootsLimit>,
        pub eth1_data: Eth1Data,
        pub eth1_data_votes: List<Eth1Data, Eth1DataVotesLimit>,
        pub eth1_deposit_index: u64,
        pub validators: List<Validator, ValidatorRegistryLimit>,
        pub balances: List<Gwei, ValidatorRegistryLimit>,
        pub randao_mixes: Vector<Root, EpochsPerHistoricalVector>,
        pub slashings: Vector<Gwei, EpochsPerSlashingsVector>,
        pub previous_epoch_attestations: List<PendingAttestation, PendingAttestationsLimit> = ..ForkName::Altair,
        pub current_epoch_attestations: List<PendingAttestation, PendingAttestationsLimit> = ..ForkName::Altair,
        pub previous_epoch_participation: List<ParticipationFlags, ValidatorRegistryLimit> = ForkName::Altair..,
        pub current_epoch_participation: List<ParticipationFlags, ValidatorRegistryLimit> = ForkName::Altair..,
        pub justification_bits: BitVector<JustificationBitsLength>,
        pub previous_justified_checkpoint: Checkpoint,
        pub current_justified_checkpoint: Checkpoint,
        pub finalized_checkpoint: Checkpoint,
        pub inactivity_scores: List<u64, ValidatorRegistryLimit> = ForkName::Altair..,
        pub current_sync_committee: SyncCommittee = ForkName::Altair..,
        pub next_sync_committee: SyncCommittee = ForkName::Altair..,
        pub latest_execution_payload_header: ExecutionPayloadHeader = ForkName::Bellatrix..,
        pub next_withdrawal_index: WithdrawalIndex = ForkName::Capella..,
        pub next_withdrawal_validator_index: ValidatorIndex = ForkName::Capella..,
        pub historical_summaries: List<HistoricalSummary, HistoricalRootsLimit> = ForkName::Capella..,
        pub deposit_requests_start_index: u64 = ForkName::Electra..,
        pub deposit_balance_to_consume: Gwei = ForkName::Electra..,
        pub exit_balance_to_consume: Gwei = ForkName::Electra..,
        pub earliest_exit_epoch: Epoch = ForkName::Electra..,
        pub consolidation_balance_to_consume: Gwei = ForkName::Electra..,
        pub earliest_consolidation_epoch: Epoch = ForkName::Electra..,
        pub pending_deposits: List<PendingDeposit, PendingDepositsLimit> = ForkName::Electra..,
        pub pending_partial_withdrawals: List<PendingPartialWithdrawal, PendingPartialWithdrawalsLimit> = ForkName::Electra..,
        pub pending_consolidations: List<PendingConsolidation, PendingConsolidationsLimit> = ForkName::Electra..,
        pub proposer_lookahead: Vector<ValidatorIndex, ProposerLookaheadLength> = ForkName::Fulu..,
    }
    beside cache: StateCache
}
