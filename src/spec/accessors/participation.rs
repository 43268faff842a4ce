//! Participation flags of altair, and what a vote earns of them.

use crate::{
    spec::{
        Error,
        accessors::{
            check_recent_epoch, fork_of, get_block_root, get_block_root_at_slot, get_current_epoch, is_active_validator,
        },
        math,
    },
    types::{
        AttestationData, BeaconState, ChainConfig, Epoch, ForkName, Gwei, Validator, ValidatorIndex,
        constants::{TIMELY_HEAD_FLAG_INDEX, TIMELY_SOURCE_FLAG_INDEX, TIMELY_TARGET_FLAG_INDEX},
    },
};

/// `flags` with the flag of `flag_index` (altair/beacon-chain.md, `add_flag`).
pub fn add_flag(flags: u8, flag_index: usize) -> u8 {
    flags | 1 << flag_index
}

/// Whether `flags` has the flag of `flag_index` (altair/beacon-chain.md, `has_flag`).
pub fn has_flag(flags: u8, flag_index: usize) -> bool {
    flags >> flag_index & 1 == 1
}

/// A set of validators of one state: asked for members in constant time, walked in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValidatorSet(Vec<bool>);

impl ValidatorSet {
    /// The empty subset of `count` validators.
    pub fn of_registry(count: usize) -> Self {
        Self(vec![false; count])
    }

    /// Adds a validator of the registry; one beyond it is left out.
    pub fn insert(&mut self, index: ValidatorIndex) {
        if let Some(member) = usize::try_from(index).ok().and_then(|i| self.0.get_mut(i)) {
            *member = true;
        }
    }

    /// Whether the validator is a member.
    pub fn contains(&self, index: ValidatorIndex) -> bool {
        usize::try_from(index).ok().and_then(|i| self.0.get(i)).is_some_and(|member| *member)
    }

    /// The members in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = ValidatorIndex> + '_ {
        (0..).zip(&self.0).filter(|(_, member)| **member).map(|(i, _)| i)
    }
}

/// The unslashed active validators with the flag of `flag_index` in the previous or current `epoch`
/// (altair/beacon-chain.md, `get_unslashed_participating_indices`).
///
/// # Errors
/// If `epoch` is another one, or the state has fewer flags than validators.
pub fn get_unslashed_participating_indices(
    cfg: &ChainConfig,
    state: &BeaconState,
    flag_index: usize,
    epoch: Epoch,
) -> Result<ValidatorSet, Error> {
    check_recent_epoch(cfg, state, epoch)?;
    let current = epoch == get_current_epoch(cfg, state);
    let flags = if current { &state.current_epoch_participation } else { &state.previous_epoch_participation };
    same_length("epoch participation", flags.len(), state)?;
    let participates = |(validator, flags): (&Validator, &u8)| {
        is_active_validator(validator, epoch) && has_flag(*flags, flag_index) && !validator.slashed
    };
    Ok(ValidatorSet(state.validators.iter().zip(flags).map(participates).collect()))
}

/// [`get_total_balance`](super::get_total_balance) of a set, walking the registry instead of looking each member up.
pub(crate) fn total_balance_of_set(cfg: &ChainConfig, state: &BeaconState, set: &ValidatorSet) -> Result<Gwei, Error> {
    let members = state.validators.iter().zip(&set.0).filter(|(_, member)| **member);
    let mut balances = members.map(|(validator, _)| validator.effective_balance);
    let sum = balances.try_fold(0, |sum, balance| math::add("total balance", sum, balance))?;
    Ok(sum.max(cfg.preset.effective_balance_increment))
}

/// Fails unless a list of the state, `len` long, has an entry for every validator.
pub(crate) fn same_length(list: &'static str, len: usize, state: &BeaconState) -> Result<(), Error> {
    if len >= state.validators.len() {
        Ok(())
    } else {
        Err(Error::IndexOutOfRange { list, index: len as u64, len: len as u64 })
    }
}

/// The flags that a vote, included `inclusion_delay` slots after its own, earns (`get_attestation_participation_flag_indices` of
/// altair/beacon-chain.md; of deneb/beacon-chain.md from then on).
///
/// # Errors
/// If its source is not the justified checkpoint of its epoch, or the blocks it is about are out of reach.
pub fn get_attestation_participation_flag_indices(
    cfg: &ChainConfig,
    state: &BeaconState,
    data: &AttestationData,
    inclusion_delay: u64,
) -> Result<Vec<usize>, Error> {
    let current = data.target.epoch == get_current_epoch(cfg, state);
    let justified = if current { &state.current_justified_checkpoint } else { &state.previous_justified_checkpoint };
    let is_matching_target = data.target.root == get_block_root(cfg, state, data.target.epoch)?;
    let head_root = get_block_root_at_slot(cfg, state, data.slot)?;
    let is_matching_head = is_matching_target && data.beacon_block_root == head_root;
    if data.source != *justified {
        let (source_epoch, justified_epoch) = (data.source.epoch, justified.epoch);
        return Err(Error::SourceNotJustified { slot: data.slot, source_epoch, justified_epoch });
    }

    let p = cfg.preset;
    let mut flags = Vec::with_capacity(3);
    if inclusion_delay <= math::integer_squareroot(p.slots_per_epoch) {
        flags.push(TIMELY_SOURCE_FLAG_INDEX);
    }
    let in_time_for_target = fork_of(cfg, state) >= ForkName::Deneb || inclusion_delay <= p.slots_per_epoch;
    if is_matching_target && in_time_for_target {
        flags.push(TIMELY_TARGET_FLAG_INDEX);
    }
    if is_matching_head && inclusion_delay == p.min_attestation_inclusion_delay {
        flags.push(TIMELY_HEAD_FLAG_INDEX);
    }
    Ok(flags)
}
