//! Attestations, and their aggregates: one question per committee (from electra on one for all), one submission for
//! all.

use super::book::Attester;
use super::slashing::AttestationRequest;
use super::{At, Duty, Ending, Outcome, Validator};
use crate::api::dto::AttesterDuty;
use crate::ssz::{BitList, Fork, Root, Ssz};
use crate::types::constants::{DOMAIN_AGGREGATE_AND_PROOF, DOMAIN_BEACON_ATTESTER};
use crate::types::{
    AggregateAndProof, Attestation, AttestationData, BlsSignature, CommitteeIndex, SignedAggregateAndProof,
    SingleAttestation,
};
use futures::future::join_all;
use std::collections::BTreeMap;

/// An attester with what it is to attest to.
struct Due {
    duty: AttesterDuty,
    data: AttestationData,
    signing_root: Root,
}

/// A signed vote, before it takes the form of its fork.
struct Vote {
    duty: AttesterDuty,
    data: AttestationData,
    signature: BlsSignature,
}

impl Validator {
    /// Attests with every validator that is due in this slot.
    pub(super) async fn attest(&self, at: At) -> Vec<Outcome> {
        let questions = by(self.book().attesters_at(at.epoch, at.slot), |duty| self.data_index(at, duty))
            .into_iter()
            .map(|(index, members)| async move { (self.data_to_attest(at, index).await, members) });
        let (mut outcomes, mut due) = (Vec::new(), Vec::new());
        for (data, members) in join_all(questions).await {
            match data {
                Ok(data) => due.extend(members.into_iter().map(|attester| self.due(attester.duty, data))),
                Err(ending) => outcomes.extend(members.iter().map(|attester| {
                    at.outcome(Duty::Attestation, Some(attester.duty.validator_index), ending.clone())
                })),
            }
        }
        let (refused, votes) = self.sign_votes(at, due);
        outcomes.extend(refused);
        outcomes.extend(self.submit_votes(at, votes).await);
        outcomes
    }

    /// `index` of the data that a committee signs: its own, or 0 from electra on (electra `AttestationData`).
    fn data_index(&self, at: At, duty: &AttesterDuty) -> CommitteeIndex {
        if self.shape(at.slot).fork < Fork::Electra { duty.committee_index } else { 0 }
    }

    /// What the beacon node wants signed with this `index`, if it fits the slot; remembered for aggregation.
    async fn data_to_attest(&self, at: At, index: CommitteeIndex) -> Result<AttestationData, Ending> {
        let known = self.book().attested.get(&(at.slot, index)).copied();
        if let Some(data) = known {
            return Ok(data);
        }
        let answer = self.client.attestation_data(self.shape(at.slot), at.slot, index).await;
        let data = answer.map_err(|error| Ending::Failed(error.to_string()))?;
        if data.slot != at.slot || data.index != index || data.target.epoch != at.epoch || data.source.epoch > at.epoch
        {
            return Err(Ending::Refused(format!(
                "the node gave attestation data for slot {}, index {}, source {} and target {}; due is slot {}, \
                 index {index}, target {}",
                data.slot, data.index, data.source.epoch, data.target.epoch, at.slot, at.epoch
            )));
        }
        self.book().attested.insert((at.slot, index), data);
        Ok(data)
    }

    fn due(&self, duty: AttesterDuty, data: AttestationData) -> Due {
        let signing_root = self.network.signing_root(&data, DOMAIN_BEACON_ATTESTER, data.target.epoch);
        Due { duty, data, signing_root }
    }

    /// Asks slashing protection for all at once, then signs what it allows.
    fn sign_votes(&self, at: At, due: Vec<Due>) -> (Vec<Outcome>, Vec<Vote>) {
        let request = |due: &Due| AttestationRequest {
            pubkey: due.duty.pubkey,
            source_epoch: due.data.source.epoch,
            target_epoch: due.data.target.epoch,
            signing_root: due.signing_root,
        };
        let requests: Vec<_> = due.iter().map(request).collect();
        let verdicts = self.protection().allow_attestations(&requests);
        let (mut refused, mut votes) = (Vec::new(), Vec::new());
        for (Due { duty, data, signing_root }, verdict) in due.into_iter().zip(verdicts) {
            let signed = verdict.map_err(|refusal| Ending::Refused(refusal.to_string())).and_then(|()| {
                let signature = self.sign_root(&duty.pubkey, &signing_root);
                signature.ok_or_else(|| Ending::Failed("its key is not held here".into()))
            });
            match signed {
                Ok(signature) => votes.push(Vote { duty, data, signature }),
                Err(ending) => refused.push(at.outcome(Duty::Attestation, Some(duty.validator_index), ending)),
            }
        }
        (refused, votes)
    }

    /// Hands the votes in, in the form that the slot's fork has for them.
    async fn submit_votes(&self, at: At, votes: Vec<Vote>) -> Vec<Outcome> {
        let shape = self.shape(at.slot);
        if shape.fork >= Fork::Electra {
            let validators: Vec<_> = votes.iter().map(|vote| vote.duty.validator_index).collect();
            let singles: Vec<_> = votes.iter().map(single_attestation).collect();
            if singles.is_empty() {
                return Vec::new();
            }
            let answer = self.client.submit_single_attestations(shape, &singles).await;
            return at.submitted(Duty::Attestation, &validators, answer);
        }
        let (mut outcomes, mut validators, mut attestations) = (Vec::new(), Vec::new(), Vec::new());
        for vote in votes {
            let index = vote.duty.validator_index;
            match attestation(&vote, shape.preset.max_validators_per_committee) {
                Ok(attestation) => {
                    validators.push(index);
                    attestations.push(attestation);
                }
                Err(why) => outcomes.push(at.outcome(Duty::Attestation, Some(index), Ending::Refused(why))),
            }
        }
        if !attestations.is_empty() {
            let answer = self.client.submit_attestations(shape, &attestations).await;
            outcomes.extend(at.submitted(Duty::Attestation, &validators, answer));
        }
        outcomes
    }

