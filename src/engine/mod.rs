//! The execution engine, from both sides: the typed Engine API client, and a stub engine that keeps a chain of empty
//! payloads, judges what it is given, and can be told what to say.
//!
//! Never: executes a transaction.

mod call;

pub use call::*;
