//! `/eth/v1/validator/...`: what validators tell the node ahead of their duties, and liveness.

use serde_json::{Value, json};

use super::call::{MOST_VALIDATORS, json_number, kind};
use super::{Call, Refusal, Reply, Route, post};
use crate::api::Body;
use crate::chain::Event;
use crate::node::Core;
use crate::node::live::live_validators;
use crate::ssz::Bytes;

pub(super) const ROUTES: &[Route] = &[
    post("/eth/v1/validator/beacon_committee_subscriptions", beacon_committees),
    post("/eth/v1/validator/sync_committee_subscriptions", sync_committees),
    post("/eth/v1/validator/prepare_beacon_proposer", prepare_proposers),
    post("/eth/v1/validator/register_validator", register_validators),
    post("/eth/v1/validator/liveness/{epoch}", liveness),
    post("/eth/v1/validator/beacon_committee_selections", selections),
    post("/eth/v1/validator/sync_committee_selections", selections),
];

/// A field of a JSON object; the error says which item lacks it.
fn field<'v>(item: &'v Value, index: usize, name: &str) -> Result<&'v Value, Refusal> {
    item.get(name).ok_or_else(|| {
        Refusal::bad_request(format!("item {index} is {} without {name}, which is required", kind(item)))
    })
}

fn number_field(item: &Value, index: usize, name: &str) -> Result<u64, Refusal> {
    json_number(name, field(item, index, name)?)
        .map_err(|refusal| Refusal::bad_request(format!("item {index}: {}", refusal.message)))
}

fn hex_field<const N: usize>(item: &Value, index: usize, name: &str) -> Result<Bytes<N>, Refusal> {
    let value = field(item, index, name)?;
    let text = value.as_str().ok_or_else(|| {
        Refusal::bad_request(format!("item {index}: {name} is {}; expected a 0x string", kind(value)))
    })?;
    super::call::bytes(name, text).map_err(|refusal| Refusal::bad_request(format!("item {index}: {}", refusal.message)))
}

/// Checked, and otherwise nothing: the node listens on every subnet.
fn beacon_committees(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let most = core.chain().config().preset.max_committees_per_slot;
    for (index, item) in call.json_list(MOST_VALIDATORS)?.iter().enumerate() {
        number_field(item, index, "validator_index")?;
        number_field(item, index, "slot")?;
        let committee = number_field(item, index, "committee_index")?;
        let committees = number_field(item, index, "committees_at_slot")?;
        let aggregates = field(item, index, "is_aggregator")?;
        if !aggregates.is_boolean() {
            return Err(Refusal::bad_request(format!(
                "item {index}: is_aggregator is {}; expected a boolean",
                kind(aggregates)
            )));
        }
        if committees > most || committee >= committees {
            return Err(Refusal::bad_request(format!(
                "item {index}: committee {committee} of {committees} at a slot; this network has at most {most}"
            )));
        }
    }
    Ok(Reply::status(200))
}

/// Checked, and otherwise nothing: the node listens on every subnet.
fn sync_committees(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let size = core.chain().config().preset.sync_committee_size;
    for (index, item) in call.json_list(MOST_VALIDATORS)?.iter().enumerate() {
        number_field(item, index, "validator_index")?;
        number_field(item, index, "until_epoch")?;
        let positions = field(item, index, "sync_committee_indices")?;
        let Value::Array(positions) = positions else {
            return Err(Refusal::bad_request(format!(
                "item {index}: sync_committee_indices is {}; expected an array",
                kind(positions)
            )));
        };
        for position in positions {
            let position = json_number("sync_committee_indices", position)?;
            if position >= size {
                return Err(Refusal::bad_request(format!(
                    "item {index}: position {position} in a sync committee of {size}"
                )));
            }
        }
    }
    Ok(Reply::status(200))
}

/// Kept by the chain for the payloads of these proposers.
fn prepare_proposers(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let mut proposers = Vec::new();
    for (index, item) in call.json_list(MOST_VALIDATORS)?.iter().enumerate() {
        let validator = number_field(item, index, "validator_index")?;
        proposers.push((validator, hex_field::<20>(item, index, "fee_recipient")?));
    }
    core.tell(Event::PrepareProposers { proposers, now_ms: call.now_ms });
    Ok(Reply::status(200))
}

/// Accepted, checked and not used: there is no builder network to pass registrations on to.
fn register_validators(_: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    /// Bytes of a SignedValidatorRegistrationV1.
    const REGISTRATION: usize = 20 + 8 + 8 + 48 + 96;
    if let Body::Ssz(bytes) = &call.request.body {
        if bytes.len() % REGISTRATION != 0 {
            return Err(Refusal::bad_request(format!(
                "{} bytes are no list of registrations of {REGISTRATION} bytes each",
                bytes.len()
            )));
        }
        return Ok(Reply::status(200));
    }
    for (index, item) in call.json_list(MOST_VALIDATORS)?.iter().enumerate() {
        let message = field(item, index, "message")?;
        hex_field::<20>(message, index, "fee_recipient")?;
        number_field(message, index, "gas_limit")?;
        number_field(message, index, "timestamp")?;
        hex_field::<48>(message, index, "pubkey")?;
        hex_field::<96>(item, index, "signature")?;
    }
    Ok(Reply::status(200))
}

/// For validators that share a key among several machines: the standard leaves it to their middleware to answer.
fn selections(_: &mut Core, _: &Call<'_>) -> Result<Reply, Refusal> {
    Err(Refusal::new(501, "this node does not combine the selection proofs of distributed validators"))
}

/// By the attestations on the head's chain.
fn liveness(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let epoch = call.number_param("epoch")?;
    let indices = call.indices()?;
    let cfg = core.chain().config();
    let current = cfg.epoch_of(core.chain().current_slot());
    if epoch > current || epoch + 1 < current {
        return Err(Refusal::bad_request(format!(
            "liveness is known of epochs {} and {current}, not of {epoch}",
            current.saturating_sub(1)
        )));
    }
    core.refuse_while_syncing()?;
    let head = core.chain().head();
    let live = live_validators(cfg, &head.state, epoch);
    let rows = indices.iter().map(|index| json!({ "index": index.to_string(), "is_live": live.contains(index) }));
    Ok(Reply::data(Value::Array(rows.collect())))
}
