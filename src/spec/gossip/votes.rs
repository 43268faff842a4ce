//! Attestations, single and aggregated.

use std::sync::Arc;

use super::time::{is_current_or_previous_epoch, is_future_slot, is_within_slot_range};
use super::{
    Fault, PayloadValidationStatus, Seen, View, check_signatures, descends_from_finalized, domain, ignore_unless,
    reject_unless, state_of, unseen, validator,
};
use crate::crypto::SignatureSet;
use crate::spec::{
    compute_signing_root, compute_subnet_for_attestation, get_beacon_committee, get_committee_count_per_slot,
    is_aggregator_of,
};
use crate::ssz::{Root, Ssz};
use crate::types::constants::{DOMAIN_AGGREGATE_AND_PROOF, DOMAIN_BEACON_ATTESTER, DOMAIN_SELECTION_PROOF};
use crate::types::{
    AggregateAndProof, Attestation, AttestationData, BeaconState, BlsPubkey, BlsSignature, CommitteeIndex, ForkName,
    SignedAggregateAndProof, SingleAttestation, ValidatorIndex,
};

/// Who voted for what, and all else that judging a vote brings to light.
#[derive(Clone, Debug, Default)]
pub struct Vote {
    /// The vote.
    pub data: AttestationData,
    /// Root of the data.
    pub data_root: Root,
    /// The state that decided the committee.
    pub state: Arc<BeaconState>,
    /// Which committee of its slot; from electra on the data itself says 0.
    pub committee_index: CommitteeIndex,
    /// The subnet on which the committee's votes travel.
    pub subnet: u64,
    /// The committee, in its order.
    pub committee: Vec<ValidatorIndex>,
    /// The validators who voted, in ascending order.
    pub attesters: Vec<ValidatorIndex>,
}

/// Whether an attestation of phase0 to deneb is forwarded (phase0/p2p-interface.md, deneb/p2p-interface.md,
/// `validate_beacon_attestation_gossip`). `subnet_id` is the topic's; without one any subnet is right.
///
/// # Errors
/// Why not.
pub fn validate_beacon_attestation_gossip<V: View + ?Sized>(
    view: &V,
    seen: &Seen,
    attestation: &Attestation,
    subnet_id: Option<u64>,
) -> Result<Vote, Fault> {
    let bits = &attestation.aggregation_bits;
    check_form(view, &attestation.data, Form::OneCommittee)?;
    check_time(view, &attestation.data, &ATTESTATION)?;
    check_blocks(view, &attestation.data)?;
    let mut vote = find_committee(view, &attestation.data, attestation.data.index)?;
    check_subnet(&vote, subnet_id)?;
    reject_unless(bits.count() == 1, "attestation is not unaggregated")?;
    check_bits(&vote, bits.len())?;
    vote.attesters = bits.ones().map(|position| vote.committee[position]).collect();
    check_single(view, seen, vote, attestation.signature)
}

/// Whether an attestation of electra and later is forwarded (electra/p2p-interface.md,
/// `validate_beacon_attestation_gossip`). `subnet_id` is the topic's; without one any subnet is right.
///
/// # Errors
/// Why not.
pub fn validate_single_attestation_gossip<V: View + ?Sized>(
    view: &V,
    seen: &Seen,
    attestation: &SingleAttestation,
    subnet_id: Option<u64>,
) -> Result<Vote, Fault> {
    check_form(view, &attestation.data, Form::CommitteeBits)?;
    reject_unless(attestation.data.index == 0, "attestation data index is non-zero")?;
    check_time(view, &attestation.data, &ATTESTATION)?;
    check_blocks(view, &attestation.data)?;
    let mut vote = find_committee(view, &attestation.data, attestation.committee_index)?;
    check_subnet(&vote, subnet_id)?;
    let member = vote.committee.contains(&attestation.attester_index);
    reject_unless(member, "attester is not a member of the committee")?;
    vote.attesters = vec![attestation.attester_index];
    check_single(view, seen, vote, attestation.signature)
}

/// What both kinds of unaggregated votes end with.
fn check_single<V: View + ?Sized>(view: &V, seen: &Seen, vote: Vote, signature: BlsSignature) -> Result<Vote, Fault> {
    let epoch = vote.data.target.epoch;
    let new = vote.attesters.iter().all(|attester| !seen.has_attester(epoch, *attester));
    unseen(new, "already seen attestation for this epoch and validator")?;
    check_signatures(&[(vote_signature(view, &vote, signature)?, "invalid attestation signature")])?;
    Ok(vote)
}

