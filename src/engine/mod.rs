//! The execution engine, from both sides: the typed Engine API [`Client`], and a [`Stub`] engine that keeps a chain of
//! empty payloads, judges what it is given, and can be told what to say.
//!
//! Never: executes a transaction. The stub never looks at a clock and never does I/O; [`server`] does both for it.

mod call;
pub mod genesis;
pub mod header;
pub mod json;
pub mod requests;
pub mod rlp;
mod trie;

pub use call::*;
pub use trie::{keccak256, ordered_trie_root};
