//! Blocks as `eth_getBlockByHash` and `eth_getBlockByNumber` give them.

use super::JsonRpcError;
use super::value::{data, data_from, field, optional, quantity, quantity_from, quantity256, quantity256_from};
use crate::engine::header::Header;
use crate::ssz::{ByteList, Json, JsonError, Preset, Shape, Uint256};
use crate::types::{Hash32, PowBlock, limits::MaxExtraDataBytes};
use serde_json::{Value, json};

/// The header's members; transactions, withdrawals and the like are for the caller to add.
pub fn header_to(header: &Header, hash: &Hash32) -> Value {
    let mut out = json!({
        "number": quantity(header.number),
        "hash": data(hash),
        "parentHash": data(header.parent_hash),
        "sha3Uncles": data(header.ommers_hash),
        "miner": data(header.fee_recipient),
        "stateRoot": data(header.state_root),
        "transactionsRoot": data(header.transactions_root),
        "receiptsRoot": data(header.receipts_root),
        "logsBloom": data(header.logs_bloom),
        "difficulty": quantity256(&header.difficulty),
        "gasLimit": quantity(header.gas_limit),
        "gasUsed": quantity(header.gas_used),
        "timestamp": quantity(header.timestamp),
        "extraData": data(&header.extra_data),
        "mixHash": data(header.mix_hash),
        "nonce": data(header.nonce),
        "baseFeePerGas": quantity256(&header.base_fee_per_gas),
    });
    let later = [
        ("withdrawalsRoot", header.withdrawals_root.map(data)),
        ("blobGasUsed", header.blob_gas_used.map(quantity)),
        ("excessBlobGas", header.excess_blob_gas.map(quantity)),
        ("parentBeaconBlockRoot", header.parent_beacon_block_root.map(data)),
        ("requestsHash", header.requests_hash.map(data)),
    ];
    for (key, value) in later {
        if let Some(value) = value {
            out[key] = value;
        }
    }
    out
}

/// Reads a block's header, and the hash that it says it has.
///
/// # Errors
/// A block before London (it has no base fee), or what is no block at all.
pub fn header_from(block: &Value) -> Result<(Header, Hash32), JsonRpcError> {
    // Only the limit of the extra data is taken from the shape: the same in every preset and fork.
    let shape = Shape::new(crate::ssz::Fork::Bellatrix, Preset::mainnet());
    let extra = |value: &Value| <ByteList<MaxExtraDataBytes>>::from_json(shape, value);
    let header = Header {
        parent_hash: field(block, "parentHash", data_from)?,
        ommers_hash: field(block, "sha3Uncles", data_from)?,
        fee_recipient: field(block, "miner", data_from)?,
        state_root: field(block, "stateRoot", data_from)?,
        transactions_root: field(block, "transactionsRoot", data_from)?,
        receipts_root: field(block, "receiptsRoot", data_from)?,
        logs_bloom: field(block, "logsBloom", data_from)?,
        difficulty: field(block, "difficulty", quantity256_from)?,
        number: field(block, "number", quantity_from)?,
        gas_limit: field(block, "gasLimit", quantity_from)?,
        gas_used: field(block, "gasUsed", quantity_from)?,
        timestamp: field(block, "timestamp", quantity_from)?,
        extra_data: field(block, "extraData", extra)?.to_vec(),
        mix_hash: field(block, "mixHash", data_from)?,
        nonce: field(block, "nonce", data_from)?,
        base_fee_per_gas: field(block, "baseFeePerGas", quantity256_from)?,
        withdrawals_root: optional(block, "withdrawalsRoot").map(data_from).transpose()?,
        blob_gas_used: optional(block, "blobGasUsed").map(quantity_from).transpose()?,
        excess_blob_gas: optional(block, "excessBlobGas").map(quantity_from).transpose()?,
        parent_beacon_block_root: optional(block, "parentBeaconBlockRoot").map(data_from).transpose()?,
        requests_hash: optional(block, "requestsHash").map(data_from).transpose()?,
    };
    Ok((header, field(block, "hash", data_from)?))
}

/// What fork choice wants of a block of the proof-of-work chain. An engine that keeps no total difficulty any more gives
/// blocks without; none of those is a terminal block, which zero says as well.
pub(in crate::engine) fn pow_block_from(block: &Value) -> Result<PowBlock, JsonError> {
    Ok(PowBlock {
        block_hash: field(block, "hash", data_from)?,
        parent_hash: field(block, "parentHash", data_from)?,
        total_difficulty: optional(block, "totalDifficulty")
            .map(quantity256_from)
            .transpose()?
            .unwrap_or(Uint256::ZERO),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::genesis::{genesis_header, proof_of_work_chain};
    use crate::ssz::Fork;

    #[test]
    fn headers_of_every_fork_are_read_back() {
        let mut headers = proof_of_work_chain(Uint256::from(17)).to_vec();
        headers.extend([Fork::Capella, Fork::Deneb, Fork::Fulu].map(|fork| genesis_header(fork, 5)));
        for header in headers {
            let block = header_to(&header, &header.hash());
            assert_eq!(header_from(&block), Ok((header.clone(), header.hash())));
        }
        assert!(header_from(&json!({"hash": "0x"})).is_err());
    }
}
