//! The conditions under which gossip is forwarded: the `validate_*_gossip` functions of the spec's `p2p-interface.md`
//! documents, one function per spec function, for the rules of every fork.
//!
//! Each judges one object by what the node knows ([`View`]) and by what was forwarded before ([`Seen`]), and says `Ok`
//! ("valid") or why not ([`Fault`], with the spec's own reason). Judging changes nothing: whoever takes the object marks it
//! as seen with the `add_*` functions of [`Seen`].
//!
//! Where this departs from the letter of the spec:
//! - Conditions are checked in the order of their cost, so that nobody can make this node compute states or pairings for
//!   nothing. Where several fail at once, another reason than the spec's first may be given.
//! - Domains follow from the epoch of the message, not from the fork of the state at hand, so that a head from before a
//!   fork does not refuse what comes after it. For the same reason the registry is that of the parent's state, where known.
//! - A head that is so far behind the clock that its state does not know a sync committee blames nobody for messages and
//!   contributions of that committee.
//! - Which state decides the committee of a vote is left to the [`View`].
//! - Several signatures of one object are checked in one batch; that of a header, which all sidecars of a block share, once.
//!
//! Never: reads a clock, keeps objects for later, or does I/O.

mod block;
mod operations;
mod partial_columns;
mod seen;
mod sidecars;
mod sync;
mod time;
mod votes;

use std::sync::Arc;

use thiserror::Error;

use crate::crypto::{self, SignatureSet};
use crate::spec::compute_domain;
use crate::ssz::Root;
use crate::types::{
    AttestationData, BeaconState, ChainConfig, Checkpoint, Domain, DomainType, Epoch, Slot, Validator, ValidatorIndex,
};

pub use block::validate_beacon_block_gossip;
pub use operations::{
    validate_attester_slashing_gossip, validate_bls_to_execution_change_gossip, validate_proposer_slashing_gossip,
    validate_voluntary_exit_gossip,
};
pub use partial_columns::{
    validate_partial_data_column_sidecar_gossip, verify_partial_data_column_header_inclusion_proof,
    verify_partial_data_column_sidecar_kzg_proofs,
};
pub use seen::Seen;
pub use sidecars::{
    check_blob_sidecar, check_data_column_sidecar, validate_blob_sidecar_gossip, validate_data_column_sidecar_gossip,
};
pub use sync::{
    get_sync_subcommittee_pubkeys, validate_sync_committee_contribution_and_proof_gossip,
    validate_sync_committee_message_gossip,
};
pub use time::{
    compute_time_at_slot_ms, is_current_or_previous_epoch, is_current_slot, is_future_slot, is_within_epoch,
    is_within_slot_range,
};
pub use votes::{
    Vote, validate_beacon_aggregate_and_proof_gossip, validate_beacon_attestation_gossip,
    validate_single_attestation_gossip,
};

