//! Quick-start genesis states: a function of configuration, fork, convention, time and number of validators.
//!
//! The spec's `initialize_beacon_state_from_eth1` replays one deposit after another and rebuilds the deposit tree for
//! each. Deposits that we made ourselves need no verification, so the registry is built directly here; a test holds the
//! result against the spec's function.

use super::Convention;
use super::keys::{InteropKey, interop_keys, on_all_cores};
use crate::ssz::{Bytes, Fork as ForkName, List, Root, Shape, Ssz, Uint256, merkleize, mix_in_length};
use crate::types::constants::{DEPOSIT_CONTRACT_TREE_DEPTH, DOMAIN_DEPOSIT, GENESIS_EPOCH};
use crate::types::limits::ValidatorRegistryLimit;
use crate::types::{
    BeaconBlockBody, BeaconBlockHeader, BeaconState, ChainConfig, DepositData, DepositMessage, Eth1Data,
    ExecutionPayloadHeader, FAR_FUTURE_EPOCH, Fork, ForkData, SigningData, Validator,
};
use crate::{engine, spec, types};

/// The eth1 block that interop states are made from: its hash is also the first randao mix.
pub const ETH1_BLOCK_HASH: Root = Bytes([0x42; 32]);
/// That block's time, unix seconds. It shows only in a `merged` header: the genesis time is set afterwards.
pub const ETH1_TIMESTAMP: u64 = 1 << 40;
/// More validators than this are refused: mainnet has a quarter of it.
pub const MAX_VALIDATORS: u64 = 1 << 22;

/// Why there is no such genesis state.
#[derive(Debug, thiserror::Error)]
pub enum GenesisError {
    /// A fork that this program can't build a state of.
    #[error("a genesis state of {0} can't be made yet; forks that can: phase0 to {newest}", newest = ForkName::NEWEST_BUILT)]
    NotBuilt(ForkName),
    /// A payload header before there was anything to merge.
    #[error(
        "the convention `{convention}` is not applicable to {fork}: execution payloads come with bellatrix; take `genesis`"
    )]
    NoPayloads {
        /// The fork.
        fork: ForkName,
        /// The convention that needs payloads.
        convention: Convention,
    },
    /// The first block's payload could not come after it.
    #[error(
        "the execution chain begins at {timestamp}, after the genesis time {genesis_time}; take a later genesis time"
    )]
    LateExecution {
        /// Of the execution block, unix seconds.
        timestamp: u64,
        /// Of the network, unix seconds.
        genesis_time: u64,
    },
    /// Nobody to propose, or more than fit.
    #[error("{0} validators can't start a network; from 1 to {MAX_VALIDATORS} can")]
    Validators(u64),
    /// A rule of the spec failed, which a configuration out of the ordinary can bring about.
    #[error("the genesis state of {fork} can't be completed: {source}; look at the configuration's preset constants")]
    Spec {
        /// The fork.
        fork: ForkName,
        /// The rule.
        source: spec::Error,
    },
}

/// The genesis state of `validators` interop validators at `genesis_time` (unix seconds), in the given fork.
///
/// `cfg` is taken as if it scheduled `fork` and all before it at epoch 0, which is what the written configuration of
/// such a network must say ([`ChainConfig::start_at`]).
///
/// # Errors
/// A fork or convention that does not apply, or a number of validators that makes no network.
pub fn genesis_state(
    cfg: &ChainConfig,
    fork: ForkName,
    convention: Convention,
    genesis_time: u64,
    validators: u64,
) -> Result<BeaconState, GenesisError> {
    convention.check(fork)?;
    QuickStart::new(cfg, fork, validators)?.state(convention, genesis_time)
}

/// The interop validators of a network and the deposits by which they joined: the part of a genesis state that takes
/// its time and depends neither on the convention nor on when the network starts.
pub struct QuickStart {
    /// Schedules `fork` and all before it at epoch 0.
    cfg: ChainConfig,
    fork: ForkName,
    validators: List<Validator, ValidatorRegistryLimit>,
    genesis_validators_root: Root,
    /// Of a deposit contract that holds exactly these validators' deposits; block hash zero.
    deposits: Eth1Data,
}

