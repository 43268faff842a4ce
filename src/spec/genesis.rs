//! The first state.

use crate::{
    spec::{
        Error,
        accessors::{
            get_active_validator_indices, get_max_effective_balance, get_next_sync_committee, get_validator_index,
            initialize_proposer_lookahead, is_eligible_for_activation_queue,
        },
        blocks::process_deposit,
        deposit_tree::DepositTree,
        math,
        mutators::increase_balance,
        upgrade::initialize_balance_queues,
    },
    ssz::{Root, Ssz},
    types::{
        BeaconBlockBody, BeaconBlockHeader, BeaconState, ChainConfig, Deposit, Eth1Data, Fork, ForkName,
        constants::GENESIS_EPOCH,
    },
};

/// The state that a chain starts from, given all deposits in order (phase0/beacon-chain.md,
/// `initialize_beacon_state_from_eth1`).
///
/// On a network whose genesis is in a later fork, the state is built in that fork: its version is both the previous and
/// the current one, and its sync committees are drawn. The execution payload header is the caller's to set. (The other convention, a phase0 genesis followed by the upgrades,
/// is [`crate::spec::upgrade`] on a state that was built with those forks unscheduled.)
///
/// # Errors
/// If a deposit's proof does not hold against the root of the deposits up to it, or nobody can be drawn.
pub fn initialize_beacon_state_from_eth1(
    cfg: &ChainConfig,
    eth1_block_hash: Root,
    eth1_timestamp: u64,
    deposits: &[Deposit],
) -> Result<BeaconState, Error> {
    let fork = cfg.genesis_fork();
    let shape = cfg.shape(fork);
    let mut state = empty_genesis_state(cfg, eth1_block_hash, eth1_timestamp, deposits.len() as u64)?;
    let mut tree = DepositTree::default();
    for deposit in deposits {
        tree.push(deposit.data.hash_tree_root(shape));
        state.eth1_data.deposit_root = tree.root();
        process_deposit(cfg, &mut state, deposit)?;
    }
    // Since electra balances come by way of the queue; at genesis nothing waits. Before, the queue is empty.
    for deposit in &std::mem::take(&mut state.pending_deposits) {
        if let Some(index) = get_validator_index(&state, &deposit.pubkey) {
            increase_balance(&mut state, index, deposit.amount)?;
        }
    }
    activate_genesis_validators(cfg, &mut state)?;
    Ok(state)
}

/// The genesis state before its first deposit: for builders that have no proofs to check. They append validators and
/// then call [`activate_genesis_validators`].
///
/// # Errors
/// If the genesis time is beyond 64 bits.
pub fn empty_genesis_state(
    cfg: &ChainConfig,
    eth1_block_hash: Root,
    eth1_timestamp: u64,
    deposit_count: u64,
) -> Result<BeaconState, Error> {
    let fork = cfg.genesis_fork();
    let shape = cfg.shape(fork);
    let version = cfg.fork_version(fork);
    let mixes = vec![eth1_block_hash; cfg.preset.epochs_per_historical_vector as usize];
    Ok(BeaconState {
        genesis_time: math::add("genesis time", eth1_timestamp, cfg.genesis_delay)?,
        fork: Fork { previous_version: version, current_version: version, epoch: GENESIS_EPOCH },
        eth1_data: Eth1Data { deposit_root: Root::default(), deposit_count, block_hash: eth1_block_hash },
        latest_block_header: BeaconBlockHeader {
            body_root: BeaconBlockBody::zero(shape).hash_tree_root(shape),
            ..BeaconBlockHeader::default()
        },
        randao_mixes: mixes.into(),
        ..BeaconState::zero(shape)
    })
}

/// Activates every validator with a full balance, and sets what depends on who is active: the end of
/// `initialize_beacon_state_from_eth1`. See [`complete_genesis_state`] for builders that activate validators themselves.
///
/// # Errors
/// As [`complete_genesis_state`].
pub fn activate_genesis_validators(cfg: &ChainConfig, state: &mut BeaconState) -> Result<(), Error> {
    let p = cfg.preset;
    let fork = cfg.genesis_fork();
    let mut balances = state.balances.iter();
    state.validators.update(|_, validator| {
        let balance = balances.next()?;
        let mut validator = *validator;
        let max = get_max_effective_balance(cfg, fork, &validator);
        validator.effective_balance = (balance - balance % p.effective_balance_increment).min(max);
        if is_eligible_for_activation_queue(cfg, fork, &validator) {
            validator.activation_eligibility_epoch = GENESIS_EPOCH;
            validator.activation_epoch = GENESIS_EPOCH;
        }
        Some(validator)
    });
    complete_genesis_state(cfg, state)
}

/// Sets what a genesis state has by who is active in it: the root of its registry, the sync committees, the beginning of
/// electra's queues and fulu's proposers.
///
/// # Errors
/// If nobody can be drawn.
pub fn complete_genesis_state(cfg: &ChainConfig, state: &mut BeaconState) -> Result<(), Error> {
    let fork = cfg.genesis_fork();
    state.cache.clear();
    state.genesis_validators_root = state.validators.hash_tree_root(cfg.shape(fork));
    if fork >= ForkName::Altair {
        state.current_sync_committee = get_next_sync_committee(cfg, state)?;
        state.next_sync_committee = state.current_sync_committee.clone();
    }
    if fork >= ForkName::Electra {
        initialize_balance_queues(cfg, state)?;
    }
    if fork >= ForkName::Fulu {
        state.proposer_lookahead = initialize_proposer_lookahead(cfg, state)?.into();
    }
    Ok(())
}

/// Whether a chain may start from `state` (phase0/beacon-chain.md, `is_valid_genesis_state`).
pub fn is_valid_genesis_state(cfg: &ChainConfig, state: &BeaconState) -> bool {
    state.genesis_time >= cfg.min_genesis_time
        && get_active_validator_indices(state, GENESIS_EPOCH).len() as u64 >= cfg.min_genesis_active_validator_count
}
