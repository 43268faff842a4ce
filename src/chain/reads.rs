//! What the chain answers about itself, its blocks and states. Reads NEVER change what the chain believes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::pool::attestation;
use super::{Chain, Error, Head, Metrics, schema};
use crate::spec::{self, fork_choice};
use crate::ssz::{Bytes, Root};
use crate::types::{
    Attestation, AttestationData, AttesterSlashing, BeaconState, ChainConfig, Checkpoint, CommitteeIndex, Epoch,
    Hash32, ProposerSlashing, SignedBeaconBlock, SignedBlsToExecutionChange, SignedVoluntaryExit, Slot, Status,
};

/// Which state: the Beacon API's `state_id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateId {
    /// After the head block.
    Head,
    /// The first.
    Genesis,
    /// Of the finalized checkpoint: its block's state, advanced to the start of the epoch.
    Finalized,
    /// Of the justified checkpoint, likewise.
    Justified,
    /// The canonical state at a slot, empty slots processed.
    Slot(Slot),
    /// By state root (of a block's post-state).
    Root(Root),
}

/// Which block: the Beacon API's `block_id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockId {
    /// The head.
    Head,
    /// The first, which nobody signed.
    Genesis,
    /// Of the finalized checkpoint.
    Finalized,
    /// Of the justified checkpoint.
    Justified,
    /// The canonical block of exactly this slot.
    Slot(Slot),
    /// By block root.
    Root(Root),
}

/// A block found, and what the chain thinks of it.
#[derive(Clone, Debug)]
pub struct FoundBlock {
    /// The block's root.
    pub root: Root,
    /// The block.
    pub block: Arc<SignedBeaconBlock>,
    /// Whether the head descends from it, or is it.
    pub canonical: bool,
    /// Whether it is finalized.
    pub finalized: bool,
}

/// One block in fork choice, for `/eth/v1/debug/fork_choice`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForkChoiceNode {
    /// The block's slot.
    pub slot: Slot,
    /// The block's root.
    pub root: Root,
    /// Absent for the oldest.
    pub parent: Option<Root>,
    /// Of its post-state.
    pub justified_epoch: Epoch,
    /// Of its post-state.
    pub finalized_epoch: Epoch,
    /// Gwei, proposer boost included.
    pub weight: u64,
    /// Whether the head may be it or a descendant.
    pub viable: bool,
    /// Whether the engine has not called its payload valid yet.
    pub optimistic: bool,
    /// Hash of its payload, or of the last one before it; none before the merge.
    pub execution_block_hash: Option<Hash32>,
}

impl Chain {
    /// The network's configuration.
    pub fn config(&self) -> &Arc<ChainConfig> {
        &self.cfg
    }

    /// Unix seconds.
    pub fn genesis_time(&self) -> u64 {
        self.store.genesis_time()
    }

    /// What separates this network's signatures from others'.
    pub fn genesis_validators_root(&self) -> Root {
        self.genesis_validators_root
    }

    /// Root of the block that nobody signed.
    pub fn genesis_block_root(&self) -> Root {
        self.blocks.genesis_root()
    }

    /// The slot of the latest event's time; 0 before genesis.
    pub fn current_slot(&self) -> Slot {
        self.slot
    }

    /// The head block, with its post-state.
    pub fn head(&self) -> Head {
        self.head.clone()
    }

    /// Whether the block was imported before the execution engine found its payload valid, and that is still so.
    pub fn is_optimistic(&self, root: &Root) -> bool {
        self.store.is_optimistic(root)
    }

    /// Fork choice's finalized checkpoint: its root is the genesis block's root before the first finality.
    pub fn finalized(&self) -> Checkpoint {
        self.store.finalized_checkpoint()
    }

    /// Fork choice's justified checkpoint.
    pub fn justified(&self) -> Checkpoint {
        self.store.justified_checkpoint()
    }

