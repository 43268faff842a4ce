//! The store against a literal transcription of the spec on random trees, and the rules that the vectors touch least.

mod optimistic;

use super::store::LatestMessage;
use super::*;
use crate::ssz::{Root, Ssz, sha256};
use crate::types::{
    BeaconBlock, BeaconBlockBody, BeaconBlockHeader, BeaconState, ChainConfig, Checkpoint, Slot, Validator,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const VALIDATORS: u64 = 12;
const BALANCE: u64 = 32_000_000_000;

fn root(index: usize) -> Root {
    sha256(&index.to_le_bytes())
}

fn state(slot: Slot) -> BeaconState {
    let validator = |index: u64| Validator {
        effective_balance: BALANCE - index * 1_000_000_000,
        exit_epoch: u64::MAX,
        slashed: index == VALIDATORS - 1,
        ..Validator::default()
    };
    BeaconState { slot, validators: (0..VALIDATORS).map(validator).collect(), ..BeaconState::default() }
}

/// A store whose anchor, of slot 0, has the root `root(0)`.
fn store(cfg: &ChainConfig) -> Store {
    let body_root = BeaconBlockBody::default().hash_tree_root(cfg.shape_at_slot(0));
    let latest_block_header = BeaconBlockHeader { body_root, ..BeaconBlockHeader::default() };
    let anchor = BeaconState { slot: 0, latest_block_header, ..state(0) };
    let state_root = anchor.hash_tree_root(cfg.shape_at_slot(0));
    let block = BeaconBlock { state_root, ..BeaconBlock::default() };
    let mut store = get_forkchoice_store(cfg, Arc::new(anchor), &block).expect("block and state belong together");
    let (mut anchor, checkpoint) = (store.tree.nodes()[0].clone(), Checkpoint { epoch: 0, root: root(0) });
    (anchor.root, anchor.unrealized_justified, anchor.unrealized_finalized) = (root(0), checkpoint, checkpoint);
    store.tree = tree::Tree::default();
    store.tree.push(anchor);
    store.justified_checkpoint = checkpoint;
    store.finalized_checkpoint = checkpoint;
    store.unrealized_justified_checkpoint = checkpoint;
    store.unrealized_finalized_checkpoint = checkpoint;
    store
}

fn checkpoint(epoch: u64, index: usize) -> Checkpoint {
    Checkpoint { epoch, root: root(index) }
}

fn node(index: usize, parent: usize, slot: Slot) -> Node {
    Node {
        root: root(index),
        parent_root: root(parent),
        slot,
        proposer_index: slot,
        state_root: Root::default(),
        state: Arc::new(state(slot)),
        timely: Some(true),
        unrealized_justified: checkpoint(0, 0),
        unrealized_finalized: checkpoint(0, 0),
        optimistic: false,
        parent: None,
    }
}

fn import(cfg: &ChainConfig, store: &mut Store, index: usize, parent: usize, slot: Slot) -> Result<(), Error> {
    let block = BeaconBlock { slot, proposer_index: slot, parent_root: root(parent), ..BeaconBlock::default() };
    let pulled_up = PulledUp { justified: checkpoint(0, 0), finalized: checkpoint(0, 0) };
    on_block_imported(cfg, store, &block, Imported { root: root(index), state: Arc::new(state(slot)), pulled_up })
}

fn vote(store: &mut Store, validator: u64, epoch: u64, index: usize) {
    let at = store.tree.position(&root(index));
    store.latest_messages.resize(VALIDATORS as usize, None);
    store.latest_messages[validator as usize] = Some(LatestMessage { epoch, node: at });
    store.touch();
}

fn at_slot(cfg: &ChainConfig, store: &mut Store, slot: Slot, ms: u64) {
    on_tick_ms(cfg, store, slot * cfg.slot_duration_ms + ms);
}

/// The spec's functions, word for word, over the store's nodes.
struct Literal<'a> {
    cfg: &'a ChainConfig,
    store: &'a Store,
    nodes: BTreeMap<Root, &'a Node>,
}

