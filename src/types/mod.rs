//! The consensus containers of every built fork, each written once, the constants, and the network's configuration.
//!
//! Names are the spec's. The spec's container `Fork` is [`Fork`]; the names of the forks are [`ForkName`].
//!
//! Never: holds rules. Whatever computes anything from these is in `spec`.

pub mod config;
pub mod constants;
pub mod limits;

mod attestation;
mod beacon;
mod light_client;
mod network;
mod operations;
mod state_cache;
mod sync_committee;

pub use crate::ssz::Fork as ForkName;
pub use attestation::*;
pub use beacon::*;
pub use config::ChainConfig;
pub use constants::FAR_FUTURE_EPOCH;
pub use light_client::*;
pub use network::*;
pub use operations::*;
pub use state_cache::{Proposers, Shuffling, StateCache};
pub use sync_committee::*;

use crate::ssz::Bytes;
pub use crate::ssz::Root;

/// A slot number.
pub type Slot = u64;
/// An epoch number.
pub type Epoch = u64;
/// An index into a slot's committees.
pub type CommitteeIndex = u64;
/// An index into the validator registry.
pub type ValidatorIndex = u64;
/// An amount in Gwei.
pub type Gwei = u64;
/// A compressed BLS public key.
pub type BlsPubkey = Bytes<48>;
/// A compressed BLS signature.
pub type BlsSignature = Bytes<96>;
/// A fork version.
pub type Version = Bytes<4>;
/// A fork digest.
pub type ForkDigest = Bytes<4>;
/// A signature domain's type.
pub type DomainType = Bytes<4>;
/// A signature domain.
pub type Domain = Bytes<32>;
/// Participation flags of one validator.
pub type ParticipationFlags = u8;
