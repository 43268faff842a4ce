//! Sync committee messages and contributions, from altair on.

use super::{At, Duty, Ending, Outcome, Validator};
use crate::api::dto::SyncDuty;
use crate::spec::{compute_sync_committee_period, is_sync_committee_aggregator, sync_subcommittee_size};
use crate::ssz::Root;
use crate::types::constants::{
    DOMAIN_CONTRIBUTION_AND_PROOF, DOMAIN_SYNC_COMMITTEE, DOMAIN_SYNC_COMMITTEE_SELECTION_PROOF,
};
use crate::types::{
    BlsPubkey, BlsSignature, ContributionAndProof, SignedContributionAndProof, SyncAggregatorSelectionData,
    SyncCommitteeContribution, SyncCommitteeMessage, ValidatorIndex,
};
use futures::future::join_all;
use std::collections::{BTreeMap, BTreeSet};

/// A validator that was selected to contribute for a subcommittee.
struct Contributor {
    validator_index: ValidatorIndex,
    pubkey: BlsPubkey,
    selection_proof: BlsSignature,
}

impl Validator {
    /// Signs the head with every validator in the sync committee.
    pub(super) async fn sign_sync_messages(&self, at: At) -> Vec<Outcome> {
        let duties = self.sync_duties_at(at);
        if duties.is_empty() {
            return Vec::new();
        }
        let beacon_block_root = match self.head_to_sign(at).await {
            Ok(root) => root,
            Err(ending) => {
                let each = duties.iter().map(|duty| duty.validator_index);
                return each.map(|index| at.outcome(Duty::SyncMessage, Some(index), ending.clone())).collect();
            }
        };
        let sign = |duty: &SyncDuty| {
            let signature = self.sign(&duty.pubkey, &beacon_block_root, DOMAIN_SYNC_COMMITTEE, at.epoch)?;
            Some(SyncCommitteeMessage {
                slot: at.slot,
                beacon_block_root,
                validator_index: duty.validator_index,
                signature,
            })
        };
        let messages: Vec<_> = duties.iter().filter_map(sign).collect();
        let validators: Vec<_> = messages.iter().map(|message| message.validator_index).collect();
        let answer = self.client.submit_sync_messages(self.shape(at.slot), &messages).await;
        at.submitted(Duty::SyncMessage, &validators, answer)
    }

    /// Publishes the node's contribution of each subcommittee for which one of our validators was selected.
    pub(super) async fn contribute(&self, at: At) -> Vec<Outcome> {
        let contributors = self.contributors(at);
        if contributors.is_empty() {
            return Vec::new();
        }
        let head = self.head_to_sign(at).await;
        let questions = contributors.into_iter().map(|(subcommittee, members)| {
            let head = head.clone();
            async move {
                match head {
                    Ok(head) => (self.contribution_of(at, subcommittee, head).await, members),
                    Err(ending) => (Err(ending), members),
                }
            }
        });
        let (mut outcomes, mut validators, mut signed) = (Vec::new(), Vec::new(), Vec::new());
        for (contribution, members) in join_all(questions).await {
            for member in members {
                let made = contribution.clone().and_then(|contribution| {
                    let made = self.sign_contribution(at, &member, contribution);
                    made.ok_or_else(|| Ending::Failed("its key is not held here".into()))
                });
                match made {
                    Ok(made) => {
                        validators.push(member.validator_index);
                        signed.push(made);
                    }
                    Err(ending) => outcomes.push(at.outcome(Duty::Contribution, Some(member.validator_index), ending)),
                }
            }
        }
        if !signed.is_empty() {
            let answer = self.client.submit_contributions(self.shape(at.slot), &signed).await;
            outcomes.extend(at.submitted(Duty::Contribution, &validators, answer));
        }
        outcomes
    }

    fn sync_duties_at(&self, at: At) -> Vec<SyncDuty> {
        let Some(epoch) = self.network.sync_committee_epoch(at.slot) else { return Vec::new() };
        let period = compute_sync_committee_period(&self.network.config, epoch);
        self.book().sync.get(&period).cloned().unwrap_or_default()
    }

    /// The head at the time of the first question in this slot, so that messages and contributions agree. A head whose
    /// payload nobody has validated is not signed (sync/optimistic.md).
    async fn head_to_sign(&self, at: At) -> Result<Root, Ending> {
        let known = self.book().sync_heads.get(&at.slot).copied();
        if let Some(root) = known {
            return Ok(root);
        }
        let answer = self.client.block_root_and_validity("head").await;
        let (root, optimistic) = answer.map_err(|error| Ending::Failed(error.to_string()))?;
        if optimistic {
            return Err(Ending::Failed(
                "the node's head is optimistic: its execution engine has not validated it".into(),
            ));
        }
        Ok(*self.book().sync_heads.entry(at.slot).or_insert(root))
    }

    /// Who contributes in this slot, by subcommittee (spec `get_sync_committee_selection_proof`,
    /// `is_sync_committee_aggregator`).
    fn contributors(&self, at: At) -> BTreeMap<u64, Vec<Contributor>> {
        let members = sync_subcommittee_size(self.network.config.preset);
        let mut out = BTreeMap::<_, Vec<_>>::new();
        for duty in self.sync_duties_at(at) {
            let positions = duty.validator_sync_committee_indices.iter();
            let subcommittees: BTreeSet<u64> = positions.map(|position| position / members.max(1)).collect();
            for subcommittee_index in subcommittees {
                let data = SyncAggregatorSelectionData { slot: at.slot, subcommittee_index };
                let proof = self.sign(&duty.pubkey, &data, DOMAIN_SYNC_COMMITTEE_SELECTION_PROOF, at.epoch);
                let selected = proof.filter(|proof| is_sync_committee_aggregator(&self.network.config, proof));
                if let Some(selection_proof) = selected {
                    let SyncDuty { validator_index, pubkey, .. } = duty;
                    let contributor = Contributor { validator_index, pubkey, selection_proof };
                    out.entry(subcommittee_index).or_default().push(contributor);
                }
            }
        }
        out
    }

    async fn contribution_of(
        &self,
        at: At,
        subcommittee: u64,
        head: Root,
    ) -> Result<SyncCommitteeContribution, Ending> {
        let answer = self.client.sync_contribution(self.shape(at.slot), at.slot, subcommittee, head).await;
        match answer.map_err(|error| Ending::Failed(error.to_string()))? {
            Some(it) if (it.slot, it.subcommittee_index, it.beacon_block_root) == (at.slot, subcommittee, head) => {
                Ok(it)
            }
            Some(_) => Err(Ending::Refused("the node gave a contribution for something else".into())),
            None => Err(Ending::Skipped("the node has no contribution for this subcommittee".into())),
        }
    }

    fn sign_contribution(
        &self,
        at: At,
        member: &Contributor,
        contribution: SyncCommitteeContribution,
    ) -> Option<SignedContributionAndProof> {
        let Contributor { validator_index, pubkey, selection_proof } = *member;
        let message = ContributionAndProof { aggregator_index: validator_index, contribution, selection_proof };
        let signature = self.sign(&pubkey, &message, DOMAIN_CONTRIBUTION_AND_PROOF, at.epoch)?;
        Some(SignedContributionAndProof { message, signature })
    }
}
