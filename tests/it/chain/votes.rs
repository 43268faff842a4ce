//! Votes: held for their block, merged without overlap, judged by gossip's rules.

use std::sync::Arc;

use lockin::chain::{Event, Gossip, GossipId, Origin, Outcome};
use lockin::crypto;
use lockin::spec;
use lockin::ssz::{BitVector, Bytes, Ssz};
use lockin::types::{
    Attestation, FAR_FUTURE_EPOCH, ForkName, IndexedAttestation, SignedVoluntaryExit, SingleAttestation, VoluntaryExit,
};

use super::script::Script;
use super::setup::{every_fork, minimal};

/// The votes of these, in one.
fn merge(votes: &[&Attestation]) -> Attestation {
    let mut merged = votes[0].clone();
    for vote in &votes[1..] {
        assert!(merged.aggregation_bits.union_with(&vote.aggregation_bits));
    }
    let signatures: Vec<_> = votes.iter().map(|vote| vote.signature).collect();
    merged.signature = crypto::aggregate(&signatures).unwrap();
    merged
}

#[test]
fn overlapping_aggregates_are_never_merged_and_the_refusal_is_loud() {
    let mut script = Script::new(minimal(FAR_FUTURE_EPOCH), 1, 32);
    script.on_slot(1);
    script.propose(0);
    script.at(667);
    let votes = script.make_votes(0, |_| true);
    assert_eq!(votes.len(), 4);
    let parts = [merge(&[&votes[0].1, &votes[1].1]), merge(&[&votes[1].1, &votes[2].1])];
    for (part, (by, _)) in parts.into_iter().zip(&votes) {
        let aggregate = Arc::new(script.sign_aggregate(0, *by, part));
        let event = script.gossip_event(Gossip::Aggregate(aggregate));
        script.send(0, event);
    }
    assert!(script.nodes[0].outcomes.iter().all(|(_, outcome)| outcome.is_accept()), "{:?}", script.nodes[0].outcomes);
    assert_eq!(script.chain(0).metrics().overlapping_merges_refused, 1);
    assert!(script.nodes[0].warnings[0].contains("would have counted twice"), "{:?}", script.nodes[0].warnings);
    let root = votes[0].1.data.hash_tree_root(script.cfg.shape_at_slot(1));
    assert_eq!(script.chain(0).aggregate(1, &root, None).unwrap().aggregation_bits.count(), 2);
    // The block includes both, since each has a validator that the other lacks, and is valid.
    script.on_slot(2);
    let block = script.propose(0);
    assert_eq!(block.message.body.attestations.len(), 2);
    assert_eq!(script.chain(0).head().slot, 2);
    assert_eq!(script.chain(0).metrics().blocks_stripped, 0);
    // The validator that both hold counts once: the state's attesters are three.
    let state = script.chain(0).head().state;
    let mut attesters = std::collections::BTreeSet::new();
    for pending in state.current_epoch_attestations.iter() {
        let vote = Attestation {
            aggregation_bits: pending.aggregation_bits.clone(),
            data: pending.data,
            ..Attestation::default()
        };
        attesters.extend(spec::get_attesting_indices(&script.cfg, &state, &vote).unwrap());
    }
    assert_eq!(attesters.len(), 3);
}

#[test]
fn a_vote_for_an_unknown_block_waits_for_it() {
    let mut script = Script::new(minimal(FAR_FUTURE_EPOCH), 2, 16);
    script.nodes[1].partition = 1;
    script.on_slot(1);
    let block = script.propose(0);
    script.at(334);
    let (_, vote) = script.make_votes(0, |_| true).remove(0);
    let vote = Arc::new(vote);
    let gossip = |id| Event::Attestation {
        attestation: vote.clone(),
        subnet: None,
        origin: Origin::Gossip(GossipId(id)),
        now_ms: 0,
    };
    script.send(1, gossip(500));
    assert_eq!(script.outcome(1, Origin::Gossip(GossipId(500))), None);
    assert_eq!(script.nodes[1].requests, [vote.data.beacon_block_root]);
    assert_eq!(script.chain(1).metrics().attestations_held, 1);
    script.gossip_block(1, &block);
    assert_eq!(script.outcome(1, Origin::Gossip(GossipId(500))), Some(Outcome::Accept));
    assert_eq!(script.chain(1).pool_attestations(Some(1), None).len(), 1);
    // Again: seen. With another validator's bit: the signature is wrong.
    script.send(1, gossip(501));
    assert!(matches!(script.outcome(1, Origin::Gossip(GossipId(501))), Some(Outcome::Duplicate(_))));
    let mut other = Attestation::clone(&vote);
    let size = other.aggregation_bits.len();
    let position = other.aggregation_bits.ones().next().unwrap();
    other.aggregation_bits.set(position, false);
    other.aggregation_bits.set((position + 1) % size, true);
    let event = script.gossip_event(Gossip::Attestation { subnet: 1, attestation: Arc::new(other) });
    script.send(1, event);
    let last = &script.nodes[1].outcomes.last().unwrap().1;
    assert!(matches!(last, Outcome::Reject(why) if why.contains("signature")), "{last:?}");
}

