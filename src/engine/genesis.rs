//! Where an execution chain begins: the genesis block of a network that starts after the merge, the stub's and by
//! [`super::genesis_json`] every other engine's; a genesis block of somebody else's making; and the proof-of-work blocks
//! of a network that is to merge. All of it is a function of its arguments, so that a genesis state and the engines agree
//! without talking.

use super::alloc;
use super::header::{EMPTY_OMMERS_HASH, Header, withdrawals_root};
use super::json::{self, JsonRpcError};
use super::requests::requests_hash;
use super::trie::ordered_trie_root;
use crate::ssz::{Bytes, Fork, Shape, Ssz, Uint256};
use crate::types::{ExecutionPayload, ExecutionPayloadHeader, ExecutionRequests, Hash32, LogsBloom, PowBlock};
use serde_json::Value;

/// Gas limit of the first block.
const GAS_LIMIT: u64 = 30_000_000;
/// EIP-1559 `INITIAL_BASE_FEE`, wei.
const INITIAL_BASE_FEE: u64 = 1_000_000_000;
/// The terminal block follows the proof-of-work genesis block so many seconds later.
const TERMINAL_BLOCK_TIME: u64 = 1;

/// The header of the genesis block, as a genesis state of `shape` holds it; its timestamp is the genesis time (unix
/// seconds).
pub fn execution_genesis(shape: Shape, genesis_time: u64) -> ExecutionPayloadHeader {
    payload_header(shape, &genesis_header(shape.fork, genesis_time))
}

/// The block header of [`execution_genesis`].
pub(super) fn genesis_header(fork: Fork, timestamp: u64) -> Header {
    let empty = ordered_trie_root::<&[u8]>([]);
    let since = |later: Fork| fork >= later;
    Header {
        parent_hash: Hash32::ZERO,
        ommers_hash: EMPTY_OMMERS_HASH,
        fee_recipient: Bytes::ZERO,
        state_root: alloc::genesis_accounts().1,
        transactions_root: empty,
        receipts_root: empty,
        logs_bloom: LogsBloom::ZERO,
        difficulty: Uint256::ZERO,
        number: 0,
        gas_limit: GAS_LIMIT,
        gas_used: 0,
        timestamp,
        extra_data: Vec::new(),
        mix_hash: Bytes::ZERO,
        nonce: Bytes::ZERO,
        base_fee_per_gas: Uint256::from(INITIAL_BASE_FEE),
        withdrawals_root: since(Fork::Capella).then(|| withdrawals_root([].into_iter())),
        blob_gas_used: since(Fork::Deneb).then_some(0),
        excess_blob_gas: since(Fork::Deneb).then_some(0),
        parent_beacon_block_root: since(Fork::Deneb).then_some(Bytes::ZERO),
        requests_hash: since(Fork::Electra).then(|| requests_hash(&ExecutionRequests::default())),
    }
}

/// The proof-of-work chain of a network that is to merge, oldest first: a block without difficulty, then the terminal
/// block, which alone has the whole `terminal_total_difficulty`.
pub(super) fn proof_of_work_chain(terminal_total_difficulty: Uint256) -> [Header; 2] {
    let first = genesis_header(Fork::Bellatrix, 0);
    // Beyond 2^128 the spec's files mean "not decided", and no block is terminal with 0: such networks merge by
    // TERMINAL_BLOCK_HASH or not at all, so any difficulty will do.
    let reachable = !terminal_total_difficulty.is_zero() && terminal_total_difficulty.bit_len() <= 128;
    let second = Header {
        parent_hash: first.hash(),
        number: 1,
        timestamp: TERMINAL_BLOCK_TIME,
        difficulty: if reachable { terminal_total_difficulty } else { Uint256::from(1) },
        ..first.clone()
    };
    [first, second]
}

