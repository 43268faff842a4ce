//! The containers that electra adds or changes: `specs/electra/beacon-chain.md`, `p2p-interface.md`, `validator.md` and
//! `light-client/`.

use super::altair::{SyncAggregate, SyncCommittee};
use super::capella::{EXECUTION_BRANCH, HistoricalSummary, MAX_BLS_TO_EXECUTION_CHANGES, SignedBlsToExecutionChange};
use super::deneb::{Commitment, ExecutionPayload, ExecutionPayloadHeader, MAX_BLOB_COMMITMENTS_PER_BLOCK};
use super::phase0::{
    AttestationData, BeaconBlockHeader, Checkpoint, Deposit, Eth1Data, Fork, HISTORICAL_ROOTS_LIMIT,
    JUSTIFICATION_BITS_LENGTH, MAX_DEPOSITS, MAX_PROPOSER_SLASHINGS, MAX_VOLUNTARY_EXITS, ProposerSlashing, Pubkey,
    Root, Signature, SignedVoluntaryExit, VALIDATOR_REGISTRY_LIMIT, Validator,
};
use super::random::mirror;
use ssz_rs::prelude::*;

const MAX_ATTESTER_SLASHINGS_ELECTRA: usize = 1;
const MAX_ATTESTATIONS_ELECTRA: usize = 8;
const MAX_DEPOSIT_REQUESTS: usize = 8192;
const MAX_WITHDRAWAL_REQUESTS: usize = 16;
const MAX_CONSOLIDATION_REQUESTS: usize = 2;
pub const PENDING_DEPOSITS_LIMIT: usize = 134_217_728;
/// `floorlog2` of the generalized indices 86 and 87.
const SYNC_COMMITTEE_BRANCH: usize = 6;
/// `floorlog2` of the generalized index 169.
const FINALITY_BRANCH: usize = 7;

