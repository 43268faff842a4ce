//! What is known of a peer, and how it is shown outside.

use crate::net::PeerId;
use crate::net::link::Direction;
use crate::types::{MetaData, Status};

/// Where a peer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerState {
    /// Connected; no status exchanged yet.
    Connecting,
    /// Status exchanged, same network.
    Connected,
    /// Told goodbye.
    Disconnecting,
}

impl PeerState {
    /// The Beacon API's word for it.
    pub fn name(self) -> &'static str {
        match self {
            PeerState::Connecting => "connecting",
            PeerState::Connected => "connected",
            PeerState::Disconnecting => "disconnecting",
        }
    }
}

/// A peer as the Beacon API shows it.
#[derive(Clone, Debug)]
pub struct PeerInfo {
    /// Its id.
    pub peer: PeerId,
    /// Its multiaddr as seen by us.
    pub addr: String,
    /// Who dialled.
    pub direction: Direction,
    /// Where it stands.
    pub state: PeerState,
    /// What identify says; `None` until then.
    pub agent: Option<String>,
    /// Its last status.
    pub status: Option<Status>,
}

/// Milliseconds after which a point against a peer is forgiven.
const FORGIVEN_EVERY_MS: u64 = 10_000;

/// Tokens that a peer has for answers at most.
const TOKENS: u64 = 2048 * OBJECT_COST;
/// Tokens that come back per second.
const TOKENS_PER_SECOND: u64 = 512 * OBJECT_COST;
/// Tokens that a served block or blob takes, and each root of which we have nothing.
pub(super) const OBJECT_COST: u64 = 8;
/// Tokens that a served column takes: a block has many, each a small part of its blobs.
pub(super) const COLUMN_COST: u64 = 1;

#[derive(Debug)]
pub(super) struct Peer {
    pub direction: Direction,
    pub addr: String,
    pub state: PeerState,
    pub agent: Option<String>,
    pub status: Option<Status>,
    pub metadata: Option<MetaData>,
    /// When we send a status next; for a peer that dialled us, first when it was too slow to send its own.
    pub status_due_ms: u64,
    pub ping_due_ms: u64,
    /// Pings in a row without answer.
    pub silent: u32,
    /// Points for malformed and unsolicited things it sent, and for slow requests, since `forgiven_ms`.
    pub strikes: u64,
    /// When points were last forgiven.
    pub forgiven_ms: u64,
    /// Gossip messages of it that the chain rejected since `rejections_since_ms`.
    pub rejections: u32,
    pub rejections_since_ms: u64,
    /// Times that syncing from it led nowhere, whosever fault that was; others are asked first, and that is all.
    pub failures: u32,
    /// Times in a row that its chain was found invalid.
    pub astray: u32,
    /// Until then its head is not synced to.
    pub astray_until_ms: u64,
    /// For what it may still be served now.
    pub tokens: u64,
    pub refilled_ms: u64,
}

impl Peer {
    pub(super) fn new(direction: Direction, addr: String, now_ms: u64) -> Peer {
        Peer {
            direction,
            addr,
            state: PeerState::Connecting,
            agent: None,
            status: None,
            metadata: None,
            status_due_ms: now_ms,
            ping_due_ms: now_ms,
            silent: 0,
            strikes: 0,
            forgiven_ms: now_ms,
            rejections: 0,
            rejections_since_ms: now_ms,
            failures: 0,
            astray: 0,
            astray_until_ms: 0,
            tokens: TOKENS,
            refilled_ms: now_ms,
        }
    }

    /// Adds points; returns those that have not been forgiven yet.
    pub(super) fn strike(&mut self, points: u64, now_ms: u64) -> u64 {
        let forgiven = now_ms.saturating_sub(self.forgiven_ms) / FORGIVEN_EVERY_MS;
        self.strikes = self.strikes.saturating_sub(forgiven);
        // what is left of an interval counts towards the next point, unless there was nothing to forgive
        self.forgiven_ms = if self.strikes == 0 { now_ms } else { self.forgiven_ms + forgiven * FORGIVEN_EVERY_MS };
        self.strikes += points;
        self.strikes
    }

    pub(super) fn refill(&mut self, now_ms: u64) {
        let back = now_ms.saturating_sub(self.refilled_ms).saturating_mul(TOKENS_PER_SECOND) / 1000;
        if back > 0 {
            self.tokens = self.tokens.saturating_add(back).min(TOKENS);
            self.refilled_ms = now_ms;
        }
    }

    pub(super) fn info(&self, peer: &PeerId) -> PeerInfo {
        PeerInfo {
            peer: peer.clone(),
            addr: self.addr.clone(),
            direction: self.direction,
            state: self.state,
            agent: self.agent.clone(),
            status: self.status,
        }
    }
}
