//! The genesis block as execution clients read it: `genesis.json` in geth's format, which the others read too.
//!
//! Spec: EIP-7840 for `blobSchedule`, EIP-6122 and EIP-7892 for forks by time.

use super::alloc::{Account, genesis_accounts};
use super::genesis::genesis_header;
use super::stub::fees::BlobGas;
use crate::ssz::Fork;
use crate::types::{ChainConfig, Epoch, FAR_FUTURE_EPOCH};
use serde_json::{Map, Value, json};

/// Rules that came by block number before the merge: all of them from the start.
const BY_NUMBER: [&str; 13] = [
    "homesteadBlock",
    "eip150Block",
    "eip155Block",
    "eip158Block",
    "byzantiumBlock",
    "constantinopleBlock",
    "petersburgBlock",
    "istanbulBlock",
    "muirGlacierBlock",
    "berlinBlock",
    "londonBlock",
    "arrowGlacierBlock",
    "grayGlacierBlock",
];
/// Execution clients' names of the forks that come by time.
const BY_TIME: [(Fork, &str); 4] =
    [(Fork::Capella, "shanghai"), (Fork::Deneb, "cancun"), (Fork::Electra, "prague"), (Fork::Fulu, "osaka")];

/// `genesis.json` of a network that starts after the merge at `genesis_time` (unix seconds): its block is the one of
/// [`super::genesis::execution_genesis`], its forks come when the consensus forks of `cfg` do.
///
/// `None` where an execution client has no part in the beginning: a network that starts before the merge, or slots that
/// are no whole seconds.
pub fn genesis_json(cfg: &ChainConfig, genesis_time: u64) -> Option<Value> {
    let fork = cfg.genesis_fork();
    if fork < Fork::Bellatrix {
        return None;
    }
    let header = genesis_header(fork, genesis_time);
    let accounts = genesis_accounts().0.iter().map(|account| (hex::encode(account.address.0), account_json(account)));
    Some(json!({
        "config": chain_config(cfg, genesis_time)?,
        "nonce": quantity(0),
        "timestamp": quantity(header.timestamp),
        "extraData": "0x",
        "gasLimit": quantity(header.gas_limit),
        "difficulty": quantity(0),
        "mixHash": header.mix_hash.to_string(),
        "coinbase": header.fee_recipient.to_string(),
        "alloc": accounts.collect::<Map<_, _>>(),
        "number": quantity(0),
        "gasUsed": quantity(0),
        "parentHash": header.parent_hash.to_string(),
        "baseFeePerGas": format!("{:#x}", header.base_fee_per_gas),
        "excessBlobGas": header.excess_blob_gas.map(quantity),
        "blobGasUsed": header.blob_gas_used.map(quantity),
    }))
}

fn quantity(number: u64) -> String {
    format!("{number:#x}")
}

fn account_json(account: &Account) -> Value {
    let mut out = json!({ "balance": format!("{:#x}", account.balance) });
    if account.nonce > 0 {
        out["nonce"] = quantity(account.nonce).into();
    }
    if !account.code.is_empty() {
        out["code"] = format!("0x{}", hex::encode(&account.code)).into();
    }
    out
}

fn chain_config(cfg: &ChainConfig, genesis_time: u64) -> Option<Value> {
    let mut config = Map::new();
    config.insert("chainId".into(), cfg.deposit_chain_id.into());
    config.extend(BY_NUMBER.map(|name| (name.to_owned(), 0.into())));
    config.insert("mergeNetsplitBlock".into(), 0.into());
    config.insert("terminalTotalDifficulty".into(), 0.into());
    config.insert("terminalTotalDifficultyPassed".into(), true.into());
    config.insert("ethash".into(), json!({}));
    config.insert("depositContractAddress".into(), cfg.deposit_contract_address.to_string().into());
    let seconds = cfg.seconds_per_slot()?;
    let time = |epoch: Epoch| cfg.start_slot(epoch).saturating_mul(seconds).saturating_add(genesis_time);
    let mut blobs = Map::new();
    let mut schedule = |name: &str, fork: Fork, epoch: Epoch| {
        config.insert(format!("{name}Time"), time(epoch).into());
        if fork >= Fork::Deneb {
            let gas = BlobGas::of_fork(cfg, fork, epoch);
            let entry = json!({ "target": gas.target, "max": gas.max, "baseFeeUpdateFraction": gas.update_fraction });
            blobs.insert(name.to_owned(), entry);
        }
    };
    for (fork, name) in BY_TIME.into_iter().filter(|(fork, _)| cfg.fork_epoch(*fork) != FAR_FUTURE_EPOCH) {
        schedule(name, fork, cfg.fork_epoch(fork));
    }
    let later = cfg.blob_schedule.iter().filter(|entry| entry.epoch > cfg.fulu_fork_epoch);
    for (number, entry) in (1..).zip(later) {
        schedule(&format!("bpo{number}"), Fork::Fulu, entry.epoch);
    }
    config.insert("blobSchedule".into(), blobs.into());
    Some(config.into())
}
