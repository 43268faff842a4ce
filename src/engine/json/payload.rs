//! `ExecutionPayloadV1` to `V3`, `WithdrawalV1`, `PayloadAttributesV1` to `V3`, `ForkchoiceStateV1`, `PayloadStatusV1`.

use super::value::{
    data, data_from, elements, field, optional, quantity, quantity_from, quantity256, quantity256_from,
};
use crate::engine::call::{ForkchoiceState, PayloadAttributes, PayloadStatus, Validity};
use crate::ssz::{Bytes, Fork, Json, JsonError, Shape};
use crate::types::{ExecutionPayload, Withdrawal};
use serde_json::{Value, json};

/// Longest `validationError` that is kept of another program's answer, in characters.
const MAX_VALIDATION_ERROR: usize = 500;

/// The structure that `fork` has.
pub(super) fn payload_to(fork: Fork, payload: &ExecutionPayload) -> Value {
    let transactions = payload.transactions.iter().map(|bytes| data(&**bytes)).collect();
    let mut out = json!({
        "parentHash": data(payload.parent_hash),
        "feeRecipient": data(payload.fee_recipient),
        "stateRoot": data(payload.state_root),
        "receiptsRoot": data(payload.receipts_root),
        "logsBloom": data(payload.logs_bloom),
        "prevRandao": data(payload.prev_randao),
        "blockNumber": quantity(payload.block_number),
        "gasLimit": quantity(payload.gas_limit),
        "gasUsed": quantity(payload.gas_used),
        "timestamp": quantity(payload.timestamp),
        "extraData": data(&*payload.extra_data),
        "baseFeePerGas": quantity256(&payload.base_fee_per_gas),
        "blockHash": data(payload.block_hash),
        "transactions": Value::Array(transactions),
    });
    if fork >= Fork::Capella {
        out["withdrawals"] = withdrawals_to(payload.withdrawals.iter());
    }
    if fork >= Fork::Deneb {
        out["blobGasUsed"] = quantity(payload.blob_gas_used);
        out["excessBlobGas"] = quantity(payload.excess_blob_gas);
    }
    out
}

/// Reads the structure that `shape.fork` has.
///
/// # Errors
/// Also a field that only a later structure has: the wrong version was sent.
pub(super) fn payload_from(shape: Shape, value: &Value) -> Result<ExecutionPayload, JsonError> {
    refuse_later(shape.fork, value, &[("withdrawals", Fork::Capella), ("blobGasUsed", Fork::Deneb)])?;
    let since = |fork: Fork| shape.fork >= fork;
    Ok(ExecutionPayload {
        parent_hash: field(value, "parentHash", data_from)?,
        fee_recipient: field(value, "feeRecipient", data_from)?,
        state_root: field(value, "stateRoot", data_from)?,
        receipts_root: field(value, "receiptsRoot", data_from)?,
        logs_bloom: field(value, "logsBloom", data_from)?,
        prev_randao: field(value, "prevRandao", data_from)?,
        block_number: field(value, "blockNumber", quantity_from)?,
        gas_limit: field(value, "gasLimit", quantity_from)?,
        gas_used: field(value, "gasUsed", quantity_from)?,
        timestamp: field(value, "timestamp", quantity_from)?,
        extra_data: field(value, "extraData", |value| Json::from_json(shape, value))?,
        base_fee_per_gas: field(value, "baseFeePerGas", quantity256_from)?,
        block_hash: field(value, "blockHash", data_from)?,
        transactions: field(value, "transactions", |value| Json::from_json(shape, value))?,
        withdrawals: match since(Fork::Capella) {
            true => field(value, "withdrawals", |value| withdrawals_from(shape, value))?.into(),
            false => Vec::new().into(),
        },
        blob_gas_used: if since(Fork::Deneb) { field(value, "blobGasUsed", quantity_from)? } else { 0 },
        excess_blob_gas: if since(Fork::Deneb) { field(value, "excessBlobGas", quantity_from)? } else { 0 },
    })
}

