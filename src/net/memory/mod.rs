//! A network inside one process, in virtual time: the simulation's [`Link`](super::Link).
//!
//! Whoever owns the [`MemoryNetwork`] hands it the nodes' commands and takes the next due event out; the order of events
//! depends on nothing but the seed and the order of calls. Gossip floods over the open connections and goes on from a node
//! only after that node's verdict, as gossipsub with validation does. Every peer speaks every protocol.
//! No threads, no clock, no I/O, and no bytes copied: payloads are shared.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::RangeInclusive;
use std::sync::Arc;

use bytes::Bytes as Payload;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::link::{Chunk, Command, GossipId, InboundId, LinkEvent, PeerId, Protocol, RequestError, RequestId, Verdict};
use super::topic::{IdInput, message_id};

mod impair;
mod streams;
#[cfg(test)]
mod tests;
mod wires;

pub use impair::Line;

/// A node's number, in the order of joining.
pub type NodeIndex = usize;

/// How long a node remembers a message that it has seen, milliseconds. More than any gossip propagation window in slots.
const SEEN_TTL_MS: u64 = 600_000;
/// Messages that may wait for a verdict at one node; the oldest is forgotten beyond that.
const MAX_PENDING: usize = 4096;
/// How long after being turned away a dialer tries again, milliseconds.
const REDIAL_AFTER_REFUSAL_MS: u64 = 10_000;

type MessageId = [u8; 20];

struct Message {
    id: MessageId,
    topic: Arc<str>,
    data: Payload,
}

#[derive(Default)]
struct Node {
    peer: Option<PeerId>,
    agent: String,
    up: bool,
    topics: BTreeSet<Arc<str>>,
    seen: BTreeSet<MessageId>,
    seen_order: VecDeque<(u64, MessageId)>,
    pending: BTreeMap<GossipId, (Arc<Message>, NodeIndex)>,
}

/// A wanted connection between two nodes; open or not.
struct Edge {
    dialer: NodeIndex,
    open: bool,
    /// Changes with every opening and closing, so that what is under way dies with its connection.
    generation: u64,
    /// When the last delivery arrives, per direction (0: towards the higher index), so that none overtakes another.
    last_arrival: [u64; 2],
}

struct Stream {
    requester: NodeIndex,
    request: RequestId,
    responder: NodeIndex,
    protocol: Protocol,
}

/// What travels; `Open` belongs to no direction.
enum Cargo {
    Open,
    Gossip(Arc<Message>),
    Request { stream: u64, body: Payload },
    Chunk { stream: u64, chunk: Chunk },
    End { stream: u64 },
    Closed { stream: u64 },
    HangUp,
}

struct Delivery {
    from: NodeIndex,
    to: NodeIndex,
    generation: u64,
    cargo: Cargo,
}

/// All nodes of one simulated network and what is under way between them.
pub struct MemoryNetwork {
    rng: ChaCha8Rng,
    latency_ms: RangeInclusive<u64>,
    now_ms: u64,
    sequence: u64,
    nodes: Vec<Node>,
    /// Each with the moment until which it is busy sending, microseconds.
    lines: Vec<(Line, u64)>,
    edges: BTreeMap<(NodeIndex, NodeIndex), Edge>,
    /// Pairs that can't reach each other until mended, whether they are connected or not.
    cut: BTreeSet<(NodeIndex, NodeIndex)>,
    streams: BTreeMap<u64, Stream>,
    queue: BTreeMap<(u64, u64), Delivery>,
    ready: VecDeque<(NodeIndex, LinkEvent)>,
}

fn key(a: NodeIndex, b: NodeIndex) -> (NodeIndex, NodeIndex) {
    (a.min(b), a.max(b))
}

impl MemoryNetwork {
    /// An empty network. Every message takes a time drawn from `latency_ms`.
    pub fn new(seed: u64, latency_ms: RangeInclusive<u64>) -> MemoryNetwork {
        MemoryNetwork {
            rng: ChaCha8Rng::seed_from_u64(seed),
            latency_ms,
            now_ms: 0,
            sequence: 0,
            nodes: Vec::new(),
            lines: Vec::new(),
            edges: BTreeMap::new(),
            cut: BTreeSet::new(),
            streams: BTreeMap::new(),
            queue: BTreeMap::new(),
            ready: VecDeque::new(),
        }
    }

    /// Adds a node, not yet started. Peer ids must differ.
    pub fn join(&mut self, peer: PeerId, agent: &str) -> NodeIndex {
        self.nodes.push(Node { peer: Some(peer), agent: agent.to_string(), ..Node::default() });
        self.lines.push((Line::default(), 0));
        self.nodes.len() - 1
    }

