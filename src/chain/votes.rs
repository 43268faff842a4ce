//! Attestations and aggregates: judged without changing anything, then applied to fork choice and the pool.
//!
//! Deviation from gossip's text: committees come from the state of the vote's own target, not from the head's, so that a
//! vote on another fork is judged by its own shuffling; a vote for an unknown block is therefore held before its
//! signature can be checked, in a bounded place for a bounded time. And a vote whose target is an old block is ignored
//! unless that is the target of this node's own head, since its committee costs much time and names nobody to blame.

use std::collections::btree_map::Entry;
use std::sync::Arc;

use super::Chain;
use super::effect::{Effect, Gossip, Notice};
use super::event::Origin;
use super::held::{Asker, Vote};
use super::verdict::{Fault, fresh, must, should};
use crate::crypto::{self, SignatureSet};
use crate::spec::{self, fork_choice};
use crate::ssz::{Root, Ssz};
use crate::types::constants::{DOMAIN_AGGREGATE_AND_PROOF, DOMAIN_BEACON_ATTESTER, DOMAIN_SELECTION_PROOF};
use crate::types::{
    Attestation, AttestationData, BeaconState, BlsPubkey, BlsSignature, Checkpoint, SignedAggregateAndProof,
    ValidatorIndex,
};

/// Who voted, and all else that judging a vote brings to light.
struct Judged {
    /// Of the vote's target.
    state: Arc<BeaconState>,
    data_root: Root,
    attesters: Vec<ValidatorIndex>,
}

/// The committee of a vote and the state that decided it.
struct Bench {
    state: Arc<BeaconState>,
    committee: Vec<ValidatorIndex>,
    committees_per_slot: u64,
}

impl Chain {
    /// Takes an unaggregated attestation from outside.
    pub(super) fn on_attestation(&mut self, attestation: Arc<Attestation>, subnet: Option<u64>, origin: Origin) {
        self.take_vote(Vote::Attestation { attestation, subnet }, Asker::new(origin));
    }

    /// Takes an aggregate from outside.
    pub(super) fn on_aggregate(&mut self, aggregate: Arc<SignedAggregateAndProof>, origin: Origin) {
        self.take_vote(Vote::Aggregate(aggregate), Asker::new(origin));
    }

    /// Takes the votes that waited for this block.
    pub(super) fn take_votes_for(&mut self, block: &Root) {
        for held in self.held.votes_for(block) {
            self.take_vote(held.vote, held.asker);
        }
    }

    fn take_vote(&mut self, vote: Vote, mut asker: Asker) {
        let fault = match &vote {
            Vote::Attestation { attestation, subnet } => match self.judge_attestation(attestation, *subnet) {
                Ok((judged, subnet)) => {
                    self.apply_attestation(attestation, &judged);
                    let attestation = attestation.clone();
                    return self.accept(&mut asker, || Gossip::Attestation { subnet, attestation });
                }
                Err(fault) => fault,
            },
            Vote::Aggregate(aggregate) => match self.judge_aggregate(aggregate) {
                Ok(judged) => {
                    self.apply_aggregate(aggregate, &judged);
                    let aggregate = aggregate.clone();
                    return self.accept(&mut asker, || Gossip::Aggregate(aggregate));
                }
                Err(fault) => fault,
            },
        };
        if let Fault::NeedsBlock(root) = fault {
            self.answer_held(&mut asker, "held until its block comes");
            match self.held.keep_vote(root, vote, asker, self.slot) {
                Ok(()) => self.want_block(root, asker.origin),
                Err(mut back) => self.refuse(&mut back, fault),
            }
            return;
        }
        if matches!(fault, Fault::Reject(_)) {
            self.metrics.attestations_rejected += 1;
        }
        self.refuse(&mut asker, fault);
    }

    fn judge_attestation(&self, attestation: &Attestation, subnet: Option<u64>) -> Result<(Judged, u64), Fault> {
        let data = &attestation.data;
        let bits = &attestation.aggregation_bits;
        must(bits.count() == 1, || format!("{} votes in an unaggregated attestation", bits.count()))?;
        let bench = self.bench(data, bits.len())?;
        let right = spec::compute_subnet_for_attestation(&self.cfg, bench.committees_per_slot, data.slot, data.index);
        must(subnet.is_none_or(|subnet| subnet == right), || format!("on subnet {subnet:?} instead of {right}"))?;
        let attesters = bench.members(bits.ones());
        for attester in &attesters {
            let seen = self.seen.attesters.contains(&(data.target.epoch, *attester));
            fresh(!seen, || format!("validator {attester}'s vote of epoch {} was seen", data.target.epoch))?;
        }
        let set = self.vote_signature(&bench.state, data, &attesters, attestation.signature)?;
        must(crypto::verify_sets(&[set]), || "the signature is wrong".into())?;
        let data_root = data.hash_tree_root(self.cfg.shape_at_slot(data.slot));
        Ok((Judged { state: bench.state, data_root, attesters }, right))
    }

