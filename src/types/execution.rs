//! Execution payloads and what consensus takes from them: withdrawals, requests.

use super::{
    BlsPubkey, BlsSignature, ExecutionAddress, ForkName, Gwei, Hash32, LogsBloom, Root, ValidatorIndex,
    WithdrawalIndex,
    limits::{
        MaxBytesPerTransaction, MaxConsolidationRequestsPerPayload, MaxDepositRequestsPerPayload, MaxExtraDataBytes,
        MaxTransactionsPerPayload, MaxWithdrawalRequestsPerPayload, MaxWithdrawalsPerPayload,
    },
};
use crate::{
    container,
    ssz::{ByteList, List, Uint256},
};

/// bellatrix `Transaction`: opaque bytes.
pub type Transaction = ByteList<MaxBytesPerTransaction>;

container! {
    /// bellatrix `ExecutionPayload`, with what capella and deneb added.
    pub struct ExecutionPayload {
        pub parent_hash: Hash32,
        pub fee_recipient: ExecutionAddress,
        pub state_root: Root,
        pub receipts_root: Root,
        pub logs_bloom: LogsBloom,
        pub prev_randao: Root,
        pub block_number: u64,
        pub gas_limit: u64,
        pub gas_used: u64,
        pub timestamp: u64,
        pub extra_data: ByteList<MaxExtraDataBytes>,
        pub base_fee_per_gas: Uint256,
        pub block_hash: Hash32,
        pub transactions: List<Transaction, MaxTransactionsPerPayload>,
        pub withdrawals: List<Withdrawal, MaxWithdrawalsPerPayload> = ForkName::Capella..,
        pub blob_gas_used: u64 = ForkName::Deneb..,
        pub excess_blob_gas: u64 = ForkName::Deneb..,
    }
}

container! {
    /// bellatrix `ExecutionPayloadHeader`, with what capella and deneb added.
    pub struct ExecutionPayloadHeader {
        pub parent_hash: Hash32,
        pub fee_recipient: ExecutionAddress,
        pub state_root: Root,
        pub receipts_root: Root,
        pub logs_bloom: LogsBloom,
        pub prev_randao: Root,
        pub block_number: u64,
        pub gas_limit: u64,
        pub gas_used: u64,
        pub timestamp: u64,
        pub extra_data: ByteList<MaxExtraDataBytes>,
        pub base_fee_per_gas: Uint256,
        pub block_hash: Hash32,
        pub transactions_root: Root,
        pub withdrawals_root: Root = ForkName::Capella..,
        pub blob_gas_used: u64 = ForkName::Deneb..,
        pub excess_blob_gas: u64 = ForkName::Deneb..,
    }
}

container! {
    /// bellatrix fork choice `PowBlock`: a block of the chain before the merge.
    #[derive(Copy)]
    pub struct PowBlock {
        pub block_hash: Hash32,
        pub parent_hash: Hash32,
        pub total_difficulty: Uint256,
    }
}

container! {
    /// capella `Withdrawal`.
    #[derive(Copy)]
    pub struct Withdrawal {
        pub index: WithdrawalIndex,
        pub validator_index: ValidatorIndex,
        pub address: ExecutionAddress,
        pub amount: Gwei,
    }
}

container! {
    /// electra `DepositRequest`.
    #[derive(Copy)]
    pub struct DepositRequest {
        pub pubkey: BlsPubkey,
        pub withdrawal_credentials: Root,
        pub amount: Gwei,
        pub signature: BlsSignature,
        pub index: u64,
    }
}

container! {
    /// electra `WithdrawalRequest`.
    #[derive(Copy)]
    pub struct WithdrawalRequest {
        pub source_address: ExecutionAddress,
        pub validator_pubkey: BlsPubkey,
        pub amount: Gwei,
    }
}

container! {
    /// electra `ConsolidationRequest`.
    #[derive(Copy)]
    pub struct ConsolidationRequest {
        pub source_address: ExecutionAddress,
        pub source_pubkey: BlsPubkey,
        pub target_pubkey: BlsPubkey,
    }
}

container! {
    /// electra `ExecutionRequests`.
    pub struct ExecutionRequests {
        pub deposits: List<DepositRequest, MaxDepositRequestsPerPayload>,
        pub withdrawals: List<WithdrawalRequest, MaxWithdrawalRequestsPerPayload>,
        pub consolidations: List<ConsolidationRequest, MaxConsolidationRequestsPerPayload>,
    }
}
