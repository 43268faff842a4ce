//! The containers that fulu adds or changes: `specs/fulu/beacon-chain.md`, `das-core.md`, `p2p-interface.md` and
//! `partial-columns/p2p-interface.md`.

use super::altair::{SYNC_COMMITTEE_SUBNET_COUNT, SyncCommittee};
use super::capella::HistoricalSummary;
use super::deneb::{Commitment, ExecutionPayloadHeader, MAX_BLOB_COMMITMENTS_PER_BLOCK};
use super::electra::{PENDING_DEPOSITS_LIMIT, PendingConsolidation, PendingDeposit, PendingPartialWithdrawal};
use super::phase0::{
    ATTESTATION_SUBNET_COUNT, BeaconBlockHeader, Checkpoint, Eth1Data, Fork, HISTORICAL_ROOTS_LIMIT,
    JUSTIFICATION_BITS_LENGTH, Root, SignedBeaconBlockHeader, VALIDATOR_REGISTRY_LIMIT, Validator,
};
use super::random::mirror;
use ssz_rs::prelude::*;

const BYTES_PER_CELL: usize = 32 * 64;
const NUMBER_OF_COLUMNS: usize = 128;
const KZG_COMMITMENTS_INCLUSION_PROOF_DEPTH: usize = 4;

mirror! {
    #[derive(Clone, Default, SimpleSerialize)]
    pub struct BeaconState<const SLOTS_PER_HISTORICAL_ROOT: usize, const ETH1_DATA_VOTES: usize, const EPOCHS_PER_HISTORICAL_VECTOR: usize, const EPOCHS_PER_SLASHINGS_VECTOR: usize, const SYNC_COMMITTEE_SIZE: usize, const PARTIALS: usize, const CONSOLIDATIONS: usize, const LOOKAHEAD: usize> {
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
        proposer_lookahead: Vector<u64, LOOKAHEAD>,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct DataColumnSidecar {
        index: u64,
        column: List<Vector<u8, BYTES_PER_CELL>, MAX_BLOB_COMMITMENTS_PER_BLOCK>,
        kzg_commitments: List<Commitment, MAX_BLOB_COMMITMENTS_PER_BLOCK>,
        kzg_proofs: List<Commitment, MAX_BLOB_COMMITMENTS_PER_BLOCK>,
        signed_block_header: SignedBeaconBlockHeader,
        kzg_commitments_inclusion_proof: Vector<Root, KZG_COMMITMENTS_INCLUSION_PROOF_DEPTH>,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct DataColumnSidecarsByRangeRequest { start_slot: u64, count: u64, columns: List<u64, NUMBER_OF_COLUMNS> }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct MatrixEntry {
        cell: Vector<u8, BYTES_PER_CELL>,
        kzg_proof: Commitment,
        column_index: u64,
        row_index: u64,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct DataColumnsByRootIdentifier {
        block_root: Root,
        columns: List<u64, NUMBER_OF_COLUMNS>,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct PartialDataColumnHeader {
        kzg_commitments: List<Commitment, MAX_BLOB_COMMITMENTS_PER_BLOCK>,
        signed_block_header: SignedBeaconBlockHeader,
        kzg_commitments_inclusion_proof: Vector<Root, KZG_COMMITMENTS_INCLUSION_PROOF_DEPTH>,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct PartialDataColumnSidecar {
        cells_present_bitmap: Bitlist<MAX_BLOB_COMMITMENTS_PER_BLOCK>,
        partial_column: List<Vector<u8, BYTES_PER_CELL>, MAX_BLOB_COMMITMENTS_PER_BLOCK>,
        kzg_proofs: List<Commitment, MAX_BLOB_COMMITMENTS_PER_BLOCK>,
        header: List<PartialDataColumnHeader, 1>,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct PartialDataColumnPartsMetadata {
        available: Bitlist<MAX_BLOB_COMMITMENTS_PER_BLOCK>,
        requests: Bitlist<MAX_BLOB_COMMITMENTS_PER_BLOCK>,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct PartialDataColumnGroupId {
        beacon_block_root: Root,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct Status {
        fork_digest: [u8; 4],
        finalized_root: Root,
        finalized_epoch: u64,
        head_root: Root,
        head_slot: u64,
        earliest_available_slot: u64,
    }

    #[derive(Clone, Default, SimpleSerialize)]
    pub struct MetaData {
        seq_number: u64,
        attnets: Bitvector<ATTESTATION_SUBNET_COUNT>,
        syncnets: Bitvector<SYNC_COMMITTEE_SUBNET_COUNT>,
        custody_group_count: u64,
    }
}
