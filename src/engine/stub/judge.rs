//! What makes a payload invalid that can be told without executing it. State root, receipts root, gas used by
//! transactions and the excess of blob gas (its target is the execution client's own setting) are taken on trust.
//!
//! Spec: `paris.md` payload validation and `engine_newPayloadV1`, `cancun.md`; EIP-1559, EIP-3675, EIP-4844.

use super::chain::{Block, Chain};
use super::fees::{BlobGas, GAS_PER_BLOB, next_base_fee};
use crate::engine::call::NewPayload;
use crate::engine::header::{block_hash, versioned_hashes};
use crate::ssz::{Fork, Uint256};
use crate::types::Hash32;

/// EIP-1559: the gas limit changes by less than this part of the parent's.
const GAS_LIMIT_BOUND_DIVISOR: u64 = 1024;
/// The smallest gas limit.
const MIN_GAS_LIMIT: u64 = 5000;

/// What is wrong with a payload taken alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It does not have the hash that it says.
    Hash(String),
    /// Anything else.
    Content(String),
}

/// The checks that must be made whatever is known of the chain.
pub(super) fn alone(asked: &NewPayload) -> Result<(), Fault> {
    let payload = &asked.payload;
    if payload.transactions.iter().any(|bytes| bytes.is_empty()) {
        return Err(Fault::Content("a transaction of no bytes".into()));
    }
    let hash = block_hash(asked);
    if hash != payload.block_hash {
        return Err(Fault::Hash(format!("the payload says {}, its fields hash to {hash}", payload.block_hash)));
    }
    if asked.fork >= Fork::Deneb {
        let actual = versioned_hashes(payload.transactions.iter().map(|bytes| &**bytes));
        let actual = actual.map_err(|error| Fault::Content(format!("a blob transaction can't be read: {error}")))?;
        if actual != asked.versioned_hashes {
            let (actual, expected) = (actual.len(), asked.versioned_hashes.len());
            let why = format!("{actual} versioned hashes in transactions, {expected} expected, or other ones");
            return Err(Fault::Content(why));
        }
        if payload.blob_gas_used != GAS_PER_BLOB.saturating_mul(actual.len() as u64) {
            return Err(Fault::Content(format!("blob gas used is {}", payload.blob_gas_used)));
        }
    }
    Ok(())
}

/// The checks against the parent, which is valid.
pub(super) fn on_parent(asked: &NewPayload, parent: &Block, blob_gas: BlobGas) -> Result<(), String> {
    let (payload, before) = (&asked.payload, &parent.header);
    if Some(payload.block_number) != before.number.checked_add(1) {
        return Err(format!("number {} after {}", payload.block_number, before.number));
    }
    if payload.timestamp <= before.timestamp {
        return Err(format!("timestamp {} is not after the parent's {}", payload.timestamp, before.timestamp));
    }
    let bound = (before.gas_limit / GAS_LIMIT_BOUND_DIVISOR).max(1);
    if payload.gas_limit < MIN_GAS_LIMIT || payload.gas_limit.abs_diff(before.gas_limit) >= bound {
        return Err(format!("gas limit {} after {}", payload.gas_limit, before.gas_limit));
    }
    if payload.gas_used > payload.gas_limit {
        return Err(format!("gas used {} of {}", payload.gas_used, payload.gas_limit));
    }
    let base_fee = next_base_fee(before);
    if payload.base_fee_per_gas != base_fee {
        return Err(format!("base fee {}, expected {base_fee}", payload.base_fee_per_gas));
    }
    if asked.fork >= Fork::Deneb && payload.blob_gas_used > blob_gas.max.saturating_mul(GAS_PER_BLOB) {
        return Err(format!("blob gas used is {}, more than {} blobs", payload.blob_gas_used, blob_gas.max));
    }
    Ok(())
}

/// Whether a payload may follow this proof-of-work block: EIP-3675's transition block validity.
pub(super) fn is_terminal(chain: &Chain, block: &Block, difficulty: Uint256, hash: Hash32) -> bool {
    if !hash.is_zero() {
        return block.hash == hash;
    }
    let parent = chain.get(&block.header.parent_hash);
    let before = parent.map_or(Uint256::ZERO, |parent| parent.total_difficulty);
    block.total_difficulty >= difficulty && before < difficulty
}
