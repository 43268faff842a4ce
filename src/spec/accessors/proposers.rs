//! Block proposers.

use std::sync::Arc;

use crate::{
    spec::{
        Error,
        accessors::{
            Shuffle, compute_start_slot_at_epoch, fork_of, get_active_validator_indices, get_current_epoch, get_seed,
            get_validator, shuffle_list,
        },
        math,
    },
    ssz::{Root, sha256},
    types::{
        BeaconState, ChainConfig, Epoch, ForkName, Gwei, Proposers, Slot, ValidatorIndex,
        constants::DOMAIN_BEACON_PROPOSER,
    },
};

/// One of `indices`, drawn by effective balance (`compute_proposer_index` of phase0/beacon-chain.md; of
/// electra/beacon-chain.md from then on).
///
/// # Errors
/// If there are no indices, or one is unknown.
pub fn compute_proposer_index(
    cfg: &ChainConfig,
    state: &BeaconState,
    indices: &[ValidatorIndex],
    seed: &Root,
) -> Result<ValidatorIndex, Error> {
    BalanceWeightedDraws::new(cfg, state, indices, *seed, 1)?.next_index()
}

/// The proposer of the slot that `state` is in (`get_beacon_proposer_index` of phase0/beacon-chain.md; of
/// fulu/beacon-chain.md from then on).
///
/// # Errors
/// If no validator is active, or the state's lookahead is too short.
pub fn get_beacon_proposer_index(cfg: &ChainConfig, state: &BeaconState) -> Result<ValidatorIndex, Error> {
    let in_epoch = state.slot % cfg.preset.slots_per_epoch;
    if fork_of(cfg, state) >= ForkName::Fulu {
        let len = state.proposer_lookahead.len() as u64;
        let missing = Error::IndexOutOfRange { list: "proposer_lookahead", index: in_epoch, len };
        return state.proposer_lookahead.get(in_epoch as usize).copied().ok_or(missing);
    }
    let proposers = remembered_proposers(cfg, state)?;
    proposers.indices.get(in_epoch as usize).copied().ok_or(Error::NoActiveValidators { slot: state.slot })
}

/// The proposers of every slot of `epoch`, first slot first, drawn by the balances of `state` (fulu/beacon-chain.md,
/// `get_beacon_proposer_indices`; before fulu what [`get_beacon_proposer_index`] says of each slot of the current epoch).
/// For who really proposes since fulu, see [`get_proposer_assignments`](crate::spec::get_proposer_assignments).
///
/// # Errors
/// If no validator is active in `epoch`, or that is near the end of 64 bits.
pub fn get_beacon_proposer_indices(
    cfg: &ChainConfig,
    state: &BeaconState,
    epoch: Epoch,
) -> Result<Vec<ValidatorIndex>, Error> {
    let indices = get_active_validator_indices(state, epoch);
    let seed = get_seed(cfg, state, epoch, DOMAIN_BEACON_PROPOSER)?;
    compute_proposer_indices(cfg, state, epoch, &seed, &indices)
}

/// A proposer for each slot of `epoch`, out of `indices` (fulu/beacon-chain.md, `compute_proposer_indices`).
///
/// # Errors
/// If there are no indices, or one is unknown.
pub fn compute_proposer_indices(
    cfg: &ChainConfig,
    state: &BeaconState,
    epoch: Epoch,
    seed: &Root,
    indices: &[ValidatorIndex],
) -> Result<Vec<ValidatorIndex>, Error> {
    let start = compute_start_slot_at_epoch(cfg, epoch)?;
    let draw = |slot: Slot| {
        let mut input = [0; 40];
        input[..32].copy_from_slice(&seed.0);
        input[32..].copy_from_slice(&slot.to_le_bytes());
        compute_proposer_index(cfg, state, indices, &sha256(&input))
    };
    let slots = (0..cfg.preset.slots_per_epoch).map(|i| math::add("slot", start, i));
    slots.map(|slot| draw(slot?)).collect()
}

/// The proposers of the current epoch and those after it that are drawn by now (fulu/fork.md,
/// `initialize_proposer_lookahead`).
///
/// # Errors
/// As [`get_beacon_proposer_indices`].
pub fn initialize_proposer_lookahead(cfg: &ChainConfig, state: &BeaconState) -> Result<Vec<ValidatorIndex>, Error> {
    let current = get_current_epoch(cfg, state);
    let epochs = (0..=cfg.preset.min_seed_lookahead).map(|ahead| math::add("epoch of the lookahead", current, ahead));
    let proposers = epochs.map(|epoch| get_beacon_proposer_indices(cfg, state, epoch?));
    Ok(proposers.collect::<Result<Vec<_>, Error>>()?.concat())
}

/// The proposers of the epoch that `state` is in, by its own balances, remembered beside it.
pub(crate) fn remembered_proposers(cfg: &ChainConfig, state: &BeaconState) -> Result<Arc<Proposers>, Error> {
    let epoch = get_current_epoch(cfg, state);
    let seed = get_seed(cfg, state, epoch, DOMAIN_BEACON_PROPOSER)?;
    if let Some(known) = state.cache.proposers(epoch, &seed) {
        return Ok(known);
    }
    let indices = get_beacon_proposer_indices(cfg, state, epoch)?;
    let proposers = Arc::new(Proposers { epoch, seed, indices });
    state.cache.remember_proposers(Arc::clone(&proposers));
    Ok(proposers)
}

