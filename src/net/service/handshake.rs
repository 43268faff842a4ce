//! From connection to peer and back: status, goodbye, ping, metadata; who is foreign, and who is turned away.
//!
//! Blame fades, and gossipsub's scores are not used: in a small network the peer with the worst score may be the only one.
//! Static peers that were turned away are dialled again.

use super::peers::{Peer, PeerInfo, PeerState};
use super::{Cx, Goodbye, MAX_FOREIGN, Purpose, Service};
use crate::net::PeerId;
use crate::net::link::{Command, Direction, Protocol, RequestError};
use crate::net::service::Action;
use crate::ssz::{Shape, Ssz};
use crate::types::{ForkName, MetaData, Status};

/// How long a peer that dialled us may take to send its status before we send ours, milliseconds.
const STATUS_PATIENCE_MS: u64 = 3_000;
/// How often peers are pinged, milliseconds.
const PING_EVERY_MS: u64 = 20_000;
/// Pings in a row that may stay unanswered.
const MAX_SILENT: u32 = 3;
/// Points of a peer that is turned away: ten malformed requests and the like, or fifteen slow ones, all at once; or more of
/// them over longer, since points are forgiven with time.
const MAX_STRIKES: u64 = 30;
/// Points for breaking a rule that honest software keeps.
pub(super) const BREACH: u64 = 3;
/// Points for a request that did not come whole in time. On a busy machine that is nobody's fault.
const SLOWNESS: u64 = 2;
/// Invalid gossip messages that a peer may send per [`REJECTION_WINDOW_MS`]: clients differ here and there in what they
/// forward.
const MAX_REJECTIONS: u32 = 32;
/// Milliseconds after which a peer's invalid messages are forgotten.
const REJECTION_WINDOW_MS: u64 = 60_000;

/// Versions of `status`, best first; the first is fulu's.
const STATUS_VERSIONS: [Protocol; 2] = [Protocol::Status2, Protocol::Status1];
/// Versions of `metadata`, best first; the first is fulu's.
const METADATA_VERSIONS: [Protocol; 3] = [Protocol::MetaData3, Protocol::MetaData2, Protocol::MetaData1];

impl Service {
    /// All peers, by id.
    pub fn peers(&self) -> Vec<PeerInfo> {
        self.peers.iter().map(|(id, peer)| peer.info(id)).collect()
    }

    /// How many peers have exchanged status with us.
    pub fn connected_peers(&self) -> usize {
        self.peers.values().filter(|p| p.state == PeerState::Connected).count()
    }

    pub(super) fn connected(&mut self, cx: Cx<'_>, id: PeerId, direction: Direction, addr: String) {
        let mut peer = Peer::new(direction, addr, cx.now_ms);
        if direction == Direction::Inbound {
            // the dialer speaks first
            peer.status_due_ms = cx.now_ms + STATUS_PATIENCE_MS;
        }
        self.peers.insert(id.clone(), peer);
        if direction == Direction::Outbound {
            self.send_status(cx, &id);
        }
    }

    pub(super) fn disconnected(&mut self, cx: Cx<'_>, id: &PeerId, reason: &str) {
        if let Some(peer) = self.peers.remove(id) {
            tracing::info!(peer = %id, agent = peer.agent, reason, "peer gone");
        }
        let lost: Vec<_> = self.requests.iter().filter(|(_, p)| p.peer == *id).map(|(request, _)| *request).collect();
        for request in lost {
            self.request_over(cx, request, Some(RequestError::Disconnected(reason.to_string())));
        }
        self.serving.retain(|_, serving| serving.peer != *id);
    }

    pub(super) fn identified(&mut self, cx: Cx<'_>, id: &PeerId, agent: String, protocols: &[String]) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        let ours = protocols.is_empty() || protocols.iter().any(|p| p.starts_with("/eth2/"));
        peer.agent = Some(agent);
        if !ours {
            self.foreign(cx, id, "it speaks no consensus protocol");
        }
    }

