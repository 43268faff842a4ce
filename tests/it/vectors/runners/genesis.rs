//! `genesis`: the first state from deposits, and whether a state may be the first.

use super::super::case::Case;
use super::super::compare;
use super::unknown_handler;
use lockin::spec::{initialize_beacon_state_from_eth1, is_valid_genesis_state};
use lockin::ssz::Root;
use lockin::types::{BeaconState, Deposit, ExecutionPayloadHeader};
use serde::Deserialize;

#[derive(Deserialize)]
struct Eth1 {
    eth1_block_hash: String,
    eth1_timestamp: u64,
}

pub fn run(case: &Case) -> Result<(), String> {
    match case.id.handler.as_str() {
        "initialization" => initialization(case),
        "validity" => validity(case),
        _ => Err(unknown_handler(case)),
    }
}

fn initialization(case: &Case) -> Result<(), String> {
    let Eth1 { eth1_block_hash, eth1_timestamp } = case.yaml("eth1.yaml")?;
    let hash: Root = eth1_block_hash.parse().map_err(|error| format!("eth1_block_hash: {error}"))?;
    let deposits = (0..case.meta()?.deposits_count)
        .map(|index| case.ssz(&format!("deposits_{index}")))
        .collect::<Result<Vec<Deposit>, String>>()?;
    let header: Option<ExecutionPayloadHeader> = case.optional_ssz("execution_payload_header")?;
    let outcome = initialize_beacon_state_from_eth1(&case.config()?, hash, eth1_timestamp, &deposits).map(|state| {
        let latest_execution_payload_header = header.unwrap_or_default();
        BeaconState { latest_execution_payload_header, ..state }
    });
    let expected: BeaconState = case.ssz("state")?;
    compare::outcome(case.shape()?, Some(&expected), outcome)
}

fn validity(case: &Case) -> Result<(), String> {
    let expected: bool = case.yaml("is_valid.yaml")?;
    let actual = is_valid_genesis_state(&case.config()?, &case.ssz("genesis")?);
    if actual == expected { Ok(()) } else { Err(format!("is_valid_genesis_state gives {actual}")) }
}
