//! `/eth/v1/validator/...`: what validators tell the node ahead of their duties, and liveness.

use serde_json::{Value, json};

use super::call::{json_number, kind};
use super::{Call, Refusal, Reply, Route, post};
use crate::api::Body;
use crate::node::Core;
use crate::node::live::live_validators;
use crate::ssz::Bytes;
use crate::types::constants::SYNC_COMMITTEE_SUBNET_COUNT;

pub(super) const ROUTES: &[Route] = &[
    post("/eth/v1/validator/beacon_committee_subscriptions", beacon_committees),
    post("/eth/v1/validator/sync_committee_subscriptions", sync_committees),
    post("/eth/v1/validator/prepare_beacon_proposer", prepare_proposers),
    post("/eth/v1/validator/register_validator", register_validators),
    post("/eth/v1/validator/liveness/{epoch}", liveness),
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
    super::call::bytes(name, text)
        .map_err(|refusal| Refusal::bad_request(format!("item {index}: {}", refusal.message)))
}

/// One validator's wish to have its attestation subnet prepared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitteeWish {
    /// The committee's index at its slot.
    pub committee_index: u64,
    /// How many committees that slot has.
    pub committees_at_slot: u64,
    /// The duty's slot.
    pub slot: u64,
    /// Whether the validator will aggregate, so that the subnet must be listened to.
    pub is_aggregator: bool,
}

fn beacon_committees(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let mut wishes = Vec::new();
    let most = core.chain().config().preset.max_committees_per_slot;
    for (index, item) in call.json_list()?.iter().enumerate() {
        number_field(item, index, "validator_index")?;
        let aggregates = field(item, index, "is_aggregator")?;
        let wish = CommitteeWish {
            committee_index: number_field(item, index, "committee_index")?,
            committees_at_slot: number_field(item, index, "committees_at_slot")?,
            slot: number_field(item, index, "slot")?,
            is_aggregator: aggregates.as_bool().ok_or_else(|| {
                Refusal::bad_request(format!("item {index}: is_aggregator is {}; expected a boolean", kind(aggregates)))
            })?,
        };
        if wish.committees_at_slot > most || wish.committee_index >= wish.committees_at_slot {
            return Err(Refusal::bad_request(format!(
                "item {index}: committee {} of {} at a slot; this network has at most {most}",
                wish.committee_index, wish.committees_at_slot
            )));
        }
        wishes.push(wish);
    }
    core.want_committees(&wishes, call.now_ms);
    Ok(Reply::status(200))
}

/// One validator's wish to have its sync committee subnets prepared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncWish {
    /// The subnets, derived from its positions in the committee.
    pub subnets: Vec<u64>,
    /// The first epoch in which they are no longer wanted.
    pub until_epoch: u64,
}

fn sync_committees(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let preset = core.chain().config().preset;
    let per_subnet = (preset.sync_committee_size / SYNC_COMMITTEE_SUBNET_COUNT).max(1);
    let mut wishes = Vec::new();
    for (index, item) in call.json_list()?.iter().enumerate() {
        number_field(item, index, "validator_index")?;
        let until_epoch = number_field(item, index, "until_epoch")?;
        let positions = field(item, index, "sync_committee_indices")?;
        let Value::Array(positions) = positions else {
            return Err(Refusal::bad_request(format!(
                "item {index}: sync_committee_indices is {}; expected an array",
                kind(positions)
            )));
        };
        let mut subnets = Vec::new();
        for position in positions {
            let position = json_number("sync_committee_indices", position)?;
            if position >= preset.sync_committee_size {
                return Err(Refusal::bad_request(format!(
                    "item {index}: position {position} in a sync committee of {}",
                    preset.sync_committee_size
                )));
            }
            subnets.push(position / per_subnet);
        }
        wishes.push(SyncWish { subnets, until_epoch });
    }
    core.want_sync_committees(&wishes, call.now_ms);
    Ok(Reply::status(200))
}

/// Accepted and checked; the forks served here have no execution payload that a fee recipient could go into.
fn prepare_proposers(_: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    for (index, item) in call.json_list()?.iter().enumerate() {
        number_field(item, index, "validator_index")?;
        hex_field::<20>(item, index, "fee_recipient")?;
    }
    Ok(Reply::status(200))
}

/// Accepted and checked; there is no builder network to pass registrations on to.
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
    for (index, item) in call.json_list()?.iter().enumerate() {
        let message = field(item, index, "message")?;
        hex_field::<20>(message, index, "fee_recipient")?;
        number_field(message, index, "gas_limit")?;
        number_field(message, index, "timestamp")?;
        hex_field::<48>(message, index, "pubkey")?;
        hex_field::<96>(item, index, "signature")?;
    }
    Ok(Reply::status(200))
}

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
    let seen = core.seen_live(epoch);
    let rows = indices.iter().map(|index| {
        let is_live = live.contains(index) || seen.is_some_and(|seen| seen.contains(index));
        json!({ "index": index.to_string(), "is_live": is_live })
    });
    Ok(Reply::data(Value::Array(rows.collect())))
}
