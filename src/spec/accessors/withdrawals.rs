//! Whose balance goes to the execution layer: the predicates of capella.

use crate::types::{ChainConfig, Epoch, Gwei, Validator, constants::ETH1_ADDRESS_WITHDRAWAL_PREFIX};

/// Whether the validator's credentials are an execution address (capella/beacon-chain.md,
/// `has_eth1_withdrawal_credential`).
pub fn has_eth1_withdrawal_credential(validator: &Validator) -> bool {
    validator.withdrawal_credentials.0[0] == ETH1_ADDRESS_WITHDRAWAL_PREFIX
}

/// Whether the whole balance may leave in `epoch` (capella/beacon-chain.md, `is_fully_withdrawable_validator`).
pub fn is_fully_withdrawable_validator(validator: &Validator, balance: Gwei, epoch: Epoch) -> bool {
    has_eth1_withdrawal_credential(validator) && validator.withdrawable_epoch <= epoch && balance > 0
}

/// Whether the balance beyond the maximum may leave (capella/beacon-chain.md, `is_partially_withdrawable_validator`).
pub fn is_partially_withdrawable_validator(cfg: &ChainConfig, validator: &Validator, balance: Gwei) -> bool {
    let max = cfg.preset.max_effective_balance;
    has_eth1_withdrawal_credential(validator) && validator.effective_balance == max && balance > max
}
