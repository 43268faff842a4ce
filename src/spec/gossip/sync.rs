//! Sync committee messages and contributions.

use std::sync::Arc;

use super::time::is_current_slot;
use super::{Fault, Seen, View, check_signatures, domain, ignore_unless, reject_unless, state_of, unseen, validator};
use crate::crypto::SignatureSet;
use crate::spec::{
    compute_signing_root, compute_sync_committee_period, get_sync_committee_at_epoch, is_sync_committee_aggregator,
    sync_subcommittee_size,
};
use crate::ssz::{Root, Ssz};
use crate::types::constants::{
    DOMAIN_CONTRIBUTION_AND_PROOF, DOMAIN_SYNC_COMMITTEE, DOMAIN_SYNC_COMMITTEE_SELECTION_PROOF,
    SYNC_COMMITTEE_SUBNET_COUNT,
};
use crate::types::{
    BeaconState, BlsPubkey, ChainConfig, DomainType, ForkName, SignedContributionAndProof, Slot,
    SyncAggregatorSelectionData, SyncCommitteeMessage,
};

/// Epochs without blocks after which no committee is guessed any more.
const NEAR_EPOCHS: u64 = 2;
const UNKNOWN_COMMITTEE: &str = "the head is too old to tell the sync committee";

/// The members of a subcommittee whose messages of `slot` go into the block of the next slot (altair/p2p-interface.md,
/// `get_sync_subcommittee_pubkeys`, which takes the slot from the state). None for a subcommittee that does not exist, and
/// where the state does not know the committee.
pub fn get_sync_subcommittee_pubkeys(
    cfg: &ChainConfig,
    state: &BeaconState,
    slot: Slot,
    subcommittee_index: u64,
) -> Vec<BlsPubkey> {
    let next_slot_epoch = cfg.epoch_of(slot.saturating_add(1));
    let Ok(committee) = get_sync_committee_at_epoch(cfg, state, next_slot_epoch) else { return Vec::new() };
    let size = sync_subcommittee_size(cfg.preset) as usize;
    let start = usize::try_from(subcommittee_index).unwrap_or(usize::MAX).saturating_mul(size);
    committee.pubkeys.iter().skip(start).take(size).copied().collect()
}

/// What tells the committee of a slot.
struct Source {
    state: Arc<BeaconState>,
    /// Blocks since then can have changed nothing about the committee.
    is_certain: bool,
}

/// The state by which messages of `slot` are judged: the head's wherever that knows the committee. Else the committee is
/// drawn as if no blocks had followed the head's: a guess, not worth more than [`NEAR_EPOCHS`] of empty slots.
fn source_for<V: View + ?Sized>(view: &V, slot: Slot) -> Result<Source, Fault> {
    let cfg = view.cfg();
    let head = view.head_state();
    let period = |slot: Slot| compute_sync_committee_period(cfg, cfg.epoch_of(slot));
    let knows = cfg.fork_at_slot(head.slot) >= ForkName::Altair
        && (0..=1).contains(&(i128::from(period(slot.saturating_add(1))) - i128::from(period(head.slot))));
    if knows {
        return Ok(Source { state: head.clone(), is_certain: true });
    }
    let near = NEAR_EPOCHS.saturating_mul(cfg.preset.slots_per_epoch);
    ignore_unless(slot.saturating_sub(head.slot) <= near, UNKNOWN_COMMITTEE)?;
    Ok(Source { state: state_of(view.head_state_at(slot))?, is_certain: false })
}

impl Source {
    /// Blames nobody for what a guessed committee says.
    fn weigh(&self, judged: Result<(), Fault>) -> Result<(), Fault> {
        match judged {
            Err(Fault::Reject(_)) if !self.is_certain => Err(Fault::Ignore(UNKNOWN_COMMITTEE)),
            judged => judged,
        }
    }
}

fn signing_root<V: View + ?Sized, T: Ssz>(view: &V, slot: Slot, kind: DomainType, object: &T) -> Root {
    let cfg = view.cfg();
    compute_signing_root(object, cfg.shape_at_slot(slot), domain(view, kind, cfg.epoch_of(slot)))
}

/// Whether a sync committee message is forwarded (altair/p2p-interface.md, `validate_sync_committee_message_gossip`).
///
/// # Errors
/// Why not.
pub fn validate_sync_committee_message_gossip<V: View + ?Sized>(
    view: &V,
    seen: &Seen,
    sync_committee_message: &SyncCommitteeMessage,
    subnet_id: u64,
) -> Result<(), Fault> {
    let slot = sync_committee_message.slot;
    ignore_unless(is_current_slot(view, slot), "message is not for the current slot")?;
    let has_committee = view.cfg().fork_at_slot(slot) >= ForkName::Altair;
    ignore_unless(has_committee, "there is no sync committee in its slot")?;
    let source = source_for(view, slot)?;
    source.weigh(judge_message(view, seen, &source.state, sync_committee_message, subnet_id))
}

