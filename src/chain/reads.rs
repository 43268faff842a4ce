//! What the chain answers. Reads NEVER change what the chain believes.

use std::sync::Arc;

use super::{Chain, Error, Head, Metrics};
use crate::ssz::Root;
use crate::types::{
    Attestation, AttestationData, AttesterSlashing, BeaconBlock, BeaconState, BlsPubkey, BlsSignature, ChainConfig,
    Checkpoint, CommitteeIndex, Epoch, ProposerSlashing, SignedBeaconBlock, SignedVoluntaryExit, Slot, Status,
    SyncCommitteeContribution, ValidatorIndex,
};

/// Which state: the Beacon API's `state_id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateId {
    Head,
    Genesis,
    Finalized,
    Justified,
    /// The canonical state at a slot, empty slots processed.
    Slot(Slot),
    /// By state root (of a block's post-state).
    Root(Root),
}

/// Which block: the Beacon API's `block_id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockId {
    Head,
    Genesis,
    Finalized,
    Justified,
    /// The canonical block of exactly this slot.
    Slot(Slot),
    Root(Root),
}

/// A block found, and what the chain thinks of it.
#[derive(Clone, Debug)]
pub struct FoundBlock {
    pub root: Root,
    pub block: Arc<SignedBeaconBlock>,
    pub canonical: bool,
    pub finalized: bool,
}

/// Duties, and the block root that decides them: while it stays, so do they.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duties<T> {
    pub dependent_root: Root,
    pub duties: Vec<T>,
}

/// Who proposes when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposerDuty {
    pub pubkey: BlsPubkey,
    pub validator_index: ValidatorIndex,
    pub slot: Slot,
}

/// Who attests when, and where in which committee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttesterDuty {
    pub pubkey: BlsPubkey,
    pub validator_index: ValidatorIndex,
    pub committee_index: CommitteeIndex,
    pub committee_length: u64,
    pub committees_at_slot: u64,
    pub validator_committee_index: u64,
    pub slot: Slot,
}

/// Who sits where in the sync committee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncDuty {
    pub pubkey: BlsPubkey,
    pub validator_index: ValidatorIndex,
    pub validator_sync_committee_indices: Vec<u64>,
}

/// One block in fork choice, for `/eth/v1/debug/fork_choice`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForkChoiceNode {
    pub slot: Slot,
    pub root: Root,
    /// Absent for the oldest.
    pub parent: Option<Root>,
    pub justified_epoch: Epoch,
    pub finalized_epoch: Epoch,
    /// Gwei.
    pub weight: u64,
}

impl Chain {
    /// The network's configuration.
    pub fn config(&self) -> &Arc<ChainConfig> {
        todo!()
    }
    /// Unix seconds.
    pub fn genesis_time(&self) -> u64 {
        todo!()
    }
    pub fn genesis_validators_root(&self) -> Root {
        todo!()
    }
    pub fn genesis_block_root(&self) -> Root {
        todo!()
    }
    /// The slot of the latest event's time; 0 before genesis.
    pub fn current_slot(&self) -> Slot {
        todo!()
    }
    /// The head block, with its post-state.
    pub fn head(&self) -> Head {
        todo!()
    }
    /// Fork choice's finalized checkpoint: its root is the genesis block's root before the first finality.
    pub fn finalized(&self) -> Checkpoint {
        todo!()
    }
    /// Fork choice's justified checkpoint.
    pub fn justified(&self) -> Checkpoint {
        todo!()
    }
    /// What we say in a status handshake: a zero finalized root while the finalized epoch is 0.
    pub fn status(&self) -> Status {
        todo!()
    }
    /// Whether the block is imported.
    pub fn has_block(&self, root: &Root) -> bool {
        todo!()
    }
    /// Any imported block that is not pruned.
    pub fn block_by_root(&self, root: &Root) -> Option<Arc<SignedBeaconBlock>> {
        todo!()
    }
    /// The canonical block of exactly this slot; genesis has none.
    pub fn canonical_block_at(&self, slot: Slot) -> Option<Arc<SignedBeaconBlock>> {
        todo!()
    }
    /// Root of the canonical block at the slot or the latest before it.
    pub fn canonical_root_at(&self, slot: Slot) -> Option<Root> {
        todo!()
    }
    pub fn block(&self, id: BlockId) -> Result<FoundBlock, Error> {
        todo!()
    }
    pub fn state(&self, id: StateId) -> Result<Arc<BeaconState>, Error> {
        todo!()
    }
    /// Root of the block whose post-state (perhaps advanced over empty slots) `state(id)` is, and whether it is finalized.
    pub fn state_block(&self, id: StateId) -> Result<(Root, bool), Error> {
        todo!()
    }
    /// The tips of all forks not pruned: slot and root.
    pub fn heads(&self) -> Vec<(Slot, Root)> {
        todo!()
    }
    /// Fork choice's blocks, by slot, then root.
    pub fn fork_choice(&self) -> Vec<ForkChoiceNode> {
        todo!()
    }
    pub fn metrics(&self) -> &Metrics {
        todo!()
    }
    /// An unsigned block on the current head, with the best of the pools and its state root.
    pub fn produce_block(&self, slot: Slot, randao: BlsSignature, graffiti: Root) -> Result<BeaconBlock, Error> {
        todo!()
    }
    /// What a committee of this slot should sign now.
    pub fn attestation_data(&self, slot: Slot, index: CommitteeIndex) -> Result<AttestationData, Error> {
        todo!()
    }
    /// The best aggregate known of the data with this root.
    pub fn aggregate(&self, slot: Slot, data_root: &Root) -> Option<Attestation> {
        todo!()
    }
    /// The sync committee messages of one subcommittee for a block, aggregated.
    pub fn sync_contribution(&self, slot: Slot, block: &Root, subcommittee: u64) -> Option<SyncCommitteeContribution> {
        todo!()
    }
    pub fn proposer_duties(&self, epoch: Epoch) -> Result<Duties<ProposerDuty>, Error> {
        todo!()
    }
    pub fn attester_duties(&self, epoch: Epoch, validators: &[ValidatorIndex]) -> Result<Duties<AttesterDuty>, Error> {
        todo!()
    }
    /// Empty before altair.
    pub fn sync_duties(&self, epoch: Epoch, validators: &[ValidatorIndex]) -> Result<Vec<SyncDuty>, Error> {
        todo!()
    }
    /// The pool's attestations, aggregated as far as they don't overlap.
    pub fn pool_attestations(&self, slot: Option<Slot>, committee: Option<CommitteeIndex>) -> Vec<Attestation> {
        todo!()
    }
    pub fn pool_voluntary_exits(&self) -> Vec<Arc<SignedVoluntaryExit>> {
        todo!()
    }
    pub fn pool_proposer_slashings(&self) -> Vec<Arc<ProposerSlashing>> {
        todo!()
    }
    pub fn pool_attester_slashings(&self) -> Vec<Arc<AttesterSlashing>> {
        todo!()
    }
}
