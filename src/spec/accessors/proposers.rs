//! Block proposers.

use std::sync::Arc;

use crate::{
    spec::{
        Error,
        accessors::{
            compute_shuffled_index, compute_start_slot_at_epoch, get_active_validator_indices, get_current_epoch,
            get_seed, get_validator,
        },
        math,
    },
    ssz::{Root, sha256},
    types::{BeaconState, ChainConfig, Proposers, Slot, ValidatorIndex, constants::DOMAIN_BEACON_PROPOSER},
};

/// One of `indices`, drawn by effective balance (phase0/beacon-chain.md, `compute_proposer_index`).
///
/// # Errors
/// If there are no indices, or one is unknown.
pub fn compute_proposer_index(
    cfg: &ChainConfig,
    state: &BeaconState,
    indices: &[ValidatorIndex],
    seed: &Root,
) -> Result<ValidatorIndex, Error> {
    let mut draws = BalanceWeightedDraws::new(cfg, state, indices, *seed)?;
    draws.next_index()
}

/// The proposer of the slot that `state` is in (phase0/beacon-chain.md, `get_beacon_proposer_index`).
///
/// # Errors
/// If no validator is active.
pub fn get_beacon_proposer_index(cfg: &ChainConfig, state: &BeaconState) -> Result<ValidatorIndex, Error> {
    let proposers = get_beacon_proposers(cfg, state)?;
    let in_epoch = state.slot % cfg.preset.slots_per_epoch;
    proposers.indices.get(in_epoch as usize).copied().ok_or(Error::NoActiveValidators { slot: state.slot })
}

/// The proposers of every slot of the epoch that `state` is in, first slot first: [`get_beacon_proposer_index`] for each.
///
/// # Errors
/// If no validator is active.
pub fn get_beacon_proposer_indices(cfg: &ChainConfig, state: &BeaconState) -> Result<Vec<ValidatorIndex>, Error> {
    Ok(get_beacon_proposers(cfg, state)?.indices.clone())
}

fn get_beacon_proposers(cfg: &ChainConfig, state: &BeaconState) -> Result<Arc<Proposers>, Error> {
    let epoch = get_current_epoch(cfg, state);
    let seed = get_seed(cfg, state, epoch, DOMAIN_BEACON_PROPOSER)?;
    if let Some(known) = state.cache.proposers(epoch, &seed) {
        return Ok(known);
    }
    let active = get_active_validator_indices(state, epoch);
    let start = compute_start_slot_at_epoch(cfg, epoch)?;
    let draw = |slot: Slot| {
        let mut input = [0; 40];
        input[..32].copy_from_slice(&seed.0);
        input[32..].copy_from_slice(&slot.to_le_bytes());
        compute_proposer_index(cfg, state, &active, &sha256(&input))
    };
    let slots = (0..cfg.preset.slots_per_epoch).map(|i| math::add("slot", start, i));
    let indices = slots.map(|slot| draw(slot?)).collect::<Result<_, _>>()?;
    let proposers = Arc::new(Proposers { epoch, seed, indices });
    state.cache.remember_proposers(Arc::clone(&proposers));
    Ok(proposers)
}

/// Draws from shuffled candidates, each taken with a probability in proportion to its effective balance: the loop that
/// proposers and sync committees share.
pub(crate) struct BalanceWeightedDraws<'a> {
    cfg: &'a ChainConfig,
    state: &'a BeaconState,
    indices: &'a [ValidatorIndex],
    seed: Root,
    drawn: u64,
    random: Root,
}

/// Largest value of the random byte that a candidate's balance is held against.
const MAX_RANDOM_BYTE: u64 = u8::MAX as u64;

impl<'a> BalanceWeightedDraws<'a> {
    pub(crate) fn new(
        cfg: &'a ChainConfig,
        state: &'a BeaconState,
        indices: &'a [ValidatorIndex],
        seed: Root,
    ) -> Result<Self, Error> {
        if indices.is_empty() {
            return Err(Error::NoActiveValidators { slot: state.slot });
        }
        Ok(Self { cfg, state, indices, seed, drawn: 0, random: Root::default() })
    }

    pub(crate) fn next_index(&mut self) -> Result<ValidatorIndex, Error> {
        let total = self.indices.len() as u64;
        loop {
            let i = self.drawn;
            self.drawn += 1;
            if i.is_multiple_of(32) {
                let mut input = [0; 40];
                input[..32].copy_from_slice(&self.seed.0);
                input[32..].copy_from_slice(&(i / 32).to_le_bytes());
                self.random = sha256(&input);
            }
            let shuffled = compute_shuffled_index(self.cfg, i % total, total, &self.seed)?;
            let candidate = self.indices[shuffled as usize];
            let balance = get_validator(self.state, candidate)?.effective_balance;
            let random_byte = u64::from(self.random.0[(i % 32) as usize]);
            let have = math::mul("weighted effective balance", balance, MAX_RANDOM_BYTE)?;
            if have >= math::mul("weighted effective balance", self.cfg.preset.max_effective_balance, random_byte)? {
                return Ok(candidate);
            }
        }
    }
}
