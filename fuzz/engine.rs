//! What the execution engine says: mostly what a stub does, else whatever the input wants.

use crate::{Input, edit};
use lockin::engine::json::{answer_from, answer_to, method_of};
use lockin::engine::{Answer, Call, Failure, PayloadStatus, Stub, Validity};
use lockin::ssz::{Bytes, Fork, Preset};
use lockin::types::Hash32;

fn status(call: &Call, input: &mut Input) -> PayloadStatus {
    use Validity::{Accepted, Invalid, InvalidBlockHash, Syncing, Valid};
    let status = [Valid, Invalid, Syncing, Accepted, InvalidBlockHash][input.below(5)];
    let of_call = match call {
        Call::NewPayload(asked) => [asked.payload.block_hash, asked.payload.parent_hash],
        Call::ForkchoiceUpdated { state, .. } => [state.head_block_hash, state.finalized_block_hash],
        _ => [Hash32::ZERO; 2],
    };
    let latest_valid_hash = match input.byte() % 5 {
        0 => None,
        1 => Some(Bytes([0; 32])),
        2 => Some(of_call[0]),
        3 => Some(of_call[1]),
        _ => Some(Bytes([input.byte(); 32])),
    };
    PayloadStatus { status, latest_valid_hash, validation_error: None }
}

/// The fork by which an answer is written.
fn fork_of(call: &Call) -> Fork {
    match call {
        Call::NewPayload(asked) => asked.fork,
        Call::ForkchoiceUpdated { fork, .. } | Call::GetPayload { fork, .. } | Call::GetBlobs { fork, .. } => *fork,
        Call::PowBlock { .. } | Call::TerminalPowBlock { .. } => Fork::Bellatrix,
    }
}

/// The answer as JSON, edited and read again.
fn edited(preset: &'static Preset, call: &Call, answer: &Answer, input: &mut Input) -> Result<Answer, Failure> {
    let method = method_of(call);
    let version = method.rsplit_once('V').and_then(|(_, version)| version.parse().ok());
    let Some(version) = version else { return Ok(answer.clone()) };
    let mut json = answer_to(version, fork_of(call), answer);
    (0..=input.byte() % 3).for_each(|_| edit::json(&mut json, input));
    answer_from(preset, call, &json).map_err(|error| Failure::Malformed(error.to_string()))
}

/// The engine's answer to a call.
pub fn answer(
    stub: &mut Stub,
    now_ms: u64,
    preset: &'static Preset,
    call: &Call,
    input: &mut Input,
) -> Result<Answer, Failure> {
    let honest = stub.call(now_ms, call);
    match input.byte() % 16 {
        8 => Err(Failure::Unreachable("nobody".into())),
        9 => Err(Failure::Refused { code: -38001 - i64::from(input.byte() % 5), message: "no".into() }),
        10 => Err(Failure::Malformed("what?".into())),
        // an answer to another question
        11 => Ok([Answer::PowBlock(None), Answer::Blobs(Vec::new()), Answer::Payload(Default::default())]
            [input.below(3)]
        .clone()),
        12 | 13 => match honest {
            Ok(Answer::PayloadStatus(_)) => Ok(Answer::PayloadStatus(status(call, input))),
            Ok(Answer::ForkchoiceUpdated { payload_id, .. }) => {
                let payload_id = if input.byte() & 1 == 0 { payload_id } else { None };
                Ok(Answer::ForkchoiceUpdated { status: status(call, input), payload_id })
            }
            other => other,
        },
        14 | 15 => honest.and_then(|answer| edited(preset, call, &answer, input)),
        _ => honest,
    }
}
