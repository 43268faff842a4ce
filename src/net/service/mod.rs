//! The consensus protocol between peers, above any [`Link`](super::Link): handshakes, topics, serving and fetching blocks.
//!
//! The service is told what the wire, the clock and the chain say, and answers with [`Action`]s: commands for the link,
//! events for the chain. It reads the chain through [`ChainView`] and keeps no block for longer than its import takes.
//! It never reads a clock, touches a socket, judges a block or iterates in an order that could differ between two runs.

mod answer;
mod batch;
mod discovered;
mod goodbye;
mod gossip;
mod handshake;
mod imports;
mod lookup;
mod peers;
mod promises;
mod range_sidecars;
mod record;
mod requests;
mod schedule;
mod serve;
mod sidecars;
mod sync;
#[cfg(test)]
mod tests;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use goodbye::Goodbye;
pub use peers::{PeerInfo, PeerState};
pub use record::Reach;
pub use schedule::{Entry, Schedule};
pub use view::ChainView;

use self::imports::Import;
use self::lookup::Lookup;
use self::peers::Peer;
use self::requests::{Pending, Purpose};
use self::serve::Serving;
use self::sidecars::SidecarLookup;
use self::sync::RangeSync;
use super::link::{Command, GossipId, InboundId, LinkEvent, PeerId, RequestError, RequestId};
use super::topic::Topic;
use crate::chain::{Effect, Event, Origin};
use crate::ssz::{Root, Shape, Ssz};
use crate::time::SlotClock;
use crate::types::{ChainConfig, Epoch, MetaData, Slot};

/// Something to do for whoever drives the service, in order.
#[derive(Clone, Debug)]
pub enum Action {
    /// Hand this to the link.
    Link(Command),
    /// Hand this to the chain, and its effects back to [`Service::on_effect`].
    Chain(Event),
}

/// Counters for `/metrics` and the logs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    pub gossip_received: u64,
    pub gossip_published: u64,
    /// Messages that could not be decoded.
    pub gossip_undecodable: u64,
    /// Messages that the chain rejected.
    pub gossip_rejected: u64,
    pub requests_sent: u64,
    pub requests_served: u64,
    /// Different peers that turned out to be on another network, or no consensus nodes at all.
    pub foreign_peers: u64,
    /// Peers of our network turned away because they finalized another chain.
    pub conflicting_peers: u64,
    /// Blocks handed to the chain by range sync and lookups.
    pub blocks_fetched: u64,
    /// Sidecars of blobs and columns handed to the chain by range sync and lookups.
    pub sidecars_fetched: u64,
}

/// What a call may read: the chain and the time.
#[derive(Clone, Copy)]
struct Cx<'a> {
    chain: &'a dyn ChainView,
    now_ms: u64,
}

/// Foreign peers remembered by id; beyond that they are only counted.
const MAX_FOREIGN: usize = 10_000;

/// The protocol of one node. See the module's text.
pub struct Service {
    cfg: Arc<ChainConfig>,
    clock: SlotClock,
    schedule: Schedule,
    genesis_block_root: Root,
    metadata: MetaData,
    peers: BTreeMap<PeerId, Peer>,
    foreign: BTreeSet<PeerId>,
    topics: BTreeSet<Topic>,
    /// Who sent a message that the chain has not judged yet.
    sources: BTreeMap<GossipId, gossip::Source>,
    requests: BTreeMap<RequestId, Pending>,
    serving: BTreeMap<InboundId, Serving>,
    sync: RangeSync,
    lookups: BTreeMap<Root, Lookup>,
    sidecar_lookups: BTreeMap<Root, SidecarLookup>,
    /// The slot in which peers were last asked for their status because there was too much to look up.
    overflow_slot: Option<Slot>,
    /// Blocks handed to the chain whose outcome is still to come.
    imports: BTreeMap<u64, Import>,
    /// Number of the next request, and of the next import.
    next_number: u64,
    metrics: Metrics,
    out: Vec<Action>,
}

impl Service {
    /// The service of a node on a network. Give [`start`](Self::start)'s actions to the link before anything else.
    pub fn new(
        cfg: Arc<ChainConfig>,
        genesis_time: u64,
        genesis_validators_root: Root,
        genesis_block_root: Root,
    ) -> Service {
        let schedule = Schedule::new(&cfg, genesis_validators_root);
        Service {
            clock: cfg.slot_clock(genesis_time),
            metadata: full_metadata(&cfg),
            schedule,
            cfg,
            genesis_block_root,
            peers: BTreeMap::new(),
            foreign: BTreeSet::new(),
            topics: BTreeSet::new(),
            sources: BTreeMap::new(),
            requests: BTreeMap::new(),
            serving: BTreeMap::new(),
            sync: RangeSync::default(),
            lookups: BTreeMap::new(),
            sidecar_lookups: BTreeMap::new(),
            overflow_slot: None,
            imports: BTreeMap::new(),
            next_number: 1,
            metrics: Metrics::default(),
            out: Vec::new(),
        }
    }

    /// Joins the topics of the time and dials the static peers (multiaddrs that end in `/p2p/PEER_ID`).
    pub fn start(&mut self, static_peers: &[String], chain: &dyn ChainView, now_ms: u64) -> Vec<Action> {
        self.update_topics(Cx { chain, now_ms });
        let dials = static_peers.iter().map(|addr| Action::Link(Command::Dial { addr: addr.clone() }));
        self.out.extend(dials);
        self.take(now_ms)
    }