impl QuickStart {
    /// `validators` interop validators with full balances, active from the start of a network that begins in `fork`.
    ///
    /// # Errors
    /// A fork that is not built, or a number of validators that makes no network.
    pub fn new(cfg: &ChainConfig, fork: ForkName, validators: u64) -> Result<Self, GenesisError> {
        if !fork.is_built() {
            return Err(GenesisError::NotBuilt(fork));
        }
        if !(1..=MAX_VALIDATORS.min(cfg.preset.validator_registry_limit)).contains(&validators) {
            return Err(GenesisError::Validators(validators));
        }
        let mut cfg = cfg.clone();
        cfg.start_at(fork);
        let keys = interop_keys(0..validators);
        let validators: List<_, _> = keys.iter().map(|key| validator(&cfg, key)).collect();
        let genesis_validators_root = validators.hash_tree_root(cfg.shape(fork));
        let deposits = eth1_data(&cfg, &keys);
        Ok(QuickStart { cfg, fork, validators, genesis_validators_root, deposits })
    }

    /// The genesis state by a convention, at `genesis_time` (unix seconds).
    ///
    /// # Errors
    /// A convention that does not apply to the fork.
    pub fn state(&self, convention: Convention, genesis_time: u64) -> Result<BeaconState, GenesisError> {
        convention.check(self.fork)?;
        match convention {
            Convention::Upgraded => self.upgraded(genesis_time, ETH1_BLOCK_HASH),
            Convention::Genesis => self.built_directly(genesis_time, ETH1_BLOCK_HASH),
            Convention::Merged => {
                let state = self.built_directly(genesis_time, ETH1_BLOCK_HASH)?;
                Ok(BeaconState { latest_execution_payload_header: merged_header(self.cfg.shape(self.fork)), ..state })
            }
            Convention::Live => {
                self.state_on(engine::genesis::execution_genesis(self.cfg.shape(self.fork), genesis_time), genesis_time)
            }
        }
    }

    /// The genesis state of a network whose execution chain begins with the block of `header`: what real networks that
    /// start after the merge have. The block's hash is the eth1 block's and the first randao mix.
    ///
    /// # Errors
    /// A fork without payloads, or an execution chain that begins after the network.
    pub fn state_on(&self, header: ExecutionPayloadHeader, genesis_time: u64) -> Result<BeaconState, GenesisError> {
        Convention::Live.check(self.fork)?;
        if header.timestamp > genesis_time {
            return Err(GenesisError::LateExecution { timestamp: header.timestamp, genesis_time });
        }
        let state = self.built_directly(genesis_time, header.block_hash)?;
        Ok(BeaconState { latest_execution_payload_header: header, ..state })
    }

    /// As if built in the fork itself, whose version is the previous one, too. What a fork adds to the state has the
    /// values that its upgrade function gives a state of that moment.
    fn built_directly(&self, genesis_time: u64, eth1_block_hash: Root) -> Result<BeaconState, GenesisError> {
        let state = self.upgraded(genesis_time, eth1_block_hash)?;
        let (shape, version) = (self.cfg.shape(self.fork), state.fork.current_version);
        let body_root = BeaconBlockBody::zero(shape).hash_tree_root(shape);
        Ok(BeaconState {
            fork: Fork { previous_version: version, ..state.fork },
            latest_block_header: BeaconBlockHeader { body_root, ..state.latest_block_header },
            ..state
        })
    }

    /// A phase0 genesis, taken through the upgrade functions.
    fn upgraded(&self, genesis_time: u64, eth1_block_hash: Root) -> Result<BeaconState, GenesisError> {
        let broken = |source| GenesisError::Spec { fork: self.fork, source };
        let mut state = self.phase0(genesis_time, eth1_block_hash);
        for fork in ForkName::ALL.into_iter().filter(|fork| *fork <= self.fork) {
            spec::upgrade::upgrade_to(&self.cfg, &mut state, fork).map_err(broken)?;
        }
        Ok(state)
    }

