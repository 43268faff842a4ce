//! Deposits: new validators and top-ups.

use crate::{
    crypto,
    spec::{
        Error,
        accessors::{compute_domain, compute_signing_root, fork_of, get_max_effective_balance, get_validator_index},
        math,
        mutators::{increase_balance, push_pending_deposit},
    },
    ssz::{Root, Ssz, is_valid_merkle_branch},
    types::{
        BeaconState, BlsPubkey, ChainConfig, Deposit, DepositData, DepositMessage, ForkName, Gwei, PendingDeposit,
        Validator,
        constants::{DEPOSIT_CONTRACT_TREE_DEPTH, DOMAIN_DEPOSIT, FAR_FUTURE_EPOCH, GENESIS_SLOT},
    },
};

/// Applies a deposit that the deposit root proves (phase0/beacon-chain.md, `process_deposit`).
///
/// # Errors
/// If the proof does not hold. A wrong signature of the deposit itself is no error: it makes no validator.
pub fn process_deposit(cfg: &ChainConfig, state: &mut BeaconState, deposit: &Deposit) -> Result<(), Error> {
    let leaf = deposit.data.hash_tree_root(cfg.shape(fork_of(cfg, state)));
    // One level more than the tree, for the list's length.
    let depth = DEPOSIT_CONTRACT_TREE_DEPTH as usize + 1;
    let (index, root) = (state.eth1_deposit_index, state.eth1_data.deposit_root);
    if !is_valid_merkle_branch(&leaf, &deposit.proof.to_vec(), depth, index, &root) {
        return Err(Error::DepositProof { index, root });
    }
    state.eth1_deposit_index = math::add("deposit index", index, 1)?;
    apply_deposit(cfg, state, &deposit.data)
}

/// Makes a validator of a deposit with a new public key, tops up the balance of a known one; from electra on the balance
/// comes by way of the queue (`apply_deposit` of phase0/beacon-chain.md; of electra/beacon-chain.md from then on).
///
/// # Errors
/// If the balance is beyond 64 bits, or the registry or the queue is full.
pub fn apply_deposit(cfg: &ChainConfig, state: &mut BeaconState, data: &DepositData) -> Result<(), Error> {
    let DepositData { pubkey, withdrawal_credentials, amount, signature } = *data;
    let known = get_validator_index(state, &pubkey);
    if known.is_none() && !is_valid_deposit_signature(cfg, data) {
        return Ok(());
    }
    if fork_of(cfg, state) < ForkName::Electra {
        return match known {
            Some(index) => increase_balance(state, index, amount),
            None => add_validator_to_registry(cfg, state, pubkey, withdrawal_credentials, amount),
        };
    }
    if known.is_none() {
        add_validator_to_registry(cfg, state, pubkey, withdrawal_credentials, 0)?;
    }
    // The genesis slot tells it from a deposit request.
    let deposit = PendingDeposit { pubkey, withdrawal_credentials, amount, signature, slot: GENESIS_SLOT };
    push_pending_deposit(cfg, state, deposit)
}

/// Whether the depositor holds the deposit's key; the deposit contract does not check that. The domain is the same on
/// every fork (electra/beacon-chain.md, `is_valid_deposit_signature`; part of `apply_deposit` before).
pub fn is_valid_deposit_signature(cfg: &ChainConfig, data: &DepositData) -> bool {
    let message = DepositMessage {
        pubkey: data.pubkey,
        withdrawal_credentials: data.withdrawal_credentials,
        amount: data.amount,
    };
    let domain = compute_domain(cfg, DOMAIN_DEPOSIT, None, None);
    crypto::verify(&data.pubkey, &compute_signing_root(&message, cfg.shape(ForkName::Phase0), domain), &data.signature)
}

/// The validator that a deposit of `amount` Gwei makes (`get_validator_from_deposit` of phase0/beacon-chain.md; of
/// electra/beacon-chain.md from then on).
pub fn get_validator_from_deposit(
    cfg: &ChainConfig,
    fork: ForkName,
    pubkey: BlsPubkey,
    withdrawal_credentials: Root,
    amount: Gwei,
) -> Validator {
    let mut validator = Validator {
        pubkey,
        withdrawal_credentials,
        effective_balance: 0,
        slashed: false,
        activation_eligibility_epoch: FAR_FUTURE_EPOCH,
        activation_epoch: FAR_FUTURE_EPOCH,
        exit_epoch: FAR_FUTURE_EPOCH,
        withdrawable_epoch: FAR_FUTURE_EPOCH,
    };
    let whole_increments = amount - amount % cfg.preset.effective_balance_increment;
    validator.effective_balance = whole_increments.min(get_max_effective_balance(cfg, fork, &validator));
    validator
}

/// Appends a validator to every list that has an entry for each (`add_validator_to_registry` of
/// phase0/beacon-chain.md; of altair/beacon-chain.md from then on).
///
/// # Errors
/// If the registry is full.
pub fn add_validator_to_registry(
    cfg: &ChainConfig,
    state: &mut BeaconState,
    pubkey: BlsPubkey,
    withdrawal_credentials: Root,
    amount: Gwei,
) -> Result<(), Error> {
    let fork = fork_of(cfg, state);
    if state.validators.is_full(cfg.shape(fork)) {
        return Err(Error::ListFull { list: "validators", len: state.validators.len() as u64 });
    }
    state.validators.push(get_validator_from_deposit(cfg, fork, pubkey, withdrawal_credentials, amount));
    state.balances.push(amount);
    if fork >= ForkName::Altair {
        state.previous_epoch_participation.push(0);
        state.current_epoch_participation.push(0);
        state.inactivity_scores.push(0);
    }
    Ok(())
}
