//! Blocks, and what sidecars have in common with them: a header whose proposer signed it.

use super::time::is_future_slot;
use super::{
    Fault, PayloadValidationStatus, Seen, View, check_signatures, descends_from_finalized, domain, ignore_unless,
    reject_unless, state_of, unseen, validator,
};
use crate::crypto::SignatureSet;
use crate::spec::{
    compute_time_at_slot, get_beacon_proposer_index, is_execution_enabled, max_blobs_per_block, signing_root_of,
};
use crate::ssz::{Root, Ssz};
use crate::types::constants::DOMAIN_BEACON_PROPOSER;
use crate::types::{
    BeaconBlock, BeaconState, BlsSignature, ForkName, SignedBeaconBlock, SignedBeaconBlockHeader, Slot, ValidatorIndex,
};

/// A block's header, and why it is refused: each topic has its own words.
pub(super) struct Proposal {
    pub(super) slot: Slot,
    pub(super) proposer_index: ValidatorIndex,
    pub(super) parent_root: Root,
    /// Root of the block.
    pub(super) root: Root,
    pub(super) signature: BlsSignature,
    /// The signature was found right before.
    is_signed: bool,
    pub(super) reasons: &'static Reasons,
}

pub(super) struct Reasons {
    pub(super) future: &'static str,
    pub(super) finalized: &'static str,
    pub(super) signature: &'static str,
    pub(super) parent_unseen: &'static str,
    pub(super) parent_invalid: &'static str,
    pub(super) not_higher: &'static str,
    pub(super) not_descendant: &'static str,
    pub(super) wrong_proposer: &'static str,
}

const BLOCK: Reasons = Reasons {
    future: "block is from a future slot",
    finalized: "block is not from a slot greater than the latest finalized slot",
    signature: "invalid proposer signature",
    parent_unseen: "block's parent has not been seen",
    parent_invalid: "block's parent is invalid",
    not_higher: "block is not from a higher slot than its parent",
    not_descendant: "finalized checkpoint is not an ancestor of block",
    wrong_proposer: "block proposer_index does not match expected proposer",
};

impl Proposal {
    /// Of a header.
    pub(super) fn of_header<V: View + ?Sized>(
        view: &V,
        seen: &Seen,
        signed: &SignedBeaconBlockHeader,
        reasons: &'static Reasons,
    ) -> Proposal {
        let header = &signed.message;
        Proposal {
            slot: header.slot,
            proposer_index: header.proposer_index,
            parent_root: header.parent_root,
            root: header.hash_tree_root(view.cfg().shape_at_slot(header.slot)),
            signature: signed.signature,
            is_signed: seen.has_header(signed),
            reasons,
        }
    }

    fn of_block<V: View + ?Sized>(view: &V, signed: &SignedBeaconBlock) -> Proposal {
        let block = &signed.message;
        Proposal {
            slot: block.slot,
            proposer_index: block.proposer_index,
            parent_root: block.parent_root,
            root: block.hash_tree_root(view.cfg().shape_at_slot(block.slot)),
            signature: signed.signature,
            is_signed: false,
            reasons: &BLOCK,
        }
    }

    /// The conditions that depend on the header and the registry: later than what is final, and signed by its proposer;
    /// then, that its slot has come.
    pub(super) fn check_signed<V: View + ?Sized>(&self, view: &V) -> Result<(), Fault> {
        let cfg = view.cfg();
        let finalized_slot = cfg.start_slot(view.finalized_checkpoint().epoch);
        ignore_unless(self.slot > finalized_slot, self.reasons.finalized)?;
        let registry = self.registry(view);
        let Some(proposer) = validator(registry, self.proposer_index) else {
            // Without the parent, nobody can say who has joined by then.
            let known = self.parent_state(view).is_some();
            reject_unless(!known, "proposer index out of range")?;
            return Err(Fault::Ignore(self.reasons.parent_unseen));
        };
        if !self.is_signed {
            let domain = domain(view, DOMAIN_BEACON_PROPOSER, cfg.epoch_of(self.slot));
            let message = signing_root_of(self.root, domain);
            let set = SignatureSet { pubkeys: vec![proposer.pubkey], message, signature: self.signature };
            check_signatures(&[(set, self.reasons.signature)])?;
        }
        if is_future_slot(view, self.slot) { Err(Fault::Early(self.reasons.future)) } else { Ok(()) }
    }

    /// That the parent has been seen, valid or not.
    pub(super) fn check_parent_seen<V: View + ?Sized>(&self, view: &V) -> Result<(), Fault> {
        let seen = view.block_slot(&self.parent_root).is_some() || view.is_invalid(&self.parent_root);
        if seen { Ok(()) } else { Err(Fault::Unseen { why: self.reasons.parent_unseen, block: self.parent_root }) }
    }