    fn judge_aggregate(&self, signed: &SignedAggregateAndProof) -> Result<Judged, Fault> {
        let message = &signed.message;
        let (aggregate, aggregator) = (&message.aggregate, message.aggregator_index);
        let (data, bits) = (&aggregate.data, &aggregate.aggregation_bits);
        must(!bits.none(), || "nobody takes part".into())?;
        let bench = self.bench(data, bits.len())?;
        let shape = self.cfg.shape_at_slot(data.slot);
        let data_root = data.hash_tree_root(shape);
        let members: Vec<bool> = bits.iter().collect();
        let seen = self.seen.covers_aggregate(data.slot, data_root, &members);
        fresh(!seen, || "an aggregate with all these votes was seen".into())?;
        let seen = self.seen.aggregators.contains(&(data.target.epoch, aggregator));
        fresh(!seen, || format!("aggregator {aggregator}'s aggregate of this epoch was seen"))?;
        must(spec::is_aggregator_of(bench.committee.len() as u64, &message.selection_proof), || {
            format!("validator {aggregator} is not selected as aggregator")
        })?;
        must(bench.committee.contains(&aggregator), || format!("aggregator {aggregator} is not in the committee"))?;
        let attesters = bench.members(bits.ones());
        let key = pubkey(&bench.state, aggregator)?;
        let domain = self.domain(DOMAIN_SELECTION_PROOF, data.target.epoch);
        let selection = spec::compute_signing_root(&data.slot, shape, domain);
        let domain = self.domain(DOMAIN_AGGREGATE_AND_PROOF, data.target.epoch);
        let whole = spec::compute_signing_root(message, shape, domain);
        let sets = [
            SignatureSet { pubkeys: vec![key], message: selection, signature: message.selection_proof },
            SignatureSet { pubkeys: vec![key], message: whole, signature: signed.signature },
            self.vote_signature(&bench.state, data, &attesters, aggregate.signature)?,
        ];
        must(crypto::verify_sets(&sets), || "one of its three signatures is wrong".into())?;
        Ok(Judged { state: bench.state, data_root, attesters })
    }

    /// What attestations and aggregates have in common, up to the signature.
    fn bench(&self, data: &AttestationData, bits: usize) -> Result<Bench, Fault> {
        let (slot, target) = (data.slot, &data.target);
        should(self.is_within(slot, self.cfg.attestation_propagation_slot_range), || {
            format!("of slot {slot}, it is slot {}", self.slot)
        })?;
        must(target.epoch == self.cfg.epoch_of(slot), || format!("slot {slot} is not in epoch {}", target.epoch))?;
        let root = data.beacon_block_root;
        must(!self.invalid.contains(&root), || "votes for an invalid block".into())?;
        let Some(block) = self.store.node(&root) else {
            let old = self.blocks.get(&root).is_some();
            should(!old, || "votes for a block that finality has passed".into())?;
            return Err(Fault::NeedsBlock(root));
        };
        should(block.slot <= slot, || format!("of slot {slot} for a block of slot {}", block.slot))?;
        let checkpoint = fork_choice::get_checkpoint_block(&self.cfg, &self.store, &root, target.epoch);
        must(checkpoint.is_ok_and(|root| root == target.root), || {
            "its target is not an ancestor of the block it votes for".into()
        })?;
        let finalized = self.store.finalized_checkpoint();
        let settled = fork_choice::get_checkpoint_block(&self.cfg, &self.store, &root, finalized.epoch);
        should(settled.is_ok_and(|root| root == finalized.root), || {
            "votes for a block that does not descend from the finalized one".into()
        })?;
        self.check_target_is_near(target)?;
        let state = self.target_state(target)?;
        let committees_per_slot = spec::get_committee_count_per_slot(&self.cfg, &state, target.epoch);
        must(data.index < committees_per_slot, || format!("committee {} of {committees_per_slot}", data.index))?;
        let committee = spec::get_beacon_committee(&self.cfg, &state, slot, data.index)
            .map_err(|error| Fault::Ignore(format!("finding its committee: {error}")))?;
        must(bits == committee.len(), || format!("{bits} bits for a committee of {}", committee.len()))?;
        Ok(Bench { state, committee, committees_per_slot })
    }

