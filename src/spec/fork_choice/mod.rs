//! The fork choice of the consensus spec (`fork-choice.md` of phase0, altair, bellatrix, capella, deneb
//! and fulu): which block is the head.
//!
//! A [`Store`] is fed by the handlers ([`on_tick`], [`on_block`], [`on_attestation`], [`on_attester_slashing`]) and
//! asked by [`get_head`] and [`get_proposer_head`]. One function per spec function; a failed handler leaves the store
//! as it was.
//!
//! What it never does: read a clock, keep blocks' bodies, iterate an unordered map, or panic on outside input.
//!
//! Where it departs from the text, with the same results:
//! - Time is kept in milliseconds; [`on_tick`] takes the spec's seconds, [`on_tick_ms`] what a clock says. A clock that
//!   goes back is ignored. Missed slots are caught up with in one step, since only epoch starts between them matter.
//! - Blocks live in an arena, parents before children, so that weights and viability are two passes over it; the
//!   outcome is kept until something changes that could change it.
//! - Walks to ancestors end at the oldest block that is kept (the anchor, or the finalized block after [`prune`]);
//!   the spec's would fail there.
//! - Whole states of checkpoints are a cache: a missing one is computed again.

mod availability;
mod error;
mod filter;
mod handlers;
mod merge;
mod on_block;
mod optimistic;
mod proposer_head;
mod store;
mod tree;
mod weight;

pub use availability::{Retrieved, is_data_available};
pub use error::Error;
pub use filter::get_filtered_block_tree;
pub use handlers::{
    on_attestation, on_attestation_verified, on_attester_slashing, on_attester_slashing_verified, on_block_operations,
    on_tick, on_tick_ms,
};
pub use merge::{
    SAFE_SLOTS_TO_IMPORT_OPTIMISTICALLY, is_optimistic_candidate_block, is_valid_terminal_pow_block,
    validate_merge_block,
};
pub use on_block::{
    Imported, PulledUp, check_block, compute_pulled_up_tip, on_block, on_block_imported, on_block_with_state,
};
pub use optimistic::{mark_optimistic, on_invalid_child, on_invalid_payload, on_valid_payload};
pub use proposer_head::{
    calculate_committee_fraction, get_attestation_due_ms, get_proposer_head, get_proposer_reorg_cutoff_ms,
    get_slot_component_duration_ms,
};
pub use store::{Store, anchor_root, get_current_slot, get_current_store_epoch, get_forkchoice_store, prune};
pub use tree::{Node, get_ancestor, get_checkpoint_block};
pub use weight::{NodeView, get_head, get_weight, nodes};

#[cfg(test)]
mod tests;