    /// Publishes the node's aggregate of each committee in which one of our validators was selected.
    pub(super) async fn aggregate(&self, at: At) -> Vec<Outcome> {
        let mut attesters = self.book().attesters_at(at.epoch, at.slot);
        attesters.retain(|attester| attester.aggregator.is_some());
        let questions = by(attesters, |duty| duty.committee_index)
            .into_values()
            .map(|members| async move { (self.aggregate_of(at, &members).await, members) });
        let (mut outcomes, mut validators, mut signed) = (Vec::new(), Vec::new(), Vec::new());
        for (aggregate, members) in join_all(questions).await {
            for attester in members {
                let index = attester.duty.validator_index;
                let made = aggregate.clone().and_then(|aggregate| self.sign_aggregate(at, &attester, aggregate));
                match made {
                    Ok(made) => {
                        validators.push(index);
                        signed.push(made);
                    }
                    Err(ending) => outcomes.push(at.outcome(Duty::Aggregate, Some(index), ending)),
                }
            }
        }
        if !signed.is_empty() {
            let answer = self.client.submit_aggregates(self.shape(at.slot), &signed).await;
            outcomes.extend(at.submitted(Duty::Aggregate, &validators, answer));
        }
        outcomes
    }

    async fn aggregate_of(&self, at: At, members: &[Attester]) -> Result<Attestation, Ending> {
        let Some(duty) = members.first().map(|attester| &attester.duty) else {
            return Err(Ending::Skipped("nobody aggregates".into()));
        };
        let (index, shape) = (duty.committee_index, self.shape(at.slot));
        let data = self.data_to_attest(at, self.data_index(at, duty)).await?;
        let answer = self.client.aggregate_attestation(shape, data.hash_tree_root(shape), at.slot, index).await;
        match answer.map_err(|error| Ending::Failed(error.to_string()))? {
            Some(aggregate) if aggregate.data != data => {
                Err(Ending::Refused("the node gave an aggregate of other attestation data".into()))
            }
            Some(aggregate) if shape.fork >= Fork::Electra && !is_of_committee(&aggregate, index) => {
                Err(Ending::Refused(format!("the node gave an aggregate of other committees than {index}")))
            }
            Some(aggregate) => Ok(aggregate),
            None => Err(Ending::Skipped("the node has no aggregate for this committee".into())),
        }
    }

    fn sign_aggregate(
        &self,
        at: At,
        attester: &Attester,
        aggregate: Attestation,
    ) -> Result<SignedAggregateAndProof, Ending> {
        let missing = || Ending::Failed("its key is not held here".into());
        let selection_proof = attester.aggregator.ok_or_else(missing)?;
        let message = AggregateAndProof { aggregator_index: attester.duty.validator_index, aggregate, selection_proof };
        let signature = self.sign(&attester.duty.pubkey, &message, DOMAIN_AGGREGATE_AND_PROOF, at.epoch);
        Ok(SignedAggregateAndProof { message, signature: signature.ok_or_else(missing)? })
    }
}

fn by(
    attesters: Vec<Attester>,
    key: impl Fn(&AttesterDuty) -> CommitteeIndex,
) -> BTreeMap<CommitteeIndex, Vec<Attester>> {
    let mut groups = BTreeMap::<_, Vec<_>>::new();
    for attester in attesters {
        groups.entry(key(&attester.duty)).or_default().push(attester);
    }
    groups
}

/// A vote as it travels from electra on.
fn single_attestation(vote: &Vote) -> SingleAttestation {
    let Vote { duty, data, signature } = vote;
    SingleAttestation {
        committee_index: duty.committee_index,
        attester_index: duty.validator_index,
        data: *data,
        signature: *signature,
    }
}

/// A vote as it travels before electra: with the member's bit. The error says why the node's duty can't be.
fn attestation(vote: &Vote, largest_committee: u64) -> Result<Attestation, String> {
    let (length, position) = (vote.duty.committee_length, vote.duty.validator_committee_index);
    let bits = (position < length && length <= largest_committee).then_some((length, position));
    let bits = bits.and_then(|(length, position)| {
        let mut bits = BitList::with_len(usize::try_from(length).ok()?);
        bits.set(usize::try_from(position).ok()?, true);
        Some(bits)
    });
    let aggregation_bits =
        bits.ok_or_else(|| format!("the node gave position {position} in a committee of {length}"))?;
    Ok(Attestation { aggregation_bits, data: vote.data, signature: vote.signature, ..Attestation::default() })
}

/// Whether an electra aggregate holds the votes of this committee and no other, as aggregators hand them in.
fn is_of_committee(aggregate: &Attestation, index: CommitteeIndex) -> bool {
    aggregate.committee_bits.ones().eq(usize::try_from(index))
}