    /// Statuses and pings that are due.
    pub(super) fn maintain_peers(&mut self, cx: Cx<'_>) {
        let due: Vec<(PeerId, bool, bool)> = self
            .peers
            .iter()
            .filter(|(_, p)| p.state != PeerState::Disconnecting)
            .map(|(id, p)| {
                let ping = p.state == PeerState::Connected && p.ping_due_ms <= cx.now_ms;
                (id.clone(), p.status_due_ms <= cx.now_ms, ping)
            })
            .collect();
        for (id, status, ping) in due {
            if status {
                self.send_status(cx, &id);
            }
            if ping {
                self.send_ping(cx, &id);
            }
        }
    }

    fn our_status(&self, cx: Cx<'_>) -> Status {
        let fork_digest = self.schedule.at(self.epoch_at(cx.now_ms)).digest.into();
        Status { fork_digest, ..cx.chain.status() }
    }

    /// Our status as this version of the protocol has it, whatever fork is in force.
    pub(super) fn status_bytes(&self, cx: Cx<'_>, protocol: Protocol) -> Vec<u8> {
        self.our_status(cx).encode(self.status_shape(protocol))
    }

    pub(super) fn status_shape(&self, protocol: Protocol) -> Shape {
        self.cfg.shape(if protocol == Protocol::Status1 { ForkName::Phase0 } else { ForkName::Fulu })
    }

    pub(super) fn epoch_ms(&self) -> u64 {
        self.cfg.preset.slots_per_epoch.saturating_mul(self.cfg.slot_duration_ms)
    }

    /// Whether a peer was asked for its status and has not answered yet.
    pub(super) fn awaits_status(&self, id: &PeerId) -> bool {
        self.requests.values().any(|p| p.purpose == Purpose::Status && p.peer == *id)
    }

    pub(super) fn send_status(&mut self, cx: Cx<'_>, id: &PeerId) {
        let asking = self.awaits_status(id);
        let epoch_ms = self.epoch_ms();
        let Some(peer) = self.peers.get_mut(id) else { return };
        peer.status_due_ms = cx.now_ms + epoch_ms;
        if !asking {
            // version 2 is of no use to a network that never comes to fulu
            let versions =
                if self.schedule.reaches(ForkName::Fulu) { &STATUS_VERSIONS[..] } else { &STATUS_VERSIONS[1..] };
            let offers = versions.iter().map(|version| (*version, self.status_bytes(cx, *version))).collect();
            self.ask(cx.now_ms, id, Purpose::Status, offers);
        }
    }

    pub(super) fn status_answer(&mut self, cx: Cx<'_>, id: &PeerId, protocol: Protocol, body: &[u8]) {
        match Status::decode(self.status_shape(protocol), body) {
            Ok(status) => self.status_known(cx, id, status),
            Err(_) => self.misbehaved(cx, id, "its status can't be read"),
        }
    }

    /// No answer to our status: without one nobody is a peer.
    pub(super) fn no_status(&mut self, cx: Cx<'_>, id: &PeerId, failure: Option<RequestError>) {
        let Some(peer) = self.peers.get(id) else { return };
        match failure {
            Some(RequestError::Unsupported) => self.foreign(cx, id, "it has no status protocol"),
            // an old peer may be busy; it is asked again
            _ if peer.state == PeerState::Connected => {}
            _ => {
                let how = failure.map_or_else(|| "an empty answer".to_string(), |why| why.to_string());
                self.leave(id, Goodbye::Fault, &format!("no answer to our status: {how}"), cx.now_ms);
            }
        }
    }