impl Literal<'_> {
    fn get_ancestor(&self, root: Root, slot: Slot) -> Root {
        let node = self.nodes[&root];
        if node.slot > slot && self.nodes.contains_key(&node.parent_root) {
            self.get_ancestor(node.parent_root, slot)
        } else {
            root
        }
    }

    fn is_ancestor(&self, root: Root, ancestor: Root) -> bool {
        self.get_ancestor(root, self.nodes[&ancestor].slot) == ancestor
    }

    fn get_weight(&self, root: Root) -> u64 {
        let state = self.store.checkpoint_state(self.cfg, &self.store.justified_checkpoint).expect("is in the store");
        let mut weight = 0;
        for (index, message) in self.store.latest_messages.iter().enumerate() {
            let voted = message.and_then(|message| message.node).map(|at| self.store.tree.nodes()[at].root);
            let validator = &state.validators[index];
            if let Some(voted) = voted
                && !validator.slashed
                && !self.store.equivocating_indices.contains(&(index as u64))
                && self.is_ancestor(voted, root)
            {
                weight += validator.effective_balance;
            }
        }
        let boosted = self.store.proposer_boost_root;
        if self.nodes.contains_key(&boosted) && self.is_ancestor(boosted, root) {
            let total: u64 = state.validators.iter().map(|validator| validator.effective_balance).sum();
            weight += total / self.cfg.preset.slots_per_epoch * self.cfg.proposer_score_boost / 100;
        }
        weight
    }

    fn children(&self, root: Root) -> Vec<Root> {
        self.nodes.values().filter(|node| node.parent_root == root).map(|node| node.root).collect()
    }

    fn filter_block_tree(&self, root: Root, blocks: &mut BTreeSet<Root>) -> bool {
        let children = self.children(root);
        let viable = if children.is_empty() {
            let current_epoch = get_current_store_epoch(self.cfg, self.store);
            let node = self.nodes[&root];
            let source = if current_epoch > self.cfg.epoch_of(node.slot) {
                node.unrealized_justified
            } else {
                node.state.current_justified_checkpoint
            };
            let (justified, finalized) = (self.store.justified_checkpoint, self.store.finalized_checkpoint);
            let correct_justified =
                justified.epoch == 0 || source.epoch == justified.epoch || source.epoch + 2 >= current_epoch;
            let finalized_block = self.get_ancestor(root, self.cfg.start_slot(finalized.epoch));
            correct_justified && (finalized.epoch == 0 || finalized.root == finalized_block)
        } else {
            let viable: Vec<bool> = children.iter().map(|child| self.filter_block_tree(*child, blocks)).collect();
            viable.contains(&true)
        };
        if viable {
            blocks.insert(root);
        }
        viable
    }

    fn get_head(&self) -> (Root, BTreeSet<Root>) {
        let mut blocks = BTreeSet::new();
        let mut head = self.store.justified_checkpoint.root;
        self.filter_block_tree(head, &mut blocks);
        loop {
            let children = self.children(head).into_iter().filter(|child| blocks.contains(child));
            match children.max_by_key(|child| (self.get_weight(*child), *child)) {
                Some(child) => head = child,
                None => return (head, blocks),
            }
        }
    }
}

/// Parent, slots after it, justified epoch on chain and pulled up, for each block after the anchor.
type Blocks = Vec<(prop::sample::Index, u64, u64, u64)>;

fn blocks() -> impl Strategy<Value = Blocks> {
    prop::collection::vec((any::<prop::sample::Index>(), 1..8u64, 0..6u64, 0..6u64), 1..24)
}

fn random_store(cfg: &ChainConfig, blocks: &Blocks, votes: &[(prop::sample::Index, u64)]) -> Store {
    let mut store = store(cfg);
    let mut last = 0;
    for (at, (parent, gap, justified, unrealized)) in blocks.iter().enumerate() {
        // Mostly chains, with forks: one of the three newest blocks.
        let parent = (at + 1).saturating_sub(1 + parent.index(3.min(at + 1)));
        let slot = store.tree.nodes()[parent].slot + gap;
        let mut node = node(at + 1, parent, slot);
        let state = BeaconState { current_justified_checkpoint: checkpoint(*justified, 0), ..state(slot) };
        (node.state, node.unrealized_justified) = (Arc::new(state), checkpoint(*unrealized, 0));
        store.tree.push(node);
        last = last.max(slot);
    }
    for (validator, (voted, epoch)) in votes.iter().enumerate() {
        vote(&mut store, validator as u64, *epoch, voted.index(blocks.len() + 1));
    }
    at_slot(cfg, &mut store, last + 1, 0);
    store
}

