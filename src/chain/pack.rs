//! Which attestations go into a block: the greedy answer to maximum coverage, by what each adds to the proposer's reward.
//!
//! Phase0 pays for every attester not included before; altair for every flag that an attester has not earned yet. From
//! electra on, what committees of a slot have in common is one attestation.

use std::collections::BTreeMap;

use super::Chain;
use super::pool::{Candidate, attestation};
use crate::spec::{self, Signatures};
use crate::ssz::{Root, Shape};
use crate::types::constants::PARTICIPATION_FLAG_WEIGHTS;
use crate::types::{Attestation, BeaconState, CommitteeIndex, Epoch, ForkName, ValidatorIndex};

/// What one attestation could add: for each attester, the flags it would earn. In phase0 there is one flag, "included".
struct Offer {
    attestation: Attestation,
    epoch: Epoch,
    attesters: Vec<ValidatorIndex>,
    flags: u8,
}

/// What each attester has earned already, by target epoch.
type Earned = BTreeMap<(Epoch, ValidatorIndex), u8>;

impl Chain {
    /// The attestations for a block on this state, which is the head's, advanced to the block's slot.
    pub(super) fn pack_attestations(&self, state: &BeaconState) -> Vec<Attestation> {
        let (preset, fork) = (self.cfg.preset, self.fork_at(state.slot));
        let oldest = match fork < ForkName::Deneb {
            true => state.slot.saturating_sub(preset.slots_per_epoch),
            false => self.cfg.start_slot(self.cfg.epoch_of(state.slot).saturating_sub(1)),
        };
        let newest = state.slot.saturating_sub(preset.min_attestation_inclusion_delay);
        let candidates = self.attestations.candidates(oldest, newest);
        let shape = self.cfg.shape_at_slot(state.slot);
        let (most, attestations) = match fork < ForkName::Electra {
            true => (preset.max_attestations, candidates.into_iter().map(|c| alone(shape, c)).collect()),
            false => (preset.max_attestations_electra, across_committees(shape, candidates)),
        };
        let mut offers: Vec<Offer> = attestations.into_iter().filter_map(|a| self.offer(state, a)).collect();
        let mut earned = self.earned(state);
        let mut packed = Vec::new();
        while (packed.len() as u64) < most {
            let value = |offer: &Offer| gain(state, &earned, offer);
            let best = offers.iter().enumerate().map(|(i, offer)| (value(offer), std::cmp::Reverse(i))).max();
            let Some((1.., std::cmp::Reverse(at))) = best else { break };
            let offer = offers.swap_remove(at);
            for attester in &offer.attesters {
                *earned.entry((offer.epoch, *attester)).or_default() |= offer.flags;
            }
            packed.push(offer.attestation);
        }
        packed
    }

    /// The attestation as this state would take it; none if it would not.
    fn offer(&self, state: &BeaconState, attestation: Attestation) -> Option<Offer> {
        let data = attestation.data;
        let indexed = spec::blocks::check_attestation(&self.cfg, state, &attestation, &mut Signatures::Trust).ok()?;
        // The same committee by number may be other people by another shuffling.
        let shuffled_after = data.target.epoch.saturating_sub(self.cfg.preset.min_seed_lookahead);
        let mine = self.dependent_root(&self.head.root, shuffled_after);
        if self.dependent_root(&data.beacon_block_root, shuffled_after) != mine {
            return None;
        }
        let flags = if self.fork_at(state.slot) == ForkName::Phase0 {
            1
        } else {
            let delay = state.slot - data.slot;
            let flags = spec::get_attestation_participation_flag_indices(&self.cfg, state, &data, delay).ok()?;
            flags.into_iter().fold(0, |flags, flag| flags | 1 << flag)
        };
        let attesters = indexed.attesting_indices.iter().copied().collect();
        Some(Offer { attestation, epoch: data.target.epoch, attesters, flags })
    }

    /// What the state says of attesters of this and the previous epoch.
    fn earned(&self, state: &BeaconState) -> Earned {
        let epoch = self.cfg.epoch_of(state.slot);
        let mut earned = Earned::new();
        if self.fork_at(state.slot) == ForkName::Phase0 {
            let pending = state.previous_epoch_attestations.iter().chain(state.current_epoch_attestations.iter());
            for pending in pending {
                let (data, bits) = (pending.data, pending.aggregation_bits.clone());
                let attestation = Attestation { aggregation_bits: bits, data, ..Attestation::default() };
                let attesters = spec::get_attesting_indices(&self.cfg, state, &attestation).unwrap_or_default();
                earned.extend(attesters.into_iter().map(|index| ((data.target.epoch, index), 1)));
            }
            return earned;
        }
        let current = (epoch, &state.current_epoch_participation);
        let previous = (epoch.wrapping_sub(1), &state.previous_epoch_participation);
        for (epoch, participation) in [current, previous] {
            let flags = (0..).zip(participation.iter()).filter(|(_, flags)| **flags != 0);
            earned.extend(flags.map(|(index, flags)| ((epoch, index), *flags)));
        }
        earned
    }
}

fn alone(shape: Shape, candidate: Candidate) -> Attestation {
    attestation(shape, candidate.contents.committee, candidate.contents.data, candidate.part)
}

/// Of each data: the best of every committee as one attestation, what is next best in each as another, and so on.
fn across_committees(shape: Shape, candidates: Vec<Candidate>) -> Vec<Attestation> {
    let mut by_data: BTreeMap<Root, BTreeMap<CommitteeIndex, Vec<Attestation>>> = BTreeMap::new();
    for candidate in candidates {
        let committees = by_data.entry(candidate.contents.data_root).or_default();
        committees.entry(candidate.contents.committee).or_default().push(alone(shape, candidate));
    }
    let mut attestations = Vec::new();
    for committees in by_data.into_values() {
        let ranks = committees.values().map(Vec::len).max().unwrap_or(0);
        for rank in 0..ranks {
            let aggregates: Vec<Attestation> =
                committees.values().filter_map(|aggregates| aggregates.get(rank).cloned()).collect();
            // It refuses signatures that are no points, which no accepted vote has.
            attestations.extend(spec::compute_on_chain_aggregate(&aggregates));
        }
    }
    attestations
}

/// What the proposer would gain, in units that only compare: effective balance times weight.
fn gain(state: &BeaconState, earned: &Earned, offer: &Offer) -> u128 {
    let mut sum = 0;
    for attester in &offer.attesters {
        let new = offer.flags & !earned.get(&(offer.epoch, *attester)).copied().unwrap_or_default();
        let validator = usize::try_from(*attester).ok().and_then(|index| state.validators.get(index));
        let balance = u128::from(validator.map_or(0, |validator| validator.effective_balance));
        for (flag, weight) in PARTICIPATION_FLAG_WEIGHTS.iter().enumerate() {
            if new >> flag & 1 == 1 {
                sum += balance * u128::from(*weight);
            }
        }
    }
    sum
}
