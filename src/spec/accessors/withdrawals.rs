//! Withdrawal credentials, and whose balance goes to the execution layer.

use crate::{
    ssz::Bytes,
    types::{
        ChainConfig, Epoch, ExecutionAddress, ForkName, Gwei, Root, Validator,
        constants::{COMPOUNDING_WITHDRAWAL_PREFIX, ETH1_ADDRESS_WITHDRAWAL_PREFIX, FAR_FUTURE_EPOCH},
    },
};

/// Whether the validator's credentials are an execution address (capella/beacon-chain.md,
/// `has_eth1_withdrawal_credential`).
pub fn has_eth1_withdrawal_credential(validator: &Validator) -> bool {
    validator.withdrawal_credentials.0[0] == ETH1_ADDRESS_WITHDRAWAL_PREFIX
}

/// Whether credentials are those of a validator that compounds (electra/beacon-chain.md,
/// `is_compounding_withdrawal_credential`).
pub fn is_compounding_withdrawal_credential(withdrawal_credentials: &Root) -> bool {
    withdrawal_credentials.0[0] == COMPOUNDING_WITHDRAWAL_PREFIX
}

/// Whether the validator compounds (electra/beacon-chain.md, `has_compounding_withdrawal_credential`).
pub fn has_compounding_withdrawal_credential(validator: &Validator) -> bool {
    is_compounding_withdrawal_credential(&validator.withdrawal_credentials)
}

/// Whether the validator's credentials name an execution address, compounding or not (electra/beacon-chain.md,
/// `has_execution_withdrawal_credential`).
pub fn has_execution_withdrawal_credential(validator: &Validator) -> bool {
    has_eth1_withdrawal_credential(validator) || has_compounding_withdrawal_credential(validator)
}

/// The address in withdrawal credentials that hold one.
pub fn withdrawal_address(validator: &Validator) -> ExecutionAddress {
    Bytes(std::array::from_fn(|i| validator.withdrawal_credentials.0[12 + i]))
}

/// The most that counts of the validator's balance, in Gwei (electra/beacon-chain.md, `get_max_effective_balance`); the
/// same for everybody before electra.
pub fn get_max_effective_balance(cfg: &ChainConfig, fork: ForkName, validator: &Validator) -> Gwei {
    let p = cfg.preset;
    if fork < ForkName::Electra {
        p.max_effective_balance
    } else if has_compounding_withdrawal_credential(validator) {
        p.max_effective_balance_electra
    } else {
        p.min_activation_balance
    }
}

/// Whether withdrawals to the validator's credentials are possible in `fork`.
fn is_withdrawable_to(fork: ForkName, validator: &Validator) -> bool {
    match fork < ForkName::Electra {
        true => has_eth1_withdrawal_credential(validator),
        false => has_execution_withdrawal_credential(validator),
    }
}

/// Whether the whole balance may leave in `epoch` (`is_fully_withdrawable_validator` of capella/beacon-chain.md and
/// electra/beacon-chain.md).
pub fn is_fully_withdrawable_validator(fork: ForkName, validator: &Validator, balance: Gwei, epoch: Epoch) -> bool {
    is_withdrawable_to(fork, validator) && validator.withdrawable_epoch <= epoch && balance > 0
}

/// Whether the balance beyond the maximum may leave (`is_partially_withdrawable_validator` of capella/beacon-chain.md and
/// electra/beacon-chain.md).
pub fn is_partially_withdrawable_validator(
    cfg: &ChainConfig,
    fork: ForkName,
    validator: &Validator,
    balance: Gwei,
) -> bool {
    let max = get_max_effective_balance(cfg, fork, validator);
    is_withdrawable_to(fork, validator) && validator.effective_balance == max && balance > max
}

/// Whether a pending partial withdrawal may take from the validator (electra/beacon-chain.md,
/// `is_eligible_for_partial_withdrawals`).
pub fn is_eligible_for_partial_withdrawals(cfg: &ChainConfig, validator: &Validator, balance: Gwei) -> bool {
    let min = cfg.preset.min_activation_balance;
    validator.exit_epoch == FAR_FUTURE_EPOCH && validator.effective_balance >= min && balance > min
}
