//! The beacon-chain state transition, fork choice and duties of the consensus spec, one function per spec function.

pub mod fork_choice;

mod error;
pub use error::Error;
