//! The containers that deneb adds or changes: `specs/deneb/beacon-chain.md`, `p2p-interface.md` and `light-client/`.

use super::altair::{FINALITY_BRANCH, SYNC_COMMITTEE_BRANCH, SyncAggregate, SyncCommittee};
use super::bellatrix::{MAX_BYTES_PER_TRANSACTION, MAX_TRANSACTIONS_PER_PAYLOAD};
use super::capella::{
    EXECUTION_BRANCH, HistoricalSummary, MAX_BLS_TO_EXECUTION_CHANGES, SignedBlsToExecutionChange, Withdrawal,
};
use super::phase0::{
    Attestation, AttesterSlashing, BeaconBlockHeader, Checkpoint, Deposit, Eth1Data, Fork, HISTORICAL_ROOTS_LIMIT,
    JUSTIFICATION_BITS_LENGTH, MAX_ATTESTATIONS, MAX_ATTESTER_SLASHINGS, MAX_DEPOSITS, MAX_PROPOSER_SLASHINGS,
    MAX_VOLUNTARY_EXITS, ProposerSlashing, Root, Signature, SignedBeaconBlockHeader, SignedVoluntaryExit,
    VALIDATOR_REGISTRY_LIMIT, Validator,
};
use super::random::mirror;
use ssz_rs::prelude::*;

pub const MAX_BLOB_COMMITMENTS_PER_BLOCK: usize = 4096;
const BYTES_PER_BLOB: usize = 32 * 4096;
const KZG_COMMITMENT_INCLUSION_PROOF_DEPTH: usize = 17;

/// A commitment or a proof.
pub type Commitment = Vector<u8, 48>;

mirror! {
    #[derive(Clone, Default, SimpleSerialize)]
    pub struct ExecutionPayload<const MAX_WITHDRAWALS: usize> {
        parent_hash: Root,
        fee_recipient: [u8; 20],
        state_root: Root,
        receipts_root: Root,
        logs_bloom: Vector<u8, 256>,
        prev_randao: Root,
        block_number: u64,
        gas_limit: u64,
        gas_used: u64,
        timestamp: u64,
        extra_data: List<u8, 32>,
        base_fee_per_gas: U256,
        block_hash: Root,
        transactions: List<List<u8, MAX_BYTES_PER_TRANSACTION>, MAX_TRANSACTIONS_PER_PAYLOAD>,
        withdrawals: List<Withdrawal, MAX_WITHDRAWALS>,
        blob_gas_used: u64,
        excess_blob_gas: u64,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct ExecutionPayloadHeader {
        parent_hash: Root,
        fee_recipient: [u8; 20],
        state_root: Root,
        receipts_root: Root,
        logs_bloom: Vector<u8, 256>,
        prev_randao: Root,
        block_number: u64,
        gas_limit: u64,
        gas_used: u64,
        timestamp: u64,
        extra_data: List<u8, 32>,
        base_fee_per_gas: U256,
        block_hash: Root,
        transactions_root: Root,
        withdrawals_root: Root,
        blob_gas_used: u64,
        excess_blob_gas: u64,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct BeaconBlockBody<const SYNC_COMMITTEE_SIZE: usize, const MAX_WITHDRAWALS: usize> {
        randao_reveal: Signature,
        eth1_data: Eth1Data,
        graffiti: [u8; 32],
        proposer_slashings: List<ProposerSlashing, MAX_PROPOSER_SLASHINGS>,
        attester_slashings: List<AttesterSlashing, MAX_ATTESTER_SLASHINGS>,
        attestations: List<Attestation, MAX_ATTESTATIONS>,
        deposits: List<Deposit, MAX_DEPOSITS>,
        voluntary_exits: List<SignedVoluntaryExit, MAX_VOLUNTARY_EXITS>,
        sync_aggregate: SyncAggregate<SYNC_COMMITTEE_SIZE>,
        execution_payload: ExecutionPayload<MAX_WITHDRAWALS>,
        bls_to_execution_changes: List<SignedBlsToExecutionChange, MAX_BLS_TO_EXECUTION_CHANGES>,
        blob_kzg_commitments: List<Commitment, MAX_BLOB_COMMITMENTS_PER_BLOCK>,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct BeaconBlock<const SYNC_COMMITTEE_SIZE: usize, const MAX_WITHDRAWALS: usize> {
        slot: u64,
        proposer_index: u64,
        parent_root: Root,
        state_root: Root,
        body: BeaconBlockBody<SYNC_COMMITTEE_SIZE, MAX_WITHDRAWALS>,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct SignedBeaconBlock<const SYNC_COMMITTEE_SIZE: usize, const MAX_WITHDRAWALS: usize> {
        message: BeaconBlock<SYNC_COMMITTEE_SIZE, MAX_WITHDRAWALS>,
        signature: Signature,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct BeaconState<const SLOTS_PER_HISTORICAL_ROOT: usize, const ETH1_DATA_VOTES: usize, const EPOCHS_PER_HISTORICAL_VECTOR: usize, const EPOCHS_PER_SLASHINGS_VECTOR: usize, const SYNC_COMMITTEE_SIZE: usize> {
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
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct BlobSidecar {
        index: u64,
        blob: Vector<u8, BYTES_PER_BLOB>,
        kzg_commitment: Commitment,
        kzg_proof: Commitment,
        signed_block_header: SignedBeaconBlockHeader,
        kzg_commitment_inclusion_proof: Vector<Root, KZG_COMMITMENT_INCLUSION_PROOF_DEPTH>,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct BlobSidecarsByRangeRequest { start_slot: u64, count: u64 }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct BlobIdentifier {
        block_root: Root,
        index: u64,
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
