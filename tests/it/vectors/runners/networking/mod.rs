//! `networking`: what gossip forwards, and which columns a node keeps.

mod messages;
mod view;

use super::super::case::Case;
use super::unknown_handler;
use lockin::spec::das::{compute_columns_for_custody_group, get_custody_groups};
use lockin::ssz::{Bytes, Uint256};
use serde::Deserialize;

pub fn run(case: &Case) -> Result<(), String> {
    match case.id.handler.as_str() {
        "compute_columns_for_custody_group" => columns_for_custody_group(case),
        "get_custody_groups" => custody_groups(case),
        handler if handler.starts_with("gossip_") => messages::run(case),
        _ => Err(unknown_handler(case)),
    }
}

#[derive(Deserialize)]
struct ColumnsMeta {
    custody_group: u64,
    result: Vec<u64>,
}

fn columns_for_custody_group(case: &Case) -> Result<(), String> {
    let meta: ColumnsMeta = case.yaml("meta.yaml")?;
    let columns = compute_columns_for_custody_group(&case.config()?, meta.custody_group);
    equal("columns", &columns.map_err(|error| error.to_string())?, &meta.result)
}

#[derive(Deserialize)]
struct GroupsMeta {
    #[serde(deserialize_with = "decimal")]
    node_id: Bytes<32>,
    custody_group_count: u64,
    result: Vec<u64>,
}

/// A number of 256 bits, as YAML writes it; big-endian.
fn decimal<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Bytes<32>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let number: Uint256 = text.parse().map_err(serde::de::Error::custom)?;
    Ok(Bytes(number.to_be_bytes()))
}

fn custody_groups(case: &Case) -> Result<(), String> {
    let meta: GroupsMeta = case.yaml("meta.yaml")?;
    let groups = get_custody_groups(&case.config()?, &meta.node_id, meta.custody_group_count);
    equal("custody groups", &groups.map_err(|error| error.to_string())?, &meta.result)
}

fn equal<T: PartialEq + std::fmt::Debug>(what: &str, actual: &T, expected: &T) -> Result<(), String> {
    if actual == expected { Ok(()) } else { Err(format!("{what}: {actual:?}, expected {expected:?}")) }
}
