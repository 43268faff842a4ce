//! The store: what the fork choice remembers, its clock and its checkpoints.

use super::Error;
use super::tree::{Node, Tree};
use super::weight::{Balances, Weighed};
use crate::spec::process_slots;
use crate::ssz::{Root, Ssz};
use crate::types::{
    BeaconBlock, BeaconBlockHeader, BeaconState, ChainConfig, Checkpoint, Epoch, ForkName, Slot, ValidatorIndex,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

/// A validator's newest vote.
#[derive(Debug, Clone, Copy)]
pub(super) struct LatestMessage {
    /// Target epoch of the attestation.
    pub(super) epoch: Epoch,
    /// The block voted for; `None` once it was pruned.
    pub(super) node: Option<usize>,
}

/// Spec `Store`. Cloning shares the states.
#[derive(Debug, Clone)]
pub struct Store {
    /// Unix time in milliseconds, as of the last tick.
    pub(super) time_ms: u64,
    /// Unix time in seconds.
    pub(super) genesis_time: u64,
    pub(super) justified_checkpoint: Checkpoint,
    pub(super) finalized_checkpoint: Checkpoint,
    pub(super) unrealized_justified_checkpoint: Checkpoint,
    pub(super) unrealized_finalized_checkpoint: Checkpoint,
    pub(super) proposer_boost_root: Root,
    pub(super) equivocating_indices: BTreeSet<ValidatorIndex>,
    /// `blocks`, `block_states`, `block_timeliness` and `unrealized_justifications` of the spec.
    pub(super) tree: Tree,
    pub(super) checkpoint_states: BTreeMap<(Epoch, Root), Arc<BeaconState>>,
    /// By validator index.
    pub(super) latest_messages: Vec<Option<LatestMessage>>,
    /// Of the justified checkpoint; emptied when it changes.
    pub(super) balances: OnceLock<Arc<Balances>>,
    /// Emptied by everything that could change a weight or the head.
    pub(super) weighed: OnceLock<Arc<Weighed>>,
}

impl Store {
    /// Unix time in seconds, as the spec keeps it.
    pub fn time(&self) -> u64 {
        self.time_ms / 1000
    }

    /// Unix time in seconds.
    pub fn genesis_time(&self) -> u64 {
        self.genesis_time
    }

    /// Where the search for the head starts.
    pub fn justified_checkpoint(&self) -> Checkpoint {
        self.justified_checkpoint
    }

    /// The highest finalized checkpoint known.
    pub fn finalized_checkpoint(&self) -> Checkpoint {
        self.finalized_checkpoint
    }

    /// The highest checkpoint that some block's votes justify, on chain yet or not.
    pub fn unrealized_justified_checkpoint(&self) -> Checkpoint {
        self.unrealized_justified_checkpoint
    }

    /// The highest checkpoint that some block's votes finalize, on chain yet or not.
    pub fn unrealized_finalized_checkpoint(&self) -> Checkpoint {
        self.unrealized_finalized_checkpoint
    }

    /// The block with the proposer boost; zero if there is none.
    pub fn proposer_boost_root(&self) -> Root {
        self.proposer_boost_root
    }

    /// Whether this validator's votes are ignored because it equivocated.
    pub fn is_equivocating(&self, index: ValidatorIndex) -> bool {
        self.equivocating_indices.contains(&index)
    }

    /// The block, if the store holds it.
    pub fn node(&self, root: &Root) -> Option<&Node> {
        self.tree.get(root)
    }

    /// Whether the store holds the block.
    pub fn contains(&self, root: &Root) -> bool {
        self.tree.position(root).is_some()
    }

    /// The post-state of the block, if the store holds it.
    pub fn state(&self, root: &Root) -> Option<&Arc<BeaconState>> {
        self.tree.get(root).map(|node| &node.state)
    }

    /// How many blocks the store holds.
    pub fn len(&self) -> usize {
        self.tree.nodes().len()
    }

    /// Never: the store holds at least its anchor or the finalized block.
    pub fn is_empty(&self) -> bool {
        self.tree.nodes().is_empty()
    }

    /// Hands in the state of a checkpoint that the caller has computed already.
    pub fn put_checkpoint_state(&mut self, checkpoint: &Checkpoint, state: Arc<BeaconState>) {
        self.checkpoint_states.insert((checkpoint.epoch, checkpoint.root), state);
    }

    /// The state of a checkpoint: the post-state of its block, advanced to the start of its epoch.
    ///
    /// # Errors
    /// The block is not in the store, or the empty slots can't be processed.
    pub fn checkpoint_state(&self, cfg: &ChainConfig, checkpoint: &Checkpoint) -> Result<Arc<BeaconState>, Error> {
        if let Some(state) = self.checkpoint_states.get(&(checkpoint.epoch, checkpoint.root)) {
            return Ok(state.clone());
        }
        let base = self.state(&checkpoint.root).ok_or(Error::Missing(checkpoint.root))?;
        let start = cfg.start_slot(checkpoint.epoch);
        if base.slot >= start {
            return Ok(base.clone());
        }
        let mut state = BeaconState::clone(base);
        process_slots(cfg, &mut state, start)?;
        Ok(Arc::new(state))
    }

    /// To be called by everything that may change a weight, a node's viability or the set of nodes.
    pub(super) fn touch(&mut self) {
        self.weighed = OnceLock::new();
    }

    /// Spec `update_checkpoints`.
    pub(super) fn update_checkpoints(&mut self, justified: Checkpoint, finalized: Checkpoint) {
        if justified.epoch > self.justified_checkpoint.epoch {
            self.justified_checkpoint = justified;
            self.balances = OnceLock::new();
            self.touch();
        }
        if finalized.epoch > self.finalized_checkpoint.epoch {
            self.finalized_checkpoint = finalized;
            self.touch();
        }
    }

    /// Spec `update_unrealized_checkpoints`.
    pub(super) fn update_unrealized_checkpoints(&mut self, justified: Checkpoint, finalized: Checkpoint) {
        if justified.epoch > self.unrealized_justified_checkpoint.epoch {
            self.unrealized_justified_checkpoint = justified;
        }
        if finalized.epoch > self.unrealized_finalized_checkpoint.epoch {
            self.unrealized_finalized_checkpoint = finalized;
        }
    }
}

/// Spec `get_forkchoice_store`: a store that trusts `anchor_state`, whose latest block is `anchor_block`.
///
/// # Errors
/// The two do not belong together.
pub fn get_forkchoice_store(
    cfg: &ChainConfig,
    anchor_state: Arc<BeaconState>,
    anchor_block: &BeaconBlock,
) -> Result<Store, Error> {
    let state_root = anchor_state.hash_tree_root(cfg.shape_at_slot(anchor_state.slot));
    if anchor_block.state_root != state_root {
        return Err(Error::Anchor { block: anchor_block.state_root, state: state_root });
    }
    let anchor_root = anchor_root(cfg, &anchor_state, anchor_block)?;
    let checkpoint = Checkpoint { epoch: cfg.epoch_of(anchor_state.slot), root: anchor_root };
    let since_genesis = cfg.slot_duration_ms.saturating_mul(anchor_state.slot);
    let genesis_time = anchor_state.genesis_time;
    let mut tree = Tree::default();
    tree.push(Node {
        root: anchor_root,
        parent_root: anchor_block.parent_root,
        slot: anchor_block.slot,
        proposer_index: anchor_block.proposer_index,
        state_root,
        state: anchor_state.clone(),
        timely: None,
        unrealized_justified: checkpoint,
        unrealized_finalized: checkpoint,
        optimistic: false,
        parent: None,
    });
    Ok(Store {
        time_ms: genesis_time.saturating_mul(1000).saturating_add(since_genesis),
        genesis_time,
        justified_checkpoint: checkpoint,
        finalized_checkpoint: checkpoint,
        unrealized_justified_checkpoint: checkpoint,
        unrealized_finalized_checkpoint: checkpoint,
        proposer_boost_root: Root::default(),
        equivocating_indices: BTreeSet::new(),
        tree,
        checkpoint_states: BTreeMap::from([((checkpoint.epoch, checkpoint.root), anchor_state)]),
        latest_messages: Vec::new(),
        balances: OnceLock::new(),
        weighed: OnceLock::new(),
    })
}

/// The root of a state's latest block, which the children of that block name: of the header in the state, with the
/// state root that the block says.
///
/// That is the block's own root, but for a genesis state that came by upgrades: its header holds the body of an earlier
/// fork, in which no block of slot 0 can be encoded.
///
/// # Errors
/// The block is another one.
pub fn anchor_root(cfg: &ChainConfig, state: &BeaconState, block: &BeaconBlock) -> Result<Root, Error> {
    let header = &state.latest_block_header;
    let fork = cfg.fork_at_slot(block.slot);
    // At genesis, the body may be older than the state.
    let mut forks = ForkName::ALL.into_iter().filter(|each| *each == fork || (block.slot == 0 && *each < fork));
    let same = header.slot == block.slot
        && header.proposer_index == block.proposer_index
        && header.parent_root == block.parent_root
        && forks.any(|fork| block.body.hash_tree_root(cfg.shape(fork)) == header.body_root);
    if !same {
        return Err(Error::AnchorHeader { block: block.slot, latest: header.slot });
    }
    let header = BeaconBlockHeader { state_root: block.state_root, ..*header };
    Ok(header.hash_tree_root(cfg.shape(fork)))
}

/// Milliseconds since genesis; 0 before it.
pub(super) fn ms_since_genesis(store: &Store) -> u64 {
    store.time_ms.saturating_sub(store.genesis_time.saturating_mul(1000))
}

/// Spec `get_current_slot`, by the store's clock; 0 before genesis.
pub fn get_current_slot(cfg: &ChainConfig, store: &Store) -> Slot {
    ms_since_genesis(store) / cfg.slot_duration_ms.max(1)
}

/// Spec `get_current_store_epoch`.
pub fn get_current_store_epoch(cfg: &ChainConfig, store: &Store) -> Epoch {
    cfg.epoch_of(get_current_slot(cfg, store))
}

/// Forgets everything that finality has settled: blocks that do not descend from the finalized one, and checkpoint
/// states of older epochs. Returns the roots of the blocks that went, oldest first. The head does not change.
///
/// Does nothing while a checkpoint of the store conflicts with the finalized one (more than a third of the validators
/// equivocated), since the spec would still start from that checkpoint.
pub fn prune(store: &mut Store) -> Vec<Root> {
    let Some(oldest) = store.tree.position(&store.finalized_checkpoint.root) else {
        return Vec::new();
    };
    let descends = |checkpoint: &Checkpoint| {
        store.tree.position(&checkpoint.root).is_some_and(|at| store.tree.is_ancestor(at, oldest))
    };
    let settled = descends(&store.justified_checkpoint)
        && descends(&store.unrealized_justified_checkpoint)
        && descends(&store.unrealized_finalized_checkpoint);
    if oldest == 0 || !settled {
        return Vec::new();
    }
    let (removed, moved) = store.tree.keep_from(oldest, None);
    for message in store.latest_messages.iter_mut().flatten() {
        message.node = message.node.and_then(|at| moved[at]);
    }
    let finalized = store.finalized_checkpoint.epoch;
    let tree = &store.tree;
    store.checkpoint_states.retain(|(epoch, root), _| *epoch >= finalized && tree.position(root).is_some());
    store.touch();
    removed
}
