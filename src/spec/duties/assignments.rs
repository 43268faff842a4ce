//! Who proposes, and who sits in which committee.

use crate::{
    spec::{
        Error,
        accessors::{
            committee_of, compute_start_slot_at_epoch, fork_of, get_beacon_proposer_index,
            get_committee_count_per_slot, get_current_epoch, get_shuffling, get_validator, is_active_validator,
            remembered_proposers,
        },
        math,
    },
    types::{BeaconState, ChainConfig, CommitteeIndex, Epoch, ForkName, Slot, ValidatorIndex},
};

/// One committee of an epoch, and when it votes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitteeAssignment {
    /// The members in the order of an attestation's bits.
    pub committee: Vec<ValidatorIndex>,
    /// The committee's index within its slot.
    pub index: CommitteeIndex,
    /// The slot that the committee votes at.
    pub slot: Slot,
}

/// Whether the validator has duties in the current epoch (phase0/validator.md, `check_if_validator_active`).
///
/// # Errors
/// If the validator is unknown.
pub fn check_if_validator_active(
    cfg: &ChainConfig,
    state: &BeaconState,
    validator_index: ValidatorIndex,
) -> Result<bool, Error> {
    Ok(is_active_validator(get_validator(state, validator_index)?, get_current_epoch(cfg, state)))
}

/// The committee of `epoch` that the validator sits in, if it does (phase0/validator.md, `get_committee_assignment`).
///
/// # Errors
/// If `epoch` is later than the next one.
pub fn get_committee_assignment(
    cfg: &ChainConfig,
    state: &BeaconState,
    epoch: Epoch,
    validator_index: ValidatorIndex,
) -> Result<Option<CommitteeAssignment>, Error> {
    let committees = get_committee_assignments(cfg, state, epoch)?;
    Ok(committees.into_iter().find(|c| c.committee.contains(&validator_index)))
}

/// Every committee of `epoch`, in the order of slots and indices.
///
/// # Errors
/// If `epoch` is later than the next one.
pub fn get_committee_assignments(
    cfg: &ChainConfig,
    state: &BeaconState,
    epoch: Epoch,
) -> Result<Vec<CommitteeAssignment>, Error> {
    let current = get_current_epoch(cfg, state);
    if epoch > math::add("next epoch", current, 1)? {
        return Err(Error::EpochTooLate { epoch, current });
    }
    let start_slot = compute_start_slot_at_epoch(cfg, epoch)?;
    let shuffling = get_shuffling(cfg, state, epoch)?;
    let count = get_committee_count_per_slot(cfg, state, epoch);
    let mut assignments = Vec::with_capacity((cfg.preset.slots_per_epoch * count) as usize);
    for slot in (start_slot..).take(cfg.preset.slots_per_epoch as usize) {
        for index in 0..count {
            let committee = committee_of(cfg, &shuffling, slot, index)?.to_vec();
            assignments.push(CommitteeAssignment { committee, index, slot });
        }
    }
    Ok(assignments)
}

/// Who proposes at each slot of `epoch`, first slot first: the current one, from fulu on also the one after it.
///
/// # Errors
/// If the proposers of `epoch` are not known to `state`.
pub fn get_proposer_assignments(
    cfg: &ChainConfig,
    state: &BeaconState,
    epoch: Epoch,
) -> Result<Vec<ValidatorIndex>, Error> {
    let current = get_current_epoch(cfg, state);
    let unknown = Error::ProposersUnknown { epoch, current };
    if fork_of(cfg, state) < ForkName::Fulu {
        return if epoch == current { Ok(remembered_proposers(cfg, state)?.indices.clone()) } else { Err(unknown) };
    }
    let Some(ahead) = epoch.checked_sub(current).filter(|ahead| *ahead <= cfg.preset.min_seed_lookahead) else {
        return Err(unknown);
    };
    let slots = cfg.preset.slots_per_epoch as usize;
    Ok(state.proposer_lookahead.iter().skip(ahead as usize * slots).take(slots).copied().collect())
}

/// The last slot whose block still decides who proposes in `epoch`: duties stay valid while the block root at this slot
/// stays the same. From fulu on it is the slot of the `dependent_root` in v2 of the Beacon API's proposer duties; v1 names
/// the slot before the epoch on every fork.
///
/// Before fulu that is the slot before the epoch. From fulu on proposers are drawn `MIN_SEED_LOOKAHEAD` epochs earlier,
/// but for those of fulu's first epoch, which the upgrade draws.
pub fn proposer_dependent_slot(cfg: &ChainConfig, epoch: Epoch) -> Slot {
    let drawn_in = epoch.saturating_sub(cfg.preset.min_seed_lookahead);
    let decided_before = if cfg.fork_at_epoch(drawn_in) >= ForkName::Fulu { drawn_in } else { epoch };
    cfg.start_slot(decided_before).saturating_sub(1)
}

/// Whether the validator proposes at the state's slot (phase0/validator.md, `is_proposer`).
///
/// # Errors
/// If nobody can be drawn.
pub fn is_proposer(cfg: &ChainConfig, state: &BeaconState, validator_index: ValidatorIndex) -> Result<bool, Error> {
    Ok(get_beacon_proposer_index(cfg, state)? == validator_index)
}
