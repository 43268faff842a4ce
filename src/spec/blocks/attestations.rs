//! Attestations in a block.

use crate::{
    spec::{
        Error, Signatures,
        accessors::{
            BaseReward, add_flag, check_committees, check_indexed_attestation, check_recent_epoch,
            compute_epoch_at_slot, fork_of, get_attestation_participation_flag_indices, get_beacon_proposer_index,
            get_committee_count_per_slot, get_current_epoch, get_indexed_attestation, get_validator, has_flag,
        },
        math,
        mutators::increase_balance,
    },
    types::{
        Attestation, BeaconState, ChainConfig, ForkName, IndexedAttestation, PendingAttestation, Slot,
        constants::{PARTICIPATION_FLAG_WEIGHTS, PROPOSER_WEIGHT, WEIGHT_DENOMINATOR},
    },
};

/// Counts an attestation: kept until its epoch ends in phase0, as participation flags from altair on
/// (`process_attestation` of phase0/beacon-chain.md; of each later fork from then on).
///
/// # Errors
/// If it is too early, too late, not of a committee, from the wrong source, or not signed by its attesters.
pub fn process_attestation(
    cfg: &ChainConfig,
    state: &mut BeaconState,
    attestation: &Attestation,
    sigs: &mut Signatures<'_>,
) -> Result<(), Error> {
    let indexed = check_attestation(cfg, state, attestation, sigs)?;
    match fork_of(cfg, state) {
        ForkName::Phase0 => keep_pending(cfg, state, attestation),
        _ => set_participation(cfg, state, &indexed),
    }
}

/// The checks of [`process_attestation`], without a change: for whoever packs a block. Returns the attesters.
///
/// # Errors
/// As [`process_attestation`].
pub fn check_attestation(
    cfg: &ChainConfig,
    state: &BeaconState,
    attestation: &Attestation,
    sigs: &mut Signatures<'_>,
) -> Result<IndexedAttestation, Error> {
    let data = &attestation.data;
    check_recent_epoch(cfg, state, data.target.epoch)?;
    let epoch = compute_epoch_at_slot(cfg, data.slot);
    if data.target.epoch != epoch {
        return Err(Error::TargetEpoch { slot: data.slot, target: data.target.epoch, epoch });
    }
    let earliest = math::add("inclusion slot", data.slot, cfg.preset.min_attestation_inclusion_delay)?;
    // From deneb on, the check of the target's epoch is the only limit.
    let latest = if fork_of(cfg, state) >= ForkName::Deneb {
        Slot::MAX
    } else {
        math::add("inclusion slot", data.slot, cfg.preset.slots_per_epoch)?
    };
    if state.slot < earliest || state.slot > latest {
        return Err(Error::InclusionSlot { slot: data.slot, state_slot: state.slot, earliest, latest });
    }
    if fork_of(cfg, state) >= ForkName::Electra {
        check_committees(cfg, state, attestation)?;
    } else {
        let count = get_committee_count_per_slot(cfg, state, data.target.epoch);
        if data.index >= count {
            return Err(Error::UnknownCommittee { slot: data.slot, index: data.index, count });
        }
    }
    let current = data.target.epoch == get_current_epoch(cfg, state);
    let justified = if current { &state.current_justified_checkpoint } else { &state.previous_justified_checkpoint };
    if data.source != *justified {
        let (source_epoch, justified_epoch) = (data.source.epoch, justified.epoch);
        return Err(Error::SourceNotJustified { slot: data.slot, source_epoch, justified_epoch });
    }
    let indexed = get_indexed_attestation(cfg, state, attestation)?;
    check_indexed_attestation(cfg, state, &indexed, sigs)?;
    Ok(indexed)
}

/// Phase0: the attestation waits in the state for the end of its epoch.
fn keep_pending(cfg: &ChainConfig, state: &mut BeaconState, attestation: &Attestation) -> Result<(), Error> {
    let data = attestation.data;
    let pending = PendingAttestation {
        aggregation_bits: attestation.aggregation_bits.clone(),
        data,
        inclusion_delay: math::sub("inclusion delay", state.slot, data.slot)?,
        proposer_index: get_beacon_proposer_index(cfg, state)?,
    };
    let current = data.target.epoch == get_current_epoch(cfg, state);
    let shape = cfg.shape(fork_of(cfg, state));
    let (list, name) = if current {
        (&mut state.current_epoch_attestations, "current_epoch_attestations")
    } else {
        (&mut state.previous_epoch_attestations, "previous_epoch_attestations")
    };
    if list.is_full(shape) {
        return Err(Error::ListFull { list: name, len: list.len() as u64 });
    }
    list.push(pending);
    Ok(())
}

/// Altair: the attesters get the flags that they don't have yet, and the proposer a reward for each of them.
fn set_participation(cfg: &ChainConfig, state: &mut BeaconState, indexed: &IndexedAttestation) -> Result<(), Error> {
    let data = &indexed.data;
    let delay = math::sub("inclusion delay", state.slot, data.slot)?;
    let flag_indices = get_attestation_participation_flag_indices(cfg, state, data, delay)?;
    let base_reward = BaseReward::of_state(cfg, state)?;
    let current = data.target.epoch == get_current_epoch(cfg, state);
    // Taken out while it is written, so that validators can be read meanwhile; nothing between can fail to put it back
    // but an error, after which the state is of no use anyway.
    let participation =
        if current { &mut state.current_epoch_participation } else { &mut state.previous_epoch_participation };
    let mut participation = std::mem::take(participation);
    let mut proposer_reward_numerator = 0;
    for &index in &indexed.attesting_indices {
        let effective_balance = get_validator(state, index)?.effective_balance;
        let len = participation.len() as u64;
        let missing = Error::IndexOutOfRange { list: "epoch participation", index, len };
        let old = *participation.get(index as usize).ok_or_else(|| missing.clone())?;
        let mut flags = old;
        for &flag_index in flag_indices.iter().filter(|flag_index| !has_flag(old, **flag_index)) {
            flags = add_flag(flags, flag_index);
            let weighted = math::mul(
                "proposer reward",
                base_reward.of(effective_balance)?,
                PARTICIPATION_FLAG_WEIGHTS[flag_index],
            )?;
            proposer_reward_numerator = math::add("proposer reward", proposer_reward_numerator, weighted)?;
        }
        if flags != old && !participation.set(index as usize, flags) {
            return Err(missing);
        }
    }
    if current {
        state.current_epoch_participation = participation;
    } else {
        state.previous_epoch_participation = participation;
    }
    let denominator = (WEIGHT_DENOMINATOR - PROPOSER_WEIGHT) * WEIGHT_DENOMINATOR / PROPOSER_WEIGHT;
    increase_balance(state, get_beacon_proposer_index(cfg, state)?, proposer_reward_numerator / denominator)
}