    /// That the parent is valid, older, and not against finality. Deviation: sidecars on a parent whose payload alone is
    /// invalid are ignored as their block is (bellatrix/p2p-interface.md, "Why allow invalid payloads on the P2P network?").
    pub(super) fn check_parent<V: View + ?Sized>(&self, view: &V) -> Result<(), Fault> {
        let seen = view.block_slot(&self.parent_root).is_some();
        let payload_is_valid = view.payload_status(&self.parent_root) != PayloadValidationStatus::Invalidated;
        ignore_unless(seen || payload_is_valid, "parent's payload is invalid")?;
        let parent = view.block_slot(&self.parent_root).ok_or(Fault::Reject(self.reasons.parent_invalid))?;
        reject_unless(self.slot > parent, self.reasons.not_higher)?;
        reject_unless(descends_from_finalized(view, &self.parent_root), self.reasons.not_descendant)
    }

    /// That it was this proposer's turn. Costs the empty slots since the parent.
    pub(super) fn check_proposer<V: View + ?Sized>(&self, view: &V) -> Result<(), Fault> {
        let parent_state = state_of(view.advanced(&self.parent_root, self.slot))?;
        let expected = get_beacon_proposer_index(view.cfg(), &parent_state)
            .map_err(|error| Fault::Unavailable(format!("finding the slot's proposer: {error}")))?;
        reject_unless(self.proposer_index == expected, self.reasons.wrong_proposer)
    }

    fn parent_state<'a, V: View + ?Sized>(&self, view: &'a V) -> Option<&'a BeaconState> {
        view.block_state(&self.parent_root).map(AsRef::as_ref)
    }

    /// The parent's state, or the head's where the parent is not known.
    fn registry<'a, V: View + ?Sized>(&self, view: &'a V) -> &'a BeaconState {
        self.parent_state(view).unwrap_or(view.head_state())
    }
}

/// Whether a block is forwarded (phase0/p2p-interface.md to fulu/p2p-interface.md, `validate_beacon_block_gossip`).
///
/// # Errors
/// Why not.
pub fn validate_beacon_block_gossip<V: View + ?Sized>(
    view: &V,
    seen: &Seen,
    signed_beacon_block: &SignedBeaconBlock,
) -> Result<(), Fault> {
    let block = &signed_beacon_block.message;
    let first = !seen.has_block(block.slot, block.proposer_index);
    unseen(first, "block is not the first valid block for this slot and proposer")?;
    let proposal = Proposal::of_block(view, signed_beacon_block);
    proposal.check_signed(view)?;
    proposal.check_parent_seen(view)?;
    check_execution(view, &proposal, block)?;
    proposal.check_parent(view)?;
    check_commitments(view, block)?;
    proposal.check_proposer(view)
}

/// What bellatrix added: the payload's timestamp, and what is known of the parent's payload.
fn check_execution<V: View + ?Sized>(view: &V, proposal: &Proposal, block: &BeaconBlock) -> Result<(), Fault> {
    let cfg = view.cfg();
    let fork = cfg.fork_at_slot(block.slot);
    let enabled = match fork {
        ForkName::Phase0 | ForkName::Altair => return Ok(()),
        ForkName::Bellatrix => is_execution_enabled(proposal.registry(view), &block.body),
        _ => true,
    };
    let parent_is_valid = view.block_slot(&block.parent_root).is_some();
    if !enabled {
        return reject_unless(parent_is_valid, "block's parent is invalid and execution is not enabled");
    }
    let due = compute_time_at_slot(cfg, view.head_state(), block.slot);
    let on_time = due.is_ok_and(|due| block.body.execution_payload.timestamp == due);
    reject_unless(on_time, "incorrect execution payload timestamp")?;
    match (parent_is_valid, view.payload_status(&block.parent_root)) {
        (false, PayloadValidationStatus::NotValidated) => {
            Err(Fault::Reject("block's parent is invalid and its payload is optimistic"))
        }
        (false, _) => Err(Fault::Ignore("block's parent is invalid and its payload is processed")),
        (true, PayloadValidationStatus::Invalidated) => {
            Err(Fault::Ignore("block's parent is valid and its payload is invalid"))
        }
        (true, _) => Ok(()),
    }
}

/// What deneb added, and electra and fulu changed: the number of blobs.
fn check_commitments<V: View + ?Sized>(view: &V, block: &BeaconBlock) -> Result<(), Fault> {
    let cfg = view.cfg();
    let limit = max_blobs_per_block(cfg, cfg.epoch_of(block.slot));
    reject_unless(block.body.blob_kzg_commitments.len() as u64 <= limit, "too many blob kzg commitments")
}
