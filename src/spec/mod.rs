//! The beacon-chain state transition, fork choice and duties of the consensus spec, one function per spec function,
//! under the spec's own name.
//!
//! - [`state_transition`] and [`process_slots`] are the way in; [`blocks`], [`epochs`], [`rewards`] and [`upgrade`] are
//!   their parts, each callable alone.
//! - [`accessors`] reads a state, [`mutators`] changes it, [`duties`] is what a validator computes, [`das`] is about blobs
//!   and their columns, [`genesis`] makes the first state, [`fork_choice`] chooses the head.
//!
//! Every function takes the configuration first, then the state. The rules that apply are those of the fork that the
//! configuration gives to the state's slot. What the spec asserts is an [`Error`] here, and so are overflows and indices
//! out of range; after an error the state is of no use any more.
//!
//! Where this departs from the letter of the spec, to the same effect on anything that a valid chain can hold:
//! - The execution engine is not asked inside the transition: [`process_block`] makes the checks that consensus itself can
//!   make of a payload, and whoever imports the block asks for `verify_and_notify_new_payload` outside, takes a block
//!   whose payload is not judged yet as sync/optimistic.md allows, and tells the fork choice of verdicts
//!   ([`fork_choice::on_valid_payload`], [`fork_choice::on_invalid_payload`]).
//! - A block's signatures are checked in one batch at its end ([`Signatures`]); the first wrong one is still named.
//! - [`get_attesting_indices`] refuses surplus bits, which the spec leaves to its callers.
//! - The keys of a sync aggregate are added up rather than subtracted from the committee's aggregate.
//! - [`compute_new_state_root`] checks no signatures.
//! - Shufflings, proposers and the total active balance are remembered beside the state ([`crate::types::StateCache`]);
//!   whoever edits `validators` other than through this module clears that.
//!
//! Never: does I/O, reads a clock, draws randomness, or panics on a hostile block or state.

pub mod accessors;
pub mod blocks;
pub mod das;
pub mod duties;
pub mod epochs;
pub mod fork_choice;
pub mod genesis;
pub mod gossip;
pub mod math;
pub mod mutators;
pub mod rewards;
pub mod upgrade;

mod deposit_tree;
mod error;
mod signatures;
mod slots;

#[cfg(test)]
mod tests;

pub use accessors::*;
pub use blocks::{
    ExpectedWithdrawals, execution_payload_header, get_eth1_pending_deposit_count, get_execution_requests,
    get_execution_requests_list, get_expected_withdrawals, kzg_commitment_to_versioned_hash, process_block,
    voluntary_exit_domain,
};
pub use deposit_tree::DepositTree;
pub use duties::*;
pub use error::Error;
pub use genesis::*;
pub use mutators::*;
pub use signatures::Signatures;
pub use slots::{block_signature_set, process_slot, process_slots, state_transition, verify_block_signature};
