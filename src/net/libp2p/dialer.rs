//! Static peers: when to dial them, again and again.
//! Never touches a socket: it says what is due, the driver dials.

use std::time::Duration;

use libp2p::PeerId;
use libp2p::multiaddr::{Multiaddr, Protocol};
use libp2p::swarm::ConnectionId;
use tokio::time::Instant;

/// First pause after a failure; doubled by each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Longest pause while a peer is not there.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Pause after one of the two sides did not want the other.
const REFUSED_PAUSE: Duration = Duration::from_secs(10);
/// A connection that ended sooner was a refusal.
const SHORT_LIVED: Duration = Duration::from_secs(3);

#[derive(Debug, PartialEq)]
enum State {
    Waiting { until: Instant },
    Dialing(ConnectionId),
    Connected { since: Instant },
}

struct StaticPeer {
    addr: Multiaddr,
    peer: Option<PeerId>,
    pause: Duration,
    state: State,
}

/// All static peers.
#[derive(Default)]
pub(super) struct Dialer {
    peers: Vec<StaticPeer>,
}

/// The peer id at the end of an address.
pub(super) fn peer_of(addr: &Multiaddr) -> Option<PeerId> {
    match addr.iter().last() {
        Some(Protocol::P2p(peer)) => Some(peer),
        _ => None,
    }
}

impl Dialer {
    /// Adds an address, due at once. Known ones are left as they are.
    pub(super) fn add(&mut self, addr: Multiaddr, connected: bool, now: Instant) {
        if self.peers.iter().any(|p| p.addr == addr) {
            return;
        }
        let state = if connected { State::Connected { since: now } } else { State::Waiting { until: now } };
        self.peers.push(StaticPeer { peer: peer_of(&addr), addr, pause: FIRST_PAUSE, state });
    }

    /// Addresses to dial now, each with its peer where that is known. Whoever dials says so by [`dialing`](Self::dialing).
    pub(super) fn due(&self, now: Instant) -> Vec<(Multiaddr, Option<PeerId>)> {
        let due = |p: &&StaticPeer| matches!(p.state, State::Waiting { until } if until <= now);
        self.peers.iter().filter(due).map(|p| (p.addr.clone(), p.peer)).collect()
    }

    /// A dial of this address has begun.
    pub(super) fn dialing(&mut self, addr: &Multiaddr, connection: ConnectionId) {
        if let Some(peer) = self.peers.iter_mut().find(|p| p.addr == *addr) {
            peer.state = State::Dialing(connection);
        }
    }

    /// A dial failed; the address, if it was one of ours.
    pub(super) fn failed(&mut self, connection: ConnectionId, now: Instant) -> Option<Multiaddr> {
        let peer = self.peers.iter_mut().find(|p| p.state == State::Dialing(connection))?;
        peer.state = State::Waiting { until: now + peer.pause };
        peer.pause = (peer.pause * 2).min(LONGEST_PAUSE);
        Some(peer.addr.clone())
    }

    /// There is a connection to this peer, whoever opened it.
    pub(super) fn connected(&mut self, id: PeerId, connection: ConnectionId, now: Instant) {
        for peer in &mut self.peers {
            if peer.peer == Some(id) || peer.state == State::Dialing(connection) {
                peer.peer = Some(id);
                if !matches!(peer.state, State::Connected { .. }) {
                    peer.state = State::Connected { since: now };
                }
            }
        }
    }

    /// The last connection to this peer is gone; `ours` when we wanted that.
    pub(super) fn lost(&mut self, id: PeerId, ours: bool, now: Instant) {
        for peer in self.peers.iter_mut().filter(|p| p.peer == Some(id)) {
            let short = matches!(peer.state, State::Connected { since } if now < since + SHORT_LIVED);
            let pause = match (ours, short) {
                (true, _) => REFUSED_PAUSE,
                (false, true) => {
                    peer.pause = (peer.pause * 2).min(REFUSED_PAUSE);
                    peer.pause
                }
                (false, false) => {
                    peer.pause = FIRST_PAUSE;
                    peer.pause
                }
            };
            peer.state = State::Waiting { until: now + pause };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";

    fn dialer(now: Instant) -> (Dialer, Multiaddr, PeerId) {
        let addr: Multiaddr = format!("/ip4/127.0.0.1/tcp/9000/p2p/{PEER}").parse().unwrap();
        let mut dialer = Dialer::default();
        dialer.add(addr.clone(), false, now);
        let peer = peer_of(&addr).unwrap();
        (dialer, addr, peer)
    }

    #[test]
    fn pauses_grow_to_two_seconds() {
        let mut now = Instant::now();
        let (mut dialer, addr, _) = dialer(now);
        for pause in [200, 400, 800, 1600, 2000, 2000] {
            assert_eq!(dialer.due(now).len(), 1);
            let connection = ConnectionId::new_unchecked(pause);
            dialer.dialing(&addr, connection);
            assert!(dialer.due(now).is_empty());
            assert_eq!(dialer.failed(connection, now), Some(addr.clone()));
            now += Duration::from_millis(pause as u64 - 1);
            assert!(dialer.due(now).is_empty());
            now += Duration::from_millis(1);
        }
    }

    #[test]
    fn a_lost_peer_is_redialled_at_once_a_refused_one_later() {
        let now = Instant::now();
        let (mut dialer, _, peer) = dialer(now);
        dialer.connected(peer, ConnectionId::new_unchecked(1), now);
        assert!(dialer.due(now).is_empty());
        let later = now + Duration::from_secs(60);
        dialer.lost(peer, false, later);
        assert_eq!(dialer.due(later + FIRST_PAUSE).len(), 1);

        dialer.connected(peer, ConnectionId::new_unchecked(2), later);
        dialer.lost(peer, true, later);
        assert!(dialer.due(later + LONGEST_PAUSE).is_empty());
        assert_eq!(dialer.due(later + REFUSED_PAUSE).len(), 1);
    }
}
