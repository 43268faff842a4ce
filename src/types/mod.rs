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
mod blobs;
mod execution;
mod light_client;
mod network;
mod operations;
mod pending;
mod state_cache;
mod sync_committee;

pub use crate::ssz::Fork as ForkName;
pub use attestation::*;
pub use beacon::*;
pub use blobs::*;
pub use config::ChainConfig;
pub use constants::FAR_FUTURE_EPOCH;
pub use execution::*;
pub use light_client::*;
pub use network::*;
pub use operations::*;
pub use pending::*;
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
/// A hash of the execution layer.
pub type Hash32 = Bytes<32>;
/// An address of the execution layer.
pub type ExecutionAddress = Bytes<20>;
/// A bloom filter over a block's logs.
pub type LogsBloom = Bytes<256>;
/// A running number of withdrawals.
pub type WithdrawalIndex = u64;
/// A blob's place in its block.
pub type BlobIndex = u64;
/// A column of the extended blobs of a block.
pub type ColumnIndex = u64;
/// A row (one extended blob) of a block.
pub type RowIndex = u64;
/// A group of columns that nodes keep.
pub type CustodyIndex = u64;
/// A commitment to a blob.
pub type KzgCommitment = Bytes<48>;
/// A proof about a blob or a cell.
pub type KzgProof = Bytes<48>;
