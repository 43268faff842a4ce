//! Whether a message is in time, give or take what clocks may differ.

use super::View;
use crate::types::{Epoch, Slot};

/// The start of the slot in unix milliseconds (phase0/p2p-interface.md, `compute_time_at_slot_ms`). A slot so late that its
/// start is no number starts at the end of time.
pub fn compute_time_at_slot_ms<V: View + ?Sized>(view: &V, slot: Slot) -> u64 {
    let since_genesis = slot.saturating_mul(view.cfg().slot_duration_ms);
    view.head_state().genesis_time.saturating_mul(1000).saturating_add(since_genesis)
}

/// Whether the slot has not begun by anybody's clock (phase0/p2p-interface.md, `is_future_slot`).
pub fn is_future_slot<V: View + ?Sized>(view: &V, slot: Slot) -> bool {
    let disparity = view.cfg().maximum_gossip_clock_disparity;
    view.now_ms().saturating_add(disparity) < compute_time_at_slot_ms(view, slot)
}

/// Whether it is, by somebody's clock, `slot` or one of the `slot_range` slots after it (phase0/p2p-interface.md,
/// `is_within_slot_range`).
pub fn is_within_slot_range<V: View + ?Sized>(view: &V, slot: Slot, slot_range: u64) -> bool {
    let end = compute_time_at_slot_ms(view, slot.saturating_add(slot_range).saturating_add(1));
    let disparity = view.cfg().maximum_gossip_clock_disparity;
    !is_future_slot(view, slot) && end.saturating_add(disparity) >= view.now_ms()
}

/// Whether it is `slot` by somebody's clock (altair/p2p-interface.md, `is_current_slot`).
pub fn is_current_slot<V: View + ?Sized>(view: &V, slot: Slot) -> bool {
    is_within_slot_range(view, slot, 0)
}

/// Whether it is `epoch` by somebody's clock (deneb/p2p-interface.md, `is_within_epoch`).
pub fn is_within_epoch<V: View + ?Sized>(view: &V, epoch: Epoch) -> bool {
    let cfg = view.cfg();
    is_within_slot_range(view, cfg.start_slot(epoch), cfg.preset.slots_per_epoch - 1)
}

/// Whether it is `epoch` or the one after it by somebody's clock (deneb/p2p-interface.md, `is_current_or_previous_epoch`).
pub fn is_current_or_previous_epoch<V: View + ?Sized>(view: &V, epoch: Epoch) -> bool {
    is_within_epoch(view, epoch) || is_within_epoch(view, epoch.saturating_add(1))
}

/// The slot by the node's own clock; 0 before genesis.
pub(super) fn current_slot<V: View + ?Sized>(view: &V) -> Slot {
    let since_genesis = view.now_ms().saturating_sub(view.head_state().genesis_time.saturating_mul(1000));
    since_genesis / view.cfg().slot_duration_ms.max(1)
}
