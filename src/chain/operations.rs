//! Exits, slashings and changes of credentials: judged by the head's state without changing anything, then put into the
//! pool (and, for attester slashings, told to fork choice).
//!
//! Deviation from gossip's text: what a head that is far behind the clock would reject is ignored. Validators that it does
//! not know, or not as active, may be there by now.

use std::sync::Arc;

use super::Chain;
use super::effect::{Gossip, Notice};
use super::event::Origin;
use super::held::Asker;
use super::verdict::Fault;
use crate::spec::{fork_choice, gossip};
use crate::types::{AttesterSlashing, ProposerSlashing, SignedBlsToExecutionChange, SignedVoluntaryExit};

impl Chain {
    /// Takes an exit from outside.
    pub(super) fn on_voluntary_exit(&mut self, exit: Arc<SignedVoluntaryExit>, origin: Origin) {
        let mut asker = Asker::new(origin);
        if let Err(fault) = gossip::validate_voluntary_exit_gossip(self, &self.seen, &exit) {
            return self.refuse_by_head(&mut asker, fault);
        }
        self.seen.add_exit(&exit);
        self.operations.insert_exit(exit.clone());
        self.notify(Notice::VoluntaryExit(exit.clone()));
        self.accept(&mut asker, || Gossip::VoluntaryExit(exit));
    }

    /// Takes a proposer slashing from outside.
    pub(super) fn on_proposer_slashing(&mut self, slashing: Arc<ProposerSlashing>, origin: Origin) {
        let mut asker = Asker::new(origin);
        if let Err(fault) = gossip::validate_proposer_slashing_gossip(self, &self.seen, &slashing) {
            return self.refuse_by_head(&mut asker, fault);
        }
        self.seen.add_proposer_slashing(&slashing);
        self.operations.insert_proposer_slashing(slashing.clone());
        self.notify(Notice::ProposerSlashing(slashing.clone()));
        self.accept(&mut asker, || Gossip::ProposerSlashing(slashing));
    }

    /// Takes an attester slashing from outside.
    pub(super) fn on_attester_slashing(&mut self, slashing: Arc<AttesterSlashing>, origin: Origin) {
        let mut asker = Asker::new(origin);
        if let Err(fault) = gossip::validate_attester_slashing_gossip(self, &self.seen, &slashing) {
            return self.refuse_by_head(&mut asker, fault);
        }
        self.seen.add_attester_slashing(&slashing);
        // Both attestations were judged a moment ago, and fork choice refuses nothing else.
        let _ = fork_choice::on_attester_slashing_verified(&mut self.store, &slashing);
        self.operations.insert_attester_slashing(slashing.clone());
        self.notify(Notice::AttesterSlashing(slashing.clone()));
        self.accept(&mut asker, || Gossip::AttesterSlashing(slashing));
    }

    /// Takes a change of withdrawal credentials from outside.
    pub(super) fn on_bls_to_execution_change(&mut self, change: Arc<SignedBlsToExecutionChange>, origin: Origin) {
        let mut asker = Asker::new(origin);
        if let Err(fault) = gossip::validate_bls_to_execution_change_gossip(self, &self.seen, &change) {
            return self.refuse_by_head(&mut asker, fault);
        }
        self.seen.add_bls_to_execution_change(&change);
        self.operations.insert_change(change.clone());
        self.notify(Notice::BlsToExecutionChange(change.clone()));
        self.accept(&mut asker, || Gossip::BlsToExecutionChange(change));
    }

    /// Tells of a fault by the head's registry.
    fn refuse_by_head(&mut self, asker: &mut Asker, fault: gossip::Fault) {
        let fault = match fault {
            gossip::Fault::Reject(why) if !self.is_short_walk(self.head.slot, self.slot) => Fault::Ignore(why.into()),
            fault => fault.into(),
        };
        self.refuse(asker, fault);
    }

    /// At a fork: drops what the new fork no longer takes, since domains of older forks are not known to its states
    /// (an exit or a slashing signed two forks ago).
    pub(super) fn judge_operations_again(&mut self) {
        let new = gossip::Seen::default();
        let stays = |judged: Result<(), gossip::Fault>| !matches!(judged, Err(gossip::Fault::Reject(_)));
        let mut operations = std::mem::take(&mut self.operations);
        operations.retain(
            |exit| stays(gossip::validate_voluntary_exit_gossip(self, &new, exit)),
            |slashing| stays(gossip::validate_proposer_slashing_gossip(self, &new, slashing)),
            |slashing| stays(gossip::validate_attester_slashing_gossip(self, &new, slashing)),
        );
        self.operations = operations;
    }
}