    /// What we say in a status handshake: a zero finalized root while the finalized epoch is 0.
    pub fn status(&self) -> Status {
        let finalized = self.finalized();
        let epoch = self.cfg.epoch_of(self.slot);
        Status {
            fork_digest: spec::compute_fork_digest(&self.cfg, self.genesis_validators_root, epoch),
            finalized_root: if finalized.epoch == 0 { Root::default() } else { finalized.root },
            finalized_epoch: finalized.epoch,
            head_root: self.head.root,
            head_slot: self.head.slot,
            earliest_available_slot: 0,
        }
    }

    /// Whether the block is imported, or finalized long ago.
    pub fn has_block(&self, root: &Root) -> bool {
        self.store.contains(root) || self.blocks.get(root).is_some()
    }

    /// Any imported block that is not pruned.
    pub fn block_by_root(&self, root: &Root) -> Option<Arc<SignedBeaconBlock>> {
        self.blocks.get(root)
    }

    /// The canonical block of exactly this slot; none for genesis, which nobody signed.
    pub fn canonical_block_at(&self, slot: Slot) -> Option<Arc<SignedBeaconBlock>> {
        if slot == 0 { None } else { self.blocks.get(&self.blocks.canonical_at(slot)?) }
    }

    /// Root of the canonical block at the slot or the latest before it.
    pub fn canonical_root_at(&self, slot: Slot) -> Option<Root> {
        self.blocks.canonical_at_or_before(slot)
    }

