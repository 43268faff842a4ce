//! Keys, a genesis state and a configuration for the stage.

use lockin::crypto::SecretKey;
use lockin::spec;
use lockin::ssz::{Bytes, Preset, sha256};
use lockin::types::constants::BLS_WITHDRAWAL_PREFIX;
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

/// Everybody active from the start, at [`GENESIS_TIME`]. Withdrawals go to an address for even indices; odd ones still have
/// the credentials of their own key.
pub fn genesis(cfg: &ChainConfig, keys: &[SecretKey]) -> BeaconState {
    let mut state = spec::empty_genesis_state(cfg, Bytes([0x42; 32]), 0, keys.len() as u64).unwrap();
    state.genesis_time = GENESIS_TIME;
    state.eth1_deposit_index = keys.len() as u64;
    for (index, key) in keys.iter().enumerate() {
        let far = FAR_FUTURE_EPOCH;
        let mut withdrawal_credentials = sha256(&key.public_key().0);
        withdrawal_credentials.0[0] = BLS_WITHDRAWAL_PREFIX;
        if index % 2 == 0 {
            withdrawal_credentials.0[..12].copy_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        }
        state.validators.push(Validator {
            pubkey: key.public_key(),
            withdrawal_credentials,
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

/// The minimal preset, with these forks at these epochs and the merge by total difficulty.
pub fn forks(epochs: &[(ForkName, Epoch)]) -> ChainConfig {
    let mut cfg = ChainConfig::lockin(Preset::minimal());
    cfg.set("TERMINAL_TOTAL_DIFFICULTY", "1").unwrap();
    for (fork, epoch) in epochs {
        cfg.set_fork_epoch(*fork, *epoch);
    }
    cfg
}

/// The minimal preset, with every fork up to `last` one epoch after the other, bellatrix having two.
pub fn every_fork(last: ForkName) -> ChainConfig {
    let epochs: Vec<(ForkName, Epoch)> = ForkName::ALL[1..].iter().copied().zip([1, 2, 4, 5, 6, 7]).collect();
    forks(&epochs.into_iter().filter(|(fork, _)| *fork <= last).collect::<Vec<_>>())
}
