//! Votes, weights and the head.

use super::filter::viable;
use super::{Error, Store, proposer_head::calculate_committee_fraction};
use crate::spec::get_total_active_balance;
use crate::ssz::Root;
use crate::types::{BeaconState, ChainConfig, Checkpoint, Gwei, Slot};
use std::sync::Arc;

/// What the state of the justified checkpoint says about voting power.
#[derive(Debug)]
pub(super) struct Balances {
    pub(super) state: Arc<BeaconState>,
    /// By validator index; 0 for who is slashed or not active.
    votes: Vec<Gwei>,
    pub(super) total_active: Gwei,
}

/// Everything `get_head` works out, by position in the tree.
#[derive(Debug)]
pub(super) struct Weighed {
    /// Spec `get_attestation_score`.
    pub(super) scores: Vec<Gwei>,
    /// Spec `get_weight`: scores and proposer boost.
    pub(super) weights: Vec<Gwei>,
    pub(super) viable: Vec<bool>,
    head: usize,
}

/// A block as the fork choice sees it, for `/eth/v1/debug/fork_choice`.
#[derive(Debug, Clone)]
pub struct NodeView {
    /// The block's slot.
    pub slot: Slot,
    /// The block's root.
    pub root: Root,
    /// `None` if the store does not hold it.
    pub parent_root: Option<Root>,
    /// Root of the post-state.
    pub state_root: Root,
    /// As the post-state says.
    pub justified: Checkpoint,
    /// As the post-state says.
    pub finalized: Checkpoint,
    /// If an epoch ended with this block.
    pub unrealized_justified: Checkpoint,
    /// If an epoch ended with this block.
    pub unrealized_finalized: Checkpoint,
    /// Attesting balance and proposer boost, in Gwei.
    pub weight: Gwei,
    /// Whether the head may be this block or a descendant.
    pub viable: bool,
}

pub(super) fn balances(cfg: &ChainConfig, store: &Store) -> Arc<Balances> {
    let compute = || {
        // The checkpoint's block is in the tree (see `justified_position`), and advancing a valid state through
        // empty slots does not fail; if it did, the nearest state to judge by is that of the block.
        let state = store
            .checkpoint_state(cfg, &store.justified_checkpoint)
            .unwrap_or_else(|_| store.tree.nodes()[justified_position(store)].state.clone());
        let epoch = cfg.epoch_of(state.slot);
        let vote = |validator: &crate::types::Validator| {
            let active = validator.activation_epoch <= epoch && epoch < validator.exit_epoch;
            if active && !validator.slashed { validator.effective_balance } else { 0 }
        };
        let votes = state.validators.iter().map(vote).collect();
        // The sum of a valid state's balances fits; the spec's least value is what an empty one would have.
        let total_active = get_total_active_balance(cfg, &state).unwrap_or(cfg.preset.effective_balance_increment);
        Arc::new(Balances { state, votes, total_active })
    };
    store.balances.get_or_init(compute).clone()
}

/// Position of the justified block. It is always there: `prune` keeps it, and a newer one is an ancestor of a block
/// that is in the tree. The oldest block stands in, were it not.
pub(super) fn justified_position(store: &Store) -> usize {
    store.tree.position(&store.justified_checkpoint.root).unwrap_or(0)
}

pub(super) fn weighed(cfg: &ChainConfig, store: &Store) -> Arc<Weighed> {
    store.weighed.get_or_init(|| Arc::new(weigh(cfg, store))).clone()
}

fn weigh(cfg: &ChainConfig, store: &Store) -> Weighed {
    let nodes = store.tree.nodes();
    let balances = balances(cfg, store);

    let mut scores: Vec<Gwei> = vec![0; nodes.len()];
    for (index, (message, balance)) in store.latest_messages.iter().zip(&balances.votes).enumerate() {
        if let Some(at) = message.and_then(|message| message.node)
            && !store.equivocating_indices.contains(&(index as u64))
        {
            scores[at] += balance;
        }
    }
    for at in (0..nodes.len()).rev() {
        if let Some(parent) = nodes[at].parent {
            scores[parent] += scores[at];
        }
    }

    let mut weights = scores.clone();
    let mut boosted = store.tree.position(&store.proposer_boost_root);
    let boost = calculate_committee_fraction(cfg, balances.total_active, cfg.proposer_score_boost);
    while let Some(at) = boosted {
        weights[at] += boost;
        boosted = nodes[at].parent;
    }

    let viable = viable(cfg, store);
    let head = heaviest(store, &weights, &viable);
    Weighed { scores, weights, viable, head }
}

/// The walk of spec `get_head`: from the justified block to the heaviest viable child, ties to the higher root.
fn heaviest(store: &Store, weights: &[Gwei], viable: &[bool]) -> usize {
    let nodes = store.tree.nodes();
    let mut best_child: Vec<Option<usize>> = vec![None; nodes.len()];
    for (at, node) in nodes.iter().enumerate() {
        let (true, Some(parent)) = (viable[at], node.parent) else { continue };
        let rank = |at: usize| (weights[at], nodes[at].root);
        if best_child[parent].is_none_or(|best| rank(at) > rank(best)) {
            best_child[parent] = Some(at);
        }
    }
    let mut head = justified_position(store);
    while let Some(child) = best_child[head] {
        head = child;
    }
    head
}

/// Spec `get_head`: the root of the head block. Kept until something changes, so asking again is free.
pub fn get_head(cfg: &ChainConfig, store: &Store) -> Root {
    store.tree.nodes()[weighed(cfg, store).head].root
}

/// Spec `get_weight`, in Gwei.
///
/// # Errors
/// The block is not in the store.
pub fn get_weight(cfg: &ChainConfig, store: &Store, root: &Root) -> Result<Gwei, Error> {
    let at = store.tree.position(root).ok_or(Error::Missing(*root))?;
    Ok(weighed(cfg, store).weights[at])
}

/// Every block of the store with its weight, parents before children.
pub fn nodes(cfg: &ChainConfig, store: &Store) -> Vec<NodeView> {
    let weighed = weighed(cfg, store);
    let nodes = store.tree.nodes();
    let view = |(at, node): (usize, &super::Node)| NodeView {
        slot: node.slot,
        root: node.root,
        parent_root: node.parent.map(|_| node.parent_root),
        state_root: node.state_root,
        justified: node.state.current_justified_checkpoint,
        finalized: node.state.finalized_checkpoint,
        unrealized_justified: node.unrealized_justified,
        unrealized_finalized: node.unrealized_finalized,
        weight: weighed.weights[at],
        viable: weighed.viable[at],
    };
    nodes.iter().enumerate().map(view).collect()
}