    /// A peer's status, asked for or sent. Same network: it becomes a peer, if it is not one yet.
    pub(super) fn status_known(&mut self, cx: Cx<'_>, id: &PeerId, status: Status) {
        match self.relevant(cx, &status) {
            Ok(()) => {}
            Err(Irrelevance::Network(why)) => return self.foreign(cx, id, &why),
            Err(Irrelevance::Chain(why)) => {
                self.metrics.conflicting_peers += 1;
                return self.leave(id, Goodbye::Irrelevant, &format!("another finalized chain: {why}"), cx.now_ms);
            }
        }
        let epoch_ms = self.epoch_ms();
        let Some(peer) = self.peers.get_mut(id) else { return };
        if peer.state == PeerState::Disconnecting {
            return;
        }
        peer.status = Some(status);
        peer.status_due_ms = cx.now_ms + epoch_ms;
        if peer.state == PeerState::Connecting {
            peer.state = PeerState::Connected;
            peer.ping_due_ms = cx.now_ms + PING_EVERY_MS;
            tracing::info!(peer = %id, agent = peer.agent, head = status.head_slot, "peer joined");
            self.ask_for_metadata(cx, id);
        }
        self.serve_waiting(cx);
        self.drive_sync(cx);
        self.drive_lookups(cx);
    }

    /// Whether a status can belong to a peer of our network and chain; if not, why.
    fn relevant(&self, cx: Cx<'_>, status: &Status) -> Result<(), Irrelevance> {
        let slot = self.slot_at(cx.now_ms);
        let ours = self.schedule.at(self.cfg.epoch_of(slot)).digest;
        if status.fork_digest.0 != ours {
            // around a fork two clocks may disagree about which side of it they are on
            let near = [slot.saturating_sub(2), slot.saturating_add(2)]
                .map(|slot| self.schedule.at(self.cfg.epoch_of(slot)).digest)
                .contains(&status.fork_digest.0);
            if !near {
                let why = format!("its fork digest is {}, ours 0x{}", status.fork_digest, hex::encode(ours));
                return Err(Irrelevance::Network(why));
            }
        }
        let finalized = cx.chain.finalized();
        if status.finalized_epoch > finalized.epoch || status.finalized_root.is_zero() && status.finalized_epoch == 0 {
            return Ok(());
        }
        // clients differ in what they say before the first finality: zero, or the genesis root
        let known = match status.finalized_epoch {
            0 => Some(self.genesis_block_root),
            epoch if epoch == finalized.epoch => Some(finalized.root),
            epoch => cx.chain.canonical_root_at(self.cfg.start_slot(epoch)),
        };
        match known {
            Some(root) if root != status.finalized_root => Err(Irrelevance::Chain(format!(
                "it finalized {} in epoch {}, we {root}",
                status.finalized_root, status.finalized_epoch
            ))),
            _ => Ok(()),
        }
    }

    fn send_ping(&mut self, cx: Cx<'_>, id: &PeerId) {
        if let Some(peer) = self.peers.get_mut(id) {
            peer.ping_due_ms = cx.now_ms + PING_EVERY_MS;
            let body = self.metadata.seq_number.to_le_bytes().to_vec();
            self.ask(cx.now_ms, id, Purpose::Ping, vec![(Protocol::Ping1, body)]);
        }
    }

    pub(super) fn ping_answer(&mut self, cx: Cx<'_>, id: &PeerId, body: &[u8]) {
        if let Some(peer) = self.peers.get_mut(id) {
            peer.silent = 0;
        }
        if let Ok(seq) = u64::decode(self.shape(), body) {
            self.seq_known(cx, id, seq);
        }
    }

