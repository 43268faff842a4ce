//! `/eth/v1/beacon/states/{state_id}/validators` and its relatives.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::beacon_states::{Found, state};
use super::call::{self, ValidatorId};
use super::{Call, Refusal, Reply, Route, get, get_ssz, post, post_ssz};
use crate::api::Body;
use crate::node::Core;
use crate::spec::get_validator_index;
use crate::ssz::Json;
use crate::types::{BeaconState, Epoch, FAR_FUTURE_EPOCH, Validator};

pub(super) const ROUTES: &[Route] = &[
    get("/eth/v1/beacon/states/{state_id}/validators", get_validators),
    post("/eth/v1/beacon/states/{state_id}/validators", post_validators),
    get("/eth/v1/beacon/states/{state_id}/validators/{validator_id}", validator),
    get_ssz("/eth/v1/beacon/states/{state_id}/validator_balances", get_balances),
    post_ssz("/eth/v1/beacon/states/{state_id}/validator_balances", post_balances),
    post_ssz("/eth/v1/beacon/states/{state_id}/validator_identities", identities),
];

/// Most identifiers that a GET takes; POST has no such limit.
const MOST_IDS_IN_QUERY: usize = 64;

/// Every status of the standard, and its group.
const STATUSES: &[(&str, &str)] = &[
    ("pending_initialized", "pending"),
    ("pending_queued", "pending"),
    ("active_ongoing", "active"),
    ("active_exiting", "active"),
    ("active_slashed", "active"),
    ("exited_unslashed", "exited"),
    ("exited_slashed", "exited"),
    ("withdrawal_possible", "withdrawal"),
    ("withdrawal_done", "withdrawal"),
];

/// The standard's status of a validator at an epoch.
pub fn status(validator: &Validator, balance: u64, epoch: Epoch) -> &'static str {
    if epoch < validator.activation_epoch {
        if validator.activation_eligibility_epoch == FAR_FUTURE_EPOCH {
            return "pending_initialized";
        }
        return "pending_queued";
    }
    if epoch < validator.exit_epoch {
        return match (validator.exit_epoch == FAR_FUTURE_EPOCH, validator.slashed) {
            (true, _) => "active_ongoing",
            (false, true) => "active_slashed",
            (false, false) => "active_exiting",
        };
    }
    if epoch < validator.withdrawable_epoch {
        return if validator.slashed { "exited_slashed" } else { "exited_unslashed" };
    }
    if balance == 0 { "withdrawal_done" } else { "withdrawal_possible" }
}

/// Which validators are wanted. `None` is all.
struct Filter {
    ids: Option<Vec<ValidatorId>>,
    statuses: Option<BTreeSet<&'static str>>,
}

impl Filter {
    fn parse<'t>(
        ids: impl Iterator<Item = &'t str>,
        statuses: impl Iterator<Item = &'t str>,
    ) -> Result<Filter, Refusal> {
        let ids = ids.map(ValidatorId::parse).collect::<Result<Vec<_>, _>>()?;
        let mut wanted = BTreeSet::new();
        for given in statuses {
            let mut fitting = STATUSES.iter().filter(|(name, group)| *name == given || *group == given).peekable();
            if fitting.peek().is_none() {
                let names: Vec<&str> = STATUSES.iter().map(|(name, _)| *name).collect();
                return Err(Refusal::bad_request(format!(
                    "invalid validator status: {:?}; accepted: {}, active, pending, exited, withdrawal",
                    call::shown(given),
                    names.join(", ")
                )));
            }
            wanted.extend(fitting.map(|(name, _)| *name));
        }
        Ok(Filter { ids: (!ids.is_empty()).then_some(ids), statuses: (!wanted.is_empty()).then_some(wanted) })
    }

    fn from_query(call: &Call<'_>) -> Result<Filter, Refusal> {
        let ids = call.query_list("id");
        if ids.len() > MOST_IDS_IN_QUERY {
            return Err(Refusal::new(
                414,
                format!("{} validator IDs in the query; at most {MOST_IDS_IN_QUERY} are accepted, use POST", ids.len()),
            ));
        }
        Filter::parse(ids.into_iter(), call.query_list("status").into_iter())
    }

    /// The indices wanted, in ascending order, without repetition.
    fn indices(&self, state: &BeaconState) -> Vec<usize> {
        let count = state.validators.len();
        let Some(ids) = &self.ids else { return (0..count).collect() };
        let known: BTreeSet<usize> = ids.iter().filter_map(|id| lookup(state, id)).collect();
        known.into_iter().collect()
    }
}

/// The index of a validator in the registry, if it is there.
fn lookup(state: &BeaconState, id: &ValidatorId) -> Option<usize> {
    let index = match id {
        ValidatorId::Index(index) => *index,
        ValidatorId::Pubkey(pubkey) => get_validator_index(state, pubkey)?,
    };
    usize::try_from(index).ok().filter(|index| *index < state.validators.len())
}

/// A JSON array of strings, `null` and absence counting as empty.
fn strings<'v>(value: Option<&'v Value>, name: &str) -> Result<Vec<&'v str>, Refusal> {
    let items = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(other) => {
            return Err(Refusal::bad_request(format!("{name} is {}; expected an array of strings", call::kind(other))));
        }
    };
    let string = |item: &'v Value| {
        item.as_str().ok_or_else(|| {
            Refusal::bad_request(format!("{name} has {} among its items; expected strings only", call::kind(item)))
        })
    };
    items.iter().map(string).collect()
}