fn judge_message<V: View + ?Sized>(
    view: &V,
    seen: &Seen,
    state: &BeaconState,
    sync_committee_message: &SyncCommitteeMessage,
    subnet_id: u64,
) -> Result<(), Fault> {
    let SyncCommitteeMessage { slot, beacon_block_root, validator_index, signature } = *sync_committee_message;
    let member = validator(state, validator_index).ok_or(Fault::Reject("validator index out of range"))?;
    let members = get_sync_subcommittee_pubkeys(view.cfg(), state, slot, subnet_id);
    reject_unless(members.contains(&member.pubkey), "subnet_id is not valid for the validator")?;
    let first = !seen.has_sync_message(slot, validator_index, subnet_id);
    unseen(first, "already seen message from this validator for this slot and subnet")?;
    let message = signing_root(view, slot, DOMAIN_SYNC_COMMITTEE, &beacon_block_root);
    let set = SignatureSet { pubkeys: vec![member.pubkey], message, signature };
    check_signatures(&[(set, "invalid sync committee message signature")])
}

/// Whether a contribution is forwarded (altair/p2p-interface.md,
/// `validate_sync_committee_contribution_and_proof_gossip`).
///
/// # Errors
/// Why not.
pub fn validate_sync_committee_contribution_and_proof_gossip<V: View + ?Sized>(
    view: &V,
    seen: &Seen,
    signed_contribution_and_proof: &SignedContributionAndProof,
) -> Result<(), Fault> {
    let cfg = view.cfg();
    let message = &signed_contribution_and_proof.message;
    let contribution = &message.contribution;
    let (slot, subcommittee) = (contribution.slot, contribution.subcommittee_index);
    ignore_unless(is_current_slot(view, slot), "contribution is not for the current slot")?;
    ignore_unless(cfg.fork_at_slot(slot) >= ForkName::Altair, "there is no sync committee in its slot")?;
    reject_unless(subcommittee < SYNC_COMMITTEE_SUBNET_COUNT, "subcommittee index out of range")?;
    reject_unless(!contribution.aggregation_bits.none(), "contribution has no participants")?;
    let selected = is_sync_committee_aggregator(cfg, &message.selection_proof);
    reject_unless(selected, "validator is not selected as aggregator")?;
    let source = source_for(view, slot)?;
    source.weigh(judge_contribution(view, seen, &source.state, signed_contribution_and_proof))
}

fn judge_contribution<V: View + ?Sized>(
    view: &V,
    seen: &Seen,
    state: &BeaconState,
    signed_contribution_and_proof: &SignedContributionAndProof,
) -> Result<(), Fault> {
    let message = &signed_contribution_and_proof.message;
    let (contribution, aggregator) = (&message.contribution, message.aggregator_index);
    let (slot, subcommittee) = (contribution.slot, contribution.subcommittee_index);
    let key = validator(state, aggregator).ok_or(Fault::Reject("aggregator index out of range"))?.pubkey;
    let members = get_sync_subcommittee_pubkeys(view.cfg(), state, slot, subcommittee);
    reject_unless(members.contains(&key), "aggregator not in subcommittee")?;
    unseen(!seen.covers_contribution(contribution), "already seen contribution for this data")?;
    let first = !seen.has_contributor(slot, aggregator, subcommittee);
    unseen(first, "already seen contribution from this aggregator")?;
    let participants = contribution.aggregation_bits.ones().filter_map(|at| members.get(at).copied()).collect();
    check_signatures(&contribution_signatures(view, signed_contribution_and_proof, key, participants))
}

/// The proof of selection, the signature over the whole message, and the participants'.
fn contribution_signatures<V: View + ?Sized>(
    view: &V,
    signed: &SignedContributionAndProof,
    aggregator: BlsPubkey,
    participants: Vec<BlsPubkey>,
) -> Vec<(SignatureSet, &'static str)> {
    let message = &signed.message;
    let contribution = &message.contribution;
    let (slot, subcommittee_index) = (contribution.slot, contribution.subcommittee_index);
    let selection = SyncAggregatorSelectionData { slot, subcommittee_index };
    let selection = SignatureSet {
        pubkeys: vec![aggregator],
        message: signing_root(view, slot, DOMAIN_SYNC_COMMITTEE_SELECTION_PROOF, &selection),
        signature: message.selection_proof,
    };
    let whole = SignatureSet {
        pubkeys: vec![aggregator],
        message: signing_root(view, slot, DOMAIN_CONTRIBUTION_AND_PROOF, message),
        signature: signed.signature,
    };
    let aggregate = SignatureSet {
        pubkeys: participants,
        message: signing_root(view, slot, DOMAIN_SYNC_COMMITTEE, &contribution.beacon_block_root),
        signature: contribution.signature,
    };
    vec![
        (selection, "invalid selection proof signature"),
        (whole, "invalid aggregator signature"),
        (aggregate, "invalid aggregate signature"),
    ]
}
