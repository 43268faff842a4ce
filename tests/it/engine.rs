//! The execution engine: hashes and JSON held to outside data, the stub's verdicts, client and server over loopback.

mod chain;
mod examples;
mod genesis_json;
mod http;
mod rpc;
mod scripted;
mod setup;
mod stub;

use serde_json::Value;
use std::path::PathBuf;

/// A file from `tests/execution-apis`; see the README there.
fn outside(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/execution-apis").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn outside_json(name: &str) -> Value {
    serde_json::from_slice(&outside(name)).expect("JSON")
}

/// Blobs were cut from the file.
fn with_blobs(value: Value) -> Value {
    match value {
        Value::String(text) if text == "<blob>" => Value::String(format!("0x{}", "5a".repeat(131_072))),
        Value::Array(list) => list.into_iter().map(with_blobs).collect(),
        Value::Object(map) => map.into_iter().map(|(key, value)| (key, with_blobs(value))).collect(),
        other => other,
    }
}
