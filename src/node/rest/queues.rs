//! `/eth/v1/beacon/states/{state_id}/pending_...` and what else of a state waits for its time: the proposers to come, the
//! withdrawals of the next payload.

use serde_json::{Value, json};

use super::beacon_states::{Found, state};
use super::call::json_numbers;
use super::{Call, Meta, Refusal, Reply, Route, get_ssz};
use crate::node::Core;
use crate::spec::{get_expected_withdrawals, process_slots};
use crate::ssz::{Json, Limit, List, Ssz};
use crate::types::limits::MaxWithdrawalsPerPayload;
use crate::types::{BeaconState, ForkName, Withdrawal};

pub(super) const ROUTES: &[Route] = &[
    get_ssz("/eth/v1/beacon/states/{state_id}/pending_deposits", pending_deposits),
    get_ssz("/eth/v1/beacon/states/{state_id}/pending_partial_withdrawals", pending_partial_withdrawals),
    get_ssz("/eth/v1/beacon/states/{state_id}/pending_consolidations", pending_consolidations),
    get_ssz("/eth/v1/beacon/states/{state_id}/proposer_lookahead", proposer_lookahead),
    get_ssz("/eth/v1/builder/states/{state_id}/expected_withdrawals", expected_withdrawals),
];

/// Slots that a state is advanced for `expected_withdrawals` at most: two epochs, as far as proposers are known.
const MOST_EPOCHS_AHEAD: u64 = 2;

/// The path's state, which must be of `fork` or later.
fn state_since(core: &Core, call: &Call<'_>, fork: ForkName) -> Result<Found, Refusal> {
    let found = state(core, call)?;
    if found.shape.fork < fork {
        return Err(Refusal::bad_request(format!(
            "the state of slot {} is of {}; accepted: of {fork} or later",
            found.state.slot, found.shape.fork
        )));
    }
    Ok(found)
}

/// The answer with one part of a state.
fn part(call: &Call<'_>, found: &Found, ssz: impl FnOnce() -> Vec<u8>, json: impl FnOnce() -> Value) -> Reply {
    let fork = found.shape.fork;
    let reply = if call.wants_ssz() {
        Reply::ssz(ssz())
    } else {
        Reply::with_meta(Meta { version: Some(fork), ..found.meta }.fields(), json())
    };
    reply.version(fork)
}

fn queue<T: Ssz + Json, L: Limit>(
    core: &Core,
    call: &Call<'_>,
    list: impl Fn(&BeaconState) -> &List<T, L>,
) -> Result<Reply, Refusal> {
    let found = state_since(core, call, ForkName::Electra)?;
    let (list, shape) = (list(&found.state), found.shape);
    Ok(part(call, &found, || list.encode(shape), || list.iter().map(|item| item.to_json(shape)).collect()))
}

fn pending_deposits(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    queue(core, call, |state| &state.pending_deposits)
}

fn pending_partial_withdrawals(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    queue(core, call, |state| &state.pending_partial_withdrawals)
}

fn pending_consolidations(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    queue(core, call, |state| &state.pending_consolidations)
}

fn proposer_lookahead(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let found = state_since(core, call, ForkName::Fulu)?;
    let lookahead = &found.state.proposer_lookahead;
    let ssz = || lookahead.encode(found.shape);
    Ok(part(call, &found, ssz, || json_numbers(lookahead.iter().copied())))
}

/// The withdrawals of a payload at `proposal_slot` (by default the slot after the state's) on the state's chain.
fn expected_withdrawals(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let found = state(core, call)?;
    let cfg = core.chain().config();
    let first = found.state.slot.saturating_add(1);
    let slot = call.query_number("proposal_slot")?.unwrap_or(first);
    let last = found.state.slot.saturating_add(MOST_EPOCHS_AHEAD * cfg.preset.slots_per_epoch);
    if !(first..=last).contains(&slot) {
        return Err(Refusal::bad_request(format!(
            "proposal_slot is {slot}; accepted for this state: {first} to {last}"
        )));
    }
    let shape = cfg.shape_at_slot(slot);
    if shape.fork < ForkName::Capella {
        let fork = shape.fork;
        return Err(Refusal::bad_request(format!("slot {slot} is of {fork}, which has no withdrawals")));
    }
    let mut advanced = BeaconState::clone(&found.state);
    let expected = process_slots(cfg, &mut advanced, slot).and_then(|()| get_expected_withdrawals(cfg, &advanced));
    let withdrawals = expected.map_err(|error| Refusal::internal(format!("withdrawals of slot {slot}: {error}")))?;
    let list: List<Withdrawal, MaxWithdrawalsPerPayload> = withdrawals.withdrawals.into();
    if call.wants_ssz() {
        return Ok(Reply::ssz(list.encode(shape)));
    }
    let data: Vec<Value> = list.iter().map(|withdrawal| withdrawal.to_json(shape)).collect();
    Ok(Reply::with_meta(found.meta.fields(), json!(data)))
}
