//! Which validators took part in an epoch, as a state knows it. This file NEVER looks at gossip.

use std::collections::BTreeSet;

use crate::spec::get_attesting_indices;
use crate::types::{Attestation, BeaconState, ChainConfig, Epoch, ForkName, ValidatorIndex};

/// The validators whose attestations of `epoch` are on the state's chain; empty for an epoch that is neither the
/// state's current nor its previous one.
pub fn live_validators(cfg: &ChainConfig, state: &BeaconState, epoch: Epoch) -> BTreeSet<ValidatorIndex> {
    let state_epoch = cfg.epoch_of(state.slot);
    let (is_current, is_previous) = (epoch == state_epoch, epoch + 1 == state_epoch);
    if !is_current && !is_previous {
        return BTreeSet::new();
    }
    if cfg.fork_at_slot(state.slot) >= ForkName::Altair {
        let flags = if is_current { &state.current_epoch_participation } else { &state.previous_epoch_participation };
        return (0..).zip(flags.iter()).filter(|(_, flags)| **flags != 0).map(|(index, _)| index).collect();
    }
    let pending = if is_current { &state.current_epoch_attestations } else { &state.previous_epoch_attestations };
    let members = pending.iter().filter_map(|one| {
        let attestation =
            Attestation { aggregation_bits: one.aggregation_bits.clone(), data: one.data, ..Attestation::default() };
        get_attesting_indices(cfg, state, &attestation).ok()
    });
    members.flatten().collect()
}
