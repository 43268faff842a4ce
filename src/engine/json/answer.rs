//! Answers, written and read. Their form goes by the method's version.

use super::block::pow_block_from;
use super::call::{Version, get_payload_version};
use super::payload::{payload_from, payload_to, status_from, status_to};
use super::value::{bytes_from, data, data_from, elements, field, optional, quantity256, quantity256_from};
use crate::engine::call::{Answer, BlobAndProofs, BuiltPayload, Call, PayloadStatus, Validity};
use crate::engine::requests::{self, MAX_KINDS};
use crate::ssz::{Fork, Json, JsonError, Preset, Shape};
use serde_json::{Value, json};

/// An answer's `result`. `version` is that of the method asked; `fork` that of the payload, where there is one.
pub fn answer_to(version: Version, fork: Fork, answer: &Answer) -> Value {
    match answer {
        // `shanghai.md`: from V2 on a wrong hash is `INVALID`, whatever the payload's fork.
        Answer::PayloadStatus(status) if version >= 2 && status.status == Validity::InvalidBlockHash => {
            status_to(&PayloadStatus { status: Validity::Invalid, ..status.clone() })
        }
        Answer::PayloadStatus(status) => status_to(status),
        Answer::ForkchoiceUpdated { status, payload_id } => {
            json!({"payloadStatus": status_to(status), "payloadId": payload_id.map(data)})
        }
        Answer::Payload(built) => built_to(version, fork, built),
        Answer::Blobs(blobs) => blobs_to(version, blobs),
        Answer::PowBlock(block) => match block {
            Some(block) => json!({
                "hash": data(block.block_hash),
                "parentHash": data(block.parent_hash),
                "totalDifficulty": quantity256(&block.total_difficulty),
            }),
            None => Value::Null,
        },
    }
}

fn built_to(version: Version, fork: Fork, built: &BuiltPayload) -> Value {
    let payload = payload_to(fork, &built.payload);
    if version == 1 {
        return payload;
    }
    let mut out = json!({"executionPayload": payload, "blockValue": quantity256(&built.block_value)});
    if version >= 3 {
        out["blobsBundle"] = json!({
            "commitments": built.commitments.iter().map(data).collect::<Vec<_>>(),
            "proofs": built.proofs.iter().map(data).collect::<Vec<_>>(),
            "blobs": built.blobs.iter().map(|blob| data(&**blob)).collect::<Vec<_>>(),
        });
        out["shouldOverrideBuilder"] = Value::Bool(false);
    }
    if version >= 4 {
        out["executionRequests"] = requests::to_list(&built.execution_requests).iter().map(data).collect();
    }
    out
}

fn blobs_to(version: Version, blobs: &[Option<BlobAndProofs>]) -> Value {
    // `osaka.md`: all of them or nothing.
    if version >= 2 && blobs.iter().any(Option::is_none) {
        return Value::Null;
    }
    let one = |found: &Option<BlobAndProofs>| match found {
        None => Value::Null,
        Some(found) if version == 1 => {
            json!({"blob": data(&*found.blob), "proof": found.proofs.first().map(data)})
        }
        Some(found) => {
            json!({"blob": data(&*found.blob), "proofs": found.proofs.iter().map(data).collect::<Vec<_>>()})
        }
    };
    blobs.iter().map(one).collect()
}

/// Reads the `result` that an engine gave to `call`.
///
/// # Errors
/// Anything but what the method's version says; lists longer than the preset allows.
pub fn answer_from(preset: &'static Preset, call: &Call, result: &Value) -> Result<Answer, JsonError> {
    match call {
        Call::NewPayload(_) => Ok(Answer::PayloadStatus(status_from(result)?)),
        Call::ForkchoiceUpdated { .. } => Ok(Answer::ForkchoiceUpdated {
            status: field(result, "payloadStatus", status_from)?,
            payload_id: optional(result, "payloadId").map(data_from).transpose()?,
        }),
        Call::GetPayload { fork, .. } => Ok(Answer::Payload(Box::new(built_from(Shape::new(*fork, preset), result)?))),
        Call::GetBlobs { fork, versioned_hashes } => {
            blobs_from(Shape::new(*fork, preset), versioned_hashes.len(), result).map(Answer::Blobs)
        }
        Call::PowBlock { .. } | Call::TerminalPowBlock { .. } => match result {
            Value::Null => Ok(Answer::PowBlock(None)),
            block => Ok(Answer::PowBlock(Some(pow_block_from(block)?))),
        },
    }
}

fn built_from(shape: Shape, result: &Value) -> Result<BuiltPayload, JsonError> {
    let version = get_payload_version(shape.fork);
    let mut built = BuiltPayload::default();
    if version == 1 {
        built.payload = payload_from(shape, result)?;
        return Ok(built);
    }
    built.payload = field(result, "executionPayload", |value| payload_from(shape, value))?;
    built.block_value = field(result, "blockValue", quantity256_from)?;
    if version >= 3 {
        let limit = shape.preset.max_blob_commitments_per_block;
        let per_blob = if version >= 5 { shape.preset.cells_per_ext_blob } else { 1 };
        let bundle = |value: &Value| {
            let commitments = field(value, "commitments", |value| elements(value, limit, data_from))?;
            let proofs = field(value, "proofs", |value| elements(value, limit * per_blob, data_from))?;
            let blobs = field(value, "blobs", |value| elements(value, limit, |blob| Json::from_json(shape, blob)))?;
            if blobs.len() != commitments.len() || proofs.len() as u64 != commitments.len() as u64 * per_blob {
                let (blobs, proofs) = (blobs.len(), proofs.len());
                let message = format!("{} commitments, {proofs} proofs and {blobs} blobs", commitments.len());
                return Err(JsonError::Invalid(message));
            }
            Ok((commitments, proofs, blobs))
        };
        (built.commitments, built.proofs, built.blobs) = field(result, "blobsBundle", bundle)?;
    }
    if version >= 4 {
        let list = field(result, "executionRequests", |value| elements(value, MAX_KINDS, bytes_from))?;
        built.execution_requests = requests::from_list(shape.preset, &list).map_err(JsonError::Invalid)?;
    }
    Ok(built)
}

fn blobs_from(shape: Shape, asked: usize, result: &Value) -> Result<Vec<Option<BlobAndProofs>>, JsonError> {
    if result.is_null() {
        return Ok(vec![None; asked]);
    }
    let one = |value: &Value| {
        if value.is_null() {
            return Ok(None);
        }
        let blob = field(value, "blob", |blob| Json::from_json(shape, blob))?;
        let proofs = match shape.fork >= Fork::Fulu {
            true => field(value, "proofs", |list| elements(list, shape.preset.cells_per_ext_blob, data_from))?,
            false => vec![field(value, "proof", data_from)?],
        };
        if shape.fork >= Fork::Fulu && proofs.len() as u64 != shape.preset.cells_per_ext_blob {
            return Err(JsonError::Invalid(format!("{} cell proofs of one blob", proofs.len())));
        }
        Ok(Some(BlobAndProofs { blob, proofs, cells: Vec::new() }))
    };
    let blobs = elements(result, asked as u64, one)?;
    match blobs.len() == asked {
        true => Ok(blobs),
        false => Err(JsonError::Invalid(format!("{} blobs, but {asked} were asked for", blobs.len()))),
    }
}
