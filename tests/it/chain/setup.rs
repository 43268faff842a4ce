//! Keys, a genesis state and a configuration for the stage.

use lockin::crypto::SecretKey;
use lockin::spec;
use lockin::ssz::{Bytes, Preset};
use lockin::types::{BeaconState, ChainConfig, Epoch, FAR_FUTURE_EPOCH, ForkName, Validator};

pub const GENESIS_TIME: u64 = 1_600_000_000;

/// Secrets 1, 2, 3...
pub fn keys(count: usize) -> Vec<SecretKey> {
    let key = |index: usize| {
        let mut bytes = [0; 32];
        bytes[24..].copy_from_slice(&(index as u64 + 1).to_be_bytes());
        SecretKey::from_bytes(&bytes).unwrap()
    };
    (0..count).map(key).collect()
}

/// Everybody active from the start, at [`GENESIS_TIME`].
pub fn genesis(cfg: &ChainConfig, keys: &[SecretKey]) -> BeaconState {
    let mut state = spec::empty_genesis_state(cfg, Bytes([0x42; 32]), 0, keys.len() as u64).unwrap();
    state.genesis_time = GENESIS_TIME;
    state.eth1_deposit_index = keys.len() as u64;
    for key in keys {
        let far = FAR_FUTURE_EPOCH;
        state.validators.push(Validator {
            pubkey: key.public_key(),
            activation_eligibility_epoch: far,
            activation_epoch: far,
            exit_epoch: far,
            withdrawable_epoch: far,
            ..Validator::default()
        });
        state.balances.push(cfg.preset.max_effective_balance);
        if cfg.genesis_fork() >= ForkName::Altair {
            state.previous_epoch_participation.push(0);
            state.current_epoch_participation.push(0);
            state.inactivity_scores.push(0);
        }
    }
    spec::activate_genesis_validators(cfg, &mut state).unwrap();
    state
}

/// The minimal preset, with altair at this epoch.
pub fn minimal(altair: Epoch) -> ChainConfig {
    let mut cfg = ChainConfig::lockin(Preset::minimal());
    cfg.set_fork_epoch(ForkName::Altair, altair);
    cfg
}
