//! What waits to be included in a block. Everything in here was validated before it came.

mod attestations;
mod cover;
mod operations;
mod sync;

pub(super) use attestations::{AttestationPool, Candidate, Contents, attestation};
pub(super) use operations::OperationPool;
pub(super) use sync::SyncPool;
