//! Whose heads are worth a sync. A peer that follows a chain we found invalid promises a head that we will never import; it
//! stays a peer, for its chain may change, but it is followed there ever more rarely, and meanwhile we don't count as syncing.

use super::peers::{Peer, PeerState};
use super::{Cx, Service};
use crate::chain::Standing;
use crate::net::PeerId;
use crate::types::{Slot, Status};

/// Epochs for which a peer's heads are passed over after its chain was found invalid; doubled by each further time in a row.
const FIRST_PAUSE_EPOCHS: u64 = 1;
/// Times that the pause is doubled at most.
const MOST_DOUBLINGS: u32 = 4;

/// Something to sync to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Promise {
    /// The highest head promised.
    pub(super) slot: Slot,
    /// One of those who promise has not led us astray.
    pub(super) is_trusted: bool,
}

impl Service {
    /// What the heads promise of those peers that have something we lack.
    pub(super) fn promise(&mut self, cx: Cx<'_>) -> Option<Promise> {
        let (ours, now) = (cx.chain.status(), self.slot_at(cx.now_ms));
        let is_news = |theirs: &Status| {
            let ahead = theirs.head_slot > ours.head_slot || theirs.finalized_epoch > ours.finalized_epoch;
            ahead && theirs.head_slot > 0
        };
        let mut best: Option<Promise> = None;
        for peer in self.peers.values_mut().filter(|peer| peer.state == PeerState::Connected) {
            let Some(theirs) = peer.status.filter(|theirs| peer.astray > 0 || is_news(theirs)) else { continue };
            match cx.chain.standing(&theirs.head_root) {
                Standing::Imported => peer.astray = 0,
                Standing::Invalid => {}
                _ if is_news(&theirs) && cx.now_ms >= peer.astray_until_ms => {
                    let slot = theirs.head_slot.min(now).max(best.map_or(0, |best| best.slot));
                    let is_trusted = peer.astray == 0 || best.is_some_and(|best| best.is_trusted);
                    best = Some(Promise { slot, is_trusted });
                }
                _ => {}
            }
        }
        best
    }

    /// A block of this peer's chain is invalid.
    pub(super) fn led_astray(&mut self, cx: Cx<'_>, id: &PeerId) {
        let epoch_ms = self.epoch_ms();
        let Some(Peer { astray, astray_until_ms, .. }) = self.peers.get_mut(id) else { return };
        let pause_ms = epoch_ms.saturating_mul(FIRST_PAUSE_EPOCHS << (*astray).min(MOST_DOUBLINGS));
        *astray_until_ms = cx.now_ms.saturating_add(pause_ms);
        *astray += 1;
        tracing::info!(peer = %id, times = *astray, pause_ms, "its chain is invalid, not followed for a while");
    }
}
