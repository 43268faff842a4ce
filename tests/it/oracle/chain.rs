//! One random chain: blocks, skipped slots, forks at random epochs, phases in which many or few vote.

use super::keys::{Keys, message};
use lockin::genesis::{Convention, deposit_data, genesis_state};
use lockin::spec::{self, DepositTree, Signatures};
use lockin::ssz::{Preset, Root, Ssz, Uint256};
use lockin::types::constants::{DOMAIN_BEACON_PROPOSER, DOMAIN_RANDAO, DOMAIN_SYNC_COMMITTEE};
use lockin::types::{
    BeaconBlock, BeaconBlockBody, BeaconState, ChainConfig, Deposit, DepositData, Eth1Data, ExecutionPayload, ForkName,
    SignedBeaconBlock, Slot, SyncAggregate, ValidatorIndex,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const VALIDATORS: u64 = 64;
/// Unix seconds.
const GENESIS_TIME: u64 = 1_700_000_000;
/// Slots in which about equally many take part.
const PHASE: u64 = 24;

pub struct RandomChain {
    pub seed: u64,
    pub cfg: ChainConfig,
    pub genesis: BeaconState,
    /// After the last block.
    pub state: BeaconState,
    /// What the last block was made on, at its slot.
    pub pre: BeaconState,
    /// The last block.
    pub block: Option<SignedBeaconBlock>,
    pub(super) dice: ChaCha8Rng,
    pub(super) keys: Keys,
    /// What the deposit contract has got.
    tree: DepositTree,
    pub(super) deposits: Vec<DepositData>,
    /// Deposits that eth1 votes of this voting period tell of.
    voted: (u64, usize),
}

impl RandomChain {
    pub fn new(seed: u64) -> Self {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let cfg = config(&mut dice);
        let genesis = genesis_state(&cfg, ForkName::Phase0, Convention::Genesis, GENESIS_TIME, VALIDATORS);
        let genesis = genesis.expect("a genesis state");
        let keys = Keys::new(VALIDATORS);
        let state = genesis.clone();
        let mut chain = Self {
            seed,
            cfg,
            genesis,
            pre: state.clone(),
            state,
            block: None,
            dice,
            keys,
            tree: DepositTree::default(),
            deposits: Vec::new(),
            voted: (0, VALIDATORS as usize),
        };
        for index in 0..VALIDATORS as usize {
            let data = deposit_data(&chain.cfg, &chain.keys.all[index]);
            chain.push_deposit(data);
        }
        assert_eq!(chain.tree.root(), chain.state.eth1_data.deposit_root);
        chain
    }

    pub(super) fn chance(&mut self, percent: u32) -> bool {
        self.dice.random_range(0..100) < percent
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.dice.random_range(0..end)
    }

    pub(super) fn root(&mut self) -> Root {
        self.dice.random::<[u8; 32]>().into()
    }

    pub(super) fn push_deposit(&mut self, data: DepositData) {
        self.tree.push(data.hash_tree_root(self.cfg.shape(ForkName::Phase0)));
        self.deposits.push(data);
    }

    /// How many of 100 do their duty now.
    pub(super) fn diligence(&self) -> u32 {
        let mut dice = ChaCha8Rng::seed_from_u64(self.seed ^ (self.state.slot / PHASE) << 20);
        *[100, 95, 90, 75, 60, 30].get(dice.random_range(0..6)).expect("one of six")
    }

    /// Makes a block on the last one, after some skipped slots, and applies it.
    pub fn next_block(&mut self) {
        let mut pre = self.state.clone();
        let mut slot = pre.slot + self.gap();
        let proposer = loop {
            spec::process_slots(&self.cfg, &mut pre, slot).expect("empty slots are always possible");
            let proposer = spec::get_beacon_proposer_index(&self.cfg, &pre).expect("somebody is active");
            // Whoever is slashed may not propose.
            if !pre.validators[proposer as usize].slashed {
                break proposer;
            }
            slot += 1;
        };
        let shape = self.cfg.shape_at_slot(slot);
        let body = self.body(&pre, proposer);
        let parent_root = pre.latest_block_header.hash_tree_root(shape);
        let mut block = BeaconBlock { slot, proposer_index: proposer, parent_root, state_root: Root::default(), body };
        let mut post = pre.clone();
        spec::process_block(&self.cfg, &mut post, &block, &mut Signatures::Trust)
            .unwrap_or_else(|error| panic!("seed {}, slot {slot}, {}: {error}", self.seed, shape.fork));
        block.state_root = post.hash_tree_root(shape);
        let epoch = self.cfg.epoch_of(slot);
        let signed = message(&self.cfg, &pre, &block, shape, DOMAIN_BEACON_PROPOSER, epoch);
        let signature = self.keys.sign(&pre, proposer, &signed);
        let block = SignedBeaconBlock { message: block, signature };
        spec::state_transition(&self.cfg, &mut self.state, &block, true)
            .unwrap_or_else(|error| panic!("seed {}, slot {slot}, {}: {error}", self.seed, shape.fork));
        self.pre = pre;
        self.block = Some(block);
    }

    /// Slots to the next block: mostly one, now and then more than an epoch.
    fn gap(&mut self) -> u64 {
        match self.below(100) {
            0 => 1 + self.below(2 * self.cfg.preset.slots_per_epoch),
            1..=12 => 2 + self.below(3),
            _ => 1,
        }
    }

    fn body(&mut self, pre: &BeaconState, proposer: ValidatorIndex) -> BeaconBlockBody {
        let (shape, epoch) = (self.cfg.shape_at_slot(pre.slot), self.cfg.epoch_of(pre.slot));
        let reveal = message(&self.cfg, pre, &epoch, shape, DOMAIN_RANDAO, epoch);
        let mut body = BeaconBlockBody::zero(shape);
        body.randao_reveal = self.keys.sign(pre, proposer, &reveal);
        body.graffiti = self.root();
        body.eth1_data = self.eth1_data(pre);
        // Operations are tried on the state as it is when their turn comes.
        let mut scratch = pre.clone();
        spec::blocks::process_eth1_data(&self.cfg, &mut scratch, &body).expect("a vote is always possible");
        if shape.fork >= ForkName::Bellatrix {
            body.execution_payload = self.payload(pre);
        }
        self.add_slashings(&mut scratch, &mut body);
        self.add_attestations(&mut scratch, &mut body);
        self.add_deposits(&scratch, &mut body);
        self.add_exits(&mut scratch, &mut body);
        if shape.fork >= ForkName::Capella {
            self.add_credential_changes(&mut scratch, &mut body);
        }
        if shape.fork >= ForkName::Deneb {
            let commitments = self.below(4);
            body.blob_kzg_commitments = (0..commitments).map(|_| self.dice.random::<[u8; 48]>().into()).collect();
        }
        if shape.fork >= ForkName::Electra {
            self.add_requests(&scratch, &mut body);
        }
        if shape.fork >= ForkName::Altair {
            body.sync_aggregate = self.sync_aggregate(pre);
        }
        body
    }

    /// All vote alike in a voting period, so that some votes win; deposits come before the requests do.
    fn eth1_data(&mut self, pre: &BeaconState) -> Eth1Data {
        let period = pre.slot / (self.cfg.preset.epochs_per_eth1_voting_period * self.cfg.preset.slots_per_epoch);
        if self.voted.0 != period {
            if self.cfg.fork_at_slot(pre.slot) < ForkName::Electra {
                for _ in 0..self.below(5) {
                    let data = self.deposit();
                    self.push_deposit(data);
                }
            }
            self.voted = (period, self.deposits.len());
        }
        let block_hash = Root::default();
        Eth1Data { deposit_root: self.tree.root(), deposit_count: self.tree.len() as u64, block_hash }
    }

    fn add_deposits(&mut self, scratch: &BeaconState, body: &mut BeaconBlockBody) {
        let due = spec::blocks::get_eth1_pending_deposit_count(&self.cfg, scratch).expect("a count");
        let (start, end) = (scratch.eth1_deposit_index, scratch.eth1_deposit_index + due);
        // Proofs are against the root that the state has, of so many deposits.
        let mut tree = DepositTree::default();
        let shape = self.cfg.shape(ForkName::Phase0);
        self.deposits[..scratch.eth1_data.deposit_count as usize]
            .iter()
            .for_each(|data| tree.push(data.hash_tree_root(shape)));
        for index in start..end {
            let proof = tree.proof(index as usize).expect("the tree has it");
            body.deposits.push(Deposit { proof: proof.into(), data: self.deposits[index as usize] });
        }
    }

    fn payload(&mut self, pre: &BeaconState) -> ExecutionPayload {
        let shape = self.cfg.shape_at_slot(pre.slot);
        let merged = spec::is_merge_transition_complete(pre);
        if !merged && shape.fork == ForkName::Bellatrix && !self.chance(30) {
            return ExecutionPayload::zero(shape);
        }
        let parent = &pre.latest_execution_payload_header;
        let mut payload = ExecutionPayload::zero(shape);
        payload.parent_hash = parent.block_hash;
        payload.block_number = parent.block_number + 1;
        payload.timestamp = spec::compute_time_at_slot(&self.cfg, pre, pre.slot).expect("a time");
        payload.prev_randao = spec::get_randao_mix(&self.cfg, pre, self.cfg.epoch_of(pre.slot)).expect("a mix");
        (payload.state_root, payload.receipts_root, payload.block_hash) = (self.root(), self.root(), self.root());
        payload.fee_recipient = self.dice.random::<[u8; 20]>().into();
        (payload.gas_limit, payload.gas_used) = (30_000_000, self.below(30_000_000));
        payload.base_fee_per_gas = Uint256::from_le_bytes(self.dice.random::<[u8; 32]>());
        let extra: Vec<u8> = (0..self.below(33)).map(|_| self.dice.random()).collect();
        payload.extra_data = extra.into();
        payload.transactions = (0..self.below(4)).map(|_| self.transaction()).collect();
        if shape.fork >= ForkName::Capella {
            let expected = spec::get_expected_withdrawals(&self.cfg, pre).expect("withdrawals");
            payload.withdrawals = expected.withdrawals.into();
        }
        if shape.fork >= ForkName::Deneb {
            (payload.blob_gas_used, payload.excess_blob_gas) = (self.below(1 << 20), self.below(1 << 20));
        }
        payload
    }

    fn transaction(&mut self) -> lockin::types::Transaction {
        let bytes: Vec<u8> = (0..self.below(200)).map(|_| self.dice.random()).collect();
        bytes.into()
    }

    fn sync_aggregate(&mut self, pre: &BeaconState) -> SyncAggregate {
        let shape = self.cfg.shape_at_slot(pre.slot);
        let mut aggregate = SyncAggregate::zero(shape);
        aggregate.sync_committee_signature = lockin::crypto::G2_POINT_AT_INFINITY;
        let diligence = self.diligence();
        let members: Vec<_> = pre.current_sync_committee.pubkeys.iter().copied().collect();
        let present: Vec<bool> = members.iter().map(|_| self.chance(diligence)).collect();
        let slot: Slot = pre.slot - 1;
        let root = spec::get_block_root_at_slot(&self.cfg, pre, slot).expect("the previous slot's root");
        let domain = spec::get_domain(&self.cfg, pre, DOMAIN_SYNC_COMMITTEE, Some(self.cfg.epoch_of(slot)));
        let signed = spec::signing_root_of(root, domain);
        let signers = members.iter().zip(&present).filter(|(_, present)| **present);
        let signatures: Vec<_> = signers.map(|(pubkey, _)| self.keys.secret(pubkey).sign(&signed)).collect();
        if !signatures.is_empty() {
            aggregate.sync_committee_signature = lockin::crypto::aggregate(&signatures).expect("there are signers");
        }
        aggregate.sync_committee_bits = present.into_iter().collect();
        aggregate
    }
}

/// Forks one to three epochs apart, and rules under which much happens in a short time.
fn config(dice: &mut ChaCha8Rng) -> ChainConfig {
    let mut cfg = ChainConfig::lockin(Preset::minimal());
    let mut epoch = 0;
    for fork in ForkName::ALL.into_iter().skip(1) {
        epoch += dice.random_range(1..=3);
        cfg.set_fork_epoch(fork, epoch);
    }
    let values = [
        ("SHARD_COMMITTEE_PERIOD", "1"),
        ("MIN_VALIDATOR_WITHDRAWABILITY_DELAY", "2"),
        ("EJECTION_BALANCE", "31000000000"),
        ("MIN_PER_EPOCH_CHURN_LIMIT_ELECTRA", "256000000000"),
        ("MAX_PER_EPOCH_ACTIVATION_EXIT_CHURN_LIMIT", "128000000000"),
    ];
    for (key, value) in values {
        cfg.set(key, value).expect("a configuration value");
    }
    cfg
}
