//! Whether a proposer should build on the head or, when that came late and weak, on its parent.

use super::store::ms_since_genesis;
use super::tree::Node;
use super::weight::{balances, weighed};
use super::{Error, Store};
use crate::spec::{get_beacon_committee, get_committee_count_per_slot};
use crate::ssz::Root;
use crate::types::{ChainConfig, Gwei, Slot};

/// Denominator of the times within a slot.
const BASIS_POINTS: u64 = 10_000;

/// Spec `calculate_committee_fraction` (and `compute_proposer_score`, the same with the boost's percentage): a
/// percentage of the balance of one slot's committees, given the total active balance. Gwei.
pub fn calculate_committee_fraction(cfg: &ChainConfig, total_active_balance: Gwei, committee_percent: u64) -> Gwei {
    let committee_weight = total_active_balance / cfg.preset.slots_per_epoch.max(1);
    committee_weight.saturating_mul(committee_percent) / 100
}

/// Spec `get_slot_component_duration_ms`.
pub fn get_slot_component_duration_ms(cfg: &ChainConfig, basis_points: u64) -> u64 {
    basis_points.saturating_mul(cfg.slot_duration_ms) / BASIS_POINTS
}

/// Spec `get_attestation_due_ms`: when in its slot an attestation is due.
pub fn get_attestation_due_ms(cfg: &ChainConfig) -> u64 {
    get_slot_component_duration_ms(cfg, cfg.attestation_due_bps)
}

/// Spec `get_proposer_reorg_cutoff_ms`: until when in its slot a proposer may build on the head's parent.
pub fn get_proposer_reorg_cutoff_ms(cfg: &ChainConfig) -> u64 {
    get_slot_component_duration_ms(cfg, cfg.proposer_reorg_cutoff_bps)
}

/// Spec `get_proposer_head`: the block to build on in `slot`, the head or its parent.
///
/// # Errors
/// The head or its parent is not in the store, or the head still has the proposer boost.
pub fn get_proposer_head(cfg: &ChainConfig, store: &Store, head_root: &Root, slot: Slot) -> Result<Root, Error> {
    let head = store.node(head_root).ok_or(Error::Missing(*head_root))?;
    let parent = store.node(&head.parent_root).ok_or(Error::Missing(head.parent_root))?;
    if store.proposer_boost_root == head.root {
        return Err(Error::StillBoosted(head.root));
    }
    let current_time_ok = head.slot + 1 == slot;
    let single_slot_reorg = parent.slot + 1 == head.slot && current_time_ok;
    let head_weak = is_head_weak(cfg, store, head)?;
    let reorg = is_head_late(head)
        && !slot.is_multiple_of(cfg.preset.slots_per_epoch.max(1))
        && head.unrealized_justified == parent.unrealized_justified
        && is_finalization_ok(cfg, store, slot)
        && is_proposing_on_time(cfg, store)
        && single_slot_reorg
        && head_weak
        && is_parent_strong(cfg, store, head);
    let after_equivocation = head_weak && current_time_ok && is_proposer_equivocation(store, head);
    Ok(if reorg || after_equivocation { parent.root } else { head.root })
}

/// Spec `is_head_late`. The anchor, whose arrival nobody timed, is not.
fn is_head_late(head: &Node) -> bool {
    head.timely == Some(false)
}

/// Spec `is_finalization_ok`.
fn is_finalization_ok(cfg: &ChainConfig, store: &Store, slot: Slot) -> bool {
    let since = cfg.epoch_of(slot).saturating_sub(store.finalized_checkpoint.epoch);
    since <= cfg.reorg_max_epochs_since_finalization
}

/// Spec `is_proposing_on_time`.
fn is_proposing_on_time(cfg: &ChainConfig, store: &Store) -> bool {
    ms_since_genesis(store) % cfg.slot_duration_ms.max(1) <= get_proposer_reorg_cutoff_ms(cfg)
}

/// Spec `is_head_weak`: votes of equivocating members of the head slot's committees count as well.
fn is_head_weak(cfg: &ChainConfig, store: &Store, head: &Node) -> Result<bool, Error> {
    let balances = balances(cfg, store);
    let threshold = calculate_committee_fraction(cfg, balances.total_active, cfg.reorg_head_weight_threshold);
    let mut weight = attestation_score(cfg, store, &head.root);
    if !store.equivocating_indices.is_empty() {
        let epoch = cfg.epoch_of(head.slot);
        for index in 0..get_committee_count_per_slot(cfg, &head.state, epoch) {
            for member in get_beacon_committee(cfg, &head.state, head.slot, index)?.iter() {
                if store.equivocating_indices.contains(member) {
                    let validator = balances.state.validators.get(*member as usize);
                    weight += validator.map_or(0, |validator| validator.effective_balance);
                }
            }
        }
    }
    Ok(weight < threshold)
}

/// Spec `is_parent_strong`.
fn is_parent_strong(cfg: &ChainConfig, store: &Store, head: &Node) -> bool {
    let balances = balances(cfg, store);
    let threshold = calculate_committee_fraction(cfg, balances.total_active, cfg.reorg_parent_weight_threshold);
    attestation_score(cfg, store, &head.parent_root) > threshold
}

/// Spec `is_proposer_equivocation`.
fn is_proposer_equivocation(store: &Store, head: &Node) -> bool {
    let same = |node: &&Node| node.proposer_index == head.proposer_index && node.slot == head.slot;
    store.tree.nodes().iter().filter(same).nth(1).is_some()
}

/// Spec `get_attestation_score`, by the justified state. Gwei; 0 for a block that is not in the store.
fn attestation_score(cfg: &ChainConfig, store: &Store, root: &Root) -> Gwei {
    store.tree.position(root).map_or(0, |at| weighed(cfg, store).scores[at])
}
