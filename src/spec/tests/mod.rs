//! A chain in one hand: validators that propose, attest and sign sync aggregates as the validator guide says.

mod chain;
mod forks;
mod hostile;
mod operations;
mod payloads;
mod queues;

use super::*;
use crate::{
    crypto::SecretKey,
    ssz::{BitList, BitVector, Bytes, Ssz},
    types::{
        Attestation, BeaconBlock, BeaconBlockBody, BeaconState, ChainConfig, Deposit, DepositData, DepositMessage,
        Epoch, ExecutionPayload, ForkName, Root, SignedBeaconBlock, Slot, SyncAggregate,
        constants::{DOMAIN_BEACON_ATTESTER, DOMAIN_DEPOSIT, DOMAIN_SYNC_COMMITTEE},
    },
};

pub(super) fn secret_key(index: u64) -> SecretKey {
    let mut bytes = [0; 32];
    bytes[24..].copy_from_slice(&(index + 1).to_be_bytes());
    SecretKey::from_bytes(&bytes).unwrap()
}

/// A minimal network that upgrades to altair at `altair_epoch`.
pub(super) fn network(altair_epoch: Epoch) -> ChainConfig {
    let mut cfg = ChainConfig::minimal();
    cfg.set_fork_epoch(ForkName::Altair, altair_epoch);
    cfg
}

/// A minimal network that starts in `fork`.
pub(super) fn network_of(fork: ForkName) -> ChainConfig {
    let mut cfg = ChainConfig::minimal();
    cfg.start_at(fork);
    cfg
}

pub(super) fn deposit_data(cfg: &ChainConfig, index: u64, amount: u64) -> DepositData {
    let privkey = secret_key(index);
    let withdrawal_credentials = Bytes([index as u8; 32]);
    let message = DepositMessage { pubkey: privkey.public_key(), withdrawal_credentials, amount };
    let domain = compute_domain(cfg, DOMAIN_DEPOSIT, None, None);
    let signature = privkey.sign(&compute_signing_root(&message, cfg.shape(ForkName::Phase0), domain));
    DepositData { pubkey: message.pubkey, withdrawal_credentials, amount, signature }
}

/// The deposits of the first `count` keys, each proved against the root of those up to it.
pub(super) fn deposits(cfg: &ChainConfig, count: u64) -> Vec<Deposit> {
    let mut tree = DepositTree::default();
    (0..count)
        .map(|index| {
            let data = deposit_data(cfg, index, cfg.preset.max_effective_balance);
            tree.push(data.hash_tree_root(cfg.shape(ForkName::Phase0)));
            Deposit { proof: tree.proof(index as usize).unwrap().into(), data }
        })
        .collect()
}

/// A chain whose validators all do their duties.
#[derive(Clone)]
pub(super) struct Rig {
    pub cfg: ChainConfig,
    /// The state after the latest block.
    pub state: BeaconState,
    pub head_root: Root,
    /// Votes for the next block.
    pub attestations: Vec<Attestation>,
}

impl Rig {
    pub fn new(cfg: ChainConfig, validators: u64) -> Self {
        let state = initialize_beacon_state_from_eth1(&cfg, Bytes([0x42; 32]), 1 << 40, &deposits(&cfg, validators));
        let state = state.unwrap();
        let genesis = BeaconBlock {
            state_root: state.hash_tree_root(cfg.shape_at_slot(0)),
            ..BeaconBlock::zero(cfg.shape_at_slot(0))
        };
        let head_root = genesis.hash_tree_root(cfg.shape_at_slot(0));
        Self { cfg, state, head_root, attestations: Vec::new() }
    }

    /// The state advanced to `slot`.
    pub fn state_at(&self, slot: Slot) -> BeaconState {
        let mut state = self.state.clone();
        if slot > state.slot {
            process_slots(&self.cfg, &mut state, slot).unwrap();
        }
        state
    }

    /// The block of `slot` on the head, with `edit` applied before root and signature are made.
    pub fn block_with(&self, slot: Slot, edit: impl FnOnce(&mut BeaconBlock)) -> SignedBeaconBlock {
        let mut block = self.bare_block(slot);
        edit(&mut block);
        block.state_root = compute_new_state_root(&self.cfg, &self.state, &block).unwrap();
        self.sign(block)
    }

    pub fn block(&self, slot: Slot) -> SignedBeaconBlock {
        self.block_with(slot, |_| {})
    }

    pub fn sign(&self, block: BeaconBlock) -> SignedBeaconBlock {
        let state = self.state_at(block.slot);
        let signature = get_block_signature(&self.cfg, &state, &block, &secret_key(block.proposer_index));
        SignedBeaconBlock { message: block, signature }
    }

