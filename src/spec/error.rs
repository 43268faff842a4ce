//! Why a block or state is invalid.

/// A rule of the spec that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {}
