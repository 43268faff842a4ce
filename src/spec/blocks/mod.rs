//! Block processing: what a block's header and each of its operations do to a state.
//!
//! Every function takes the state at the block's slot, checks before it changes, and says in its error which check
//! failed. Signatures go where [`Signatures`] says.

mod attestations;
mod attester_slashings;
mod bls_to_execution_changes;
mod consolidation_requests;
mod deposit_requests;
mod deposits;
mod eth1_data;
mod execution_payload;
mod execution_requests;
mod header;
mod proposer_slashings;
mod randao;
mod sync_aggregate;
mod voluntary_exits;
mod withdrawal_requests;
mod withdrawals;

pub use attestations::{check_attestation, process_attestation};
pub use attester_slashings::process_attester_slashing;
pub use bls_to_execution_changes::process_bls_to_execution_change;
pub use consolidation_requests::{is_valid_switch_to_compounding_request, process_consolidation_request};
pub use deposit_requests::process_deposit_request;
pub use deposits::{
    add_validator_to_registry, apply_deposit, get_validator_from_deposit, is_valid_deposit_signature, process_deposit,
};
pub use eth1_data::process_eth1_data;
pub use execution_payload::{execution_payload_header, kzg_commitment_to_versioned_hash, process_execution_payload};
pub use execution_requests::{get_execution_requests, get_execution_requests_list};
pub use header::process_block_header;
pub use proposer_slashings::process_proposer_slashing;
pub use randao::process_randao;
pub use sync_aggregate::{process_sync_aggregate, sync_aggregate_signature_set};
pub use voluntary_exits::{process_voluntary_exit, voluntary_exit_domain};
pub use withdrawal_requests::process_withdrawal_request;
pub use withdrawals::{
    ExpectedWithdrawals, get_balance_after_withdrawals, get_expected_withdrawals, get_pending_partial_withdrawals,
    get_validators_sweep_withdrawals, process_withdrawals,
};

use crate::{
    spec::{
        Error, Signatures,
        accessors::{fork_of, is_execution_enabled},
        math,
    },
    types::{BeaconBlock, BeaconBlockBody, BeaconState, ChainConfig, ForkName},
};

/// Applies a block to the state of its slot (`process_block` of phase0/beacon-chain.md; of each later fork from
/// then on).
///
/// # Errors
/// Whatever makes the block invalid; `state` is then of no use any more.
pub fn process_block(
    cfg: &ChainConfig,
    state: &mut BeaconState,
    block: &BeaconBlock,
    sigs: &mut Signatures<'_>,
) -> Result<(), Error> {
    let fork = fork_of(cfg, state);
    process_block_header(cfg, state, block)?;
    if fork >= ForkName::Capella {
        process_withdrawals(cfg, state, &block.body.execution_payload)?;
        process_execution_payload(cfg, state, &block.body)?;
    } else if fork == ForkName::Bellatrix && is_execution_enabled(state, &block.body) {
        process_execution_payload(cfg, state, &block.body)?;
    }
    process_randao(cfg, state, &block.body, sigs)?;
    process_eth1_data(cfg, state, &block.body)?;
    process_operations(cfg, state, &block.body, sigs)?;
    if fork >= ForkName::Altair {
        process_sync_aggregate(cfg, state, &block.body.sync_aggregate, sigs)?;
    }
    Ok(())
}

/// Applies the operations of a block (`process_operations` of phase0/beacon-chain.md; of each later fork from then on).
///
/// # Errors
/// If deposits that are due are left out, or an operation is invalid.
pub fn process_operations(
    cfg: &ChainConfig,
    state: &mut BeaconState,
    body: &BeaconBlockBody,
    sigs: &mut Signatures<'_>,
) -> Result<(), Error> {
    let due = get_eth1_pending_deposit_count(cfg, state)?;
    if body.deposits.len() as u64 != due {
        return Err(Error::DepositCount { found: body.deposits.len() as u64, due });
    }
    for slashing in &body.proposer_slashings {
        process_proposer_slashing(cfg, state, slashing, sigs)?;
    }
    for slashing in &body.attester_slashings {
        process_attester_slashing(cfg, state, slashing, sigs)?;
    }
    for attestation in &body.attestations {
        process_attestation(cfg, state, attestation, sigs)?;
    }
    for deposit in &body.deposits {
        process_deposit(cfg, state, deposit)?;
    }
    for exit in &body.voluntary_exits {
        process_voluntary_exit(cfg, state, exit, sigs)?;
    }
    // None before capella.
    for change in &body.bls_to_execution_changes {
        process_bls_to_execution_change(cfg, state, change, sigs)?;
    }
    // None before electra.
    let requests = &body.execution_requests;
    for request in &requests.deposits {
        process_deposit_request(cfg, state, request)?;
    }
    for request in &requests.withdrawals {
        process_withdrawal_request(cfg, state, request)?;
    }
    for request in &requests.consolidations {
        process_consolidation_request(cfg, state, request)?;
    }
    Ok(())
}

/// How many deposits a block must have (`process_operations` of each fork; from electra on electra/validator.md,
/// `get_eth1_pending_deposit_count`; none from fulu on).
///
/// # Errors
/// If, before electra, the state has processed more deposits than there are.
pub fn get_eth1_pending_deposit_count(cfg: &ChainConfig, state: &BeaconState) -> Result<u64, Error> {
    let (count, index) = (state.eth1_data.deposit_count, state.eth1_deposit_index);
    let outstanding = match fork_of(cfg, state) {
        ForkName::Fulu => 0,
        // The former mechanism ends where the requests begin.
        ForkName::Electra => count.min(state.deposit_requests_start_index).saturating_sub(index),
        _ => math::sub("outstanding deposits", count, index)?,
    };
    Ok(outstanding.min(cfg.preset.max_deposits))
}

/// What the signature at `index` among those that [`process_block`] collects belongs to.
pub(super) fn describe_signature(body: &BeaconBlockBody, index: usize) -> &'static str {
    let counts = [
        ("RANDAO reveal", 1),
        ("proposer slashing", 2 * body.proposer_slashings.len()),
        ("attester slashing", 2 * body.attester_slashings.len()),
        ("attestation", body.attestations.len()),
        ("voluntary exit", body.voluntary_exits.len()),
        ("change of withdrawal credentials", body.bls_to_execution_changes.len()),
    ];
    let mut first = 0;
    for (what, count) in counts {
        first += count;
        if index < first {
            return what;
        }
    }
    "sync aggregate"
}
