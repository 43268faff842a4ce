//! Sync committee messages and contributions: judged without changing anything, then put into the pool.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Chain;
use super::effect::{Gossip, Notice};
use super::event::Origin;
use super::held::Asker;
use super::verdict::{Fault, reject, should};
use crate::spec::gossip;
use crate::types::constants::SYNC_COMMITTEE_SUBNET_COUNT;
use crate::types::{BeaconState, BlsPubkey, SignedContributionAndProof, Slot, SyncCommitteeMessage, ValidatorIndex};

/// A member's positions in each of its subcommittees.
type Seats = BTreeMap<u64, Vec<usize>>;

impl Chain {
    /// Takes a sync committee message from outside.
    pub(super) fn on_sync_message(&mut self, message: Arc<SyncCommitteeMessage>, subnet: Option<u64>, origin: Origin) {
        let mut asker = Asker::new(origin);
        match self.judge_sync_message(&message, subnet) {
            Ok(seats) => {
                let SyncCommitteeMessage { slot, beacon_block_root, signature, .. } = *message;
                for (subcommittee, positions) in &seats {
                    self.seen.add_sync_message(&message, *subcommittee);
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

    /// The seats for which the message is news; without a subnet, in any subcommittee.
    fn judge_sync_message(&self, message: &SyncCommitteeMessage, subnet: Option<u64>) -> Result<Seats, Fault> {
        let judge = |subnet: u64| gossip::validate_sync_committee_message_gossip(self, &self.seen, message, subnet);
        if let Some(subnet) = subnet {
            judge(subnet)?;
            let mut seats = self.seats(message.slot, message.validator_index);
            seats.retain(|subcommittee, _| *subcommittee == subnet);
            return Ok(seats);
        }
        // Seats may take an advanced state, which no other slot's message is worth.
        should(gossip::is_current_slot(self, message.slot), || "message is not for the current slot".into())?;
        let mut seats = self.seats(message.slot, message.validator_index);
        let mut seen = None;
        for subcommittee in seats.keys().copied().collect::<Vec<u64>>() {
            match judge(subcommittee) {
                Ok(()) => {}
                Err(gossip::Fault::Seen(why)) => {
                    seats.remove(&subcommittee);
                    seen = Some(why);
                }
                Err(fault) => return Err(fault.into()),
            }
        }
        match (seats.is_empty(), seen) {
            (false, _) => Ok(seats),
            (true, Some(why)) => Err(Fault::Duplicate(why.into())),
            (true, None) => {
                judge(0)?; // there may be no committee in its slot, or its sender may not be known to be a validator
                reject(format!("validator {} is not in the sync committee", message.validator_index))
            }
        }
    }

    /// Takes a contribution from outside.
    pub(super) fn on_contribution(&mut self, signed: Arc<SignedContributionAndProof>, origin: Origin) {
        let mut asker = Asker::new(origin);
        let judged = gossip::validate_sync_committee_contribution_and_proof_gossip(self, &self.seen, &signed);
        if let Err(fault) = judged {
            return self.refuse(&mut asker, fault.into());
        }
        self.seen.add_contribution(&signed.message);
        let refused = self.sync.insert(self.cfg.preset, &signed.message.contribution);
        self.log_refusals(refused);
        self.notify(Notice::Contribution(signed.clone()));
        self.accept(&mut asker, || Gossip::Contribution(signed));
    }

    /// Where a validator sits whose messages of `slot` go into the block of the next slot. The head's state is advanced to
    /// that slot if it does not know the committee: only for a slot that was judged to be the current one, and not far.
    fn seats(&self, slot: Slot, validator: ValidatorIndex) -> Seats {
        let known = |state: &Arc<BeaconState>| self.members(state, slot, 0).is_some();
        let head = Some(self.head.state.clone()).filter(known);
        let state = head.or_else(|| match self.is_short_walk(self.head.slot, slot) {
            true => self.advanced(&self.head.root, slot).ok().filter(known),
            false => None,
        });
        let mut seats = Seats::new();
        let Some(state) = state else { return seats };
        let index = usize::try_from(validator).unwrap_or(usize::MAX);
        let Some(key) = state.validators.get(index).map(|validator| validator.pubkey) else { return seats };
        for subcommittee in 0..SYNC_COMMITTEE_SUBNET_COUNT {
            let members = self.members(&state, slot, subcommittee).unwrap_or_default();
            let positions: Vec<usize> = (0..members.len()).filter(|&i| members[i] == key).collect();
            if !positions.is_empty() {
                seats.insert(subcommittee, positions);
            }
        }
        seats
    }

    /// A subcommittee, if the state knows it.
    fn members(&self, state: &BeaconState, slot: Slot, subcommittee: u64) -> Option<Vec<BlsPubkey>> {
        let members = gossip::get_sync_subcommittee_pubkeys(&self.cfg, state, slot, subcommittee);
        (!members.is_empty()).then_some(members)
    }
}
