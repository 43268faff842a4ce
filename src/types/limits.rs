//! The lengths and limits that containers refer to, as functions of the shape.

use crate::ssz::Fork;

crate::limits! {
    /// `AggregationBits` and `AttestingIndices`: of one committee, from electra on of all committees of a slot.
    MaxValidatorsPerAttestation = |s| match s.fork < Fork::Electra {
        true => s.preset.max_validators_per_committee,
        false => s.preset.max_validators_per_committee * s.preset.max_committees_per_slot,
    };
    /// `CommitteeBits`.
    MaxCommitteesPerSlot = |s| s.preset.max_committees_per_slot;
    /// `Attestations` of a block.
    MaxAttestations = |s| match s.fork < Fork::Electra {
        true => s.preset.max_attestations,
        false => s.preset.max_attestations_electra,
    };
    /// `AttesterSlashings` of a block.
    MaxAttesterSlashings = |s| match s.fork < Fork::Electra {
        true => s.preset.max_attester_slashings,
        false => s.preset.max_attester_slashings_electra,
    };
    /// `ProposerSlashings` of a block.
    MaxProposerSlashings = |s| s.preset.max_proposer_slashings;
    /// `Deposits` of a block.
    MaxDeposits = |s| s.preset.max_deposits;
    /// `VoluntaryExits` of a block.
    MaxVoluntaryExits = |s| s.preset.max_voluntary_exits;
    /// `DEPOSIT_CONTRACT_TREE_DEPTH + 1`.
    DepositProofLength = |s| super::constants::DEPOSIT_CONTRACT_TREE_DEPTH + 1;
    /// `2**DEPOSIT_CONTRACT_TREE_DEPTH`: the deposits that a deposit root covers.
    DepositTreeLeaves = |s| 1 << super::constants::DEPOSIT_CONTRACT_TREE_DEPTH;
    /// `Validators`, `Balances` and what else has an entry a validator.
    ValidatorRegistryLimit = |s| s.preset.validator_registry_limit;
    /// `BlockRoots`, `StateRoots`.
    SlotsPerHistoricalRoot = |s| s.preset.slots_per_historical_root;
    /// `HistoricalRoots`.
    HistoricalRootsLimit = |s| s.preset.historical_roots_limit;
    /// `Eth1DataVotes`.
    Eth1DataVotesLimit = |s| s.preset.epochs_per_eth1_voting_period * s.preset.slots_per_epoch;
    /// `RandaoMixes`.
    EpochsPerHistoricalVector = |s| s.preset.epochs_per_historical_vector;
    /// `Slashings`.
    EpochsPerSlashingsVector = |s| s.preset.epochs_per_slashings_vector;
    /// `PendingAttestations`.
    PendingAttestationsLimit = |s| s.preset.max_attestations * s.preset.slots_per_epoch;
    /// `JUSTIFICATION_BITS_LENGTH`.
    JustificationBitsLength = |s| super::constants::JUSTIFICATION_BITS_LENGTH;
    /// `SyncCommitteePubkeys`, `SyncCommitteeBits`.
    SyncCommitteeSize = |s| s.preset.sync_committee_size;
    /// Members of one sync subcommittee.
    SyncSubcommitteeSize = |s| s.preset.sync_committee_size / super::constants::SYNC_COMMITTEE_SUBNET_COUNT;
    /// Subnets of attestations (`attnets`).
    AttestationSubnetCount = |s| super::constants::ATTESTATION_SUBNET_COUNT;
    /// Subnets of sync committee messages (`syncnets`).
    SyncCommitteeSubnetCount = |s| super::constants::SYNC_COMMITTEE_SUBNET_COUNT;
    /// Roots in one blocks-by-root request.
    MaxRequestBlocks = |s| super::constants::MAX_REQUEST_BLOCKS;
    /// Blob sidecars in one request, above what any network's configuration allows.
    MaxRequestBlobSidecars = |s| 1 << 14;
    /// Depth of `CURRENT_SYNC_COMMITTEE_GINDEX` and `NEXT_SYNC_COMMITTEE_GINDEX` (of electra: one more).
    SyncCommitteeBranchDepth = |s| if s.fork < Fork::Electra { 5 } else { 6 };
    /// Depth of `FINALIZED_ROOT_GINDEX` (of electra: one more).
    FinalityBranchDepth = |s| if s.fork < Fork::Electra { 6 } else { 7 };
    /// Depth of `EXECUTION_PAYLOAD_GINDEX`.
    ExecutionBranchDepth = |s| 4;
    /// `Transaction`, in bytes.
    MaxBytesPerTransaction = |s| s.preset.max_bytes_per_transaction;
    /// `Transactions`.
    MaxTransactionsPerPayload = |s| s.preset.max_transactions_per_payload;
    /// `ExtraData`, in bytes.
    MaxExtraDataBytes = |s| s.preset.max_extra_data_bytes;
    /// `Withdrawals`.
    MaxWithdrawalsPerPayload = |s| s.preset.max_withdrawals_per_payload;
    /// `BLSToExecutionChanges`.
    MaxBlsToExecutionChanges = |s| s.preset.max_bls_to_execution_changes;
    /// `BlobKZGCommitments`, `DataColumn`.
    MaxBlobCommitmentsPerBlock = |s| s.preset.max_blob_commitments_per_block;
    /// `Blob`, in bytes.
    BytesPerBlob = |s| super::constants::BYTES_PER_FIELD_ELEMENT * s.preset.field_elements_per_blob;
    /// `KZGCommitmentInclusionProof`.
    KzgCommitmentInclusionProofDepth = |s| s.preset.kzg_commitment_inclusion_proof_depth;
    /// `KZGCommitmentsInclusionProof`.
    KzgCommitmentsInclusionProofDepth = |s| s.preset.kzg_commitments_inclusion_proof_depth;
    /// `Cell`, in bytes.
    BytesPerCell = |s| super::constants::BYTES_PER_FIELD_ELEMENT * s.preset.field_elements_per_cell;
    /// `DataColumnIndices`.
    NumberOfColumns = |s| s.preset.number_of_columns;
    /// `DepositRequests`.
    MaxDepositRequestsPerPayload = |s| s.preset.max_deposit_requests_per_payload;
    /// `WithdrawalRequests`.
    MaxWithdrawalRequestsPerPayload = |s| s.preset.max_withdrawal_requests_per_payload;
    /// `ConsolidationRequests`.
    MaxConsolidationRequestsPerPayload = |s| s.preset.max_consolidation_requests_per_payload;
    /// `PendingDeposits`.
    PendingDepositsLimit = |s| s.preset.pending_deposits_limit;
    /// `PendingPartialWithdrawals`.
    PendingPartialWithdrawalsLimit = |s| s.preset.pending_partial_withdrawals_limit;
    /// `PendingConsolidations`.
    PendingConsolidationsLimit = |s| s.preset.pending_consolidations_limit;
    /// `ProposerLookahead`.
    ProposerLookaheadLength = |s| (s.preset.min_seed_lookahead + 1) * s.preset.slots_per_epoch;
    /// A list of at most one element, as the spec writes an optional one.
    One = |s| 1;
}
