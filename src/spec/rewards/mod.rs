//! Rewards and penalties of an epoch's attesters, component by component.

mod altair;
mod phase0;

pub use altair::get_flag_index_deltas;
pub use phase0::{
    get_attestation_deltas, get_head_deltas, get_inclusion_delay_deltas, get_source_deltas, get_target_deltas,
};

use crate::{
    spec::{
        Error,
        accessors::{fork_of, get_current_epoch, same_length},
        math,
    },
    types::{BeaconState, ChainConfig, ForkName, Gwei, constants::GENESIS_EPOCH},
};

/// What each validator of a state gains and loses by one component, in Gwei.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deltas {
    /// One entry a validator.
    pub rewards: Vec<Gwei>,
    /// One entry a validator.
    pub penalties: Vec<Gwei>,
}

impl Deltas {
    fn of_registry(state: &BeaconState) -> Self {
        let zeros = vec![0; state.validators.len()];
        Self { rewards: zeros.clone(), penalties: zeros }
    }
}

/// Adds to one validator's entry.
fn credit(amounts: &mut [Gwei], index: u64, amount: Gwei) -> Result<(), Error> {
    let count = amounts.len() as u64;
    let unknown = Error::UnknownValidator { index, count };
    let entry = usize::try_from(index).ok().and_then(|i| amounts.get_mut(i)).ok_or(unknown)?;
    *entry = math::add("reward or penalty", *entry, amount)?;
    Ok(())
}

/// What idleness costs while finality is late (`get_inactivity_penalty_deltas` of phase0/beacon-chain.md; of
/// altair/beacon-chain.md from then on).
///
/// # Errors
/// If the votes don't fit the state or an amount is beyond 64 bits.
pub fn get_inactivity_penalty_deltas(cfg: &ChainConfig, state: &BeaconState) -> Result<Deltas, Error> {
    match fork_of(cfg, state) {
        ForkName::Phase0 => phase0::get_inactivity_penalty_deltas(cfg, state),
        _ => altair::get_inactivity_penalty_deltas(cfg, state),
    }
}

/// Rewards and fines the attesters of the previous epoch (`process_rewards_and_penalties` of phase0/beacon-chain.md;
/// of altair/beacon-chain.md from then on).
///
/// # Errors
/// As the components.
pub fn process_rewards_and_penalties(cfg: &ChainConfig, state: &mut BeaconState) -> Result<(), Error> {
    if get_current_epoch(cfg, state) == GENESIS_EPOCH {
        return Ok(());
    }
    match fork_of(cfg, state) {
        ForkName::Phase0 => apply(state, &get_attestation_deltas(cfg, state)?),
        _ => altair::process_rewards_and_penalties(cfg, state),
    }
}

/// Rewards, then fines.
fn apply(state: &mut BeaconState, deltas: &Deltas) -> Result<(), Error> {
    same_length("balances", state.balances.len(), state)?;
    let mut deltas = deltas.rewards.iter().zip(&deltas.penalties);
    state.balances.try_update(|_, balance| {
        let Some((reward, penalty)) = deltas.next() else { return Ok(None) };
        let new = math::add("balance", *balance, *reward)?.saturating_sub(*penalty);
        Ok((new != *balance).then_some(new))
    })
}
