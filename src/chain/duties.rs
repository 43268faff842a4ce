//! Who has to do what, and the block that decides it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Chain, Error};
use crate::spec;
use crate::ssz::Root;
use crate::types::{BeaconState, BlsPubkey, CommitteeIndex, Epoch, ForkName, Slot, SyncCommittee, ValidatorIndex};

/// Duties, and the block root that decides them: while it stays, so do they.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duties<T> {
    /// Of the last block that could have changed them.
    pub dependent_root: Root,
    /// In order of slot (proposers) or of the validators asked for.
    pub duties: Vec<T>,
}

/// Who proposes when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposerDuty {
    /// The proposer's key.
    pub pubkey: BlsPubkey,
    /// The proposer.
    pub validator_index: ValidatorIndex,
    /// When.
    pub slot: Slot,
}

/// Who attests when, and where in which committee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttesterDuty {
    /// The attester's key.
    pub pubkey: BlsPubkey,
    /// The attester.
    pub validator_index: ValidatorIndex,
    /// The committee's number in the slot.
    pub committee_index: CommitteeIndex,
    /// Members of the committee.
    pub committee_length: u64,
    /// Committees in the slot.
    pub committees_at_slot: u64,
    /// The attester's position in the committee.
    pub validator_committee_index: u64,
    /// When.
    pub slot: Slot,
}

/// Who sits where in the sync committee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncDuty {
    /// The member's key.
    pub pubkey: BlsPubkey,
    /// The member.
    pub validator_index: ValidatorIndex,
    /// Its positions in the whole committee.
    pub validator_sync_committee_indices: Vec<u64>,
}

impl Chain {
    /// The proposers of an epoch, at most the one after the next (for callers whose clock is ahead of ours).
    ///
    /// # Errors
    /// The epoch is too far ahead, or its state can't be had.
    pub fn proposer_duties(&self, epoch: Epoch) -> Result<Duties<ProposerDuty>, Error> {
        self.check_epoch(epoch)?;
        let start = self.cfg.start_slot(epoch);
        let state = if epoch < self.head_epoch() {
            self.canonical_state(start)?
        } else {
            self.advanced(&self.head.root, start)?
        };
        let proposers = spec::get_proposer_assignments(&self.cfg, &state, epoch)
            .map_err(|source| Error::Spec { doing: format!("finding the proposers of epoch {epoch}"), source })?;
        let duty = |(slot, index): (Slot, ValidatorIndex)| {
            let pubkey = key(&state, index)?;
            Some(ProposerDuty { pubkey, validator_index: index, slot })
        };
        let duties = (start..).zip(proposers).filter_map(duty).collect();
        Ok(Duties { dependent_root: self.canonical_before(epoch), duties })
    }

    /// When these validators attest in an epoch, at most the one after the next. Those who don't are left out.
    ///
    /// # Errors
    /// The epoch is too far ahead, or its state can't be had.
    pub fn attester_duties(&self, epoch: Epoch, validators: &[ValidatorIndex]) -> Result<Duties<AttesterDuty>, Error> {
        self.check_epoch(epoch)?;
        let state = self.committee_state(epoch)?;
        let wrong = |source| Error::Spec { doing: format!("finding the committees of epoch {epoch}"), source };
        let committees_at_slot = spec::get_committee_count_per_slot(&self.cfg, &state, epoch);
        let mut seats = BTreeMap::new();
        let start = self.cfg.start_slot(epoch);
        for slot in start..start.saturating_add(self.cfg.preset.slots_per_epoch) {
            for committee_index in 0..committees_at_slot {
                let committee = spec::get_beacon_committee(&self.cfg, &state, slot, committee_index).map_err(wrong)?;
                let length = committee.len() as u64;
                for (position, index) in (0..).zip(committee) {
                    seats.insert(index, (slot, committee_index, length, position));
                }
            }
        }
        let duty = |index: &ValidatorIndex| {
            let (slot, committee_index, committee_length, validator_committee_index) = *seats.get(index)?;
            let pubkey = key(&state, *index)?;
            Some(AttesterDuty {
                pubkey,
                validator_index: *index,
                committee_index,
                committee_length,
                committees_at_slot,
                validator_committee_index,
                slot,
            })
        };
        let duties = validators.iter().filter_map(duty).collect();
        Ok(Duties { dependent_root: self.canonical_before(epoch.saturating_sub(1)), duties })
    }