    /// The address under which others may dial a node.
    pub fn address(&self, node: NodeIndex) -> String {
        format!("/memory/{node}/p2p/{}", self.peer(node))
    }

    /// A node's peer id.
    pub fn peer(&self, node: NodeIndex) -> PeerId {
        self.nodes[node].peer.clone().expect("set when the node joined")
    }

    /// Wants a connection, dialled by `a`: opened whenever both nodes are up.
    pub fn connect(&mut self, a: NodeIndex, b: NodeIndex, now_ms: u64) {
        self.now_ms = now_ms;
        if a == b {
            return;
        }
        self.edges.entry(key(a, b)).or_insert(Edge { dialer: a, open: false, generation: 0, last_arrival: [0; 2] });
        self.open_later(key(a, b), 0);
    }

    /// Brings a node up, as a fresh process: it remembers no subscription and no message.
    pub fn start(&mut self, node: NodeIndex, now_ms: u64) {
        self.now_ms = now_ms;
        self.nodes[node].up = true;
        let addr = self.address(node);
        self.ready.push_back((node, LinkEvent::Listening { addr }));
        for edge in self.edges_of(node) {
            self.open_later(edge, 0);
        }
    }

    /// Takes a node down at once: its connections break and everything to and from it is lost.
    pub fn stop(&mut self, node: NodeIndex, now_ms: u64) {
        self.now_ms = now_ms;
        for edge in self.edges_of(node) {
            self.close(edge, "the peer is gone");
        }
        let old = std::mem::take(&mut self.nodes[node]);
        self.nodes[node] = Node { peer: old.peer, agent: old.agent, ..Node::default() };
        self.ready.retain(|(to, _)| *to != node);
    }

    /// Keeps two nodes apart until [`mend`](Self::mend): both see their connection break, and none comes up.
    pub fn cut(&mut self, a: NodeIndex, b: NodeIndex, now_ms: u64) {
        self.now_ms = now_ms;
        self.cut.insert(key(a, b));
        self.close(key(a, b), "the connection timed out");
    }

    /// Lets two nodes reach each other again.
    pub fn mend(&mut self, a: NodeIndex, b: NodeIndex, now_ms: u64) {
        self.now_ms = now_ms;
        if self.cut.remove(&key(a, b)) {
            self.open_later(key(a, b), 0);
        }
    }

    /// When the next event is due, milliseconds on the callers' clock.
    pub fn next_event_time(&self) -> Option<u64> {
        if !self.ready.is_empty() {
            return Some(self.now_ms);
        }
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }

