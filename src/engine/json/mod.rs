//! The Engine API's JSON: quantities as `0x` hex without leading zeros, data as `0x` hex, names in camel case, methods
//! with versions. Used from both sides: the client writes questions and reads answers, the stub's server the reverse.
//!
//! Spec: execution-apis `src/engine/*.md`. Reading is strict about the forms, and bounds every list by the preset.
//! Never: does I/O, or panics on what others wrote.

mod answer;
mod block;
mod call;
mod payload;
mod value;

pub use answer::{answer_from, answer_to};
pub(super) use block::pow_block_from;
pub use block::{header_from, header_to};
pub use call::{Forks, Version, get_payload_version, method_of, method_versions, parse, request};
pub(super) use payload::withdrawals_to;
pub use value::{data, data_from, elements, field, optional, quantity, quantity_from, quantity256, quantity256_from};

/// JSON-RPC's and the Engine API's error codes (`common.md`).
pub mod code {
    /// Not JSON.
    pub const PARSE_ERROR: i64 = -32700;
    /// JSON, but no request.
    pub const INVALID_REQUEST: i64 = -32600;
    /// No such method.
    pub const METHOD_NOT_FOUND: i64 = -32601;
    /// Parameters that the method does not take.
    pub const INVALID_PARAMS: i64 = -32602;
    /// Whatever else.
    pub const SERVER_ERROR: i64 = -32000;
    /// `Unknown payload`.
    pub const UNKNOWN_PAYLOAD: i64 = -38001;
    /// `Invalid forkchoice state`.
    pub const INVALID_FORKCHOICE_STATE: i64 = -38002;
    /// `Invalid payload attributes`.
    pub const INVALID_PAYLOAD_ATTRIBUTES: i64 = -38003;
    /// `Too large request`.
    pub const TOO_LARGE_REQUEST: i64 = -38004;
    /// `Unsupported fork`.
    pub const UNSUPPORTED_FORK: i64 = -38005;
}

/// Requests of more elements than this are refused with [`code::TOO_LARGE_REQUEST`]; the spec demands 32 for bodies and
/// 128 for blobs.
pub const MAX_REQUESTED: usize = 128;

/// An error as JSON-RPC carries it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("error {code}: {message}")]
pub struct JsonRpcError {
    /// One of [`code`].
    pub code: i64,
    /// What is wrong, for people.
    pub message: String,
}

impl JsonRpcError {
    /// An error of this code.
    pub fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// The spec's `Invalid params`, with what is wrong.
    pub fn params(why: impl std::fmt::Display) -> Self {
        Self::new(code::INVALID_PARAMS, format!("Invalid params: {why}"))
    }
}

impl From<crate::ssz::JsonError> for JsonRpcError {
    fn from(error: crate::ssz::JsonError) -> Self {
        Self::params(error)
    }
}