    /// A block, and what the chain thinks of it.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn block(&self, id: BlockId) -> Result<FoundBlock, Error> {
        let missing = || Error::NotFound { what: format!("block {id:?}") };
        let root = match id {
            BlockId::Head => self.head.root,
            BlockId::Genesis => self.genesis_block_root(),
            BlockId::Finalized => self.finalized().root,
            BlockId::Justified => self.justified().root,
            BlockId::Slot(slot) => self.blocks.canonical_at(slot).ok_or_else(missing)?,
            BlockId::Root(root) => root,
        };
        let block = self.blocks.get(&root).ok_or_else(missing)?;
        let slot = block.message.slot;
        let canonical = self.blocks.canonical_at(slot) == Some(root);
        Ok(FoundBlock { root, canonical, finalized: canonical && slot <= self.finalized_slot(), block })
    }

    /// A state. Old ones are replayed from a snapshot, which takes its time.
    ///
    /// # Errors
    /// [`Error::NotFound`]; or the database is broken.
    pub fn state(&self, id: StateId) -> Result<Arc<BeaconState>, Error> {
        match id {
            StateId::Head => Ok(self.head.state.clone()),
            StateId::Genesis => self.canonical_state(0),
            StateId::Finalized => self.target_state(&self.finalized()),
            StateId::Justified => self.target_state(&self.justified()),
            StateId::Slot(slot) if slot <= self.slot.max(self.head.slot) => self.canonical_state(slot),
            StateId::Slot(slot) => {
                Err(Error::NotFound { what: format!("the state of slot {slot}, which has not come") })
            }
            StateId::Root(_) => {
                let root = self.state_block(id)?.0;
                if let Some(state) = self.hot_state(&root) {
                    return Ok(state.clone());
                }
                let block = self.block(BlockId::Root(root))?;
                self.canonical_state(block.block.message.slot)
            }
        }
    }

    /// Root of the block whose post-state (perhaps advanced over empty slots) `state(id)` is, and whether it is finalized.
    ///
    /// # Errors
    /// [`Error::NotFound`]; or the database is broken.
    pub fn state_block(&self, id: StateId) -> Result<(Root, bool), Error> {
        let missing = || Error::NotFound { what: format!("state {id:?}") };
        let root = match id {
            StateId::Head => self.head.root,
            StateId::Genesis => self.genesis_block_root(),
            StateId::Finalized => self.finalized().root,
            StateId::Justified => self.justified().root,
            StateId::Slot(slot) => self.blocks.canonical_at_or_before(slot).ok_or_else(missing)?,
            StateId::Root(wanted) => match self.hot_block_of_state(&wanted) {
                Some(root) => root,
                None => {
                    let bytes = self.rows.get(&schema::state_root(&wanted))?.ok_or_else(missing)?;
                    Bytes(<[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| missing())?)
                }
            },
        };
        let finalized = match id {
            StateId::Slot(slot) => slot <= self.finalized_slot(),
            _ => self.blocks.finalized.values().next_back() == Some(&root) || !self.store.contains(&root),
        };
        Ok((root, finalized))
    }

    fn hot_block_of_state(&self, state_root: &Root) -> Option<Root> {
        let nodes = fork_choice::nodes(&self.cfg, &self.store);
        nodes.into_iter().find(|node| node.state_root == *state_root).map(|node| node.root)
    }

    fn finalized_slot(&self) -> Slot {
        self.store.node(&self.finalized().root).map_or(self.anchor.slot, |node| node.slot)
    }

    /// The tips of all forks not pruned: slot and root.
    pub fn heads(&self) -> Vec<(Slot, Root)> {
        let nodes = fork_choice::nodes(&self.cfg, &self.store);
        let parents: BTreeSet<Root> = nodes.iter().filter_map(|node| node.parent_root).collect();
        nodes.iter().filter(|node| !parents.contains(&node.root)).map(|node| (node.slot, node.root)).collect()
    }

    /// Fork choice's blocks, parents before children.
    pub fn fork_choice(&self) -> Vec<ForkChoiceNode> {
        let nodes = fork_choice::nodes(&self.cfg, &self.store);
        let view = |node: fork_choice::NodeView| ForkChoiceNode {
            slot: node.slot,
            root: node.root,
            parent: node.parent_root,
            justified_epoch: node.justified.epoch,
            finalized_epoch: node.finalized.epoch,
            weight: node.weight,
            viable: node.viable,
            optimistic: self.is_optimistic(&node.root),
            execution_block_hash: Some(self.payload_hash(&node.root)).filter(|hash| *hash != Hash32::default()),
        };
        nodes.into_iter().map(view).collect()
    }

    /// Counters and gauges as of now.
    pub fn metrics(&self) -> Metrics {
        let epoch = self.cfg.epoch_of(self.head.state.slot);
        let active = self.head.state.validators.iter().filter(|v| spec::is_active_validator(v, epoch)).count();
        Metrics {
            blocks_held: self.held.blocks() as u64,
            blocks_waiting: self.waiting.len() as u64,
            blocks_with_sidecars_in_memory: self.sidecars.len() as u64,
            attestations_held: self.held.votes() as u64,
            active_validators: active as u64,
            states_in_memory: self.store.len() as u64,
            blocks_in_memory: self.blocks.in_memory() as u64,
            blocks_stripped: self.stripped.load(Ordering::Relaxed),
            ..self.metrics.clone()
        }
    }

    /// The pool's attestations, aggregated as far as they don't overlap, by committee: each as of the fork of its slot.
    pub fn pool_attestations(&self, slot: Option<Slot>, committee: Option<CommitteeIndex>) -> Vec<Attestation> {
        let aggregates = self.attestations.aggregates(slot, committee).into_iter();
        let shaped = |(committee, data, part): (_, AttestationData, _)| {
            attestation(self.cfg.shape_at_slot(data.slot), committee, data, part)
        };
        aggregates.map(shaped).collect()
    }

    /// The pool's changes of withdrawal credentials.
    pub fn pool_bls_to_execution_changes(&self) -> Vec<Arc<SignedBlsToExecutionChange>> {
        self.operations.changes()
    }

    /// The pool's exits.
    pub fn pool_voluntary_exits(&self) -> Vec<Arc<SignedVoluntaryExit>> {
        self.operations.exits()
    }

    /// The pool's slashings of proposers.
    pub fn pool_proposer_slashings(&self) -> Vec<Arc<ProposerSlashing>> {
        self.operations.proposer_slashings()
    }

    /// The pool's slashings of attesters.
    pub fn pool_attester_slashings(&self) -> Vec<Arc<AttesterSlashing>> {
        self.operations.attester_slashings()
    }
}
