//! Exits, slashings and changes of credentials that wait to be included.
//!
//! The pool NEVER validates signatures; it does choose only what a given state can still take.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::spec;
use crate::types::constants::BLS_WITHDRAWAL_PREFIX;
use crate::types::{
    AttesterSlashing, BeaconState, ChainConfig, FAR_FUTURE_EPOCH, ForkName, ProposerSlashing,
    SignedBlsToExecutionChange, SignedVoluntaryExit, Validator, ValidatorIndex,
};

/// Attester slashings kept. Each slashes somebody that no other one does, so this many are many blocks' worth.
const MAX_ATTESTER_SLASHINGS: usize = 256;

/// The pool.
#[derive(Clone, Debug, Default)]
pub(crate) struct OperationPool {
    exits: BTreeMap<ValidatorIndex, Arc<SignedVoluntaryExit>>,
    proposer_slashings: BTreeMap<ValidatorIndex, Arc<ProposerSlashing>>,
    attester_slashings: Vec<Arc<AttesterSlashing>>,
    changes: BTreeMap<ValidatorIndex, Arc<SignedBlsToExecutionChange>>,
}

/// What goes into one block.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chosen {
    pub(crate) proposer_slashings: Vec<ProposerSlashing>,
    pub(crate) attester_slashings: Vec<AttesterSlashing>,
    pub(crate) voluntary_exits: Vec<SignedVoluntaryExit>,
    pub(crate) bls_to_execution_changes: Vec<SignedBlsToExecutionChange>,
}

/// Who is slashed by it: who signed both.
pub(crate) fn slashed_by(slashing: &AttesterSlashing) -> BTreeSet<ValidatorIndex> {
    let first: BTreeSet<ValidatorIndex> = slashing.attestation_1.attesting_indices.iter().copied().collect();
    slashing.attestation_2.attesting_indices.iter().copied().filter(|index| first.contains(index)).collect()
}

impl OperationPool {
    pub(crate) fn insert_exit(&mut self, exit: Arc<SignedVoluntaryExit>) {
        self.exits.insert(exit.message.validator_index, exit);
    }

    pub(crate) fn insert_proposer_slashing(&mut self, slashing: Arc<ProposerSlashing>) {
        self.proposer_slashings.insert(slashing.signed_header_1.message.proposer_index, slashing);
    }

    pub(crate) fn insert_attester_slashing(&mut self, slashing: Arc<AttesterSlashing>) {
        if self.attester_slashings.len() < MAX_ATTESTER_SLASHINGS {
            self.attester_slashings.push(slashing);
        }
    }

    pub(crate) fn insert_change(&mut self, change: Arc<SignedBlsToExecutionChange>) {
        self.changes.insert(change.message.validator_index, change);
    }

    pub(crate) fn changes(&self) -> Vec<Arc<SignedBlsToExecutionChange>> {
        self.changes.values().cloned().collect()
    }

    pub(crate) fn exits(&self) -> Vec<Arc<SignedVoluntaryExit>> {
        self.exits.values().cloned().collect()
    }

    pub(crate) fn proposer_slashings(&self) -> Vec<Arc<ProposerSlashing>> {
        self.proposer_slashings.values().cloned().collect()
    }

    pub(crate) fn attester_slashings(&self) -> Vec<Arc<AttesterSlashing>> {
        self.attester_slashings.clone()
    }