    fn bare_block(&self, slot: Slot) -> BeaconBlock {
        let cfg = &self.cfg;
        let state = self.state_at(slot);
        let proposer_index = get_beacon_proposer_index(cfg, &state).unwrap();
        let body = BeaconBlockBody::zero(cfg.shape_at_slot(slot));
        let mut block =
            BeaconBlock { slot, proposer_index, parent_root: self.head_root, state_root: Root::default(), body };
        block.body.randao_reveal = get_epoch_signature(cfg, &state, &block, &secret_key(proposer_index));
        block.body.eth1_data = get_interop_eth1_vote(cfg, &state).unwrap();
        // At the upgrade to electra, votes of the old form come too late.
        let fork = fork_of(cfg, &state);
        let fits = |a: &&Attestation| a.committee_bits.is_empty() == (fork < ForkName::Electra);
        block.body.attestations = self.attestations.iter().filter(fits).cloned().collect();
        if fork >= ForkName::Capella {
            block.body.execution_payload = self.payload(&state);
        }
        if fork_of(cfg, &state) >= ForkName::Altair {
            block.body.sync_aggregate = self.sync_aggregate(&state, |_| true);
        }
        block
    }

    /// A payload of no transactions for a block of `state`'s slot.
    fn payload(&self, state: &BeaconState) -> ExecutionPayload {
        let cfg = &self.cfg;
        ExecutionPayload {
            parent_hash: state.latest_execution_payload_header.block_hash,
            prev_randao: get_randao_mix(cfg, state, get_current_epoch(cfg, state)).unwrap(),
            timestamp: compute_time_at_slot(cfg, state, state.slot).unwrap(),
            block_hash: crate::ssz::sha256(&state.slot.to_le_bytes()),
            withdrawals: get_expected_withdrawals(cfg, state).unwrap().withdrawals.into(),
            ..ExecutionPayload::zero(cfg.shape_at_slot(state.slot))
        }
    }

    /// The sync committee's signature on the block before `state`'s slot, by the members at the chosen positions.
    pub fn sync_aggregate(&self, state: &BeaconState, signs: impl Fn(usize) -> bool) -> SyncAggregate {
        let previous = state.slot - 1;
        let epoch = compute_epoch_at_slot(&self.cfg, previous);
        let domain = get_domain(&self.cfg, state, DOMAIN_SYNC_COMMITTEE, Some(epoch));
        let message = signing_root_of(get_block_root_at_slot(&self.cfg, state, previous).unwrap(), domain);
        let mut sync_committee_bits = BitVector::zero(self.cfg.shape_at_slot(state.slot));
        let mut signatures = Vec::new();
        for (position, pubkey) in state.current_sync_committee.pubkeys.iter().enumerate() {
            if signs(position) {
                sync_committee_bits.set(position, true);
                signatures.push(secret_key(get_validator_index(state, pubkey).unwrap()).sign(&message));
            }
        }
        let sync_committee_signature =
            if signatures.is_empty() { G2_POINT_AT_INFINITY } else { crate::crypto::aggregate(&signatures).unwrap() };
        SyncAggregate { sync_committee_bits, sync_committee_signature }
    }

    /// Imports the block and lets every committee of its slot vote for it.
    pub fn import(&mut self, signed: &SignedBeaconBlock) -> Result<(), Error> {
        let mut state = self.state.clone();
        state_transition(&self.cfg, &mut state, signed, true)?;
        self.state = state;
        self.head_root = signed.message.hash_tree_root(self.cfg.shape_at_slot(signed.message.slot));
        self.attestations = self.attest(signed.message.slot);
        Ok(())
    }

    /// The aggregates of every committee of `slot` for the head.
    pub fn attest(&self, slot: Slot) -> Vec<Attestation> {
        let cfg = &self.cfg;
        let state = self.state_at(slot);
        let epoch = compute_epoch_at_slot(cfg, slot);
        let committees = get_committee_assignments(cfg, &state, epoch).unwrap();
        let of_slot = committees.into_iter().filter(|c| c.slot == slot);
        of_slot
            .map(|assignment| {
                let data = get_attestation_data(cfg, &state, self.head_root, assignment.index).unwrap();
                let domain = get_domain(cfg, &state, DOMAIN_BEACON_ATTESTER, Some(epoch));
                let message = compute_signing_root(&data, cfg.shape_at_slot(slot), domain);
                let mut aggregation_bits = BitList::with_len(assignment.committee.len());
                (0..assignment.committee.len()).for_each(|i| aggregation_bits.set(i, true));
                let signatures: Vec<_> = assignment.committee.iter().map(|i| secret_key(*i).sign(&message)).collect();
                let mut committee_bits = BitVector::default();
                if fork_of(cfg, &state) >= ForkName::Electra {
                    committee_bits = BitVector::zero(cfg.shape_at_slot(slot));
                    committee_bits.set(assignment.index as usize, true);
                }
                let signature = crate::crypto::aggregate(&signatures).unwrap();
                Attestation { aggregation_bits, data, signature, committee_bits }
            })
            .collect()
    }

    /// Proposes and imports a block at every slot up to `slot`.
    pub fn run_to(&mut self, slot: Slot) {
        while self.state.slot < slot {
            let signed = self.block(self.state.slot + 1);
            self.import(&signed).unwrap();
        }
    }
}