fn check_against_literal(cfg: &ChainConfig, store: &Store) -> Result<(), TestCaseError> {
    let nodes = store.tree.nodes().iter().map(|node| (node.root, node)).collect();
    let literal = Literal { cfg, store, nodes };
    let (head, filtered) = literal.get_head();
    for root in literal.nodes.keys() {
        prop_assert_eq!(get_weight(cfg, store, root).expect("is in the store"), literal.get_weight(*root));
    }
    prop_assert_eq!(get_filtered_block_tree(cfg, store), filtered);
    prop_assert_eq!(get_head(cfg, store), head);
    Ok(())
}

proptest! {
    #[test]
    fn head_and_weights_are_the_specs(
        blocks in blocks(),
        votes in prop::collection::vec((any::<prop::sample::Index>(), 0..4u64), VALIDATORS as usize),
        (justified, justified_epoch) in (any::<prop::sample::Index>(), 0..5u64),
        (finalized, finalized_epoch) in (any::<prop::sample::Index>(), 0..5u64),
        boosted in prop::option::of(any::<prop::sample::Index>()),
        equivocating in prop::collection::btree_set(0..VALIDATORS, 0..3),
    ) {
        let cfg = ChainConfig::minimal();
        let mut store = random_store(&cfg, &blocks, &votes);
        let count = blocks.len() + 1;
        store.justified_checkpoint = checkpoint(justified_epoch, justified.index(count));
        store.put_checkpoint_state(&store.justified_checkpoint(), Arc::new(state(cfg.start_slot(justified_epoch))));
        store.finalized_checkpoint = checkpoint(finalized_epoch, finalized.index(count));
        store.proposer_boost_root = boosted.map_or(Root::default(), |boosted| root(boosted.index(count)));
        store.equivocating_indices = equivocating;
        store.touch();
        check_against_literal(&cfg, &store)?;
    }

    #[test]
    fn pruning_changes_no_head(
        blocks in blocks(),
        votes in prop::collection::vec((any::<prop::sample::Index>(), 0..4u64), VALIDATORS as usize),
        justified in any::<prop::sample::Index>(),
        depth in 0..6usize,
    ) {
        let cfg = ChainConfig::minimal();
        let mut store = random_store(&cfg, &blocks, &votes);
        let justified = justified.index(blocks.len() + 1);
        let mut finalized = justified;
        for _ in 0..depth {
            finalized = store.tree.nodes()[finalized].parent.unwrap_or(finalized);
        }
        let epoch = |at: usize| store.tree.nodes()[at].slot.div_ceil(cfg.preset.slots_per_epoch);
        let (justified, finalized) = (checkpoint(epoch(justified), justified), checkpoint(epoch(finalized), finalized));
        store.update_checkpoints(justified, finalized);
        store.update_unrealized_checkpoints(justified, finalized);
        store.put_checkpoint_state(&store.justified_checkpoint(), Arc::new(state(cfg.start_slot(justified.epoch))));
        let before = get_head(&cfg, &store);
        let count = store.len();
        let removed = prune(&mut store);
        prop_assert_eq!(store.len() + removed.len(), count);
        prop_assert_eq!(store.tree.nodes()[0].root, store.finalized_checkpoint.root);
        prop_assert_eq!(get_head(&cfg, &store), before);
        check_against_literal(&cfg, &store)?;
    }
}

#[test]
fn ticks_end_the_boost_and_pull_up_at_epochs() {
    let cfg = ChainConfig::minimal();
    let mut store = store(&cfg);
    at_slot(&cfg, &mut store, 1, 0);
    import(&cfg, &mut store, 1, 0, 1).expect("is valid");
    assert_eq!(store.proposer_boost_root(), root(1));
    at_slot(&cfg, &mut store, 1, 5999);
    assert_eq!(store.proposer_boost_root(), root(1), "the slot is not over");
    at_slot(&cfg, &mut store, 2, 0);
    assert_eq!(store.proposer_boost_root(), Root::default());

    store.unrealized_justified_checkpoint = checkpoint(1, 1);
    at_slot(&cfg, &mut store, 7, 0);
    assert_eq!(store.justified_checkpoint(), checkpoint(0, 0), "the epoch is not over");
    at_slot(&cfg, &mut store, 3, 0);
    assert_eq!(get_current_slot(&cfg, &store), 7, "clocks that go back are ignored");
    at_slot(&cfg, &mut store, 42, 0);
    assert_eq!(store.justified_checkpoint(), checkpoint(1, 1));
    on_tick_ms(&cfg, &mut store, u64::MAX);
    assert_eq!(get_head(&cfg, &store), root(1));
}

