//! Sync committee messages and contributions: judged without changing anything, then put into the pool.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Chain;
use super::effect::{Gossip, Notice};
use super::event::Origin;
use super::held::Asker;
use super::verdict::{Fault, fresh, ignore, must, should};
use super::votes::pubkey;
use crate::crypto::{self, SignatureSet};
use crate::spec;
use crate::ssz::Ssz;
use crate::types::constants::{
    DOMAIN_CONTRIBUTION_AND_PROOF, DOMAIN_SYNC_COMMITTEE, DOMAIN_SYNC_COMMITTEE_SELECTION_PROOF,
    SYNC_COMMITTEE_SUBNET_COUNT,
};
use crate::types::{
    BlsPubkey, DomainType, ForkName, Root, SignedContributionAndProof, Slot, SyncAggregatorSelectionData,
    SyncCommittee, SyncCommitteeMessage,
};

/// A member's positions in each of its subcommittees.
type Seats = BTreeMap<u64, Vec<usize>>;

impl Chain {
    /// Takes a sync committee message from outside.
    pub(super) fn on_sync_message(&mut self, message: Arc<SyncCommitteeMessage>, subnet: Option<u64>, origin: Origin) {
        let mut asker = Asker::new(origin);
        match self.judge_sync_message(&message, subnet) {
            Ok(seats) => {
                let SyncCommitteeMessage { slot, beacon_block_root, validator_index, signature } = *message;
                for (subcommittee, positions) in &seats {
                    self.seen.sync_messages.insert((slot, (validator_index, *subcommittee)));
                    let key = (slot, beacon_block_root, *subcommittee);
                    self.sync.insert_message(self.cfg.preset, key, positions, signature);
                }
                for subnet in seats.into_keys() {
                    let message = message.clone();
                    self.accept_again(&mut asker, Gossip::SyncMessage { subnet, message });
                }
            }
            Err(fault) => self.refuse(&mut asker, fault),
        }
    }

    /// Accepts an object that may be published on several topics.
    fn accept_again(&mut self, asker: &mut Asker, gossip: Gossip) {
        self.accept(asker, || gossip);
    }

    fn judge_sync_message(&self, message: &SyncCommitteeMessage, subnet: Option<u64>) -> Result<Seats, Fault> {
        let SyncCommitteeMessage { slot, beacon_block_root, validator_index, signature } = *message;
        self.check_sync_slot(slot)?;
        let key = pubkey(&self.head.state, validator_index)?;
        let committee = self.sync_committee_at(slot)?;
        let mut seats = self.seats(committee, &key);
        must(!seats.is_empty(), || format!("validator {validator_index} is not in the sync committee"))?;
        if let Some(subnet) = subnet {
            must(seats.contains_key(&subnet), || {
                format!("validator {validator_index} has no seat in subnet {subnet}")
            })?;
            seats.retain(|subcommittee, _| *subcommittee == subnet);
        }
        seats.retain(|subcommittee, _| !self.seen.sync_messages.contains(&(slot, (validator_index, *subcommittee))));
        fresh(!seats.is_empty(), || format!("validator {validator_index}'s message of this slot was seen"))?;
        let message = self.sync_signing_root(slot, DOMAIN_SYNC_COMMITTEE, &beacon_block_root);
        let set = SignatureSet { pubkeys: vec![key], message, signature };
        must(crypto::verify_sets(&[set]), || "the signature is wrong".into())?;
        Ok(seats)
    }

    /// Takes a contribution from outside.
    pub(super) fn on_contribution(&mut self, signed: Arc<SignedContributionAndProof>, origin: Origin) {
        let mut asker = Asker::new(origin);
        if let Err(fault) = self.judge_contribution(&signed) {
            return self.refuse(&mut asker, fault);
        }
        let contribution = &signed.message.contribution;
        let (slot, subcommittee) = (contribution.slot, contribution.subcommittee_index);
        self.seen.contributors.insert((slot, (signed.message.aggregator_index, subcommittee)));
        let key = (slot, contribution.beacon_block_root, subcommittee);
        self.seen.add_contribution(key, contribution.aggregation_bits.iter().collect());
        let refused = self.sync.insert(self.cfg.preset, contribution);
        self.log_refusals(refused);
        self.notify(Notice::Contribution(signed.clone()));
        self.accept(&mut asker, || Gossip::Contribution(signed));
    }

