//! The execution engine: hashes and JSON held to outside data, the stub's verdicts, client and server over loopback.

mod chain;
mod examples;
mod setup;
mod stub;

use std::path::PathBuf;

/// A file from `tests/execution-apis`; see the README there.
fn outside(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/execution-apis").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn outside_json(name: &str) -> serde_json::Value {
    serde_json::from_slice(&outside(name)).expect("JSON")
}