    pub(super) fn no_pong(&mut self, cx: Cx<'_>, id: &PeerId, failure: Option<RequestError>) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        if failure != Some(RequestError::Unsupported) {
            peer.silent += 1;
            if peer.silent >= MAX_SILENT {
                self.leave(id, Goodbye::Fault, &format!("{MAX_SILENT} pings in a row without answer"), cx.now_ms);
            }
        }
    }

    /// A peer's metadata number, by ping: if it is news, the metadata is asked for.
    pub(super) fn seq_known(&mut self, cx: Cx<'_>, id: &PeerId, seq: u64) {
        let asking = self.requests.values().any(|p| p.purpose == Purpose::MetaData && p.peer == *id);
        let known = self.peers.get(id).and_then(|p| p.metadata.as_ref()).map(|m| m.seq_number);
        if self.peers.contains_key(id) && known.is_none_or(|known| known < seq) && !asking {
            self.ask_for_metadata(cx, id);
        }
    }

    fn ask_for_metadata(&mut self, cx: Cx<'_>, id: &PeerId) {
        let versions = match self.schedule.reaches(ForkName::Fulu) {
            true => &METADATA_VERSIONS[..],
            false => &METADATA_VERSIONS[1..],
        };
        let offers = versions.iter().map(|version| (*version, Vec::new())).collect();
        self.ask(cx.now_ms, id, Purpose::MetaData, offers);
    }

    pub(super) fn metadata_answer(&mut self, cx: Cx<'_>, id: &PeerId, protocol: Protocol, body: &[u8]) {
        match MetaData::decode(self.metadata_shape(protocol), body) {
            Ok(metadata) => {
                if let Some(peer) = self.peers.get_mut(id) {
                    peer.metadata = Some(metadata);
                }
            }
            Err(_) => self.misbehaved(cx, id, "its metadata can't be read"),
        }
    }

    /// Each version is that of the fork that brought it, whatever fork is in force.
    pub(super) fn metadata_shape(&self, protocol: Protocol) -> Shape {
        self.cfg.shape(match protocol {
            Protocol::MetaData1 => ForkName::Phase0,
            Protocol::MetaData2 => ForkName::Altair,
            _ => ForkName::Fulu,
        })
    }

    /// A peer broke a rule that honest software keeps; `why` is what it did. Who is no peer yet is not given another chance.
    pub(super) fn misbehaved(&mut self, cx: Cx<'_>, id: &PeerId, why: &str) {
        let is_new = self.peers.get(id).is_some_and(|peer| peer.state == PeerState::Connecting);
        self.strike(cx, id, if is_new { MAX_STRIKES } else { BREACH }, why);
    }

    /// A peer's request did not come in time; `why` says which.
    pub(super) fn was_slow(&mut self, cx: Cx<'_>, id: &PeerId, why: &str) {
        self.strike(cx, id, SLOWNESS, why);
    }

    fn strike(&mut self, cx: Cx<'_>, id: &PeerId, points: u64, why: &str) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        let strikes = peer.strike(points, cx.now_ms);
        tracing::debug!(peer = %id, agent = peer.agent, strikes, why, "peer misbehaved");
        if strikes >= MAX_STRIKES {
            self.leave(id, Goodbye::Fault, why, cx.now_ms);
        }
    }

    /// A peer sent a message that the chain rejected.
    pub(super) fn sent_invalid(&mut self, cx: Cx<'_>, id: &PeerId) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        if cx.now_ms >= peer.rejections_since_ms.saturating_add(REJECTION_WINDOW_MS) {
            peer.rejections = 0;
            peer.rejections_since_ms = cx.now_ms;
        }
        peer.rejections += 1;
        if peer.rejections > MAX_REJECTIONS {
            self.leave(id, Goodbye::Fault, "too many messages that the chain rejects", cx.now_ms);
        }
    }

    /// A peer of another network, or none of ours at all.
    fn foreign(&mut self, cx: Cx<'_>, id: &PeerId, why: &str) {
        if self.foreign.len() < MAX_FOREIGN && self.foreign.insert(id.clone()) {
            self.metrics.foreign_peers += 1;
        }
        self.leave(id, Goodbye::Irrelevant, &format!("a foreign peer: {why}"), cx.now_ms);
    }

    /// Says goodbye and disconnects; `why` is for the log.
    pub(super) fn leave(&mut self, id: &PeerId, reason: Goodbye, why: &str, now_ms: u64) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        if peer.state == PeerState::Disconnecting {
            return;
        }
        if reason != Goodbye::Shutdown {
            tracing::warn!(peer = %id, agent = peer.agent, why, "peer turned away");
        }
        peer.state = PeerState::Disconnecting;
        let body = (reason as u64).to_le_bytes().to_vec();
        self.ask(now_ms, id, Purpose::Goodbye, vec![(Protocol::Goodbye1, body)]);
        self.out.push(Action::Link(Command::Disconnect { peer: id.clone() }));
    }
}

/// Why a status can't be a peer's.
enum Irrelevance {
    /// Another network.
    Network(String),
    /// Our network, but another finalized chain.
    Chain(String),
}
