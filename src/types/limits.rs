//! The lengths and limits that containers refer to, as functions of the shape.

crate::limits! {
    /// `AggregationBits` and `AttestingIndices`.
    MaxValidatorsPerCommittee = |s| s.preset.max_validators_per_committee;
    /// `Attestations` of a block.
    MaxAttestations = |s| s.preset.max_attestations;
    /// `AttesterSlashings` of a block.
    MaxAttesterSlashings = |s| s.preset.max_attester_slashings;
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
    /// Depth of `CURRENT_SYNC_COMMITTEE_GINDEX` and `NEXT_SYNC_COMMITTEE_GINDEX` until deneb.
    SyncCommitteeBranchDepth = |s| 5;
    /// Depth of `FINALIZED_ROOT_GINDEX` until deneb.
    FinalityBranchDepth = |s| 6;
}