    fn phase0(&self, genesis_time: u64, eth1_block_hash: Root) -> BeaconState {
        let shape = self.cfg.shape(ForkName::Phase0);
        let version = self.cfg.genesis_fork_version;
        let mixes = vec![eth1_block_hash; self.cfg.preset.epochs_per_historical_vector as usize];
        BeaconState {
            genesis_time,
            genesis_validators_root: self.genesis_validators_root,
            fork: Fork { previous_version: version, current_version: version, epoch: GENESIS_EPOCH },
            latest_block_header: BeaconBlockHeader {
                body_root: BeaconBlockBody::zero(shape).hash_tree_root(shape),
                ..BeaconBlockHeader::default()
            },
            eth1_data: Eth1Data { block_hash: eth1_block_hash, ..self.deposits },
            eth1_deposit_index: self.deposits.deposit_count,
            validators: self.validators.clone(),
            balances: vec![self.cfg.preset.max_effective_balance; self.validators.len()].into(),
            randao_mixes: mixes.into(),
            ..BeaconState::zero(shape)
        }
    }
}

/// The header that Teku and Lodestar put into their mocked post-merge genesis.
fn merged_header(shape: Shape) -> ExecutionPayloadHeader {
    ExecutionPayloadHeader {
        block_hash: ETH1_BLOCK_HASH,
        prev_randao: ETH1_BLOCK_HASH,
        timestamp: ETH1_TIMESTAMP,
        gas_limit: 30_000_000,
        base_fee_per_gas: Uint256::from(1_000_000_000u64),
        ..ExecutionPayloadHeader::zero(shape)
    }
}

/// A validator of a genesis registry: with a full balance, active from the start.
fn validator(cfg: &ChainConfig, key: &InteropKey) -> Validator {
    let balance = cfg.preset.max_effective_balance;
    Validator {
        pubkey: key.pubkey,
        withdrawal_credentials: key.withdrawal_credentials(),
        effective_balance: balance - balance % cfg.preset.effective_balance_increment.max(1),
        slashed: false,
        activation_eligibility_epoch: GENESIS_EPOCH,
        activation_epoch: GENESIS_EPOCH,
        exit_epoch: FAR_FUTURE_EPOCH,
        withdrawable_epoch: FAR_FUTURE_EPOCH,
    }
}

/// The signed deposit by which a key joins: its full balance, in the deposit domain (genesis fork version, zero root).
pub fn deposit_data(cfg: &ChainConfig, key: &InteropKey) -> DepositData {
    let shape = cfg.shape(ForkName::Phase0);
    let (pubkey, amount) = (key.pubkey, cfg.preset.max_effective_balance);
    let withdrawal_credentials = key.withdrawal_credentials();
    let object_root = DepositMessage { pubkey, withdrawal_credentials, amount }.hash_tree_root(shape);
    let signing_root = SigningData { object_root, domain: deposit_domain(cfg) }.hash_tree_root(shape);
    DepositData { pubkey, withdrawal_credentials, amount, signature: key.secret.sign(&signing_root) }
}

/// `compute_domain(DOMAIN_DEPOSIT)`.
fn deposit_domain(cfg: &ChainConfig) -> types::Domain {
    let fork_data = ForkData { current_version: cfg.genesis_fork_version, genesis_validators_root: Root::ZERO };
    let fork_data_root = fork_data.hash_tree_root(cfg.shape(ForkName::Phase0));
    let mut domain = [0u8; 32];
    domain[..4].copy_from_slice(&DOMAIN_DEPOSIT.0);
    domain[4..].copy_from_slice(&fork_data_root.0[..28]);
    Bytes(domain)
}