    /// Says goodbye to everybody; the link may be dropped a second later.
    pub fn shutdown(&mut self, now_ms: u64) -> Vec<Action> {
        let peers: Vec<PeerId> = self.peers.keys().cloned().collect();
        for peer in peers {
            self.leave(&peer, Goodbye::Shutdown, "we shut down", now_ms);
        }
        self.take(now_ms)
    }

    /// What the link says.
    pub fn on_link(&mut self, event: LinkEvent, chain: &dyn ChainView, now_ms: u64) -> Vec<Action> {
        let cx = Cx { chain, now_ms };
        match event {
            LinkEvent::Listening { addr } => tracing::info!(addr, "listening"),
            LinkEvent::DialFailed { addr, reason } => tracing::debug!(addr, reason, "not reached"),
            LinkEvent::Found { addr, eth2, nfd } => self.found(cx, addr, eth2, nfd),
            LinkEvent::Connected { peer, direction, addr } => self.connected(cx, peer, direction, addr),
            LinkEvent::Disconnected { peer, reason } => self.disconnected(cx, &peer, &reason),
            LinkEvent::Identified { peer, agent, protocols } => self.identified(cx, &peer, agent, &protocols),
            LinkEvent::Gossip { id, topic, data, from } => self.gossip_received(cx, id, &topic, &data, from),
            LinkEvent::Request { id, peer, protocol, body } => self.request_received(cx, id, peer, protocol, &body),
            LinkEvent::Sent { id } => self.chunk_sent(cx, id),
            LinkEvent::InboundClosed { id } => {
                self.serving.remove(&id);
            }
            LinkEvent::Malformed { peer, what, why } => {
                self.misbehaved(cx, &peer, &format!("malformed {what}: {why}"));
            }
            LinkEvent::Slow { peer, what, why } => self.was_slow(cx, &peer, &format!("slow {what}: {why}")),
            LinkEvent::Chunk { id, peer, protocol, chunk } => self.chunk_received(cx, id, &peer, protocol, chunk),
            LinkEvent::End { id, .. } => self.request_over(cx, id, None),
            LinkEvent::RequestFailed { id, why, .. } => self.request_over(cx, id, Some(why)),
        }
        self.take(now_ms)
    }

    /// Time passed. Due at least once per slot; sync and lookups retry the faster the more often it comes.
    pub fn on_tick(&mut self, chain: &dyn ChainView, now_ms: u64) -> Vec<Action> {
        let cx = Cx { chain, now_ms };
        self.update_topics(cx);
        let late: Vec<RequestId> =
            self.requests.iter().filter(|(_, p)| p.deadline_ms <= now_ms).map(|(id, _)| *id).collect();
        for id in late {
            self.out.push(Action::Link(Command::Cancel { id }));
            self.request_over(cx, id, Some(RequestError::Timeout));
        }
        self.maintain_peers(cx);
        self.serve_waiting(cx);
        self.drive_sync(cx);
        self.drive_lookups(cx);
        self.expire_sidecar_lookups(cx);
        self.take(now_ms)
    }

    /// What the chain wants done; effects that are not the network's are passed over.
    pub fn on_effect(&mut self, effect: &Effect, chain: &dyn ChainView, now_ms: u64) -> Vec<Action> {
        let cx = Cx { chain, now_ms };
        match effect {
            Effect::Outcome { origin: Origin::Gossip(id), outcome } => self.outcome(cx, *id, outcome),
            Effect::Outcome { origin: Origin::Sync(number), outcome } => self.imported(cx, *number, outcome),
            Effect::Publish(object) => self.publish(cx, object),
            Effect::RequestBlock { root, origin } => self.block_wanted(cx, *root, *origin),
            Effect::RequestSidecars { root, slot, indices, origin } => {
                self.sidecars_wanted(cx, *root, *slot, indices, *origin);
            }
            _ => {}
        }
        self.take(now_ms)
    }

    /// Slots between our head and the clock.
    pub fn sync_distance(&self, chain: &dyn ChainView, now_ms: u64) -> u64 {
        self.slot_at(now_ms).saturating_sub(chain.status().head_slot)
    }

    /// Whether peers have more of the chain than we, by more than gossip brings by itself. A chain that stands still
    /// everywhere is not being synced, nor is one that was found invalid, however often it is tried.
    pub fn is_syncing(&self, chain: &dyn ChainView) -> bool {
        self.sync.trusted_target().is_some_and(|target| target > chain.status().head_slot + 2)
    }

    /// Counters.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Our metadata: every subnet, every custody group.
    pub fn metadata(&self) -> &MetaData {
        &self.metadata
    }

    /// The network's forks.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// What is to be done; whatever just happened may have left a peer free for another request.
    fn take(&mut self, now_ms: u64) -> Vec<Action> {
        self.send_held(now_ms);
        std::mem::take(&mut self.out)
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    /// The slot of the time; 0 before genesis.
    fn slot_at(&self, now_ms: u64) -> Slot {
        self.clock.slot_at(now_ms).unwrap_or(0)
    }

    fn epoch_at(&self, now_ms: u64) -> Epoch {
        self.cfg.epoch_of(self.slot_at(now_ms))
    }

    /// The shape of objects that don't depend on the fork.
    fn shape(&self) -> Shape {
        self.cfg.shape(self.schedule.at(0).fork)
    }
}

/// A node that serves a whole test network is on every subnet and keeps every column.
fn full_metadata(cfg: &ChainConfig) -> MetaData {
    let mut metadata = MetaData::zero(cfg.shape(crate::types::ForkName::Fulu));
    metadata.custody_group_count = cfg.number_of_custody_groups;
    for i in 0..metadata.attnets.len() {
        metadata.attnets.set(i, true);
    }
    for i in 0..metadata.syncnets.len() {
        metadata.syncnets.set(i, true);
    }
    metadata
}