/// Whether an aggregate is forwarded (phase0/p2p-interface.md, deneb/p2p-interface.md, electra/p2p-interface.md,
/// `validate_beacon_aggregate_and_proof_gossip`).
///
/// # Errors
/// Why not.
pub fn validate_beacon_aggregate_and_proof_gossip<V: View + ?Sized>(
    view: &V,
    seen: &Seen,
    signed_aggregate_and_proof: &SignedAggregateAndProof,
) -> Result<Vote, Fault> {
    let message = &signed_aggregate_and_proof.message;
    let (aggregate, aggregator) = (&message.aggregate, message.aggregator_index);
    let (data, bits) = (&aggregate.data, &aggregate.aggregation_bits);
    let committee_index = committee_of_aggregate(view, aggregate)?;
    check_time(view, data, &AGGREGATE)?;
    reject_unless(!bits.none(), "aggregate has no participants")?;
    let members: Vec<bool> = bits.iter().collect();
    let data_root = data.hash_tree_root(view.cfg().shape_at_slot(data.slot));
    let covered = seen.covers_aggregate(data.slot, data_root, committee_index, &members);
    unseen(!covered, "already seen aggregate for this data")?;
    let first = !seen.has_aggregator(data.target.epoch, aggregator);
    unseen(first, "already seen aggregate for this epoch and aggregator")?;
    check_blocks(view, data)?;
    let mut vote = find_committee(view, data, committee_index)?;
    check_bits(&vote, bits.len())?;
    let selected = is_aggregator_of(vote.committee.len() as u64, &message.selection_proof);
    reject_unless(selected, "validator is not selected as aggregator")?;
    reject_unless(vote.committee.contains(&aggregator), "aggregator index not in committee")?;
    vote.attesters = bits.ones().map(|position| vote.committee[position]).collect();
    vote.attesters.sort_unstable();
    let [selection, whole] = aggregator_signatures(view, &vote, message, signed_aggregate_and_proof.signature)?;
    check_signatures(&[
        (selection, "invalid selection proof signature"),
        (whole, "invalid aggregator signature"),
        (vote_signature(view, &vote, aggregate.signature)?, "invalid aggregate signature"),
    ])?;
    Ok(vote)
}

/// The committee that an aggregate is of.
fn committee_of_aggregate<V: View + ?Sized>(view: &V, aggregate: &Attestation) -> Result<CommitteeIndex, Fault> {
    let form = Form::of(aggregate);
    check_form(view, &aggregate.data, form)?;
    if form == Form::OneCommittee {
        return Ok(aggregate.data.index);
    }
    reject_unless(aggregate.data.index == 0, "aggregate data index is non-zero")?;
    let mut committees = aggregate.committee_bits.ones();
    match (committees.next(), committees.next()) {
        (Some(only), None) => Ok(only as CommitteeIndex),
        _ => Err(Fault::Reject("aggregate committee bits must specify exactly one committee")),
    }
}

/// How a vote names its committee.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// By the index in its data: phase0 to deneb.
    OneCommittee,
    /// Beside its data: electra and later.
    CommitteeBits,
}

impl Form {
    fn of(attestation: &Attestation) -> Form {
        // Absent before electra.
        if attestation.committee_bits.is_empty() { Form::OneCommittee } else { Form::CommitteeBits }
    }
}

/// That a vote has the form of its slot's fork: a topic's digest is of its messages' own epoch (phase0/p2p-interface.md,
/// "Topics and messages"), so no other can be right there.
fn check_form<V: View + ?Sized>(view: &V, data: &AttestationData, form: Form) -> Result<(), Fault> {
    let electra = view.cfg().fork_at_slot(data.slot) >= ForkName::Electra;
    reject_unless(electra == (form == Form::CommitteeBits), "attestation has not the form of its slot's fork")
}

struct TimeReasons {
    future: &'static str,
    epoch: &'static str,
}

const ATTESTATION: TimeReasons = TimeReasons {
    future: "attestation slot is from a future slot",
    epoch: "attestation epoch is not current or previous epoch",
};
const AGGREGATE: TimeReasons = TimeReasons {
    future: "aggregate slot is from a future slot",
    epoch: "aggregate epoch is not current or previous epoch",
};