#[test]
fn a_vote_whose_block_never_comes_is_ignored_in_the_end() {
    let mut script = Script::new(minimal(FAR_FUTURE_EPOCH), 2, 16);
    script.nodes[1].partition = 1;
    script.on_slot(1);
    script.propose(0);
    let (_, vote) = script.make_votes(0, |_| true).remove(0);
    let event = script.gossip_event(Gossip::Attestation { subnet: 1, attestation: Arc::new(vote) });
    script.send(1, event);
    for slot in 2..=4 {
        script.on_slot(slot);
    }
    assert!(matches!(script.nodes[1].outcomes[..], [(_, Outcome::Ignore(_))]));
}

#[test]
fn votes_out_of_their_time_subnet_or_committee_are_refused() {
    let mut script = Script::new(minimal(FAR_FUTURE_EPOCH), 1, 16);
    script.run(1..=3);
    script.on_slot(4);
    script.propose(0);
    script.at(334);
    let (_, vote) = script.make_votes(0, |_| true).remove(0);
    let judge = |script: &mut Script, vote: Attestation, subnet: u64| {
        let event = script.gossip_event(Gossip::Attestation { subnet, attestation: Arc::new(vote) });
        script.send(0, event);
        script.nodes[0].outcomes.last().unwrap().1.clone()
    };
    assert!(matches!(judge(&mut script, vote.clone(), 9), Outcome::Reject(why) if why.contains("subnet")));
    let mut wrong = vote.clone();
    wrong.data.slot = 9;
    assert!(matches!(judge(&mut script, wrong, 4), Outcome::Ignore(_)), "too early");
    let mut wrong = vote.clone();
    wrong.data.target.epoch = 1;
    assert!(matches!(judge(&mut script, wrong, 4), Outcome::Reject(_)));
    let mut wrong = vote.clone();
    wrong.data.index = 1;
    assert!(matches!(judge(&mut script, wrong, 4), Outcome::Reject(why) if why.contains("committee")));
    let mut wrong = vote.clone();
    wrong.aggregation_bits = [true, false, false].into_iter().collect();
    assert!(matches!(judge(&mut script, wrong, 4), Outcome::Reject(why) if why.contains("bits")));
    let mut wrong = vote.clone();
    wrong.data.target.root = Bytes([9; 32]);
    assert!(matches!(judge(&mut script, wrong, 4), Outcome::Reject(why) if why.contains("target")));
    assert_eq!(judge(&mut script, vote, 4), Outcome::Accept);
}

#[test]
fn a_vote_must_have_the_form_of_its_slots_fork() {
    let mut script = Script::new(every_fork(ForkName::Electra), 1, 16);
    script.run(1..=46);
    script.on_slot(47);
    script.propose(0);
    let (attester_index, vote) = script.make_votes(0, |_| true).remove(0);
    script.on_slot(48);
    let judge = |script: &mut Script, gossip: Gossip| {
        let event = script.gossip_event(gossip);
        script.send(0, event);
        script.nodes[0].outcomes.last().unwrap().1.clone()
    };
    let of_another_form = |outcome| matches!(outcome, Outcome::Reject(why) if why.contains("form of its slot's fork"));
    let right = script.sign_aggregate(0, attester_index, vote.clone());
    let mut wrong = right.clone();
    wrong.message.aggregate.committee_bits = BitVector::zero(script.cfg.shape(ForkName::Electra));
    wrong.message.aggregate.committee_bits.set(0, true);
    assert!(of_another_form(judge(&mut script, Gossip::Aggregate(Arc::new(wrong)))), "of deneb, with committee bits");
    assert_eq!(judge(&mut script, Gossip::Aggregate(Arc::new(right))), Outcome::Accept);
    let (data, signature) = (vote.data, vote.signature);
    let single = Arc::new(SingleAttestation { committee_index: 0, attester_index, data, signature });
    let subnet = spec::compute_subnet_for_attestation(&script.cfg, 1, 47, 0);
    let single = Gossip::SingleAttestation { subnet, attestation: single };
    assert!(of_another_form(judge(&mut script, single)), "single, of deneb");
    script.propose(0);
    let (_, mut vote) = script.make_votes(0, |_| true).remove(0);
    vote.committee_bits = BitVector::default();
    let subnet = spec::compute_subnet_for_attestation(&script.cfg, 1, 48, 0);
    let old = Gossip::Attestation { subnet, attestation: Arc::new(vote) };
    assert!(of_another_form(judge(&mut script, old)), "of electra, without committee bits");
}

