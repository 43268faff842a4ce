//! What the validators of this process have to do, as far as it is known: duties by epoch and slot, and what was signed
//! in the last slots for others to aggregate. Plain data; it asks nobody and holds no keys.

use crate::api::dto::{AttesterDuty, ProposerDuty, SyncDuty};
use crate::api::events::HeadEvent;
use crate::ssz::Root;
use crate::types::{AttestationData, BlsPubkey, BlsSignature, CommitteeIndex, Epoch, Slot, ValidatorIndex};
use std::collections::BTreeMap;

/// Everything known.
#[derive(Debug, Default)]
pub struct Book {
    /// Our validators that the chain knows.
    pub indices: BTreeMap<ValidatorIndex, BlsPubkey>,
    pub attesters: BTreeMap<Epoch, Attesters>,
    pub proposers: BTreeMap<Epoch, Proposers>,
    /// By sync committee period.
    pub sync: BTreeMap<u64, Vec<SyncDuty>>,
    /// What was attested to in a slot, by `index` of the data: the committee, or 0 from electra on.
    pub attested: BTreeMap<(Slot, CommitteeIndex), AttestationData>,
    /// The last epoch for which the node knows who gets the fees, and of how many validators.
    pub prepared: Option<(Epoch, usize)>,
    /// The head that sync messages of a slot were about.
    pub sync_heads: BTreeMap<Slot, Root>,
}

/// The attesters of an epoch.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Attesters {
    /// Block that the committees depend on; zero if the node does not tell.
    pub dependent_root: Root,
    pub duties: Vec<Attester>,
}

/// One attester, and its selection proof if that makes it an aggregator.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Attester {
    pub duty: AttesterDuty,
    pub aggregator: Option<BlsSignature>,
}

/// Our proposers of an epoch.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Proposers {
    pub dependent_root: Root,
    pub duties: Vec<ProposerDuty>,
}

impl Book {
    /// The attesters of a slot.
    pub fn attesters_at(&self, epoch: Epoch, slot: Slot) -> Vec<Attester> {
        let known = self.attesters.get(&epoch).into_iter().flat_map(|known| &known.duties);
        known.filter(|attester| attester.duty.slot == slot).cloned().collect()
    }

    /// Our proposer of a slot.
    pub fn proposer_at(&self, epoch: Epoch, slot: Slot) -> Option<ProposerDuty> {
        self.proposers.get(&epoch)?.duties.iter().find(|duty| duty.slot == slot).cloned()
    }

    /// Forgets the duties that another head makes wrong: those whose dependent root it does not share. Says whether
    /// there were any. `lookahead`: proposers are known an epoch ahead, as from fulu on.
    pub fn note_head(&mut self, head: &HeadEvent, epoch: Epoch, lookahead: bool) -> bool {
        let differs = |known: &Root, now: &Root| !known.is_zero() && !now.is_zero() && known != now;
        let (previous, current) = (&head.previous_duty_dependent_root, &head.current_duty_dependent_root);
        let mut forgotten = false;
        for (epoch, now) in [(epoch, previous), (epoch.saturating_add(1), current)] {
            if self.attesters.get(&epoch).is_some_and(|known| differs(&known.dependent_root, now)) {
                self.attesters.remove(&epoch);
                forgotten = true;
            }
        }
        // Since fulu's lookahead proposers depend on an epoch earlier, and nodes tell either root.
        let moved = |known: &Root| differs(known, current) && (!lookahead || differs(known, previous));
        if self.proposers.get(&epoch).is_some_and(|known| moved(&known.dependent_root)) {
            self.proposers.remove(&epoch);
            forgotten = true;
        }
        forgotten
    }

    /// Drops what is over.
    pub fn prune(&mut self, slot: Slot, epoch: Epoch, period: u64) {
        self.attesters.retain(|known, _| known.saturating_add(1) >= epoch);
        self.proposers.retain(|known, _| known.saturating_add(1) >= epoch);
        self.sync.retain(|known, _| *known >= period);
        self.attested.retain(|(known, _), _| known.saturating_add(2) >= slot);
        self.sync_heads.retain(|known, _| known.saturating_add(2) >= slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssz::Bytes;

    fn root(number: u8) -> Root {
        Bytes([number; 32])
    }

    #[test]
    fn a_head_on_another_branch_invalidates_what_depends_on_it_only() {
        let full = || {
            let attesters = |number| Attesters { dependent_root: root(number), duties: Vec::new() };
            Book {
                attesters: [(4, attesters(3)), (5, attesters(4))].into(),
                proposers: [(4, Proposers { dependent_root: root(4), duties: Vec::new() })].into(),
                ..Book::default()
            }
        };
        let head = |previous, current| HeadEvent {
            previous_duty_dependent_root: root(previous),
            current_duty_dependent_root: root(current),
            ..HeadEvent::default()
        };
        let mut book = full();
        assert!(!book.note_head(&head(3, 4), 4, false));
        assert!(!book.note_head(&head(0, 0), 4, false), "a node that does not tell changes nothing");
        assert!(book.note_head(&head(3, 9), 4, false));
        assert_eq!(book.attesters.keys().copied().collect::<Vec<_>>(), [4]);
        assert!(book.proposers.is_empty());
        let mut book = full();
        assert!(book.note_head(&head(8, 4), 4, false));
        assert_eq!(book.attesters.keys().copied().collect::<Vec<_>>(), [5]);
        assert_eq!(book.proposers.len(), 1);
        let mut book = full();
        book.note_head(&head(4, 9), 4, true);
        assert_eq!(book.proposers.len(), 1, "with a lookahead the previous root is as good");
        assert!(book.note_head(&head(8, 9), 4, true));
        assert!(book.proposers.is_empty());
    }
}