/// That the vote is neither early nor old, and that its epoch is its target's.
fn check_time<V: View + ?Sized>(view: &V, data: &AttestationData, reasons: &TimeReasons) -> Result<(), Fault> {
    let cfg = view.cfg();
    let epoch = cfg.epoch_of(data.slot);
    if cfg.fork_at_slot(data.slot) < ForkName::Deneb {
        let near = is_within_slot_range(view, data.slot, cfg.attestation_propagation_slot_range);
        ignore_unless(near, "attestation slot not within propagation range")?;
    } else {
        ignore_unless(!is_future_slot(view, data.slot), reasons.future)?;
        ignore_unless(is_current_or_previous_epoch(view, epoch), reasons.epoch)?;
    }
    reject_unless(data.target.epoch == epoch, "attestation epoch does not match target epoch")
}

/// That the block voted for is known, valid, on top of the target and not against finality.
fn check_blocks<V: View + ?Sized>(view: &V, data: &AttestationData) -> Result<(), Fault> {
    let root = &data.beacon_block_root;
    if view.block_slot(root).is_none() {
        // Deviation: nobody is to be blamed for a payload (bellatrix/p2p-interface.md, "Why allow invalid payloads on the P2P
        // network?"), and those who vote for one that the engine here refuses may be right.
        let payload_is_valid = view.payload_status(root) != PayloadValidationStatus::Invalidated;
        ignore_unless(payload_is_valid, "payload of the block being voted for is invalid")?;
        reject_unless(!view.is_invalid(root), "block being voted for failed validation")?;
        return Err(Fault::Unseen { why: "block being voted for has not been seen", block: *root });
    }
    let on_target = view.checkpoint_block(root, data.target.epoch) == Some(data.target.root);
    reject_unless(on_target, "target block is not an ancestor of LMD vote block")?;
    ignore_unless(descends_from_finalized(view, root), "finalized checkpoint is not an ancestor of block")
}

/// The committee, with nobody's vote counted yet.
fn find_committee<V: View + ?Sized>(view: &V, data: &AttestationData, index: CommitteeIndex) -> Result<Vote, Fault> {
    let cfg = view.cfg();
    let state = state_of(view.committee_state(data))?;
    let committees_per_slot = get_committee_count_per_slot(cfg, &state, data.target.epoch);
    reject_unless(index < committees_per_slot, "committee index out of range")?;
    let committee = get_beacon_committee(cfg, &state, data.slot, index)
        .map_err(|error| Fault::Unavailable(format!("finding the committee: {error}")))?;
    Ok(Vote {
        data: *data,
        data_root: data.hash_tree_root(cfg.shape_at_slot(data.slot)),
        state,
        committee_index: index,
        subnet: compute_subnet_for_attestation(cfg, committees_per_slot, data.slot, index),
        committee,
        attesters: Vec::new(),
    })
}

fn check_subnet(vote: &Vote, subnet_id: Option<u64>) -> Result<(), Fault> {
    reject_unless(subnet_id.is_none_or(|subnet| subnet == vote.subnet), "attestation is for wrong subnet")
}

fn check_bits(vote: &Vote, bits: usize) -> Result<(), Fault> {
    reject_unless(bits == vote.committee.len(), "aggregation bits length does not match committee size")
}

fn pubkey(state: &BeaconState, index: ValidatorIndex) -> Result<BlsPubkey, Fault> {
    let found = validator(state, index).ok_or_else(|| Fault::Unavailable(format!("validator {index} is not known")));
    found.map(|validator| validator.pubkey)
}

fn vote_signature<V: View + ?Sized>(view: &V, vote: &Vote, signature: BlsSignature) -> Result<SignatureSet, Fault> {
    let domain = domain(view, DOMAIN_BEACON_ATTESTER, vote.data.target.epoch);
    let message = crate::spec::signing_root_of(vote.data_root, domain);
    let pubkeys = vote.attesters.iter().map(|index| pubkey(&vote.state, *index)).collect::<Result<_, _>>()?;
    Ok(SignatureSet { pubkeys, message, signature })
}

/// The proof of selection and the signature over the whole message.
fn aggregator_signatures<V: View + ?Sized>(
    view: &V,
    vote: &Vote,
    message: &AggregateAndProof,
    signature: BlsSignature,
) -> Result<[SignatureSet; 2], Fault> {
    let (slot, epoch) = (vote.data.slot, vote.data.target.epoch);
    let shape = view.cfg().shape_at_slot(slot);
    let key = pubkey(&vote.state, message.aggregator_index)?;
    let selection = compute_signing_root(&slot, shape, domain(view, DOMAIN_SELECTION_PROOF, epoch));
    let whole = compute_signing_root(message, shape, domain(view, DOMAIN_AGGREGATE_AND_PROOF, epoch));
    Ok([
        SignatureSet { pubkeys: vec![key], message: selection, signature: message.selection_proof },
        SignatureSet { pubkeys: vec![key], message: whole, signature },
    ])
}