/// Eth1 data of a deposit contract that holds exactly these keys' deposits.
fn eth1_data(cfg: &ChainConfig, keys: &[InteropKey]) -> Eth1Data {
    let shape = cfg.shape(ForkName::Phase0);
    let leaf = |key: &InteropKey| deposit_data(cfg, key).hash_tree_root(shape);
    let leaves = on_all_cores(keys, |part| part.iter().map(leaf).collect());
    let deposit_root = mix_in_length(merkleize(leaves, 1 << DEPOSIT_CONTRACT_TREE_DEPTH), keys.len());
    Eth1Data { deposit_root, deposit_count: keys.len() as u64, block_hash: Root::ZERO }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssz::{Preset, hash_concat, is_valid_merkle_branch};
    use crate::types::Deposit;

    /// The branch of leaf `index` in the deposit tree of these leaves, the length last.
    fn branch(leaves: &[Root], index: usize) -> Vec<Root> {
        let depth = usize::try_from(DEPOSIT_CONTRACT_TREE_DEPTH).expect("small");
        let mut nodes = leaves.to_vec();
        let mut branch = Vec::new();
        for level in 0..depth {
            let zero = crate::ssz::zero_hash(level);
            branch.push(nodes.get((index >> level) ^ 1).copied().unwrap_or(zero));
            nodes = nodes.chunks(2).map(|pair| hash_concat(&pair[0], pair.get(1).unwrap_or(&zero))).collect();
        }
        let mut length = [0; 32];
        length[..8].copy_from_slice(&(leaves.len() as u64).to_le_bytes());
        branch.push(Bytes(length));
        branch
    }

    fn deposits(cfg: &ChainConfig, count: u64) -> Vec<Deposit> {
        let shape = cfg.shape(ForkName::Phase0);
        let data: Vec<DepositData> = interop_keys(0..count).iter().map(|key| deposit_data(cfg, key)).collect();
        let leaves: Vec<Root> = data.iter().map(|data| data.hash_tree_root(shape)).collect();
        let proofs = (0..data.len()).map(|index| branch(&leaves[..=index], index));
        data.into_iter().zip(proofs).map(|(data, proof)| Deposit { proof: proof.into(), data }).collect()
    }

    fn agrees_with_the_spec(cfg: &ChainConfig, fork: ForkName, count: u64) {
        let mut cfg = cfg.clone();
        cfg.start_at(fork);
        let deposits = deposits(&cfg, count);
        let mut expected = spec::initialize_beacon_state_from_eth1(&cfg, ETH1_BLOCK_HASH, ETH1_TIMESTAMP, &deposits)
            .expect("good deposits");
        expected.genesis_time = 1_567_777_777;
        let ours = genesis_state(&cfg, fork, Convention::Genesis, 1_567_777_777, count).expect("ok");
        let shape = cfg.shape(fork);
        assert_eq!(ours.hash_tree_root(shape), expected.hash_tree_root(shape), "{fork}, {count} validators");
    }

    #[test]
    fn it_is_what_the_spec_makes_of_the_same_deposits() {
        for cfg in [ChainConfig::minimal(), ChainConfig::lockin(Preset::mainnet())] {
            for count in [1, 3, 8] {
                agrees_with_the_spec(&cfg, ForkName::Phase0, count);
            }
            // From electra on the spec's function draws the sync committees by electra's weights; the goldens have those
            // that the upgrade to altair draws, and so have we.
            for fork in ForkName::ALL.into_iter().filter(|fork| *fork < ForkName::Electra) {
                agrees_with_the_spec(&cfg, fork, 4);
            }
        }
    }

    #[test]
    fn the_deposit_root_proves_every_deposit() {
        let cfg = ChainConfig::minimal();
        let keys = interop_keys(0..5);
        let shape = cfg.shape(ForkName::Phase0);
        let leaves: Vec<Root> = keys.iter().map(|key| deposit_data(&cfg, key).hash_tree_root(shape)).collect();
        let root = eth1_data(&cfg, &keys).deposit_root;
        for (index, leaf) in leaves.iter().enumerate() {
            assert!(is_valid_merkle_branch(leaf, &branch(&leaves, index), 33, index as u64, &root));
        }
        let eight = eth1_data(&cfg, &interop_keys(0..8)).deposit_root.to_string();
        assert!(eight.starts_with("0x6a0f9d6c") && eight.ends_with("08cf"), "{eight}");
    }

    #[test]
    fn what_makes_no_genesis_is_said() {
        let cfg = ChainConfig::minimal();
        let fail = |fork, convention, count| {
            genesis_state(&cfg, fork, convention, 0, count).expect_err("must fail").to_string()
        };
        assert!(fail(ForkName::Altair, Convention::Merged, 8).contains("not applicable to altair"));
        assert!(fail(ForkName::Altair, Convention::Live, 8).contains("`live` is not applicable to altair"));
        assert!(fail(ForkName::Phase0, Convention::Genesis, 0).contains("0 validators"));
        assert!(fail(ForkName::Phase0, Convention::Genesis, u64::MAX).contains("from 1 to"));
    }

    #[test]
    fn a_small_registry_has_a_whole_sync_committee() {
        let cfg = ChainConfig::minimal();
        let state = genesis_state(&cfg, ForkName::Altair, Convention::Genesis, 0, 1).expect("one is enough");
        assert_eq!(state.current_sync_committee.pubkeys.len(), 32);
    }
}