/// Why an object is not forwarded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// `[IGNORE]`: of no use, and nobody's fault.
    #[error("{0}")]
    Ignore(&'static str),
    /// `[IGNORE]`, since the same or something that says as much was seen.
    #[error("{0}")]
    Seen(&'static str),
    /// `[IGNORE]`, may be kept until its slot comes. If it is a block or a sidecar, its proposer did sign it.
    #[error("{0}")]
    Early(&'static str),
    /// `[IGNORE]`, may be kept until this block comes. If it is a block or a sidecar, its proposer did sign it.
    #[error("{why}")]
    Unseen {
        /// The spec's reason.
        why: &'static str,
        /// The block that is missing.
        block: Root,
    },
    /// `[IGNORE]`, since the node can't tell: a state that it would need is not to be had. The text says which.
    #[error("{0}")]
    Unavailable(String),
    /// `[REJECT]`: whoever sent it misbehaves.
    #[error("{0}")]
    Reject(&'static str),
}

/// What execution engines have said of a block's payload (bellatrix/p2p-interface.md, `PayloadValidationStatus`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadValidationStatus {
    /// Nothing yet.
    NotValidated,
    /// It is valid.
    Valid,
    /// It is not.
    Invalidated,
}

/// What a node knows, as far as the conditions ask. Errors of the functions that find states say why there is none;
/// the object is then ignored.
pub trait View {
    /// The network's configuration.
    fn cfg(&self) -> &ChainConfig;

    /// The node's clock, in unix milliseconds.
    fn now_ms(&self) -> u64;

    /// Fork choice's finalized checkpoint.
    fn finalized_checkpoint(&self) -> Checkpoint;

    /// The slot of a block, if it is imported.
    fn block_slot(&self, block: &Root) -> Option<Slot>;

    /// The post-state of a block, if it is imported.
    fn block_state(&self, block: &Root) -> Option<&Arc<BeaconState>>;

    /// The block that is the checkpoint of `epoch` on the chain of an imported block: fork choice's
    /// `get_checkpoint_block`.
    fn checkpoint_block(&self, block: &Root, epoch: Epoch) -> Option<Root>;

    /// Whether the block was seen and found invalid; then it is not imported.
    fn is_invalid(&self, block: &Root) -> bool;

    /// What is known of the payload of a block, imported or not.
    fn payload_status(&self, block: &Root) -> PayloadValidationStatus;

    /// The post-state of the head block.
    fn head_state(&self) -> &Arc<BeaconState>;

    /// The head's state, advanced to `slot` if it is before that.
    ///
    /// # Errors
    /// It can't be computed, or is too far away.
    fn head_state_at(&self, slot: Slot) -> Result<Arc<BeaconState>, String>;

    /// The post-state of an imported block, advanced to `slot`, which is after the block's.
    ///
    /// # Errors
    /// It can't be computed, or is too far away.
    fn advanced(&self, block: &Root, slot: Slot) -> Result<Arc<BeaconState>, String>;

    /// The state whose shuffling decides the committee of a vote. The spec takes the head's; the state of the vote's own
    /// target gives the same wherever both know the shuffling, and is right for votes on other branches too. Asked only
    /// after the block voted for was found to be imported, on top of the target, and not against finality.
    ///
    /// # Errors
    /// It can't be computed, or is not worth the time.
    fn committee_state(&self, data: &AttestationData) -> Result<Arc<BeaconState>, String>;
}

fn ignore_unless(holds: bool, why: &'static str) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(Fault::Ignore(why)) }
}

fn reject_unless(holds: bool, why: &'static str) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(Fault::Reject(why)) }
}

fn unseen(new: bool, why: &'static str) -> Result<(), Fault> {
    if new { Ok(()) } else { Err(Fault::Seen(why)) }
}

/// Checks signatures in one batch; if that fails, the first wrong one names the reason.
fn check_signatures(sets: &[(SignatureSet, &'static str)]) -> Result<(), Fault> {
    let all: Vec<SignatureSet> = sets.iter().map(|(set, _)| set.clone()).collect();
    if crypto::verify_sets(&all) {
        return Ok(());
    }
    let wrong = sets.iter().find(|(set, _)| !crypto::verify_sets(std::slice::from_ref(set)));
    wrong.map_or(Ok(()), |(_, why)| Err(Fault::Reject(why)))
}

/// The domain of messages of this epoch.
fn domain<V: View + ?Sized>(view: &V, kind: DomainType, epoch: Epoch) -> Domain {
    let cfg = view.cfg();
    let version = cfg.fork_version(cfg.fork_at_epoch(epoch));
    compute_domain(cfg, kind, Some(version), Some(view.head_state().genesis_validators_root))
}

fn validator(state: &BeaconState, index: ValidatorIndex) -> Option<&Validator> {
    usize::try_from(index).ok().and_then(|index| state.validators.get(index))
}

fn state_of(found: Result<Arc<BeaconState>, String>) -> Result<Arc<BeaconState>, Fault> {
    found.map_err(Fault::Unavailable)
}

/// Whether `block`, which is imported, is or descends from the block that was final at the finalized epoch.
fn descends_from_finalized<V: View + ?Sized>(view: &V, block: &Root) -> bool {
    let finalized = view.finalized_checkpoint();
    view.checkpoint_block(block, finalized.epoch) == Some(finalized.root)
}