    /// The next event due at `now_ms` or before, and whose it is.
    pub fn pop_due(&mut self, now_ms: u64) -> Option<(NodeIndex, LinkEvent)> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let entry = self.queue.first_entry()?;
            let (at, _) = *entry.key();
            if at > now_ms {
                return None;
            }
            let delivery = entry.remove();
            self.now_ms = at;
            self.arrive(delivery);
        }
    }

    /// Carries out a node's command.
    pub fn send(&mut self, node: NodeIndex, now_ms: u64, command: Command) {
        self.now_ms = now_ms;
        if !self.nodes[node].up {
            return;
        }
        match command {
            Command::Subscribe { topic } => {
                self.nodes[node].topics.insert(topic);
            }
            Command::Unsubscribe { topic } => {
                self.nodes[node].topics.remove(&topic);
            }
            Command::Publish { topic, data } => {
                let id = message_id(false, &topic, IdInput::Valid(&data));
                if self.see(node, id) {
                    self.flood(node, None, Arc::new(Message { id, topic, data }));
                }
            }
            Command::Report { id, verdict } => {
                if let Some((message, from)) = self.nodes[node].pending.remove(&id)
                    && verdict == Verdict::Accept
                {
                    self.flood(node, Some(from), message);
                }
            }
            Command::Request { id, peer, offers } => self.request(node, id, peer, offers),
            Command::Cancel { id } => self.cancel(node, id),
            Command::Respond { id, chunk } => self.respond(node, id.0, chunk),
            Command::Finish { id } => self.finish(node, id.0),
            Command::Dial { addr } | Command::DialOnce { addr } => self.dial(node, addr),
            Command::Disconnect { peer } => {
                if let Some(other) = self.index_of(&peer) {
                    self.ship(node, other, Cargo::HangUp);
                }
            }
        }
    }

    fn index_of(&self, peer: &PeerId) -> Option<NodeIndex> {
        self.nodes.iter().position(|node| node.peer.as_ref() == Some(peer))
    }

    fn edges_of(&self, node: NodeIndex) -> Vec<(NodeIndex, NodeIndex)> {
        self.edges.keys().filter(|(a, b)| *a == node || *b == node).copied().collect()
    }

    /// Marks a message as seen by a node; whether it was new.
    fn see(&mut self, node: NodeIndex, id: MessageId) -> bool {
        let now_ms = self.now_ms;
        let node = &mut self.nodes[node];
        while let Some((at, old)) = node.seen_order.front()
            && at + SEEN_TTL_MS < now_ms
        {
            node.seen.remove(old);
            node.seen_order.pop_front();
        }
        let new = node.seen.insert(id);
        if new {
            node.seen_order.push_back((now_ms, id));
        }
        new
    }

    /// Sends a message on to every neighbour but the one it came from. Who has it already would drop it: not sent.
    fn flood(&mut self, node: NodeIndex, from: Option<NodeIndex>, message: Arc<Message>) {
        for (a, b) in self.edges_of(node) {
            let other = if a == node { b } else { a };
            let wanted = Some(other) != from && !self.nodes[other].seen.contains(&message.id);
            if wanted && self.edges[&(a, b)].open {
                self.ship(node, other, Cargo::Gossip(message.clone()));
            }
        }
    }

    /// Puts something on the way; lost if there is no connection, or none that holds.
    fn ship(&mut self, from: NodeIndex, to: NodeIndex, cargo: Cargo) {
        let latency = self.rng.random_range(self.latency_ms.clone());
        if !self.edges.contains_key(&key(from, to)) {
            return;
        }
        let Ok(delay) = self.delay(from, to, cargo.bytes()) else {
            self.close(key(from, to), "the connection timed out");
            return self.open_later(key(from, to), REDIAL_AFTER_REFUSAL_MS);
        };
        let Some(edge) = self.edges.get_mut(&key(from, to)) else { return };
        let last = &mut edge.last_arrival[usize::from(from > to)];
        let at = (self.now_ms + latency + delay).max(*last);
        *last = at;
        let generation = edge.generation;
        self.enqueue(at, Delivery { from, to, generation, cargo });
    }

    fn enqueue(&mut self, at: u64, delivery: Delivery) {
        self.queue.insert((at, self.sequence), delivery);
        self.sequence += 1;
    }

    fn arrive(&mut self, Delivery { from, to, generation, cargo }: Delivery) {
        let Some(edge) = self.edges.get_mut(&key(from, to)) else { return };
        if edge.generation != generation {
            return;
        }
        match cargo {
            Cargo::Open => {
                let apart = self.cut.contains(&key(from, to));
                if !edge.open && !apart && self.nodes[from].up && self.nodes[to].up {
                    edge.open = true;
                    edge.generation += 1;
                    self.opened(from, to);
                }
            }
            Cargo::Gossip(message) => self.gossip(from, to, message),
            Cargo::Request { stream, body } => {
                if let Some(protocol) = self.streams.get(&stream).map(|s| s.protocol) {
                    let event = LinkEvent::Request { id: InboundId(stream), peer: self.peer(from), protocol, body };
                    self.ready.push_back((to, event));
                }
            }
            Cargo::Chunk { stream, chunk } => {
                if let Some(Stream { request, protocol, .. }) = self.streams.get(&stream) {
                    let event = LinkEvent::Chunk { id: *request, peer: self.peer(from), protocol: *protocol, chunk };
                    self.ready.push_back((to, event));
                    self.ready.push_back((from, LinkEvent::Sent { id: InboundId(stream) }));
                }
            }
            Cargo::End { stream } => {
                if let Some(stream) = self.streams.remove(&stream) {
                    self.ready.push_back((to, LinkEvent::End { id: stream.request, peer: self.peer(from) }));
                }
            }
            Cargo::HangUp => {
                self.close(key(from, to), "closed on request");
                self.open_later(key(from, to), REDIAL_AFTER_REFUSAL_MS);
            }
            Cargo::Closed { stream } => self.ready.push_back((to, LinkEvent::InboundClosed { id: InboundId(stream) })),
        }
    }

    fn gossip(&mut self, from: NodeIndex, to: NodeIndex, message: Arc<Message>) {
        if !self.nodes[to].topics.contains(&message.topic) || !self.see(to, message.id) {
            return;
        }
        let id = GossipId(self.sequence);
        self.sequence += 1;
        let event =
            LinkEvent::Gossip { id, topic: message.topic.clone(), data: message.data.clone(), from: self.peer(from) };
        let pending = &mut self.nodes[to].pending;
        pending.insert(id, (message, from));
        if pending.len() > MAX_PENDING {
            pending.pop_first();
        }
        self.ready.push_back((to, event));
    }
}