    /// What a block on this state (advanced to the block's slot) can include. Slashings come before exits in a block,
    /// so nobody is slashed twice, and nobody who is slashed exits.
    pub(crate) fn choose(&self, cfg: &ChainConfig, state: &BeaconState) -> Chosen {
        let epoch = cfg.epoch_of(state.slot);
        let slashable = |index: &ValidatorIndex, gone: &BTreeSet<ValidatorIndex>| {
            validator(state, *index).is_some_and(|v| spec::is_slashable_validator(v, epoch)) && !gone.contains(index)
        };
        let electra = cfg.fork_at_slot(state.slot) >= ForkName::Electra;
        let preset = cfg.preset;
        let most_attester_slashings =
            if electra { preset.max_attester_slashings_electra } else { preset.max_attester_slashings };
        let mut gone = BTreeSet::new();
        let mut chosen = Chosen::default();
        for (index, slashing) in &self.proposer_slashings {
            if (chosen.proposer_slashings.len() as u64) < cfg.preset.max_proposer_slashings && slashable(index, &gone) {
                gone.insert(*index);
                chosen.proposer_slashings.push(**slashing);
            }
        }
        for slashing in &self.attester_slashings {
            let new: Vec<ValidatorIndex> = slashed_by(slashing).into_iter().filter(|i| slashable(i, &gone)).collect();
            if (chosen.attester_slashings.len() as u64) < most_attester_slashings && !new.is_empty() {
                gone.extend(new);
                chosen.attester_slashings.push(AttesterSlashing::clone(slashing));
            }
        }
        let exits = self.exits.iter().filter(|(index, exit)| {
            let may = validator(state, **index).is_some_and(|v| may_exit(cfg, v, exit, epoch));
            may && !gone.contains(index) && !withdraws(state, **index)
        });
        chosen.voluntary_exits = exits.take(cfg.preset.max_voluntary_exits as usize).map(|(_, exit)| **exit).collect();
        if cfg.fork_at_slot(state.slot) >= ForkName::Capella {
            let changes = self.changes.values().filter(|change| may_change(state, change.message.validator_index));
            let most = cfg.preset.max_bls_to_execution_changes as usize;
            chosen.bls_to_execution_changes = changes.take(most).map(|change| **change).collect();
        }
        chosen
    }

    /// Keeps what is judged to be right; a change of credentials is signed once for all forks.
    pub(crate) fn retain(
        &mut self,
        exit: impl Fn(&SignedVoluntaryExit) -> bool,
        proposer_slashing: impl Fn(&ProposerSlashing) -> bool,
        attester_slashing: impl Fn(&AttesterSlashing) -> bool,
    ) {
        self.exits.retain(|_, object| exit(object));
        self.proposer_slashings.retain(|_, object| proposer_slashing(object));
        self.attester_slashings.retain(|object| attester_slashing(object));
    }

    /// Forgets what the (finalized) state has made pointless.
    pub(crate) fn prune(&mut self, cfg: &ChainConfig, state: &BeaconState) {
        let epoch = cfg.epoch_of(state.slot);
        let slashable =
            |index: ValidatorIndex| validator(state, index).is_some_and(|v| spec::is_slashable_validator(v, epoch));
        let staying = |index: ValidatorIndex| validator(state, index).is_some_and(|v| v.exit_epoch == FAR_FUTURE_EPOCH);
        self.exits.retain(|index, _| staying(*index));
        self.proposer_slashings.retain(|index, _| slashable(*index));
        self.attester_slashings.retain(|slashing| slashed_by(slashing).into_iter().any(slashable));
        self.changes.retain(|index, _| may_change(state, *index));
    }
}

fn validator(state: &BeaconState, index: ValidatorIndex) -> Option<&Validator> {
    usize::try_from(index).ok().and_then(|index| state.validators.get(index))
}

/// Whether the state can take the exit; its signature apart.
pub(crate) fn may_exit(cfg: &ChainConfig, validator: &Validator, exit: &SignedVoluntaryExit, epoch: u64) -> bool {
    spec::is_active_validator(validator, epoch)
        && validator.exit_epoch == FAR_FUTURE_EPOCH
        && epoch >= exit.message.epoch
        && epoch >= validator.activation_epoch.saturating_add(cfg.shard_committee_period)
}

/// Whether a withdrawal from the validator is pending, which forbids its exit: electra's rule. Before, there is none.
fn withdraws(state: &BeaconState, index: ValidatorIndex) -> bool {
    state.pending_partial_withdrawals.iter().any(|withdrawal| withdrawal.validator_index == index)
}

