//! Constants of the consensus specs that neither preset nor configuration changes.

use crate::ssz::Bytes;

/// The slot of genesis.
pub const GENESIS_SLOT: u64 = 0;
/// The epoch of genesis.
pub const GENESIS_EPOCH: u64 = 0;
/// An epoch that never comes.
pub const FAR_FUTURE_EPOCH: u64 = u64::MAX;
/// Basis points in a whole.
pub const BASIS_POINTS: u64 = 10_000;
/// Depth of the deposit contract's tree.
pub const DEPOSIT_CONTRACT_TREE_DEPTH: u64 = 32;
/// Bits of `justification_bits`.
pub const JUSTIFICATION_BITS_LENGTH: u64 = 4;
/// Reward components of an attestation (phase0).
pub const BASE_REWARDS_PER_EPOCH: u64 = 4;
/// First byte of BLS withdrawal credentials.
pub const BLS_WITHDRAWAL_PREFIX: u8 = 0x00;
/// First byte of execution address withdrawal credentials.
pub const ETH1_ADDRESS_WITHDRAWAL_PREFIX: u8 = 0x01;
/// First byte of withdrawal credentials that compound (electra).
pub const COMPOUNDING_WITHDRAWAL_PREFIX: u8 = 0x02;
/// No deposit request has been seen yet (electra).
pub const UNSET_DEPOSIT_REQUESTS_START_INDEX: u64 = u64::MAX;
/// Amount of a withdrawal request that asks for everything (electra).
pub const FULL_EXIT_REQUEST_AMOUNT: u64 = 0;
/// First byte of the list of deposit requests, as the Engine API carries it (electra).
pub const DEPOSIT_REQUEST_TYPE: u8 = 0x00;
/// First byte of the list of withdrawal requests (electra).
pub const WITHDRAWAL_REQUEST_TYPE: u8 = 0x01;
/// First byte of the list of consolidation requests (electra).
pub const CONSOLIDATION_REQUEST_TYPE: u8 = 0x02;
/// Bytes of a BLS field element (deneb).
pub const BYTES_PER_FIELD_ELEMENT: u64 = 32;
/// First byte of a blob's versioned hash (deneb).
pub const VERSIONED_HASH_VERSION_KZG: u8 = 0x01;
/// Subnets of attestations.
pub const ATTESTATION_SUBNET_COUNT: u64 = 64;
/// Subnets of sync committee messages.
pub const SYNC_COMMITTEE_SUBNET_COUNT: u64 = 4;
/// Blocks in one request, at most (until deneb).
pub const MAX_REQUEST_BLOCKS: u64 = 1024;
/// Aggregators a committee aims at.
pub const TARGET_AGGREGATORS_PER_COMMITTEE: u64 = 16;
/// Aggregators a sync subcommittee aims at.
pub const TARGET_AGGREGATORS_PER_SYNC_SUBCOMMITTEE: u64 = 16;

/// Index of the timely source flag.
pub const TIMELY_SOURCE_FLAG_INDEX: usize = 0;
/// Index of the timely target flag.
pub const TIMELY_TARGET_FLAG_INDEX: usize = 1;
/// Index of the timely head flag.
pub const TIMELY_HEAD_FLAG_INDEX: usize = 2;
/// Weight of the timely source flag.
pub const TIMELY_SOURCE_WEIGHT: u64 = 14;
/// Weight of the timely target flag.
pub const TIMELY_TARGET_WEIGHT: u64 = 26;
/// Weight of the timely head flag.
pub const TIMELY_HEAD_WEIGHT: u64 = 14;
/// Weight of sync committee rewards.
pub const SYNC_REWARD_WEIGHT: u64 = 2;
/// Weight of the proposer's reward.
pub const PROPOSER_WEIGHT: u64 = 8;
/// Sum of all weights.
pub const WEIGHT_DENOMINATOR: u64 = 64;
/// The weights of the three participation flags, by flag index.
pub const PARTICIPATION_FLAG_WEIGHTS: [u64; 3] = [TIMELY_SOURCE_WEIGHT, TIMELY_TARGET_WEIGHT, TIMELY_HEAD_WEIGHT];

/// Signature domain of blocks.
pub const DOMAIN_BEACON_PROPOSER: Bytes<4> = Bytes([0, 0, 0, 0]);
/// Signature domain of attestations.
pub const DOMAIN_BEACON_ATTESTER: Bytes<4> = Bytes([1, 0, 0, 0]);
/// Signature domain of randao reveals.
pub const DOMAIN_RANDAO: Bytes<4> = Bytes([2, 0, 0, 0]);
/// Signature domain of deposits.
pub const DOMAIN_DEPOSIT: Bytes<4> = Bytes([3, 0, 0, 0]);
/// Signature domain of voluntary exits.
pub const DOMAIN_VOLUNTARY_EXIT: Bytes<4> = Bytes([4, 0, 0, 0]);
/// Signature domain of aggregator selection.
pub const DOMAIN_SELECTION_PROOF: Bytes<4> = Bytes([5, 0, 0, 0]);
/// Signature domain of aggregates.
pub const DOMAIN_AGGREGATE_AND_PROOF: Bytes<4> = Bytes([6, 0, 0, 0]);
/// Signature domain of sync committee messages.
pub const DOMAIN_SYNC_COMMITTEE: Bytes<4> = Bytes([7, 0, 0, 0]);
/// Signature domain of sync aggregator selection.
pub const DOMAIN_SYNC_COMMITTEE_SELECTION_PROOF: Bytes<4> = Bytes([8, 0, 0, 0]);
/// Signature domain of sync contributions.
pub const DOMAIN_CONTRIBUTION_AND_PROOF: Bytes<4> = Bytes([9, 0, 0, 0]);
/// Signature domain of changes of withdrawal credentials.
pub const DOMAIN_BLS_TO_EXECUTION_CHANGE: Bytes<4> = Bytes([10, 0, 0, 0]);
