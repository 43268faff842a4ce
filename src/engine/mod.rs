//! The execution engine, from both sides: the typed Engine API [`Client`], and a [`Stub`] engine that keeps a chain of
//! empty payloads, judges what it is given, and can be told what to say.
//!
//! Never: executes a transaction. The stub never looks at a clock and never does I/O; [`server`] does both for it.

pub mod alloc;
mod call;
mod client;
pub mod genesis;
pub mod genesis_json;
pub mod header;
pub mod json;
mod jwt;
mod lane;
pub mod requests;
pub mod rpc;
pub mod server;
pub mod stub;
mod transfer;
mod trie;

pub use call::*;
pub use client::{BadUrl, Client, ClientVersion, METHODS, patience};
pub use jwt::{Secret, SecretError, TokenError};
pub use lane::Lane;
pub use stub::{Script, Stub, StubConfig, StubGenesis};
pub use transfer::{Proofs, Transfer, TransferError};
pub use trie::ordered_trie_root;
