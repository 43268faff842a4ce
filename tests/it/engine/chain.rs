//! A chain that geth made: hashes, tries, and the rules that the stub goes by.

use super::{outside, outside_json};
use lockin::crypto::keccak256;
use lockin::crypto::rlp::{Fields, RlpError};
use lockin::engine::genesis::{GenesisBlockError, header_from_block_json};
use lockin::engine::header::{Header, block_hash, versioned_hashes, withdrawals_root};
use lockin::engine::json::{header_from, header_to};
use lockin::engine::{
    Answer, Call, ForkchoiceState, NewPayload, PayloadAttributes, Script, Stub, StubConfig, StubGenesis, Validity,
};
use lockin::ssz::{Bytes, Fork, Preset, Shape, Uint256};
use lockin::types::{ChainConfig, ExecutionPayload, Hash32, Transaction, Withdrawal};
use std::sync::Arc;

/// The first block after the merge.
const MERGE: u64 = 36;
/// The one block whose execution requests are not empty; the file holds their hash only.
const WITH_REQUESTS: u64 = 45;

struct Outside {
    number: u64,
    hash: Hash32,
    asked: NewPayload,
    requests_hash: Option<Hash32>,
}

/// The network of that chain: a slot of 10 s, an epoch of three.
fn network() -> ChainConfig {
    let mut cfg = ChainConfig::minimal();
    for (key, value) in
        [("SLOT_DURATION_MS", "10000"), ("SLOTS_PER_EPOCH", "3"), ("TERMINAL_TOTAL_DIFFICULTY", "4732352")]
    {
        cfg.set(key, value).expect("a key");
    }
    // genesis.json: 390, 420, 450 and 480 s; then two changes of the blob limit.
    cfg.start_at(Fork::Altair);
    for (fork, second) in
        [(Fork::Bellatrix, 360), (Fork::Capella, 390), (Fork::Deneb, 420), (Fork::Electra, 450), (Fork::Fulu, 480)]
    {
        cfg.set_fork_epoch(fork, second / 30);
    }
    cfg.set("BLOB_SCHEDULE", "[{EPOCH: 17, MAX_BLOBS_PER_BLOCK: 15}, {EPOCH: 18, MAX_BLOBS_PER_BLOCK: 21}]")
        .expect("a key");
    cfg
}

/// The payloads of the file's blocks since the merge.
fn payloads() -> Vec<Outside> {
    let cfg = network();
    let file = outside("chain.rlp");
    let mut blocks = Fields::sequence(&file);
    let mut out = Vec::new();
    for number in 1.. {
        if blocks.is_empty() {
            break;
        }
        let block = blocks.list().expect("a block");
        if number >= MERGE {
            out.push(payload(&cfg, block).expect("a block since the merge"));
        }
    }
    assert_eq!(out.len(), 19, "the file holds 54 blocks");
    out
}

fn transactions(mut list: Fields<'_>) -> Result<Vec<Transaction>, RlpError> {
    let mut transactions = Vec::new();
    while !list.is_empty() {
        // A typed transaction stands there as a string, a legacy one as the list that it is.
        let mut item = Fields::sequence(list.item()?);
        let whole = item.clone().item()?;
        transactions.push(item.bytes().unwrap_or(whole).into());
    }
    Ok(transactions)
}

fn withdrawals(mut list: Fields<'_>) -> Result<Vec<Withdrawal>, RlpError> {
    let mut withdrawals = Vec::new();
    while !list.is_empty() {
        let mut item = list.list()?;
        withdrawals.push(Withdrawal {
            index: item.number()?,
            validator_index: item.number()?,
            address: Bytes(item.array()?),
            amount: item.number()?,
        });
    }
    Ok(withdrawals)
}

fn payload(cfg: &ChainConfig, mut block: Fields<'_>) -> Result<Outside, RlpError> {
    let header = block.item()?;
    let transactions = transactions(block.list()?)?;
    block.list()?;
    let withdrawals = if block.is_empty() { Vec::new() } else { withdrawals(block.list()?)? };
    let mut fields = Fields::of_list(header)?;
    let parent_hash = Bytes(fields.array()?);
    fields.bytes()?;
    let mut payload = ExecutionPayload {
        parent_hash,
        fee_recipient: Bytes(fields.array()?),
        state_root: Bytes(fields.array()?),
        transactions: transactions.into(),
        withdrawals: withdrawals.into(),
        ..ExecutionPayload::default()
    };
    fields.bytes()?;
    payload.receipts_root = Bytes(fields.array()?);
    payload.logs_bloom = Bytes(fields.array()?);
    fields.bytes()?;
    payload.block_number = fields.number()?;
    payload.gas_limit = fields.number()?;
    payload.gas_used = fields.number()?;
    payload.timestamp = fields.number()?;
    payload.extra_data = fields.bytes()?.into();
    payload.prev_randao = Bytes(fields.array()?);
    fields.bytes()?;
    payload.base_fee_per_gas = fields.uint256()?;
    payload.block_hash = keccak256(header);
    let mut asked = NewPayload {
        fork: cfg.fork_at_slot(payload.timestamp / 10),
        payload,
        versioned_hashes: Vec::new(),
        parent_beacon_block_root: Bytes::ZERO,
        execution_requests: Default::default(),
    };
    if asked.fork >= Fork::Capella {
        fields.bytes()?;
    }
    if asked.fork >= Fork::Deneb {
        asked.payload.blob_gas_used = fields.number()?;
        asked.payload.excess_blob_gas = fields.number()?;
        asked.parent_beacon_block_root = Bytes(fields.array()?);
        asked.versioned_hashes = versioned_hashes(asked.payload.transactions.iter().map(|bytes| &**bytes))?;
    }
    let requests_hash = if asked.fork >= Fork::Electra { Some(Bytes(fields.array()?)) } else { None };
    fields.end()?;
    Ok(Outside { number: asked.payload.block_number, hash: asked.payload.block_hash, asked, requests_hash })
}

