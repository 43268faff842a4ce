//! The EIP-3076 interchange file, version 5: how slashing protection moves from one client to another.

use super::history::{History, Record};
use crate::api::quoted;
use crate::ssz::Root;
use crate::types::BlsPubkey;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const VERSION: &str = "5";

/// Why an interchange file was not taken over; nothing of it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InterchangeError {
    #[error("the interchange file can't be read as EIP-3076 JSON: {0}")]
    Malformed(String),
    #[error("the interchange file is of version {0:?}; only version \"5\" is understood")]
    Version(String),
    #[error("the interchange file is of another network: its genesis validators root is {theirs}, ours is {ours}")]
    OtherNetwork { ours: Root, theirs: Root },
    #[error("the interchange file was read but could not be stored: {0}")]
    Storage(String),
}

#[derive(Serialize, Deserialize)]
struct File {
    metadata: Metadata,
    data: Vec<Key>,
}

#[derive(Serialize, Deserialize)]
struct Metadata {
    interchange_format_version: String,
    genesis_validators_root: Root,
}

#[derive(Serialize, Deserialize)]
struct Key {
    pubkey: BlsPubkey,
    signed_blocks: Vec<Block>,
    signed_attestations: Vec<Attestation>,
}

#[derive(Serialize, Deserialize)]
struct Block {
    #[serde(with = "quoted::string")]
    slot: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signing_root: Option<Root>,
}

#[derive(Serialize, Deserialize)]
struct Attestation {
    #[serde(with = "quoted::string")]
    source_epoch: u64,
    #[serde(with = "quoted::string")]
    target_epoch: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signing_root: Option<Root>,
}

/// Reads a file, keeping per key only what the minimal strategy needs.
pub fn read(text: &str, ours: &Root) -> Result<Vec<Record>, InterchangeError> {
    let file: File = serde_json::from_str(text).map_err(|error| InterchangeError::Malformed(error.to_string()))?;
    let Metadata { interchange_format_version: version, genesis_validators_root: theirs } = file.metadata;
    if version != VERSION {
        return Err(InterchangeError::Version(version));
    }
    if theirs != *ours {
        return Err(InterchangeError::OtherNetwork { ours: *ours, theirs });
    }
    let mut histories = BTreeMap::<BlsPubkey, History>::new();
    for key in file.data {
        let history = histories.entry(key.pubkey).or_default();
        for block in key.signed_blocks {
            history.merge(&Record::block(key.pubkey, block.slot, block.signing_root));
        }
        for it in key.signed_attestations {
            history.merge(&Record::attestation(key.pubkey, it.source_epoch, it.target_epoch, it.signing_root));
        }
    }
    Ok(histories.iter().flat_map(|(pubkey, history)| history.records(*pubkey)).collect())
}

/// Writes one block and one attestation per key: the marks that every later signature must be above.
pub fn write(genesis_validators_root: &Root, histories: &BTreeMap<BlsPubkey, History>) -> String {
    let key = |(pubkey, history): (&BlsPubkey, &History)| Key {
        pubkey: *pubkey,
        signed_blocks: Vec::from_iter(history.block.map(|it| Block { slot: it.slot, signing_root: it.signing_root })),
        signed_attestations: Vec::from_iter(history.attestation.map(|it| Attestation {
            source_epoch: it.source,
            target_epoch: it.target,
            signing_root: it.signing_root,
        })),
    };
    let file = File {
        metadata: Metadata {
            interchange_format_version: VERSION.to_owned(),
            genesis_validators_root: *genesis_validators_root,
        },
        data: histories.iter().map(key).collect(),
    };
    serde_json::to_string_pretty(&file).expect("plain structs without maps always serialize")
}
