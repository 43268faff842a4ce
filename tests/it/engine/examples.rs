//! The JSON of the Engine API's own examples.

use super::{outside_json, with_blobs};
use lockin::engine::json::{Forks, answer_from, answer_to, method_of, parse, request};
use lockin::engine::{Answer, Call};
use lockin::ssz::{Bytes, Fork, Preset};
use serde_json::{Value, json};

/// The fork that a method's version is for (examples share one timestamp), for the methods that [`Call`] has.
fn fork_of(method: &str) -> Option<Fork> {
    let (name, version) = method.split_at(method.len() - 1);
    let forks = [Fork::Bellatrix, Fork::Capella, Fork::Deneb, Fork::Electra, Fork::Fulu];
    let nth: usize = version.parse().ok()?;
    match name {
        "engine_getBlobsV" => [Fork::Deneb, Fork::Fulu].get(nth - 1).copied(),
        "engine_newPayloadV" | "engine_forkchoiceUpdatedV" | "engine_getPayloadV" => forks.get(nth - 1).copied(),
        _ => None,
    }
}

#[test]
fn questions_are_read_and_written_back_alike() {
    let mut read = Vec::new();
    for example in outside_json("examples.json").as_array().expect("a list") {
        let method = example["method"].as_str().expect("a name");
        let Some(fork) = fork_of(method) else { continue };
        let at = |_| fork;
        let params = example["params"].as_array().expect("a list");
        let parsed = parse(Forks { preset: Preset::minimal(), at: &at }, method, params).expect(method);
        match (method, parsed) {
            // The example's requests lack the byte that tells their kind, its payload id is of seven and a half bytes.
            ("engine_newPayloadV4" | "engine_getPayloadV2" | "engine_getPayloadV3", Err(error)) => {
                assert_eq!(error.code, -32602, "{method}: {error}");
            }
            ("engine_getPayloadV4" | "engine_getPayloadV5", Err(error)) => assert_eq!(error.code, -32602),
            (_, parsed) => {
                let (call, later) = parsed.unwrap_or_else(|error| panic!("{method}: {error}"));
                assert_eq!(later, None, "{method}");
                let (name, written) = request(&call);
                assert_eq!((name.as_str(), &written), (method, &Value::Array(params.clone())));
            }
        }
        read.push(method.to_owned());
    }
    assert_eq!(read.len(), 15, "{read:?}");
}

#[test]
fn answers_are_read_and_written_back_alike() {
    let mut read = 0;
    for example in outside_json("examples.json").as_array().expect("a list") {
        let method = example["method"].as_str().expect("a name");
        let Some(fork) = fork_of(method) else { continue };
        let result = with_blobs(example["result"].clone());
        let hashes = vec![Bytes::ZERO; result.as_array().map_or(0, Vec::len)];
        let call = match method {
            name if name.starts_with("engine_getPayloadV") => Call::GetPayload { fork, id: Bytes::ZERO },
            name if name.starts_with("engine_getBlobsV") => Call::GetBlobs { fork, versioned_hashes: hashes },
            name if name.starts_with("engine_newPayloadV") => Call::NewPayload(Box::new(empty(fork))),
            name if name.starts_with("engine_forkchoiceUpdatedV") => {
                Call::ForkchoiceUpdated { fork, state: Default::default(), attributes: None }
            }
            _ => continue,
        };
        assert_eq!(method_of(&call), method);
        let answer = answer_from(Preset::minimal(), &call, &result).unwrap_or_else(|error| panic!("{method}: {error}"));
        let version = method.as_bytes()[method.len() - 1] - b'0';
        assert_eq!(answer_to(version, fork, &answer), result, "{method}");
        read += 1;
    }
    assert_eq!(read, 15);
}

fn empty(fork: Fork) -> lockin::engine::NewPayload {
    lockin::engine::NewPayload {
        fork,
        payload: Default::default(),
        versioned_hashes: Vec::new(),
        parent_beacon_block_root: Bytes::ZERO,
        execution_requests: Default::default(),
    }
}

#[test]
fn missing_blobs_are_told_apart_from_none() {
    let call = Call::GetBlobs { fork: Fork::Fulu, versioned_hashes: vec![Bytes::ZERO; 2] };
    let read = |value: &Value| answer_from(Preset::minimal(), &call, value);
    assert_eq!(read(&Value::Null), Ok(Answer::Blobs(vec![None, None])));
    assert_eq!(read(&json!([null, null])), Ok(Answer::Blobs(vec![None, None])));
    assert!(read(&json!([null])).is_err() && read(&json!([null, null, null])).is_err());
    assert_eq!(answer_to(2, Fork::Fulu, &Answer::Blobs(vec![None, None])), Value::Null);
    assert_eq!(answer_to(1, Fork::Deneb, &Answer::Blobs(vec![None, None])), json!([null, null]));
}
