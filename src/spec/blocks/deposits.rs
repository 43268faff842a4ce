//! Deposits: new validators and top-ups.

use crate::{
    crypto,
    spec::{
        Error,
        accessors::{compute_domain, compute_signing_root, fork_of, get_validator_index},
        math,
        mutators::increase_balance,
    },
    ssz::{Root, Ssz, is_valid_merkle_branch},
    types::{
        BeaconState, BlsPubkey, ChainConfig, Deposit, DepositData, DepositMessage, ForkName, Gwei, Validator,
        constants::{DEPOSIT_CONTRACT_TREE_DEPTH, DOMAIN_DEPOSIT, FAR_FUTURE_EPOCH},
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

/// Makes a validator of a deposit with a new public key, tops up the balance of a known one (phase0/beacon-chain.md,
/// `apply_deposit`).
///
/// # Errors
/// If the balance is beyond 64 bits or the registry is full.
pub fn apply_deposit(cfg: &ChainConfig, state: &mut BeaconState, data: &DepositData) -> Result<(), Error> {
    if let Some(index) = get_validator_index(state, &data.pubkey) {
        return increase_balance(state, index, data.amount);
    }
    if is_valid_deposit_signature(cfg, data) {
        add_validator_to_registry(cfg, state, data.pubkey, data.withdrawal_credentials, data.amount)?;
    }
    Ok(())
}

/// Whether the depositor holds the deposit's key; the deposit contract does not check that. The domain is the same on
/// every fork (phase0/beacon-chain.md, `apply_deposit`).
pub fn is_valid_deposit_signature(cfg: &ChainConfig, data: &DepositData) -> bool {
    let message = DepositMessage {
        pubkey: data.pubkey,
        withdrawal_credentials: data.withdrawal_credentials,
        amount: data.amount,
    };
    let domain = compute_domain(cfg, DOMAIN_DEPOSIT, None, None);
    crypto::verify(&data.pubkey, &compute_signing_root(&message, cfg.shape(ForkName::Phase0), domain), &data.signature)
}

/// The validator that a deposit of `amount` Gwei makes (phase0/beacon-chain.md, `get_validator_from_deposit`).
pub fn get_validator_from_deposit(
    cfg: &ChainConfig,
    pubkey: BlsPubkey,
    withdrawal_credentials: Root,
    amount: Gwei,
) -> Validator {
    let p = cfg.preset;
    Validator {
        pubkey,
        withdrawal_credentials,
        effective_balance: (amount - amount % p.effective_balance_increment).min(p.max_effective_balance),
        slashed: false,
        activation_eligibility_epoch: FAR_FUTURE_EPOCH,
        activation_epoch: FAR_FUTURE_EPOCH,
        exit_epoch: FAR_FUTURE_EPOCH,
        withdrawable_epoch: FAR_FUTURE_EPOCH,
    }
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
    state.validators.push(get_validator_from_deposit(cfg, pubkey, withdrawal_credentials, amount));
    state.balances.push(amount);
    if fork >= ForkName::Altair {
        state.previous_epoch_participation.push(0);
        state.current_epoch_participation.push(0);
        state.inactivity_scores.push(0);
    }
    Ok(())
}