#[test]
fn payloads_of_every_fork_hash_to_what_geth_says() {
    let payloads = payloads();
    let mut forks = Vec::new();
    for pair in payloads.windows(2) {
        assert_eq!(pair[1].asked.payload.parent_hash, pair[0].hash);
    }
    for block in &payloads {
        let mut header = Header::of_payload(&block.asked);
        if block.number == WITH_REQUESTS {
            assert_ne!(header.requests_hash, block.requests_hash);
            header.requests_hash = block.requests_hash;
        } else {
            assert_eq!(block_hash(&block.asked), block.hash, "block {}", block.number);
        }
        assert_eq!(header.hash(), block.hash, "block {}", block.number);
        forks.push(block.asked.fork);
    }
    forks.dedup();
    assert_eq!(forks, [Fork::Bellatrix, Fork::Capella, Fork::Deneb, Fork::Electra, Fork::Fulu]);
    let blobs: usize = payloads.iter().map(|block| block.asked.versioned_hashes.len()).sum();
    assert_eq!(blobs, 6, "blob transactions are read");
    assert_ne!(withdrawals_root(payloads[3].asked.payload.withdrawals.iter()), withdrawals_root([].into_iter()));
}

#[test]
fn blocks_in_json_hash_to_what_geth_says() {
    let blocks = outside_json("blocks.json");
    let mut seen = 0;
    for (name, block) in blocks.as_object().expect("an object") {
        let read = header_from(block);
        if name == "get-genesis" {
            assert!(read.is_err(), "it is from before London");
            continue;
        }
        let (header, hash) = read.expect(name);
        assert_eq!(header.hash(), hash, "{name}");
        assert_eq!(header_from(&header_to(&header, &hash)), Ok((header, hash)), "{name}");
        seen += 1;
    }
    assert_eq!(seen, 6, "london, merge, shanghai, cancun, prague, latest");
}

#[test]
fn only_an_empty_block_of_the_right_fork_begins_a_network() {
    let blocks = outside_json("blocks.json");
    let shape = |fork| Shape::new(fork, Preset::minimal());
    let of = |fork, name: &str| header_from_block_json(shape(fork), &blocks[name]);
    assert_eq!(of(Fork::Deneb, "get-block-cancun-fork"), Err(GenesisBlockError::NotEmpty));
    assert!(matches!(of(Fork::Capella, "get-block-cancun-fork"), Err(GenesisBlockError::OtherFork { .. })));
    assert!(matches!(of(Fork::Electra, "get-block-cancun-fork"), Err(GenesisBlockError::OtherFork { .. })));
    let mut block = blocks["get-block-cancun-fork"].clone();
    block["gasLimit"] = "0x1".into();
    assert!(matches!(header_from_block_json(shape(Fork::Deneb), &block), Err(GenesisBlockError::Hash { .. })));
    assert!(matches!(of(Fork::Deneb, "get-genesis"), Err(GenesisBlockError::Malformed(_))));
}

/// The stub finds geth's blocks valid, and prices its own as geth did its.
#[test]
fn the_stub_follows_geths_chain() {
    let payloads = payloads();
    // What lies before the merge is not told; of one block the requests are not.
    let script =
        format!("verdicts: [{{ blocks: {MERGE}, answer: VALID }}, {{ blocks: {WITH_REQUESTS}, answer: VALID }}]");
    let mut stub = Stub::new(StubConfig {
        network: Arc::new(network()),
        genesis_time: 0,
        genesis: StubGenesis::ProofOfWork,
        script: Script::from_yaml("script", &script).expect("a script"),
    });
    for (index, block) in payloads.iter().enumerate() {
        let asked = &block.asked;
        let answer = stub.call(0, &Call::NewPayload(Box::new(asked.clone()))).expect("an answer");
        let Answer::PayloadStatus(status) = answer else { panic!("{answer:?}") };
        assert_eq!((status.status, &status.validation_error), (Validity::Valid, &None), "block {}", block.number);
        let attributes = PayloadAttributes {
            timestamp: asked.payload.timestamp + 10,
            prev_randao: Bytes::ZERO,
            suggested_fee_recipient: Bytes::ZERO,
            withdrawals: Vec::new(),
            parent_beacon_block_root: Bytes::ZERO,
        };
        let fork = stub.fork_at(attributes.timestamp);
        let state = ForkchoiceState { head_block_hash: block.hash, ..ForkchoiceState::default() };
        let updated = stub.call(0, &Call::ForkchoiceUpdated { fork, state, attributes: Some(attributes) });
        let Ok(Answer::ForkchoiceUpdated { payload_id: Some(id), .. }) = updated else { panic!("{updated:?}") };
        let built = stub.call(0, &Call::GetPayload { fork, id });
        let Ok(Answer::Payload(built)) = built else { panic!("{built:?}") };
        if let Some(next) = payloads.get(index + 1) {
            let fees = |payload: &ExecutionPayload| (payload.base_fee_per_gas, payload.excess_blob_gas);
            assert_eq!(fees(&built.payload), fees(&next.asked.payload), "block {}", next.number);
            assert!(built.payload.base_fee_per_gas < Uint256::from(300_000_000));
        }
    }
}
