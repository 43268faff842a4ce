//! Deposits that the execution layer reports.

use crate::{
    spec::{Error, accessors::fork_of, mutators::push_pending_deposit},
    types::{
        BeaconState, ChainConfig, DepositRequest, ForkName, PendingDeposit,
        constants::UNSET_DEPOSIT_REQUESTS_START_INDEX,
    },
};

/// Puts a deposit into the queue (`process_deposit_request` of electra/beacon-chain.md; of fulu/beacon-chain.md from then
/// on).
///
/// # Errors
/// If the queue is full.
pub fn process_deposit_request(
    cfg: &ChainConfig,
    state: &mut BeaconState,
    deposit_request: &DepositRequest,
) -> Result<(), Error> {
    let unset = state.deposit_requests_start_index == UNSET_DEPOSIT_REQUESTS_START_INDEX;
    if unset && fork_of(cfg, state) < ForkName::Fulu {
        state.deposit_requests_start_index = deposit_request.index;
    }
    let deposit = PendingDeposit {
        pubkey: deposit_request.pubkey,
        withdrawal_credentials: deposit_request.withdrawal_credentials,
        amount: deposit_request.amount,
        signature: deposit_request.signature,
        slot: state.slot,
    };
    push_pending_deposit(cfg, state, deposit)
}