fn entry(found: &Found, epoch: Epoch, index: usize) -> Option<(Value, &'static str)> {
    let validator = found.state.validators.get(index)?;
    let balance = *found.state.balances.get(index)?;
    let status = status(validator, balance, epoch);
    let value = json!({
        "index": index.to_string(),
        "balance": balance.to_string(),
        "status": status,
        "validator": validator.to_json(found.shape),
    });
    Some((value, status))
}

fn list(core: &Core, found: &Found, filter: &Filter) -> Reply {
    let epoch = core.chain().config().epoch_of(found.state.slot);
    let entries = filter.indices(&found.state).into_iter().filter_map(|index| entry(found, epoch, index));
    let wanted = entries.filter(|(_, status)| filter.statuses.as_ref().is_none_or(|wanted| wanted.contains(status)));
    Reply::with_meta(found.meta.fields(), Value::Array(wanted.map(|(value, _)| value).collect()))
}

fn get_validators(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let filter = Filter::from_query(call)?;
    Ok(list(core, &state(core, call)?, &filter))
}

fn post_validators(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let body = call.json()?;
    let Value::Object(fields) = &body else {
        return Err(Refusal::bad_request(format!(
            "the body is {}; expected an object with ids and statuses",
            call::kind(&body)
        )));
    };
    let (ids, statuses) = (strings(fields.get("ids"), "ids")?, strings(fields.get("statuses"), "statuses")?);
    let filter = Filter::parse(ids.into_iter(), statuses.into_iter())?;
    Ok(list(core, &state(core, call)?, &filter))
}

fn validator(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let id = ValidatorId::parse(call.param("validator_id"))?;
    let found = state(core, call)?;
    let epoch = core.chain().config().epoch_of(found.state.slot);
    let index = lookup(&found.state, &id).ok_or_else(|| Refusal::not_found("validator not found"))?;
    let (value, _) = entry(&found, epoch, index).ok_or_else(|| Refusal::not_found("validator not found"))?;
    Ok(Reply::with_meta(found.meta.fields(), value))
}

fn balances(core: &Core, call: &Call<'_>, filter: &Filter) -> Result<Reply, Refusal> {
    let found = state(core, call)?;
    let rows = filter.indices(&found.state).into_iter();
    let rows = rows.filter_map(|index| Some((index, *found.state.balances.get(index)?)));
    if call.wants_ssz() {
        let bytes = rows.flat_map(|(index, balance)| [(index as u64).to_le_bytes(), balance.to_le_bytes()].concat());
        return Ok(Reply::ssz(bytes.collect()));
    }
    let rows = rows.map(|(index, balance)| json!({ "index": index.to_string(), "balance": balance.to_string() }));
    Ok(Reply::with_meta(found.meta.fields(), Value::Array(rows.collect())))
}

fn get_balances(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    balances(core, call, &Filter::from_query(call)?)
}

/// The identifiers of a POST whose body is an optional array.
fn filter_of_body(call: &Call<'_>) -> Result<Filter, Refusal> {
    let body = if call.request.body == Body::Empty { Value::Null } else { call.json()? };
    Filter::parse(strings(Some(&body), "the body")?.into_iter(), std::iter::empty())
}

fn post_balances(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    balances(core, call, &filter_of_body(call)?)
}

fn identities(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let filter = filter_of_body(call)?;
    let found = state(core, call)?;
    let rows = filter.indices(&found.state).into_iter();
    let rows = rows.filter_map(|index| Some((index, found.state.validators.get(index)?)));
    if call.wants_ssz() {
        let mut bytes = Vec::new();
        for (index, validator) in rows {
            bytes.extend_from_slice(&(index as u64).to_le_bytes());
            bytes.extend_from_slice(validator.pubkey.as_ref());
            bytes.extend_from_slice(&validator.activation_epoch.to_le_bytes());
        }
        return Ok(Reply::ssz(bytes));
    }
    let rows = rows.map(|(index, validator)| {
        json!({
            "index": index.to_string(),
            "pubkey": validator.pubkey.to_string(),
            "activation_epoch": validator.activation_epoch.to_string(),
        })
    });
    Ok(Reply::with_meta(found.meta.fields(), Value::Array(rows.collect())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_follow_the_standard() {
        let far = FAR_FUTURE_EPOCH;
        let mut validator = Validator {
            activation_eligibility_epoch: far,
            activation_epoch: far,
            exit_epoch: far,
            withdrawable_epoch: far,
            ..Validator::default()
        };
        assert_eq!(status(&validator, 1, 5), "pending_initialized");
        validator.activation_eligibility_epoch = 4;
        assert_eq!(status(&validator, 1, 5), "pending_queued");
        validator.activation_epoch = 5;
        assert_eq!(status(&validator, 1, 5), "active_ongoing");
        validator.exit_epoch = 8;
        validator.withdrawable_epoch = 10;
        assert_eq!(status(&validator, 1, 7), "active_exiting");
        assert_eq!(status(&validator, 1, 8), "exited_unslashed");
        assert_eq!(status(&validator, 1, 10), "withdrawal_possible");
        assert_eq!(status(&validator, 0, 10), "withdrawal_done");
        validator.slashed = true;
        assert_eq!(status(&validator, 1, 7), "active_slashed");
        assert_eq!(status(&validator, 1, 8), "exited_slashed");
    }

    #[test]
    fn filters_accept_groups_and_refuse_the_unknown() {
        let filter = Filter::parse(["3"].into_iter(), ["active"].into_iter()).expect("valid");
        let statuses = filter.statuses.expect("some");
        assert_eq!(statuses.into_iter().collect::<Vec<_>>(), ["active_exiting", "active_ongoing", "active_slashed"]);
        let refusal = Filter::parse(std::iter::empty(), ["alive"].into_iter()).err().expect("refused");
        assert!(refusal.message.contains("pending_initialized"), "{}", refusal.message);
    }
}
