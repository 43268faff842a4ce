//! `operations`: one operation of a block on a state.

use super::super::case::Case;
use super::super::compare;
use super::unknown_handler;
use lockin::crypto;
use lockin::spec::blocks::{
    process_attestation, process_attester_slashing, process_block_header, process_bls_to_execution_change,
    process_consolidation_request, process_deposit, process_deposit_request, process_execution_payload,
    process_proposer_slashing, process_sync_aggregate, process_voluntary_exit, process_withdrawal_request,
    process_withdrawals,
};
use lockin::spec::{Error, Signatures};
use lockin::ssz::Ssz;
use lockin::types::{BeaconState, ChainConfig};
use serde::Deserialize;

pub fn run(case: &Case) -> Result<(), String> {
    match case.id.handler.as_str() {
        "attestation" => operation(case, "attestation", process_attestation),
        "attester_slashing" => operation(case, "attester_slashing", process_attester_slashing),
        "block_header" => operation(case, "block", |cfg, state, block, _| process_block_header(cfg, state, block)),
        "bls_to_execution_change" => operation(case, "address_change", process_bls_to_execution_change),
        "consolidation_request" => operation(case, "consolidation_request", |cfg, state, request, _| {
            process_consolidation_request(cfg, state, request)
        }),
        "deposit" => operation(case, "deposit", |cfg, state, deposit, _| process_deposit(cfg, state, deposit)),
        "deposit_request" => {
            operation(case, "deposit_request", |cfg, state, request, _| process_deposit_request(cfg, state, request))
        }
        "execution_payload" => execution_payload(case),
        "proposer_slashing" => operation(case, "proposer_slashing", process_proposer_slashing),
        "sync_aggregate" => operation(case, "sync_aggregate", process_sync_aggregate),
        "voluntary_exit" => operation(case, "voluntary_exit", process_voluntary_exit),
        "withdrawal_request" => operation(case, "withdrawal_request", |cfg, state, request, _| {
            process_withdrawal_request(cfg, state, request)
        }),
        "withdrawals" => {
            operation(case, "execution_payload", |cfg, state, payload, _| process_withdrawals(cfg, state, payload))
        }
        _ => Err(unknown_handler(case)),
    }
}

/// What an execution engine is to say of the payload.
#[derive(Deserialize)]
struct Execution {
    execution_valid: bool,
}

/// A payload is valid if consensus and the engine say so. Our function is consensus alone, so what the engine refuses in
/// these cases it must take: a case where it does not is one of the engine's verdict no more. What a refusal does to a
/// block is in the cases of `sync` and `fork_choice`.
fn execution_payload(case: &Case) -> Result<(), String> {
    let Execution { execution_valid } = case.yaml("execution.yaml")?;
    if execution_valid {
        return operation(case, "body", |cfg, state, body, _| process_execution_payload(cfg, state, body));
    }
    if case.optional_ssz::<BeaconState>("post")?.is_some() {
        return Err("the case has a state after a payload that the engine refused".into());
    }
    let mut state: BeaconState = case.ssz("pre")?;
    process_execution_payload(&case.config()?, &mut state, &case.ssz("body")?)
        .map_err(|error| format!("the engine alone should refuse the payload, but consensus does: {error}"))
}

type Process<T> = fn(&ChainConfig, &mut BeaconState, &T, &mut Signatures<'_>) -> Result<(), Error>;

fn operation<T: Ssz>(case: &Case, input: &str, process: Process<T>) -> Result<(), String> {
    let (cfg, shape) = (case.config()?, case.shape()?);
    let pre: BeaconState = case.ssz("pre")?;
    let operation: T = case.ssz(input)?;
    let expected: Option<BeaconState> = case.optional_ssz("post")?;
    let apply = |sigs: &mut Signatures<'_>| {
        let mut state = pre.clone();
        process(&cfg, &mut state, &operation, sigs).map(|()| state)
    };
    if case.meta()?.ignores_signatures() {
        return compare::outcome(shape, expected.as_ref(), apply(&mut Signatures::Trust));
    }
    let checked_in_place = apply(&mut Signatures::Verify);
    let mut sets = Vec::new();
    let collected = apply(&mut Signatures::Collect(&mut sets));
    let checked_later = collected.is_ok() && crypto::verify_sets(&sets);
    if checked_later != checked_in_place.is_ok() {
        return Err(format!("signatures collected and checked later give {checked_later}, in place the opposite"));
    }
    compare::outcome(shape, expected.as_ref(), checked_in_place)
}
