//! Attestations, and their aggregates: one question per committee, one submission for all.

use super::book::Attester;
use super::slashing::AttestationRequest;
use super::{At, Duty, Ending, Outcome, Validator};
use crate::ssz::{BitList, Root, Ssz};
use crate::types::constants::{DOMAIN_AGGREGATE_AND_PROOF, DOMAIN_BEACON_ATTESTER};
use crate::types::{
    AggregateAndProof, Attestation, AttestationData, CommitteeIndex, SignedAggregateAndProof, ValidatorIndex,
};
use futures::future::join_all;
use std::collections::BTreeMap;

/// An attester with what it is to attest to.
struct Due {
    attester: Attester,
    data: AttestationData,
    signing_root: Root,
}

impl Validator {
    /// Attests with every validator that is due in this slot.
    pub(super) async fn attest(&self, at: At) -> Vec<Outcome> {
        let committees = by_committee(self.book().attesters_at(at.epoch, at.slot));
        let questions = committees
            .into_iter()
            .map(|(index, members)| async move { (self.data_to_attest(at, index).await, members) });
        let (mut outcomes, mut due) = (Vec::new(), Vec::new());
        for (data, members) in join_all(questions).await {
            match data {
                Ok(data) => due.extend(members.into_iter().map(|attester| self.due(attester, data))),
                Err(ending) => outcomes.extend(members.iter().map(|attester| {
                    at.outcome(Duty::Attestation, Some(attester.duty.validator_index), ending.clone())
                })),
            }
        }
        let (refused, attestations) = self.sign_attestations(at, due);
        outcomes.extend(refused);
        if !attestations.is_empty() {
            let (validators, attestations): (Vec<_>, Vec<_>) = attestations.into_iter().unzip();
            let answer = self.client.submit_attestations(self.shape(at.slot), &attestations).await;
            outcomes.extend(at.submitted(Duty::Attestation, &validators, answer));
        }
        outcomes
    }

    /// What the beacon node wants a committee to attest to, if it fits the slot; remembered for aggregation.
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
                "the node gave attestation data for slot {}, committee {}, source {} and target {}; due is slot {}, \
                 committee {index}, target {}",
                data.slot, data.index, data.source.epoch, data.target.epoch, at.slot, at.epoch
            )));
        }
        self.book().attested.insert((at.slot, index), data);
        Ok(data)
    }

    fn due(&self, attester: Attester, data: AttestationData) -> Due {
        let signing_root = self.network.signing_root(&data, DOMAIN_BEACON_ATTESTER, data.target.epoch);
        Due { attester, data, signing_root }
    }

    /// Asks slashing protection for all at once, then signs what it allows.
    fn sign_attestations(&self, at: At, due: Vec<Due>) -> (Vec<Outcome>, Vec<(ValidatorIndex, Attestation)>) {
        let request = |due: &Due| AttestationRequest {
            pubkey: due.attester.duty.pubkey,
            source_epoch: due.data.source.epoch,
            target_epoch: due.data.target.epoch,
            signing_root: due.signing_root,
        };
        let requests: Vec<_> = due.iter().map(request).collect();
        let verdicts = self.protection().allow_attestations(&requests);
        let (mut refused, mut attestations) = (Vec::new(), Vec::new());
        for (due, verdict) in due.into_iter().zip(verdicts) {
            let duty = &due.attester.duty;
            let signed = verdict.map_err(|refusal| Ending::Refused(refusal.to_string())).and_then(|()| {
                let (length, position) = (duty.committee_length, duty.validator_committee_index);
                let bits = one_bit(length, position, self.network.config.preset.max_validators_per_committee);
                let aggregation_bits = bits.ok_or_else(|| Ending::Refused(no_such_member(position, length)))?;
                let signature = self.sign_root(&duty.pubkey, &due.signing_root);
                let signature = signature.ok_or_else(|| Ending::Failed("its key is not held here".into()))?;
                Ok(Attestation { aggregation_bits, data: due.data, signature, ..Attestation::default() })
            });
            match signed {
                Ok(attestation) => attestations.push((duty.validator_index, attestation)),
                Err(ending) => refused.push(at.outcome(Duty::Attestation, Some(duty.validator_index), ending)),
            }
        }
        (refused, attestations)
    }

    /// Publishes the node's aggregate of each committee in which one of our validators was selected.
    pub(super) async fn aggregate(&self, at: At) -> Vec<Outcome> {
        let mut attesters = self.book().attesters_at(at.epoch, at.slot);
        attesters.retain(|attester| attester.aggregator.is_some());
        let questions = by_committee(attesters)
            .into_iter()
            .map(|(index, members)| async move { (self.aggregate_of(at, index).await, members) });
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

    async fn aggregate_of(&self, at: At, index: CommitteeIndex) -> Result<Attestation, Ending> {
        let data = self.data_to_attest(at, index).await?;
        let shape = self.shape(at.slot);
        let answer = self.client.aggregate_attestation(shape, data.hash_tree_root(shape), at.slot, index).await;
        match answer.map_err(|error| Ending::Failed(error.to_string()))? {
            Some(aggregate) if aggregate.data == data => Ok(aggregate),
            Some(_) => Err(Ending::Refused("the node gave an aggregate of other attestation data".into())),
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

fn by_committee(attesters: Vec<Attester>) -> BTreeMap<CommitteeIndex, Vec<Attester>> {
    let mut committees = BTreeMap::<_, Vec<_>>::new();
    for attester in attesters {
        committees.entry(attester.duty.committee_index).or_default().push(attester);
    }
    committees
}

/// Aggregation bits of one member; `None` if the committee the node told of can't be.
fn one_bit(
    length: u64,
    position: u64,
    limit: u64,
) -> Option<BitList<crate::types::limits::MaxValidatorsPerAttestation>> {
    if position >= length || length > limit {
        return None;
    }
    let mut bits = BitList::with_len(usize::try_from(length).ok()?);
    bits.set(usize::try_from(position).ok()?, true);
    Some(bits)
}

fn no_such_member(position: u64, length: u64) -> String {
    format!("the node gave position {position} in a committee of {length}")
}