#[test]
fn a_double_vote_is_slashed_and_its_weight_gone() {
    let mut script = Script::new(minimal(FAR_FUTURE_EPOCH), 1, 16);
    script.run(1..=4);
    script.on_slot(5);
    script.propose(0);
    script.at(334);
    let (offender, vote) = script.make_votes(0, |_| true).remove(0);
    let state = script.chain(0).head().state;
    let signed = |script: &Script, mut data: lockin::types::AttestationData, head: u8| {
        data.beacon_block_root = Bytes([head; 32]);
        let signature = spec::get_attestation_signature(&script.cfg, &state, &data, &script.keys[offender as usize]);
        IndexedAttestation { attesting_indices: vec![offender].into(), data, signature }
    };
    let attestation_1 = signed(&script, vote.data, 1);
    let attestation_2 = signed(&script, vote.data, 2);
    let harmless =
        lockin::types::AttesterSlashing { attestation_1: attestation_1.clone(), attestation_2: attestation_1.clone() };
    let slashing = lockin::types::AttesterSlashing { attestation_1, attestation_2 };
    let mut forged = slashing.clone();
    forged.attestation_2.signature = forged.attestation_1.signature;
    for (slashing, fine) in [(harmless, false), (forged, false), (slashing, true)] {
        let event = script.gossip_event(Gossip::AttesterSlashing(Arc::new(slashing)));
        script.send(0, event);
        assert_eq!(script.nodes[0].outcomes.last().unwrap().1.is_accept(), fine);
    }
    script.on_slot(6);
    let block = script.propose(0);
    assert_eq!(block.message.body.attester_slashings.len(), 1);
    assert!(script.chain(0).head().state.validators[offender as usize].slashed);
}

#[test]
fn an_exit_comes_into_a_block_once_it_is_allowed() {
    let mut cfg = minimal(FAR_FUTURE_EPOCH);
    cfg.shard_committee_period = 1;
    let mut script = Script::new(cfg, 2, 16);
    script.run(1..=7);
    let exit = |script: &Script| {
        let message = VoluntaryExit { epoch: 0, validator_index: 3 };
        let state = script.chain(0).head().state;
        let domain = spec::get_domain(&script.cfg, &state, lockin::types::constants::DOMAIN_VOLUNTARY_EXIT, Some(0));
        let root = spec::compute_signing_root(&message, script.cfg.shape_at_slot(script.slot), domain);
        Arc::new(SignedVoluntaryExit { message, signature: script.keys[3].sign(&root) })
    };
    let event = |script: &Script, id| Event::VoluntaryExit {
        exit: exit(script),
        origin: Origin::Api(id),
        now_ms: script.now_ms,
    };
    let first = event(&script, 70);
    script.send(0, first);
    assert!(matches!(script.outcome(0, Origin::Api(70)), Some(Outcome::Reject(_))), "not active long enough");
    script.run(8..=8);
    let second = event(&script, 71);
    script.send(0, second);
    assert_eq!(script.outcome(0, Origin::Api(71)), Some(Outcome::Accept));
    assert_eq!(script.chain(1).pool_voluntary_exits().len(), 1, "it was published");
    script.run(9..=9);
    assert_eq!(script.chain(0).canonical_block_at(9).unwrap().message.body.voluntary_exits.len(), 1);
    assert_ne!(script.chain(0).head().state.validators[3].exit_epoch, FAR_FUTURE_EPOCH);
    script.run(10..=10);
    assert!(script.chain(0).canonical_block_at(10).unwrap().message.body.voluntary_exits.is_empty());
}
