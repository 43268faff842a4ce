//! Attestations and aggregates: judged without changing anything, then applied to fork choice and the pool.
//!
//! Deviation from gossip's text: a vote for an unknown block is held before its signature can be checked, in a bounded
//! place for a bounded time.

use std::collections::btree_map::Entry;
use std::sync::Arc;

use super::Chain;
use super::effect::{Effect, Gossip, Notice};
use super::event::Origin;
use super::held::{Asker, Vote};
use super::pool::Contents;
use super::verdict::Fault;
use crate::spec::{fork_choice, gossip};
use crate::ssz::Root;
use crate::types::{
    Attestation, AttestationData, BlsSignature, SignedAggregateAndProof, SingleAttestation, ValidatorIndex,
};

impl Chain {
    /// Takes an unaggregated attestation of phase0 to deneb from outside.
    pub(super) fn on_attestation(&mut self, attestation: Arc<Attestation>, subnet: Option<u64>, origin: Origin) {
        self.take_vote(Vote::Attestation { attestation, subnet }, Asker::new(origin));
    }

    /// Takes an unaggregated attestation of electra and later from outside.
    pub(super) fn on_single_attestation(
        &mut self,
        attestation: Arc<SingleAttestation>,
        subnet: Option<u64>,
        origin: Origin,
    ) {
        self.take_vote(Vote::Single { attestation, subnet }, Asker::new(origin));
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
        let fault = match self.judge_vote(&vote) {
            Ok(judged) => {
                let gossip = self.apply(&vote, &judged);
                return self.accept(&mut asker, || gossip);
            }
            Err(fault) => fault,
        };
        match fault {
            Fault::NeedsBlock(root) if self.blocks.get(&root).is_some() => {
                self.refuse(&mut asker, Fault::Ignore("votes for a block that finality has passed".into()));
            }
            Fault::NeedsBlock(root) => {
                let kept = self.held.keep_vote(root, vote, asker.while_held(), self.slot).is_ok();
                self.tell_held(asker, kept, "held until its block comes", fault);
                if kept && !self.waiting.contains_key(&root) {
                    self.want_block(root, asker.origin);
                }
            }
            fault => {
                self.metrics.attestations_rejected += u64::from(matches!(fault, Fault::Reject(_)));
                self.refuse(&mut asker, fault);
            }
        }
    }

    fn judge_vote(&self, vote: &Vote) -> Result<gossip::Vote, Fault> {
        let judged = match vote {
            Vote::Attestation { attestation, subnet } => {
                gossip::validate_beacon_attestation_gossip(self, &self.seen, attestation, *subnet)
            }
            Vote::Single { attestation, subnet } => {
                gossip::validate_single_attestation_gossip(self, &self.seen, attestation, *subnet)
            }
            Vote::Aggregate(aggregate) => {
                gossip::validate_beacon_aggregate_and_proof_gossip(self, &self.seen, aggregate)
            }
        };
        Ok(judged?)
    }

    /// Takes a vote that is right. Returns it as it is published.
    fn apply(&mut self, vote: &Vote, judged: &gossip::Vote) -> Gossip {
        match vote {
            Vote::Attestation { attestation, .. } => {
                self.seen.add_attestation(judged);
                self.apply_vote(judged, attestation.aggregation_bits.iter().collect(), attestation.signature);
                self.notify(Notice::Attestation(attestation.clone()));
                Gossip::Attestation { subnet: judged.subnet, attestation: attestation.clone() }
            }
            Vote::Single { attestation, .. } => {
                self.seen.add_attestation(judged);
                let bits = judged.committee.iter().map(|member| judged.attesters.contains(member)).collect();
                self.apply_vote(judged, bits, attestation.signature);
                self.notify(Notice::SingleAttestation(attestation.clone()));
                Gossip::SingleAttestation { subnet: judged.subnet, attestation: attestation.clone() }
            }
            Vote::Aggregate(signed) => {
                let aggregate = &signed.message.aggregate;
                let bits: Vec<bool> = aggregate.aggregation_bits.iter().collect();
                self.seen.add_aggregate(signed.message.aggregator_index, judged, bits.clone());
                self.apply_vote(judged, bits, aggregate.signature);
                self.notify(Notice::Attestation(Arc::new(aggregate.clone())));
                Gossip::Aggregate(signed.clone())
            }
        }
    }

    fn apply_vote(&mut self, judged: &gossip::Vote, bits: Vec<bool>, signature: BlsSignature) {
        self.metrics.attestations_accepted += 1;
        let data = judged.data;
        if let Entry::Vacant(entry) = self.targets.entry(data.target) {
            self.store.put_checkpoint_state(&data.target, judged.state.clone());
            entry.insert(judged.state.clone());
        }
        let contents = Contents { data, data_root: judged.data_root, committee: judged.committee_index };
        let refused = self.attestations.insert(contents, bits, signature);
        self.log_refusals(refused);
        if data.slot < self.slot {
            self.count_vote(&data, &judged.attesters);
        } else {
            // A vote counts from the slot after its own.
            self.waiting_votes.entry(data.slot).or_default().push((data, judged.attesters.clone()));
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