mirror! {
    #[derive(Clone, Default, SimpleSerialize)]
    pub struct PendingDeposit {
        pubkey: Pubkey,
        withdrawal_credentials: Root,
        amount: u64,
        signature: Signature,
        slot: u64,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct PendingPartialWithdrawal {
        validator_index: u64,
        amount: u64,
        withdrawable_epoch: u64,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct PendingConsolidation {
        source_index: u64,
        target_index: u64,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct DepositRequest {
        pubkey: Pubkey,
        withdrawal_credentials: Root,
        amount: u64,
        signature: Signature,
        index: u64,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct WithdrawalRequest {
        source_address: [u8; 20],
        validator_pubkey: Pubkey,
        amount: u64,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct ConsolidationRequest {
        source_address: [u8; 20],
        source_pubkey: Pubkey,
        target_pubkey: Pubkey,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct ExecutionRequests {
        deposits: List<DepositRequest, MAX_DEPOSIT_REQUESTS>,
        withdrawals: List<WithdrawalRequest, MAX_WITHDRAWAL_REQUESTS>,
        consolidations: List<ConsolidationRequest, MAX_CONSOLIDATION_REQUESTS>,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct SingleAttestation {
        committee_index: u64,
        attester_index: u64,
        data: AttestationData,
        signature: Signature,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct Attestation<const ATTESTERS: usize, const COMMITTEES: usize> {
        aggregation_bits: Bitlist<ATTESTERS>,
        data: AttestationData,
        signature: Signature,
        committee_bits: Bitvector<COMMITTEES>,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct IndexedAttestation<const ATTESTERS: usize> {
        attesting_indices: List<u64, ATTESTERS>,
        data: AttestationData,
        signature: Signature,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct AttesterSlashing<const ATTESTERS: usize> {
        attestation_1: IndexedAttestation<ATTESTERS>,
        attestation_2: IndexedAttestation<ATTESTERS>,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct AggregateAndProof<const ATTESTERS: usize, const COMMITTEES: usize> {
        aggregator_index: u64,
        aggregate: Attestation<ATTESTERS, COMMITTEES>,
        selection_proof: Signature,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct SignedAggregateAndProof<const ATTESTERS: usize, const COMMITTEES: usize> {
        message: AggregateAndProof<ATTESTERS, COMMITTEES>,
        signature: Signature,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct BeaconBlockBody<const SYNC_COMMITTEE_SIZE: usize, const MAX_WITHDRAWALS: usize, const ATTESTERS: usize, const COMMITTEES: usize> {
        randao_reveal: Signature,
        eth1_data: Eth1Data,
        graffiti: [u8; 32],
        proposer_slashings: List<ProposerSlashing, MAX_PROPOSER_SLASHINGS>,
        attester_slashings: List<AttesterSlashing<ATTESTERS>, MAX_ATTESTER_SLASHINGS_ELECTRA>,
        attestations: List<Attestation<ATTESTERS, COMMITTEES>, MAX_ATTESTATIONS_ELECTRA>,
        deposits: List<Deposit, MAX_DEPOSITS>,
        voluntary_exits: List<SignedVoluntaryExit, MAX_VOLUNTARY_EXITS>,
        sync_aggregate: SyncAggregate<SYNC_COMMITTEE_SIZE>,
        execution_payload: ExecutionPayload<MAX_WITHDRAWALS>,
        bls_to_execution_changes: List<SignedBlsToExecutionChange, MAX_BLS_TO_EXECUTION_CHANGES>,
        blob_kzg_commitments: List<Commitment, MAX_BLOB_COMMITMENTS_PER_BLOCK>,
        execution_requests: ExecutionRequests,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct BeaconBlock<const SYNC_COMMITTEE_SIZE: usize, const MAX_WITHDRAWALS: usize, const ATTESTERS: usize, const COMMITTEES: usize> {
        slot: u64,
        proposer_index: u64,
        parent_root: Root,
        state_root: Root,
        body: BeaconBlockBody<SYNC_COMMITTEE_SIZE, MAX_WITHDRAWALS, ATTESTERS, COMMITTEES>,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct SignedBeaconBlock<const SYNC_COMMITTEE_SIZE: usize, const MAX_WITHDRAWALS: usize, const ATTESTERS: usize, const COMMITTEES: usize> {
        message: BeaconBlock<SYNC_COMMITTEE_SIZE, MAX_WITHDRAWALS, ATTESTERS, COMMITTEES>,
        signature: Signature,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct BeaconState<const SLOTS_PER_HISTORICAL_ROOT: usize, const ETH1_DATA_VOTES: usize, const EPOCHS_PER_HISTORICAL_VECTOR: usize, const EPOCHS_PER_SLASHINGS_VECTOR: usize, const SYNC_COMMITTEE_SIZE: usize, const PARTIALS: usize, const CONSOLIDATIONS: usize> {
        genesis_time: u64,
        genesis_validators_root: Root,
        slot: u64,
        fork: Fork,
        latest_block_header: BeaconBlockHeader,
        block_roots: Vector<Root, SLOTS_PER_HISTORICAL_ROOT>,
        state_roots: Vector<Root, SLOTS_PER_HISTORICAL_ROOT>,
        historical_roots: List<Root, HISTORICAL_ROOTS_LIMIT>,
        eth1_data: Eth1Data,
        eth1_data_votes: List<Eth1Data, ETH1_DATA_VOTES>,
        eth1_deposit_index: u64,
        validators: List<Validator, VALIDATOR_REGISTRY_LIMIT>,
        balances: List<u64, VALIDATOR_REGISTRY_LIMIT>,
        randao_mixes: Vector<Root, EPOCHS_PER_HISTORICAL_VECTOR>,
        slashings: Vector<u64, EPOCHS_PER_SLASHINGS_VECTOR>,
        previous_epoch_participation: List<u8, VALIDATOR_REGISTRY_LIMIT>,
        current_epoch_participation: List<u8, VALIDATOR_REGISTRY_LIMIT>,
        justification_bits: Bitvector<JUSTIFICATION_BITS_LENGTH>,
        previous_justified_checkpoint: Checkpoint,
        current_justified_checkpoint: Checkpoint,
        finalized_checkpoint: Checkpoint,
        inactivity_scores: List<u64, VALIDATOR_REGISTRY_LIMIT>,
        current_sync_committee: SyncCommittee<SYNC_COMMITTEE_SIZE>,
        next_sync_committee: SyncCommittee<SYNC_COMMITTEE_SIZE>,
        latest_execution_payload_header: ExecutionPayloadHeader,
        next_withdrawal_index: u64,
        next_withdrawal_validator_index: u64,
        historical_summaries: List<HistoricalSummary, HISTORICAL_ROOTS_LIMIT>,
        deposit_requests_start_index: u64,
        deposit_balance_to_consume: u64,
        exit_balance_to_consume: u64,
        earliest_exit_epoch: u64,
        consolidation_balance_to_consume: u64,
        earliest_consolidation_epoch: u64,
        pending_deposits: List<PendingDeposit, PENDING_DEPOSITS_LIMIT>,
        pending_partial_withdrawals: List<PendingPartialWithdrawal, PARTIALS>,
        pending_consolidations: List<PendingConsolidation, CONSOLIDATIONS>,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct LightClientHeader {
        beacon: BeaconBlockHeader,
        execution: ExecutionPayloadHeader,
        execution_branch: Vector<Root, EXECUTION_BRANCH>,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct LightClientBootstrap<const SYNC_COMMITTEE_SIZE: usize> {
        header: LightClientHeader,
        current_sync_committee: SyncCommittee<SYNC_COMMITTEE_SIZE>,
        current_sync_committee_branch: Vector<Root, SYNC_COMMITTEE_BRANCH>,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct LightClientUpdate<const SYNC_COMMITTEE_SIZE: usize> {
        attested_header: LightClientHeader,
        next_sync_committee: SyncCommittee<SYNC_COMMITTEE_SIZE>,
        next_sync_committee_branch: Vector<Root, SYNC_COMMITTEE_BRANCH>,
        finalized_header: LightClientHeader,
        finality_branch: Vector<Root, FINALITY_BRANCH>,
        sync_aggregate: SyncAggregate<SYNC_COMMITTEE_SIZE>,
        signature_slot: u64,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct LightClientFinalityUpdate<const SYNC_COMMITTEE_SIZE: usize> {
        attested_header: LightClientHeader,
        finalized_header: LightClientHeader,
        finality_branch: Vector<Root, FINALITY_BRANCH>,
        sync_aggregate: SyncAggregate<SYNC_COMMITTEE_SIZE>,
        signature_slot: u64,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct LightClientOptimisticUpdate<const SYNC_COMMITTEE_SIZE: usize> {
        attested_header: LightClientHeader,
        sync_aggregate: SyncAggregate<SYNC_COMMITTEE_SIZE>,
        signature_slot: u64,
    }
}