    /// Which of these validators sit in the sync committee of an epoch, of this or the next period. Empty before altair.
    ///
    /// # Errors
    /// The epoch is too far ahead, or its state can't be had.
    pub fn sync_duties(&self, epoch: Epoch, validators: &[ValidatorIndex]) -> Result<Vec<SyncDuty>, Error> {
        if self.cfg.fork_at_epoch(epoch) < ForkName::Altair {
            return Ok(Vec::new());
        }
        let (state, committee) = self.sync_committee_of(epoch)?;
        let mut positions: BTreeMap<&BlsPubkey, Vec<u64>> = BTreeMap::new();
        for (position, key) in (0..).zip(committee.pubkeys.iter()) {
            positions.entry(key).or_default().push(position);
        }
        let duty = |index: &ValidatorIndex| {
            let pubkey = key(&state, *index)?;
            let validator_sync_committee_indices = positions.get(&pubkey)?.clone();
            Some(SyncDuty { pubkey, validator_index: *index, validator_sync_committee_indices })
        };
        Ok(validators.iter().filter_map(duty).collect())
    }

    /// The sync committee of an epoch, by the head's chain.
    fn sync_committee_of(&self, epoch: Epoch) -> Result<(Arc<BeaconState>, SyncCommittee), Error> {
        let period = |epoch: Epoch| spec::compute_sync_committee_period(&self.cfg, epoch);
        let now = self.cfg.epoch_of(self.slot).max(self.head_epoch());
        if period(epoch) > period(now).saturating_add(1) {
            return Err(Error::TooEarly { asked: epoch, now });
        }
        let head = self.head_epoch();
        if period(epoch) < period(head) || self.cfg.fork_at_epoch(head) < ForkName::Altair {
            let start = self.cfg.start_slot(epoch.min(now));
            let state =
                if epoch < head { self.canonical_state(start)? } else { self.advanced(&self.head.root, start)? };
            if self.fork_at(state.slot) < ForkName::Altair {
                return Err(Error::TooEarly { asked: epoch, now });
            }
            let later = period(epoch) > period(self.cfg.epoch_of(state.slot));
            let committee =
                if later { state.next_sync_committee.clone() } else { state.current_sync_committee.clone() };
            return Ok((state, committee));
        }
        let state = self.head.state.clone();
        let committee = match period(epoch) - period(head) {
            0 => state.current_sync_committee.clone(),
            1 => state.next_sync_committee.clone(),
            _ => return Err(Error::TooEarly { asked: epoch, now: head }),
        };
        Ok((state, committee))
    }

    /// A state that knows the committees of an epoch.
    pub(super) fn committee_state(&self, epoch: Epoch) -> Result<Arc<BeaconState>, Error> {
        let head = self.head_epoch();
        if epoch.saturating_add(1) < head {
            self.canonical_state(self.cfg.start_slot(epoch))
        } else if epoch <= head.saturating_add(1) {
            Ok(self.head.state.clone())
        } else {
            self.advanced(&self.head.root, self.cfg.start_slot(epoch - 1))
        }
    }

    fn head_epoch(&self) -> Epoch {
        self.cfg.epoch_of(self.head.slot)
    }

    fn check_epoch(&self, epoch: Epoch) -> Result<(), Error> {
        let now = self.cfg.epoch_of(self.slot).max(self.head_epoch());
        if epoch > now.saturating_add(2) { Err(Error::TooEarly { asked: epoch, now }) } else { Ok(()) }
    }

    /// The last canonical block before an epoch; the genesis block where there is none.
    pub fn canonical_before(&self, epoch: Epoch) -> Root {
        let slot = self.cfg.start_slot(epoch).saturating_sub(1);
        self.blocks.canonical_at_or_before(slot).unwrap_or_else(|| self.blocks.genesis_root())
    }
}

fn key(state: &BeaconState, index: ValidatorIndex) -> Option<BlsPubkey> {
    usize::try_from(index).ok().and_then(|index| state.validators.get(index)).map(|validator| validator.pubkey)
}
