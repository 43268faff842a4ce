//! The genesis file of execution clients: state roots held to geth's, and the file to the header that we promise.

use super::outside_json;
use lockin::engine::alloc::{Account, state_root};
use lockin::engine::{genesis::execution_genesis, genesis_json::genesis_json};
use lockin::ssz::{Bytes, Fork, Preset, Uint256};
use lockin::types::ChainConfig;
use lockin::types::config::BlobParameters;
use serde_json::Value;

const TIME: u64 = 1_700_000_000;

fn bytes<const N: usize>(text: &str) -> Bytes<N> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    Bytes(hex::decode(digits).expect("hex").try_into().expect("of that length"))
}

fn number(value: &Value) -> Uint256 {
    let text = value.as_str().map_or("0", |text| text.strip_prefix("0x").expect("0x"));
    Uint256::from_str_radix(text, 16).expect("a number")
}

/// The accounts of a genesis file.
fn alloc(genesis: &Value) -> Vec<Account> {
    let account = |(address, fields): (&String, &Value)| Account {
        address: bytes(address),
        nonce: number(&fields["nonce"]).to(),
        balance: number(&fields["balance"]),
        code: fields["code"].as_str().map_or(Vec::new(), |code| hex::decode(&code[2..]).expect("hex")),
        storage: fields["storage"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(slot, value)| (bytes(slot), number(value)))
            .collect(),
    };
    genesis["alloc"].as_object().expect("accounts").iter().map(account).collect()
}

#[test]
fn the_state_root_of_geths_own_test_chain() {
    let accounts = alloc(&outside_json("genesis.json"));
    assert_eq!(accounts.len(), 27);
    assert!(accounts.iter().any(|account| !account.storage.is_empty()));
    let block = &outside_json("blocks.json")["get-genesis"];
    assert_eq!(block["number"], "0x0");
    assert_eq!(state_root(&accounts).to_string(), block["stateRoot"]);
}

#[test]
fn the_file_describes_the_block_that_consensus_begins_with() {
    for fork in Fork::ALL {
        let mut cfg = ChainConfig::lockin(Preset::minimal());
        cfg.start_at(fork);
        let Some(file) = genesis_json(&cfg, TIME) else {
            assert!(fork < Fork::Bellatrix, "{fork}");
            continue;
        };
        let header = execution_genesis(cfg.shape(fork), TIME);
        assert_eq!(state_root(&alloc(&file)), header.state_root, "{fork}");
        assert_eq!(number(&file["timestamp"]), Uint256::from(header.timestamp));
        assert_eq!(number(&file["gasLimit"]), Uint256::from(header.gas_limit));
        assert_eq!(number(&file["baseFeePerGas"]), header.base_fee_per_gas);
        assert_eq!(number(&file["difficulty"]), Uint256::ZERO);
        assert_eq!(file["mixHash"], header.prev_randao.to_string());
        assert_eq!(file["coinbase"], header.fee_recipient.to_string());
        assert_eq!(file["extraData"], format!("0x{}", hex::encode(&*header.extra_data)));
        assert_eq!(file["excessBlobGas"].is_string(), fork >= Fork::Deneb, "{fork}");
    }
    let mut halves = ChainConfig::lockin(Preset::minimal());
    halves.start_at(Fork::Deneb);
    halves.slot_duration_ms = 1500;
    assert_eq!(genesis_json(&halves, TIME), None);
}

/// What geth v1.16.9 answered to `eth_getBlockByNumber("0x0")`, started on this file of networks that begin in each fork at
/// [`TIME`].
const GETHS_HASHES: [(Fork, &str); 5] = [
    (Fork::Bellatrix, "0x4bf4032ce31e20a53127a8540a71a9364fc073abda2b954e7c6af35545ab0763"),
    (Fork::Capella, "0x2d65f0f68d9448a44f94ca3982d20ace5649ba9fefd5ff5642fe9fc54c5b9a40"),
    (Fork::Deneb, "0x1d3ffc36b2e08443a24bb7760d1d627a303645b07e41994513dbcdf5a7b23167"),
    (Fork::Electra, "0x51e0e2b2274b36deb13a2fba0fece10ca85e92ae62abd9afd060c73861ed2c16"),
    (Fork::Fulu, "0x51e0e2b2274b36deb13a2fba0fece10ca85e92ae62abd9afd060c73861ed2c16"),
];

#[test]
fn geth_begins_with_the_same_block() {
    for (fork, hash) in GETHS_HASHES {
        let header = execution_genesis(ChainConfig::lockin(Preset::minimal()).shape(fork), TIME);
        assert_eq!(header.block_hash.to_string(), hash, "{fork}");
        let root = "0x5645407157de976fc16f2e727391385b3e75d565993aee995798ecb1290f12f7";
        assert_eq!(header.state_root.to_string(), root, "{fork}");
    }
}

#[test]
fn forks_come_when_those_of_consensus_do() {
    let mut cfg = ChainConfig::lockin(Preset::minimal());
    cfg.slot_duration_ms = 2000;
    cfg.start_at(Fork::Deneb);
    cfg.set_fork_epoch(Fork::Electra, 2);
    cfg.set_fork_epoch(Fork::Fulu, 3);
    let entry = |epoch, max_blobs_per_block| BlobParameters { epoch, max_blobs_per_block };
    cfg.blob_schedule = vec![entry(3, 12), entry(5, 15), entry(8, 21)];
    insta::assert_snapshot!(format!("{:#}", genesis_json(&cfg, TIME).expect("merged")["config"]));
}
