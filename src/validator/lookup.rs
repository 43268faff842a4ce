//! Learning duties: which of our keys are validators, and what they have to do in this epoch and the next. Fetched
//! again at the beginning of every epoch, and whenever a head shows that they changed.

use super::book::{Attester, Attesters, Proposers};
use super::{At, Duty, Ending, Outcome, Validator};
use crate::api::dto::{AttesterDuty, CommitteeSubscription, SyncSubscription};
use crate::spec::{compute_sync_committee_period, is_aggregator_of};
use crate::types::constants::DOMAIN_SELECTION_PROOF;
use crate::types::{Epoch, ValidatorIndex};

impl Validator {
    /// Asks for the indices of keys that have none yet: at the start of an epoch, or while there is none at all.
    pub(super) async fn resolve_indices(&self, at: At) -> Vec<Outcome> {
        let missing: Vec<String> = {
            let book = self.book();
            let known: std::collections::BTreeSet<_> = book.indices.values().collect();
            let due = known.is_empty() || self.network.config.start_slot(at.epoch) == at.slot;
            self.keys.keys().filter(|key| due && !known.contains(key)).map(ToString::to_string).collect()
        };
        if missing.is_empty() {
            return Vec::new();
        }
        match self.client.validators("head", &missing).await {
            Ok(found) => {
                let ours = found.into_iter().filter(|it| self.keys.contains_key(&it.validator.pubkey));
                self.book().indices.extend(ours.map(|it| (it.index, it.validator.pubkey)));
                Vec::new()
            }
            Err(error) => vec![at.failed(Duty::Lookup, None, error)],
        }
    }

    /// Everything but proposers for this epoch, as far as it is missing; all of it if `again`.
    pub(super) async fn look_up(&self, at: At, again: bool) -> Vec<Outcome> {
        let (attesters, sync) = futures::join!(
            self.look_up_attesters(at, at.epoch, again),
            self.look_up_sync_committee(at, at.slot, again)
        );
        [attesters, sync].concat()
    }

    /// What is known early: attesters of the next epoch, the sync committee of the next slot's period.
    pub(super) async fn look_ahead(&self, at: At) -> Vec<Outcome> {
        let next_epoch = at.epoch.saturating_add(1);
        let last_slot = self.network.config.start_slot(next_epoch.saturating_add(1)).saturating_sub(1);
        // before altair the node's state has no committee that it could tell
        let altair = self.network.sync_committee_epoch(at.slot).is_some();
        let sync = async { if altair { self.look_up_sync_committee(at, last_slot, false).await } else { Vec::new() } };
        let (attesters, sync) = futures::join!(self.look_up_attesters(at, next_epoch, false), sync);
        [attesters, sync].concat()
    }

    /// Our proposers of this epoch.
    pub(super) async fn look_up_proposers(&self, at: At, again: bool) -> Vec<Outcome> {
        if !again && self.book().proposers.contains_key(&at.epoch) {
            return Vec::new();
        }
        match self.client.proposer_duties(at.epoch).await {
            Ok(answer) => {
                let ours = answer.data.into_iter().filter(|duty| self.keys.contains_key(&duty.pubkey));
                let dependent_root = answer.dependent_root.unwrap_or_default();
                self.book().proposers.insert(at.epoch, Proposers { dependent_root, duties: ours.collect() });
                Vec::new()
            }
            Err(error) => vec![at.failed(Duty::Lookup, None, error)],
        }
    }

    async fn look_up_attesters(&self, at: At, epoch: Epoch, again: bool) -> Vec<Outcome> {
        let indices = self.known_indices();
        if indices.is_empty() || (!again && self.book().attesters.contains_key(&epoch)) {
            return Vec::new();
        }
        let answer = match self.client.attester_duties(epoch, &indices).await {
            Ok(answer) => answer,
            Err(error) => return vec![at.failed(Duty::Lookup, None, error)],
        };
        let dependent_root = answer.dependent_root.unwrap_or_default();
        let duties: Vec<AttesterDuty> =
            answer.data.into_iter().filter(|it| self.keys.contains_key(&it.pubkey)).collect();
        let unchanged = self.book().attesters.get(&epoch).is_some_and(|known| {
            known.dependent_root == dependent_root && known.duties.iter().map(|it| &it.duty).eq(&duties)
        });
        if unchanged {
            return Vec::new();
        }
        let duties = duties.into_iter().map(|duty| self.attester(duty)).collect();
        let attesters = Attesters { dependent_root, duties };
        self.book().attesters.insert(epoch, attesters.clone());
        self.subscribe_committees(at, &attesters).await
    }

    /// Signs the slot to see whether the validator aggregates in it (spec `get_slot_signature`, `is_aggregator`).
    fn attester(&self, duty: AttesterDuty) -> Attester {
        let epoch = self.network.config.epoch_of(duty.slot);
        let proof = self.sign(&duty.pubkey, &duty.slot, DOMAIN_SELECTION_PROOF, epoch);
        let aggregator = proof.filter(|proof| is_aggregator_of(duty.committee_length, proof));
        Attester { duty, aggregator }
    }

    async fn subscribe_committees(&self, at: At, attesters: &Attesters) -> Vec<Outcome> {
        let wanted: Vec<_> = attesters.duties.iter().map(subscription).collect();
        if wanted.is_empty() {
            return Vec::new();
        }
        let answer = self.client.subscribe_committees(&wanted).await;
        vec![at.outcome(Duty::Subscription, None, Ending::of(answer))]
    }

    /// The sync committee that signs in `slot`.
    async fn look_up_sync_committee(&self, at: At, slot: u64, again: bool) -> Vec<Outcome> {
        let Some(epoch) = self.network.sync_committee_epoch(slot) else { return Vec::new() };
        let period = compute_sync_committee_period(&self.network.config, epoch);
        let indices = self.known_indices();
        if indices.is_empty() || (!again && self.book().sync.contains_key(&period)) {
            return Vec::new();
        }
        let duties = match self.client.sync_duties(epoch, &indices).await {
            Ok(duties) => duties,
            Err(error) => return vec![at.failed(Duty::Lookup, None, error)],
        };
        let duties: Vec<_> = duties.into_iter().filter(|duty| self.keys.contains_key(&duty.pubkey)).collect();
        let end =
            (period.saturating_add(1)).saturating_mul(self.network.config.preset.epochs_per_sync_committee_period);
        let subscriptions = duties.iter().map(|duty| SyncSubscription {
            validator_index: duty.validator_index,
            sync_committee_indices: duty.validator_sync_committee_indices.clone(),
            until_epoch: end,
        });
        let subscriptions: Vec<_> = subscriptions.collect();
        self.book().sync.insert(period, duties);
        if subscriptions.is_empty() {
            return Vec::new();
        }
        let answer = self.client.subscribe_sync_committees(&subscriptions).await;
        vec![at.outcome(Duty::Subscription, None, Ending::of(answer))]
    }

    fn known_indices(&self) -> Vec<ValidatorIndex> {
        self.book().indices.keys().copied().collect()
    }
}

fn subscription(attester: &Attester) -> CommitteeSubscription {
    CommitteeSubscription {
        validator_index: attester.duty.validator_index,
        committee_index: attester.duty.committee_index,
        committees_at_slot: attester.duty.committees_at_slot,
        slot: attester.duty.slot,
        is_aggregator: attester.aggregator.is_some(),
    }
}