/// Draws from shuffled candidates, each taken with a probability in proportion to its effective balance: the loop that
/// proposers and sync committees share.
pub(crate) struct BalanceWeightedDraws<'a> {
    state: &'a BeaconState,
    candidates: Candidates<'a>,
    seed: Root,
    odds: Odds,
    drawn: u64,
    random: Root,
}

/// Candidates in shuffled order: all of them at once where many are looked at, else one by one.
enum Candidates<'a> {
    Shuffled(Vec<ValidatorIndex>),
    InOrder(&'a [ValidatorIndex], Shuffle),
}

/// What a candidate's balance is held against: a random number of so many bytes, up to the largest balance there is.
struct Odds {
    random_bytes: u64,
    max_effective_balance: Gwei,
}

impl Odds {
    fn of(cfg: &ChainConfig, fork: ForkName) -> Self {
        let p = cfg.preset;
        match fork < ForkName::Electra {
            true => Self { random_bytes: 1, max_effective_balance: p.max_effective_balance },
            false => Self { random_bytes: 2, max_effective_balance: p.max_effective_balance_electra },
        }
    }

    fn max_random(&self) -> u64 {
        (1 << (8 * self.random_bytes)) - 1
    }
}

impl<'a> BalanceWeightedDraws<'a> {
    /// `count`: how many are to be drawn; this decides about speed only.
    pub(crate) fn new(
        cfg: &ChainConfig,
        state: &'a BeaconState,
        indices: &'a [ValidatorIndex],
        seed: Root,
        count: u64,
    ) -> Result<Self, Error> {
        if indices.is_empty() {
            return Err(Error::NoActiveValidators { slot: state.slot });
        }
        let odds = Odds::of(cfg, fork_of(cfg, state));
        // To shuffle the list, one of it takes about a fiftieth of the time that a hash for each round takes.
        let tries = count.saturating_mul(odds.max_effective_balance / cfg.preset.min_activation_balance.max(1));
        let total = indices.len() as u64;
        let candidates = match tries < total / 50 {
            true => Candidates::InOrder(indices, Shuffle::new(cfg, total, &seed)),
            false => Candidates::Shuffled(shuffle_list(cfg, indices.to_vec(), &seed)),
        };
        Ok(Self { state, candidates, seed, odds, drawn: 0, random: Root::default() })
    }

    pub(crate) fn next_index(&mut self) -> Result<ValidatorIndex, Error> {
        loop {
            let i = self.drawn;
            self.drawn += 1;
            let random = self.random_value(i);
            let candidate = self.candidate(i);
            let balance = get_validator(self.state, candidate)?.effective_balance;
            let have = math::mul("weighted effective balance", balance, self.odds.max_random())?;
            if have >= math::mul("weighted effective balance", self.odds.max_effective_balance, random)? {
                return Ok(candidate);
            }
        }
    }

    fn candidate(&self, i: u64) -> ValidatorIndex {
        match &self.candidates {
            Candidates::Shuffled(candidates) => candidates[(i % candidates.len() as u64) as usize],
            Candidates::InOrder(indices, shuffle) => indices[shuffle.shuffled_index(i % indices.len() as u64) as usize],
        }
    }

    /// The random number of draw `i`; draws come in order.
    fn random_value(&mut self, i: u64) -> u64 {
        let per_hash = 32 / self.odds.random_bytes;
        if i.is_multiple_of(per_hash) {
            let mut input = [0; 40];
            input[..32].copy_from_slice(&self.seed.0);
            input[32..].copy_from_slice(&(i / per_hash).to_le_bytes());
            self.random = sha256(&input);
        }
        let offset = (i % per_hash * self.odds.random_bytes) as usize;
        let bytes = &self.random.0[offset..][..self.odds.random_bytes as usize];
        bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ssz::Bytes, types::Validator};

    #[test]
    fn candidates_come_in_the_same_order_one_by_one_and_at_once() {
        for fork in [ForkName::Deneb, ForkName::Fulu] {
            let mut cfg = ChainConfig::minimal();
            cfg.start_at(fork);
            let validator =
                |i: u64| Validator { effective_balance: (16 + i % 17) * 1_000_000_000, ..Default::default() };
            let state = BeaconState { validators: (0..600).map(validator).collect(), ..Default::default() };
            let indices: Vec<u64> = (0..600).filter(|i| i % 3 != 0).collect();
            for seed in (0..8).map(|byte| Bytes([byte; 32])) {
                let mut draws = BalanceWeightedDraws::new(&cfg, &state, &indices, seed, 1).unwrap();
                let take = |draws: &mut BalanceWeightedDraws<'_>| -> Vec<u64> {
                    (0..20).map(|_| draws.next_index().unwrap()).collect()
                };
                draws.candidates = Candidates::Shuffled(shuffle_list(&cfg, indices.clone(), &seed));
                let at_once = take(&mut draws);
                draws.candidates = Candidates::InOrder(&indices, Shuffle::new(&cfg, 400, &seed));
                draws.drawn = 0;
                assert_eq!(take(&mut draws), at_once, "{fork}, {seed}");
            }
        }
    }
}