/// Whether the validator's credentials are still those of a BLS key.
fn may_change(state: &BeaconState, index: ValidatorIndex) -> bool {
    validator(state, index).is_some_and(|v| v.withdrawal_credentials.0[0] == BLS_WITHDRAWAL_PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{IndexedAttestation, SignedBeaconBlockHeader, VoluntaryExit};

    fn state(cfg: &ChainConfig, validators: usize) -> BeaconState {
        let far = FAR_FUTURE_EPOCH;
        let validator = Validator { exit_epoch: far, withdrawable_epoch: far, ..Validator::default() };
        let slot = cfg.start_slot(cfg.shard_committee_period);
        BeaconState { slot, validators: vec![validator; validators].into(), ..BeaconState::default() }
    }

    fn exit(validator_index: u64) -> Arc<SignedVoluntaryExit> {
        Arc::new(SignedVoluntaryExit { message: VoluntaryExit { epoch: 0, validator_index }, ..Default::default() })
    }

    fn change(validator_index: u64) -> Arc<SignedBlsToExecutionChange> {
        let mut change = SignedBlsToExecutionChange::default();
        change.message.validator_index = validator_index;
        Arc::new(change)
    }

    fn double_vote(indices: &[u64]) -> Arc<AttesterSlashing> {
        let vote = IndexedAttestation { attesting_indices: indices.to_vec().into(), ..Default::default() };
        Arc::new(AttesterSlashing { attestation_1: vote.clone(), attestation_2: vote })
    }

    #[test]
    fn nobody_is_slashed_twice_or_exits_when_slashed() {
        let cfg = ChainConfig::minimal();
        let state = state(&cfg, 4);
        let mut pool = OperationPool::default();
        let mut header = SignedBeaconBlockHeader::default();
        header.message.proposer_index = 1;
        pool.insert_proposer_slashing(Arc::new(ProposerSlashing { signed_header_1: header, signed_header_2: header }));
        pool.insert_attester_slashing(double_vote(&[1]));
        pool.insert_attester_slashing(double_vote(&[1, 2]));
        (0..6).for_each(|index| pool.insert_exit(exit(index)));
        let chosen = pool.choose(&cfg, &state);
        assert_eq!(chosen.proposer_slashings.len(), 1);
        assert_eq!(chosen.attester_slashings.len(), 1, "the first would slash nobody new");
        let leaving: Vec<u64> = chosen.voluntary_exits.iter().map(|e| e.message.validator_index).collect();
        assert_eq!(leaving, [0, 3], "slashed and unknown validators can't exit");
    }

    #[test]
    fn pruning_drops_what_has_happened() {
        let cfg = ChainConfig::minimal();
        let mut state = state(&cfg, 3);
        let mut pool = OperationPool::default();
        (0..2).for_each(|index| pool.insert_exit(exit(index)));
        pool.insert_attester_slashing(double_vote(&[2]));
        (0..2).for_each(|index| pool.insert_change(change(index)));
        state.validators.get_mut(1).unwrap().withdrawal_credentials.0[0] = 1;
        state.validators.get_mut(0).unwrap().exit_epoch = 99;
        state.validators.get_mut(2).unwrap().slashed = true;
        pool.prune(&cfg, &state);
        assert_eq!(pool.exits().len(), 1);
        assert!(pool.attester_slashings().is_empty());
        assert_eq!(pool.changes().len(), 1);
    }

    #[test]
    fn changes_of_credentials_wait_for_capella() {
        let mut cfg = ChainConfig::minimal();
        let state = state(&cfg, 2);
        let mut pool = OperationPool::default();
        (0..3).for_each(|index| pool.insert_change(change(index)));
        assert!(pool.choose(&cfg, &state).bls_to_execution_changes.is_empty());
        cfg.start_at(ForkName::Capella);
        assert_eq!(pool.choose(&cfg, &state).bls_to_execution_changes.len(), 2, "there is no validator 2");
    }
}
