//! Exits and slashings: judged by the head's state without changing anything, then put into the pool (and, for attester
//! slashings, told to fork choice).

use std::sync::Arc;

use super::Chain;
use super::effect::{Gossip, Notice};
use super::event::Origin;
use super::held::Asker;
use super::pool::slashed_by;
use super::verdict::{Fault, fresh, must};
use crate::spec::{self, fork_choice};
use crate::types::{
    AttesterSlashing, BeaconState, FAR_FUTURE_EPOCH, ProposerSlashing, SignedVoluntaryExit, Validator, ValidatorIndex,
};

impl Chain {
    /// Takes an exit from outside.
    pub(super) fn on_voluntary_exit(&mut self, exit: Arc<SignedVoluntaryExit>, origin: Origin) {
        let mut asker = Asker::new(origin);
        if let Err(fault) = self.judge_exit(&exit) {
            return self.refuse(&mut asker, fault);
        }
        self.seen.exits.insert(exit.message.validator_index);
        self.operations.insert_exit(exit.clone());
        self.notify(Notice::VoluntaryExit(exit.clone()));
        self.accept(&mut asker, || Gossip::VoluntaryExit(exit));
    }

    fn judge_exit(&self, exit: &SignedVoluntaryExit) -> Result<(), Fault> {
        let index = exit.message.validator_index;
        fresh(!self.seen.exits.contains(&index), || format!("an exit of validator {index} was seen"))?;
        self.head_knows(index, |validator| validator.exit_epoch == FAR_FUTURE_EPOCH, "is leaving already")?;
        let mut state = BeaconState::clone(&*self.present_state()?);
        // The spec's own rules, on a state that is thrown away.
        spec::blocks::process_voluntary_exit(&self.cfg, &mut state, exit, &mut spec::Signatures::Verify)
            .map_err(|error| Fault::Reject(error.to_string()))
    }

    /// Takes a proposer slashing from outside.
    pub(super) fn on_proposer_slashing(&mut self, slashing: Arc<ProposerSlashing>, origin: Origin) {
        let mut asker = Asker::new(origin);
        if let Err(fault) = self.judge_proposer_slashing(&slashing) {
            return self.refuse(&mut asker, fault);
        }
        self.seen.proposer_slashings.insert(slashing.signed_header_1.message.proposer_index);
        self.operations.insert_proposer_slashing(slashing.clone());
        self.notify(Notice::ProposerSlashing(slashing.clone()));
        self.accept(&mut asker, || Gossip::ProposerSlashing(slashing));
    }

    fn judge_proposer_slashing(&self, slashing: &ProposerSlashing) -> Result<(), Fault> {
        let index = slashing.signed_header_1.message.proposer_index;
        let seen = self.seen.proposer_slashings.contains(&index);
        fresh(!seen, || format!("a slashing of proposer {index} was seen"))?;
        self.head_knows(index, |validator| !validator.slashed, "is slashed already")?;
        let mut state = BeaconState::clone(&*self.present_state()?);
        spec::blocks::process_proposer_slashing(&self.cfg, &mut state, slashing, &mut spec::Signatures::Verify)
            .map_err(|error| Fault::Reject(error.to_string()))
    }

    /// Takes an attester slashing from outside.
    pub(super) fn on_attester_slashing(&mut self, slashing: Arc<AttesterSlashing>, origin: Origin) {
        let mut asker = Asker::new(origin);
        if let Err(fault) = self.judge_attester_slashing(&slashing) {
            return self.refuse(&mut asker, fault);
        }
        self.seen.attester_slashings.extend(slashed_by(&slashing));
        // Both attestations were judged a moment ago, and fork choice refuses nothing else.
        let _ = fork_choice::on_attester_slashing_verified(&mut self.store, &slashing);
        self.operations.insert_attester_slashing(slashing.clone());
        self.notify(Notice::AttesterSlashing(slashing.clone()));
        self.accept(&mut asker, || Gossip::AttesterSlashing(slashing));
    }

    fn judge_attester_slashing(&self, slashing: &AttesterSlashing) -> Result<(), Fault> {
        let slashed = slashed_by(slashing);
        let news = slashed.iter().any(|index| !self.seen.attester_slashings.contains(index));
        fresh(news, || "slashings of all these attesters were seen".into())?;
        let slashable = |index: &ValidatorIndex| self.head_knows(*index, |validator| !validator.slashed, "").is_ok();
        must(slashed.iter().any(slashable), || "it would slash nobody".into())?;
        let mut state = BeaconState::clone(&*self.present_state()?);
        spec::blocks::process_attester_slashing(&self.cfg, &mut state, slashing, &mut spec::Signatures::Verify)
            .map_err(|error| Fault::Reject(error.to_string()))
    }

    /// Rejects by the head's registry what would be rejected by the present state's too, before that is computed: without
    /// blocks nobody joins, and nobody comes back.
    fn head_knows(
        &self,
        index: ValidatorIndex,
        fit: impl Fn(&Validator) -> bool,
        otherwise: &str,
    ) -> Result<(), Fault> {
        let validator = usize::try_from(index).ok().and_then(|index| self.head.state.validators.get(index));
        let validator = validator.ok_or_else(|| Fault::Reject(format!("no validator {index}")))?;
        must(fit(validator), || format!("validator {index} {otherwise}"))
    }

    /// The head's state, advanced to the epoch by the clock.
    fn present_state(&self) -> Result<Arc<BeaconState>, Fault> {
        Ok(self.advanced(&self.head.root, self.cfg.start_slot(self.cfg.epoch_of(self.slot)))?)
    }
}
