//! What waits to be included in a block. Everything in here was validated before it came.

mod attestations;
mod cover;
mod operations;
mod sync;

pub(super) use attestations::{AttestationPool, Candidate};
pub(super) use operations::{OperationPool, slashed_by};
pub(super) use sync::SyncPool;
