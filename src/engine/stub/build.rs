//! Payloads that the stub builds: empty, or with one transaction that carries blobs.
//!
//! Spec: `paris.md` payload building; EIP-1559, EIP-4844, EIP-4895.

use super::blobs::{self, Known, TRANSACTION_GAS};
use super::chain::Block;
use super::fees::{BlobGas, GAS_PER_BLOB, next_base_fee};
use crate::crypto::kzg;
use crate::engine::call::{BuiltPayload, NewPayload, PayloadAttributes, PayloadId};
use crate::engine::header::block_hash;
use crate::engine::trie::ordered_trie_root;
use crate::ssz::{Bytes, Fork, sha256};
use crate::types::{ExecutionPayload, ExecutionRequests, Hash32, LogsBloom};
use std::sync::Arc;

/// A payload being built: what it is built from.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub fork: Fork,
    pub parent: Hash32,
    pub attributes: PayloadAttributes,
}

impl Job {
    /// The same for the same parent and attributes.
    pub fn id(&self) -> PayloadId {
        let attributes = &self.attributes;
        let mut all = self.parent.0.to_vec();
        all.extend_from_slice(&attributes.timestamp.to_be_bytes());
        all.extend_from_slice(&attributes.prev_randao.0);
        all.extend_from_slice(&attributes.suggested_fee_recipient.0);
        all.extend_from_slice(&attributes.parent_beacon_block_root.0);
        for withdrawal in &attributes.withdrawals {
            all.extend_from_slice(&withdrawal.index.to_be_bytes());
            all.extend_from_slice(&withdrawal.validator_index.to_be_bytes());
            all.extend_from_slice(&withdrawal.address.0);
            all.extend_from_slice(&withdrawal.amount.to_be_bytes());
        }
        let hash = sha256(&all);
        Bytes(*hash.0.first_chunk().expect("a hash has more than 8 bytes"))
    }

    /// The payload on `parent`, with these blobs, if any.
    pub fn build(
        &self,
        parent: &Block,
        blob_gas: BlobGas,
        chain_id: u64,
        blobs: &[Arc<Known>],
    ) -> Result<BuiltPayload, kzg::Error> {
        let before = &parent.header;
        let since = |fork: Fork| self.fork >= fork;
        let number = before.number.saturating_add(1);
        let mut payload = ExecutionPayload {
            parent_hash: self.parent,
            fee_recipient: self.attributes.suggested_fee_recipient,
            state_root: before.state_root,
            receipts_root: ordered_trie_root::<&[u8]>([]),
            logs_bloom: LogsBloom::ZERO,
            prev_randao: self.attributes.prev_randao,
            block_number: number,
            gas_limit: before.gas_limit,
            timestamp: self.attributes.timestamp,
            base_fee_per_gas: next_base_fee(before),
            excess_blob_gas: if since(Fork::Deneb) { blob_gas.excess(before) } else { 0 },
            ..ExecutionPayload::default()
        };
        if since(Fork::Capella) {
            payload.withdrawals = self.attributes.withdrawals.clone().into();
        }
        let versioned_hashes: Vec<Hash32> = blobs.iter().map(|blob| blob.versioned_hash).collect();
        if !blobs.is_empty() {
            payload.transactions.push(blobs::transaction(chain_id, number, &versioned_hashes));
            payload.gas_used = TRANSACTION_GAS;
            payload.receipts_root = blobs::receipts_root();
            payload.blob_gas_used = GAS_PER_BLOB.saturating_mul(blobs.len() as u64);
        }
        let mut asked = NewPayload {
            fork: self.fork,
            payload,
            versioned_hashes,
            parent_beacon_block_root: self.attributes.parent_beacon_block_root,
            execution_requests: ExecutionRequests::default(),
        };
        asked.payload.block_hash = block_hash(&asked);
        let mut built = BuiltPayload { payload: asked.payload, ..BuiltPayload::default() };
        for blob in blobs {
            built.commitments.push(blob.commitment);
            built.proofs.extend(blob.proofs(self.fork)?);
            built.blobs.push(blob.blob.clone());
        }
        Ok(built)
    }
}
