//! Which calls wait for which: an engine that is silent about one payload must still hear of the head, and give payloads.
//!
//! This file NEVER makes a call.

use super::call::Call;

/// A line of calls: each is made after the one before it was answered. Lines don't wait for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// For blocks that wait to be imported: verdicts on payloads, and blobs.
    Import,
    /// For the head and the block to be built on it: fork choice, payloads, proof-of-work blocks.
    Lead,
}

impl Lane {
    /// The line that a call stands in.
    pub fn of(call: &Call) -> Lane {
        match call {
            Call::NewPayload(_) | Call::GetBlobs { .. } => Lane::Import,
            Call::ForkchoiceUpdated { .. } | Call::GetPayload { .. } => Lane::Lead,
            Call::PowBlock { .. } | Call::TerminalPowBlock { .. } => Lane::Lead,
        }
    }
}