    fn judge_contribution(&self, signed: &SignedContributionAndProof) -> Result<(), Fault> {
        let message = &signed.message;
        let contribution = &message.contribution;
        let (slot, subcommittee) = (contribution.slot, contribution.subcommittee_index);
        let aggregator = message.aggregator_index;
        self.check_sync_slot(slot)?;
        must(subcommittee < SYNC_COMMITTEE_SUBNET_COUNT, || format!("no subcommittee {subcommittee}"))?;
        must(!contribution.aggregation_bits.none(), || "nobody takes part".into())?;
        must(spec::is_sync_committee_aggregator(&self.cfg, &message.selection_proof), || {
            format!("validator {aggregator} is not selected as aggregator")
        })?;
        let key = pubkey(&self.head.state, aggregator)?;
        let members = self.subcommittee(self.sync_committee_at(slot)?, subcommittee);
        must(members.contains(&key), || format!("aggregator {aggregator} is not in subcommittee {subcommittee}"))?;
        let bits: Vec<bool> = contribution.aggregation_bits.iter().collect();
        let data = (slot, contribution.beacon_block_root, subcommittee);
        fresh(!self.seen.covers_contribution(data, &bits), || "a contribution with all these members was seen".into())?;
        fresh(!self.seen.contributors.contains(&(slot, (aggregator, subcommittee))), || {
            format!("aggregator {aggregator}'s contribution of this slot was seen")
        })?;
        let selection = SyncAggregatorSelectionData { slot, subcommittee_index: subcommittee };
        let participants = contribution.aggregation_bits.ones().filter_map(|i| members.get(i).copied()).collect();
        let sets = [
            SignatureSet {
                pubkeys: vec![key],
                message: self.sync_signing_root(slot, DOMAIN_SYNC_COMMITTEE_SELECTION_PROOF, &selection),
                signature: message.selection_proof,
            },
            SignatureSet {
                pubkeys: vec![key],
                message: self.sync_signing_root(slot, DOMAIN_CONTRIBUTION_AND_PROOF, message),
                signature: signed.signature,
            },
            SignatureSet {
                pubkeys: participants,
                message: self.sync_signing_root(slot, DOMAIN_SYNC_COMMITTEE, &contribution.beacon_block_root),
                signature: contribution.signature,
            },
        ];
        must(crypto::verify_sets(&sets), || "one of its three signatures is wrong".into())
    }

    fn check_sync_slot(&self, slot: Slot) -> Result<(), Fault> {
        should(self.is_within(slot, 0), || format!("of slot {slot}, it is slot {}", self.slot))?;
        should(self.fork_at(slot) >= ForkName::Altair, || format!("there is no sync committee in slot {slot}"))
    }

    fn sync_signing_root<T: Ssz>(&self, slot: Slot, domain: DomainType, object: &T) -> Root {
        let domain = self.domain(domain, self.cfg.epoch_of(slot));
        spec::compute_signing_root(object, self.cfg.shape_at_slot(slot), domain)
    }

    /// The committee whose messages of `slot` go into the block of the next slot. Spec
    /// `get_sync_subcommittee_pubkeys` asks the same of a state at `slot`; the head's may be older.
    pub(super) fn sync_committee_at(&self, slot: Slot) -> Result<&SyncCommittee, Fault> {
        let period = |slot: Slot| spec::compute_sync_committee_period(&self.cfg, self.cfg.epoch_of(slot));
        let state = &self.head.state;
        if self.fork_at(state.slot) < ForkName::Altair {
            return ignore("the head has no sync committee yet");
        }
        let next = slot.saturating_add(1);
        if period(next) == period(state.slot) {
            Ok(&state.current_sync_committee)
        } else if period(next) == period(state.slot) + 1 {
            Ok(&state.next_sync_committee)
        } else {
            ignore("the head is too old to know the sync committee")
        }
    }

    fn subcommittee(&self, committee: &SyncCommittee, subcommittee: u64) -> Vec<BlsPubkey> {
        let size = spec::sync_subcommittee_size(self.cfg.preset) as usize;
        let start = subcommittee as usize * size;
        committee.pubkeys.iter().skip(start).take(size).copied().collect()
    }

    fn seats(&self, committee: &SyncCommittee, key: &BlsPubkey) -> Seats {
        let mut seats = Seats::new();
        for subcommittee in 0..SYNC_COMMITTEE_SUBNET_COUNT {
            let members = self.subcommittee(committee, subcommittee);
            let positions: Vec<usize> = (0..members.len()).filter(|&i| members[i] == *key).collect();
            if !positions.is_empty() {
                seats.insert(subcommittee, positions);
            }
        }
        seats
    }
}
