//! The execution layer's block header, and the block hash of a payload: keccak256 of the header's RLP.
//!
//! Spec: bellatrix `is_valid_block_hash`; the headers of EIP-3675, EIP-4399, EIP-4895, EIP-4844, EIP-4788 and EIP-7685.

use super::call::NewPayload;
use super::requests::requests_hash;
use super::trie::ordered_trie_root;
use crate::crypto::keccak256;
use crate::crypto::rlp::{self, Fields, RlpError};
use crate::ssz::{Bytes, Fork, Root, Uint256};
use crate::types::{ExecutionAddress, Hash32, LogsBloom, Withdrawal};

/// `Keccak256(RLP([]))`: every block since the merge has no ommers.
pub const EMPTY_OMMERS_HASH: Hash32 = Bytes([
    0x1d, 0xcc, 0x4d, 0xe8, 0xde, 0xc7, 0x5d, 0x7a, 0xab, 0x85, 0xb5, 0x67, 0xb6, 0xcc, 0xd4, 0x1a, 0xd3, 0x12, 0x45,
    0x1b, 0x94, 0x8a, 0x74, 0x13, 0xf0, 0xa1, 0x42, 0xfd, 0x40, 0xd4, 0x93, 0x47,
]);

/// A header since London (EIP-1559): of the proof-of-work chain before the merge, and of every payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub parent_hash: Hash32,
    pub ommers_hash: Hash32,
    pub fee_recipient: ExecutionAddress,
    pub state_root: Root,
    pub transactions_root: Root,
    pub receipts_root: Root,
    pub logs_bloom: LogsBloom,
    /// Zero since the merge.
    pub difficulty: Uint256,
    pub number: u64,
    pub gas_limit: u64,
    pub gas_used: u64,
    /// Unix seconds.
    pub timestamp: u64,
    pub extra_data: Vec<u8>,
    /// Since the merge: `prev_randao`.
    pub mix_hash: Root,
    /// Zero since the merge.
    pub nonce: Bytes<8>,
    /// Wei.
    pub base_fee_per_gas: Uint256,
    /// From capella on.
    pub withdrawals_root: Option<Root>,
    /// From deneb on.
    pub blob_gas_used: Option<u64>,
    /// From deneb on.
    pub excess_blob_gas: Option<u64>,
    /// From deneb on.
    pub parent_beacon_block_root: Option<Root>,
    /// From electra on.
    pub requests_hash: Option<Root>,
}

impl Header {
    /// The header of a block with this payload.
    pub fn of_payload(asked: &NewPayload) -> Self {
        let payload = &asked.payload;
        let since = |fork: Fork| asked.fork >= fork;
        Self {
            parent_hash: payload.parent_hash,
            ommers_hash: EMPTY_OMMERS_HASH,
            fee_recipient: payload.fee_recipient,
            state_root: payload.state_root,
            transactions_root: ordered_trie_root(payload.transactions.iter().map(|bytes| &**bytes)),
            receipts_root: payload.receipts_root,
            logs_bloom: payload.logs_bloom,
            difficulty: Uint256::ZERO,
            number: payload.block_number,
            gas_limit: payload.gas_limit,
            gas_used: payload.gas_used,
            timestamp: payload.timestamp,
            extra_data: payload.extra_data.to_vec(),
            mix_hash: payload.prev_randao,
            nonce: Bytes::ZERO,
            base_fee_per_gas: payload.base_fee_per_gas,
            withdrawals_root: since(Fork::Capella).then(|| withdrawals_root(payload.withdrawals.iter())),
            blob_gas_used: since(Fork::Deneb).then_some(payload.blob_gas_used),
            excess_blob_gas: since(Fork::Deneb).then_some(payload.excess_blob_gas),
            parent_beacon_block_root: since(Fork::Deneb).then_some(asked.parent_beacon_block_root),
            requests_hash: since(Fork::Electra).then(|| requests_hash(&asked.execution_requests)),
        }
    }

    /// The block's hash.
    pub fn hash(&self) -> Hash32 {
        keccak256(&self.rlp())
    }

    /// The header's RLP. Fields that later forks added end it at the first that is absent.
    pub fn rlp(&self) -> Vec<u8> {
        let mut list = rlp::List::default()
            .bytes(&self.parent_hash.0)
            .bytes(&self.ommers_hash.0)
            .bytes(&self.fee_recipient.0)
            .bytes(&self.state_root.0)
            .bytes(&self.transactions_root.0)
            .bytes(&self.receipts_root.0)
            .bytes(&self.logs_bloom.0)
            .uint256(&self.difficulty)
            .number(self.number)
            .number(self.gas_limit)
            .number(self.gas_used)
            .number(self.timestamp)
            .bytes(&self.extra_data)
            .bytes(&self.mix_hash.0)
            .bytes(&self.nonce.0)
            .uint256(&self.base_fee_per_gas);
        if let Some(root) = &self.withdrawals_root {
            list = list.bytes(&root.0);
        }
        if let (Some(used), Some(excess), Some(root)) =
            (self.blob_gas_used, self.excess_blob_gas, &self.parent_beacon_block_root)
        {
            list = list.number(used).number(excess).bytes(&root.0);
        }
        if let Some(hash) = &self.requests_hash {
            list = list.bytes(&hash.0);
        }
        list.finish()
    }
}

/// The block hash that a payload should have: `Keccak256(RLP(ExecutionBlockHeader))`.
pub fn block_hash(asked: &NewPayload) -> Hash32 {
    Header::of_payload(asked).hash()
}

/// EIP-4895 `withdrawals_root`.
pub fn withdrawals_root<'a>(withdrawals: impl Iterator<Item = &'a Withdrawal>) -> Root {
    ordered_trie_root(withdrawals.map(|withdrawal| {
        let list = rlp::List::default().number(withdrawal.index).number(withdrawal.validator_index);
        list.bytes(&withdrawal.address.0).number(withdrawal.amount).finish()
    }))
}

/// First byte of a blob transaction (EIP-4844).
pub const BLOB_TRANSACTION_TYPE: u8 = 0x03;

/// The versioned hashes of all blob transactions, in order (`engine_newPayloadV3`).
///
/// # Errors
/// A blob transaction that is none. Other kinds are not looked at.
pub fn versioned_hashes<'a>(transactions: impl Iterator<Item = &'a [u8]>) -> Result<Vec<Hash32>, RlpError> {
    let mut hashes = Vec::new();
    for transaction in transactions {
        if let Some((&BLOB_TRANSACTION_TYPE, body)) = transaction.split_first() {
            hashes.append(&mut blob_transaction_hashes(body)?);
        }
    }
    Ok(hashes)
}

/// `rlp([chain_id, nonce, max_priority_fee_per_gas, max_fee_per_gas, gas_limit, to, value, data, access_list,
/// max_fee_per_blob_gas, blob_versioned_hashes, y_parity, r, s])`.
fn blob_transaction_hashes(body: &[u8]) -> Result<Vec<Hash32>, RlpError> {
    let mut fields = Fields::of_list(body)?;
    for _ in 0..5 {
        fields.uint256()?;
    }
    fields.array::<20>()?;
    fields.uint256()?;
    fields.bytes()?;
    fields.list()?;
    fields.uint256()?;
    let mut list = fields.list()?;
    let mut hashes = Vec::new();
    while !list.is_empty() {
        hashes.push(Bytes(list.array()?));
    }
    for _ in 0..3 {
        fields.uint256()?;
    }
    fields.end()?;
    Ok(hashes)
}