    /// Ignores votes whose target state would be long to compute, unless it is known or of use to this node anyway.
    fn check_target_is_near(&self, target: &Checkpoint) -> Result<(), Fault> {
        let start = self.cfg.start_slot(target.epoch);
        let block = self.store.node(&target.root).map_or(0, |node| node.slot);
        if self.is_short_walk(block, start) || self.targets.contains_key(target) {
            return Ok(());
        }
        let own = fork_choice::get_checkpoint_block(&self.cfg, &self.store, &self.head.root, target.epoch);
        should(own.is_ok_and(|root| root == target.root), || {
            format!("its target block is {} slots behind the start of epoch {}", start - block, target.epoch)
        })
    }

    fn vote_signature(
        &self,
        state: &BeaconState,
        data: &AttestationData,
        attesters: &[ValidatorIndex],
        signature: BlsSignature,
    ) -> Result<SignatureSet, Fault> {
        let domain = self.domain(DOMAIN_BEACON_ATTESTER, data.target.epoch);
        let message = spec::compute_signing_root(data, self.cfg.shape_at_slot(data.slot), domain);
        let pubkeys: Result<Vec<BlsPubkey>, Fault> = attesters.iter().map(|index| pubkey(state, *index)).collect();
        Ok(SignatureSet { pubkeys: pubkeys?, message, signature })
    }

    fn apply_attestation(&mut self, attestation: &Arc<Attestation>, judged: &Judged) {
        let epoch = attestation.data.target.epoch;
        self.seen.attesters.extend(judged.attesters.iter().map(|attester| (epoch, *attester)));
        self.apply_vote(attestation, judged);
        self.notify(Notice::Attestation(attestation.clone()));
    }

    fn apply_aggregate(&mut self, signed: &SignedAggregateAndProof, judged: &Judged) {
        let message = &signed.message;
        let aggregate = &message.aggregate;
        self.seen.aggregators.insert((aggregate.data.target.epoch, message.aggregator_index));
        self.seen.add_aggregate(aggregate.data.slot, judged.data_root, aggregate.aggregation_bits.iter().collect());
        self.apply_vote(aggregate, judged);
        self.notify(Notice::Attestation(Arc::new(aggregate.clone())));
    }

    fn apply_vote(&mut self, attestation: &Attestation, judged: &Judged) {
        self.metrics.attestations_accepted += 1;
        let target = &attestation.data.target;
        if let Entry::Vacant(entry) = self.targets.entry(*target) {
            self.store.put_checkpoint_state(target, judged.state.clone());
            entry.insert(judged.state.clone());
        }
        let refused = self.attestations.insert(judged.data_root, attestation);
        self.log_refusals(refused);
        let slot = attestation.data.slot;
        if slot < self.slot {
            self.count_vote(&attestation.data, &judged.attesters);
        } else {
            // A vote counts from the slot after its own.
            self.waiting_votes.entry(slot).or_default().push((attestation.data, judged.attesters.clone()));
        }
    }

    /// Counts the votes whose slot is over.
    pub(super) fn count_waiting_votes(&mut self) {
        let later = self.waiting_votes.split_off(&self.slot);
        for (data, attesters) in std::mem::replace(&mut self.waiting_votes, later).into_values().flatten() {
            self.count_vote(&data, &attesters);
        }
    }

    fn count_vote(&mut self, data: &AttestationData, attesters: &[ValidatorIndex]) {
        let counted = fork_choice::on_attestation_verified(&self.cfg, &mut self.store, data, attesters, false);
        if let Err(error) = counted {
            // Gossip lets older votes through than fork choice wants; nothing is wrong with them.
            let message = format!("a vote of slot {} does not count: {error}", data.slot);
            self.out.push(Effect::Log { level: super::Level::Debug, message });
        }
    }
}

impl Bench {
    fn members(&self, positions: impl Iterator<Item = usize>) -> Vec<ValidatorIndex> {
        positions.filter_map(|position| self.committee.get(position).copied()).collect()
    }
}

pub(super) fn pubkey(state: &BeaconState, index: ValidatorIndex) -> Result<BlsPubkey, Fault> {
    let validator = usize::try_from(index).ok().and_then(|index| state.validators.get(index));
    validator.map(|validator| validator.pubkey).ok_or_else(|| Fault::Reject(format!("no validator {index}")))
}