/// The terminal proof-of-work block that the stub offers on a network with this `TERMINAL_TOTAL_DIFFICULTY`. Its parent
/// has a total difficulty of 0. For a network that merges by `TERMINAL_BLOCK_HASH`, this block's hash is what that key
/// must be.
pub fn terminal_block(terminal_total_difficulty: Uint256) -> PowBlock {
    let [_, block] = proof_of_work_chain(terminal_total_difficulty);
    PowBlock { block_hash: block.hash(), parent_hash: block.parent_hash, total_difficulty: block.difficulty }
}

/// Why an engine's genesis block can't begin a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GenesisBlockError {
    /// Not a block as `eth_getBlockByNumber` gives it.
    #[error("the genesis block can't be read: {0}; give the result of eth_getBlockByNumber(\"0x0\", false)")]
    Malformed(String),
    /// Its own hash is not what its fields hash to.
    #[error(
        "the genesis block says its hash is {said}, but its fields hash to {computed}: a field that this program does not know?"
    )]
    Hash { said: Hash32, computed: Hash32 },
    /// A field of a later fork is missing, or one is there that the fork does not have.
    #[error("the genesis block is not of {fork}: {field}; the engine's fork times must agree with config.yaml")]
    OtherFork { fork: Fork, field: &'static str },
    /// A header for a genesis state is made of an empty block only.
    #[error("the genesis block holds transactions or withdrawals")]
    NotEmpty,
}

/// The header that a genesis state of `shape` holds when an engine's chain begins with `block`: the result of its
/// `eth_getBlockByNumber("0x0", false)`, bare or inside the whole JSON-RPC answer. The block's hash is recomputed.
///
/// # Errors
/// A block that is not empty, not of that fork, or does not hash to what it says.
pub fn header_from_block_json(shape: Shape, block: &Value) -> Result<ExecutionPayloadHeader, GenesisBlockError> {
    let malformed = |error: JsonRpcError| GenesisBlockError::Malformed(error.message);
    let block = block.get("result").filter(|_| block.get("hash").is_none()).unwrap_or(block);
    let (header, said) = json::header_from(block).map_err(malformed)?;
    let computed = header.hash();
    if said != computed {
        return Err(GenesisBlockError::Hash { said, computed });
    }
    let fields = [
        ("withdrawalsRoot", Fork::Capella, header.withdrawals_root.is_some()),
        ("blobGasUsed", Fork::Deneb, header.blob_gas_used.is_some()),
        ("requestsHash", Fork::Electra, header.requests_hash.is_some()),
    ];
    if let Some((field, ..)) = fields.into_iter().find(|(_, since, there)| *there != (shape.fork >= *since)) {
        return Err(GenesisBlockError::OtherFork { fork: shape.fork, field });
    }
    let empty = genesis_header(shape.fork, 0);
    if header.transactions_root != empty.transactions_root || header.withdrawals_root != empty.withdrawals_root {
        return Err(GenesisBlockError::NotEmpty);
    }
    Ok(payload_header(shape, &header))
}

/// What consensus keeps of the header of an empty block.
fn payload_header(shape: Shape, header: &Header) -> ExecutionPayloadHeader {
    let empty = ExecutionPayload::default();
    let since = |later: Fork| shape.fork >= later;
    ExecutionPayloadHeader {
        parent_hash: header.parent_hash,
        fee_recipient: header.fee_recipient,
        state_root: header.state_root,
        receipts_root: header.receipts_root,
        logs_bloom: header.logs_bloom,
        prev_randao: header.mix_hash,
        block_number: header.number,
        gas_limit: header.gas_limit,
        gas_used: header.gas_used,
        timestamp: header.timestamp,
        extra_data: header.extra_data.clone().into(),
        base_fee_per_gas: header.base_fee_per_gas,
        block_hash: header.hash(),
        transactions_root: empty.transactions.hash_tree_root(shape),
        withdrawals_root: match since(Fork::Capella) {
            true => empty.withdrawals.hash_tree_root(shape),
            false => Bytes::ZERO,
        },
        blob_gas_used: header.blob_gas_used.unwrap_or(0),
        excess_blob_gas: header.excess_blob_gas.unwrap_or(0),
    }
}