fn refuse_later(fork: Fork, value: &Value, fields: &[(&'static str, Fork)]) -> Result<(), JsonError> {
    match fields.iter().find(|(key, since)| fork < *since && optional(value, key).is_some()) {
        Some((key, since)) => Err(JsonError::Invalid(format!("`{key}` is there, which begins with {since}"))),
        None => Ok(()),
    }
}

/// A list of `WithdrawalV1`.
pub fn withdrawals_to<'a>(withdrawals: impl Iterator<Item = &'a Withdrawal>) -> Value {
    let one = |withdrawal: &Withdrawal| {
        json!({
            "index": quantity(withdrawal.index),
            "validatorIndex": quantity(withdrawal.validator_index),
            "address": data(withdrawal.address),
            "amount": quantity(withdrawal.amount),
        })
    };
    Value::Array(withdrawals.map(one).collect())
}

fn withdrawals_from(shape: Shape, value: &Value) -> Result<Vec<Withdrawal>, JsonError> {
    elements(value, shape.preset.max_withdrawals_per_payload, |value| {
        Ok(Withdrawal {
            index: field(value, "index", quantity_from)?,
            validator_index: field(value, "validatorIndex", quantity_from)?,
            address: field(value, "address", data_from)?,
            amount: field(value, "amount", quantity_from)?,
        })
    })
}

pub(super) fn attributes_to(fork: Fork, attributes: &PayloadAttributes) -> Value {
    let mut out = json!({
        "timestamp": quantity(attributes.timestamp),
        "prevRandao": data(attributes.prev_randao),
        "suggestedFeeRecipient": data(attributes.suggested_fee_recipient),
    });
    if fork >= Fork::Capella {
        out["withdrawals"] = withdrawals_to(attributes.withdrawals.iter());
    }
    if fork >= Fork::Deneb {
        out["parentBeaconBlockRoot"] = data(attributes.parent_beacon_block_root);
    }
    out
}

pub(super) fn attributes_from(shape: Shape, value: &Value) -> Result<PayloadAttributes, JsonError> {
    refuse_later(shape.fork, value, &[("withdrawals", Fork::Capella), ("parentBeaconBlockRoot", Fork::Deneb)])?;
    Ok(PayloadAttributes {
        timestamp: field(value, "timestamp", quantity_from)?,
        prev_randao: field(value, "prevRandao", data_from)?,
        suggested_fee_recipient: field(value, "suggestedFeeRecipient", data_from)?,
        withdrawals: match shape.fork >= Fork::Capella {
            true => field(value, "withdrawals", |value| withdrawals_from(shape, value))?,
            false => Vec::new(),
        },
        parent_beacon_block_root: match shape.fork >= Fork::Deneb {
            true => field(value, "parentBeaconBlockRoot", data_from)?,
            false => Bytes::ZERO,
        },
    })
}

pub(super) fn forkchoice_state_to(state: &ForkchoiceState) -> Value {
    json!({
        "headBlockHash": data(state.head_block_hash),
        "safeBlockHash": data(state.safe_block_hash),
        "finalizedBlockHash": data(state.finalized_block_hash),
    })
}

pub(super) fn forkchoice_state_from(value: &Value) -> Result<ForkchoiceState, JsonError> {
    Ok(ForkchoiceState {
        head_block_hash: field(value, "headBlockHash", data_from)?,
        safe_block_hash: field(value, "safeBlockHash", data_from)?,
        finalized_block_hash: field(value, "finalizedBlockHash", data_from)?,
    })
}

/// The verdicts and their names.
const VALIDITIES: [(Validity, &str); 5] = [
    (Validity::Valid, "VALID"),
    (Validity::Invalid, "INVALID"),
    (Validity::Syncing, "SYNCING"),
    (Validity::Accepted, "ACCEPTED"),
    (Validity::InvalidBlockHash, "INVALID_BLOCK_HASH"),
];

pub(super) fn status_to(status: &PayloadStatus) -> Value {
    let name = VALIDITIES.iter().find(|(validity, _)| *validity == status.status).map(|(_, name)| *name);
    json!({
        "status": name,
        "latestValidHash": status.latest_valid_hash.map(data),
        "validationError": status.validation_error,
    })
}

pub(super) fn status_from(value: &Value) -> Result<PayloadStatus, JsonError> {
    let validity = |value: &Value| {
        let known = VALIDITIES.iter().find(|(_, name)| value.as_str() == Some(name));
        known.map(|(validity, _)| *validity).ok_or_else(|| JsonError::expected("a payload status", value))
    };
    let error = optional(value, "validationError");
    Ok(PayloadStatus {
        status: field(value, "status", validity)?,
        latest_valid_hash: optional(value, "latestValidHash").map(data_from).transpose()?,
        // Some engines put an object there.
        validation_error: error.map(|error| {
            let text = error.as_str().map_or_else(|| error.to_string(), str::to_owned);
            text.chars().take(MAX_VALIDATION_ERROR).collect()
        }),
    })
}