#[test]
fn only_timely_first_blocks_of_the_same_shuffling_are_boosted() {
    let cfg = ChainConfig::minimal();
    let due = get_attestation_due_ms(&cfg);
    let mut base = store(&cfg);
    at_slot(&cfg, &mut base, 6, 0);
    import(&cfg, &mut base, 1, 0, 5).expect("is valid");
    import(&cfg, &mut base, 2, 0, 6).expect("is valid");
    vote(&mut base, 0, 0, 2);
    assert_eq!(get_head(&cfg, &base), root(2));

    let boosted_at = |slot: Slot, ms: u64, parent: usize| {
        let mut store = base.clone();
        at_slot(&cfg, &mut store, slot, ms);
        import(&cfg, &mut store, 3, parent, slot).expect("is valid");
        assert_eq!(store.node(&root(3)).expect("was imported").timely, Some(ms < due));
        store.proposer_boost_root() == root(3)
    };
    assert!(boosted_at(8, due - 1, 2));
    assert!(!boosted_at(8, due, 2), "late");
    assert!(boosted_at(8, 0, 1), "epochs 0 and 1 depend on genesis alone");
    assert!(!boosted_at(16, 0, 1), "the head's epoch 2 depends on block 2, this one's on block 1");
    assert!(boosted_at(16, 0, 2));

    let mut store = base.clone();
    at_slot(&cfg, &mut store, 8, 0);
    import(&cfg, &mut store, 3, 2, 8).expect("is valid");
    import(&cfg, &mut store, 4, 2, 8).expect("is valid");
    assert_eq!(store.proposer_boost_root(), root(3), "the second block of a slot is not boosted");
}

#[test]
fn blocks_are_checked_before_anything_changes() {
    let cfg = ChainConfig::minimal();
    let mut store = store(&cfg);
    at_slot(&cfg, &mut store, 20, 0);
    assert!(matches!(import(&cfg, &mut store, 2, 1, 3), Err(Error::UnknownParent(_))));
    assert!(matches!(import(&cfg, &mut store, 1, 0, 21), Err(Error::FutureBlock { block: 21, current: 20 })));
    import(&cfg, &mut store, 1, 0, 8).expect("is valid");
    import(&cfg, &mut store, 2, 0, 9).expect("is valid");
    store.finalized_checkpoint = checkpoint(1, 1);
    assert!(matches!(import(&cfg, &mut store, 3, 1, 8), Err(Error::BeforeFinalized { block: 8, finalized: 8 })));
    assert!(matches!(import(&cfg, &mut store, 3, 2, 10), Err(Error::NotFinalizedDescendant { .. })));
    assert_eq!(store.len(), 3);
    import(&cfg, &mut store, 3, 1, 10).expect("is valid");
    import(&cfg, &mut store, 3, 1, 10).expect("is known");
    assert_eq!(store.len(), 4);
}

#[test]
fn late_and_weak_heads_are_built_around() {
    let cfg = ChainConfig::minimal();
    let mut base = store(&cfg);
    at_slot(&cfg, &mut base, 2, 5000);
    import(&cfg, &mut base, 1, 0, 1).expect("is valid");
    import(&cfg, &mut base, 2, 1, 2).expect("is valid");
    (0..8).for_each(|validator| vote(&mut base, validator, 0, 1));
    at_slot(&cfg, &mut base, 3, 0);
    let head = |store: &Store| get_proposer_head(&cfg, store, &root(2), 3).expect("both blocks are in the store");
    assert_eq!(head(&base), root(1));

    let mut on_time = base.clone();
    at_slot(&cfg, &mut on_time, 3, get_proposer_reorg_cutoff_ms(&cfg) + 1);
    assert_eq!(head(&on_time), root(2), "too late to propose");
    let mut strong = base.clone();
    vote(&mut strong, 8, 0, 2);
    assert_eq!(head(&strong), root(2), "the head has votes");
    assert_eq!(get_proposer_head(&cfg, &base, &root(2), 4).expect("is in the store"), root(2), "two slots later");
    let mut boosted = base.clone();
    boosted.proposer_boost_root = root(2);
    assert!(matches!(get_proposer_head(&cfg, &boosted, &root(2), 3), Err(Error::StillBoosted(_))));
    assert!(matches!(get_proposer_head(&cfg, &base, &root(0), 3), Err(Error::Missing(_))));

    // An equivocating proposer's weak block is left even when it is too late for the usual rule.
    import(&cfg, &mut on_time, 3, 1, 2).expect("is valid");
    assert_eq!(head(&on_time), root(1));
}
