//! The task that owns the swarm: carries out commands, passes events on.

mod gossip;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use bytes::Bytes as Payload;
use futures::StreamExt;
use libp2p::core::ConnectedPoint;
use libp2p::core::transport::ListenerId;
use libp2p::gossipsub::{IdentTopic, MessageId};
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{Stream, SwarmEvent};
use libp2p::{Multiaddr, PeerId as WirePeer, Swarm, identify};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::dialer::{Dialer, peer_of};
use super::rpc::{self, Answer, Note};
use super::streams::StreamEvent;
use super::{Behaviour, BehaviourEvent};
use crate::net::link::{Command, Direction, GossipId, InboundId, LinkEvent, PeerId, Protocol, RequestError, RequestId};

/// Events held back while the node is busy; gossip beyond that is dropped.
const MAX_WAITING_EVENTS: usize = 2048;
/// Payload bytes held back while the node is busy; gossip beyond that is dropped.
const MAX_WAITING_BYTES: usize = 32 << 20;
/// Requests of ours that may run at once.
const MAX_REQUESTS: usize = 256;
/// Requests of one peer on one protocol that may run at once. The specification allows a peer two; the end of an answer may
/// reach the peer before it reaches our books, so a little more is let through.
const MAX_ANSWERS: usize = 4;
/// How long a peer that is to be disconnected may take to end what was begun, such as our goodbye.
const FAREWELL: Duration = Duration::from_millis(800);

struct OpenRequest {
    peer: WirePeer,
    /// Until the stream is there: what to say by protocol.
    offers: Vec<(Protocol, Payload)>,
    task: Option<tokio::task::AbortHandle>,
}

struct OpenAnswer {
    peer: WirePeer,
    protocol: Protocol,
    answers: mpsc::Sender<Answer>,
}

pub(super) struct Driver {
    swarm: Swarm<Behaviour>,
    commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<LinkEvent>,
    notes: (mpsc::Sender<Note>, mpsc::Receiver<Note>),
    waiting: VecDeque<LinkEvent>,
    waiting_bytes: usize,
    dropped: u64,
    dialer: Dialer,
    closing: HashMap<WirePeer, Instant>,
    unjudged: BTreeMap<GossipId, (MessageId, WirePeer)>,
    requests: BTreeMap<RequestId, OpenRequest>,
    answers: BTreeMap<InboundId, OpenAnswer>,
    next_id: u64,
}

/// Waits until a listener of the swarm listens; where.
pub(super) async fn listening(swarm: &mut Swarm<Behaviour>, listener: ListenerId) -> Result<Multiaddr, String> {
    loop {
        match swarm.select_next_some().await {
            SwarmEvent::NewListenAddr { listener_id, address } if listener_id == listener => return Ok(address),
            SwarmEvent::ListenerClosed { reason, .. } => return Err(format!("{reason:?}")),
            SwarmEvent::ListenerError { error, .. } => return Err(error.to_string()),
            _ => {}
        }
    }
}

fn name(peer: &WirePeer) -> PeerId {
    PeerId::new(peer.to_base58())
}

fn wire(peer: &PeerId) -> Option<WirePeer> {
    peer.as_str().parse().ok()
}

fn payload_size(event: &LinkEvent) -> usize {
    match event {
        LinkEvent::Gossip { data, .. } => data.len(),
        LinkEvent::Request { body, .. } => body.len(),
        LinkEvent::Chunk { chunk, .. } => chunk.body.len(),
        _ => 0,
    }
}

/// How an address is dialled: not from the listening port, since two nodes that dial each other at once would meet in one
/// half-open connection.
fn dial_options(addr: &Multiaddr, peer: Option<WirePeer>) -> DialOpts {
    match peer {
        Some(peer) => DialOpts::peer_id(peer)
            .addresses(vec![addr.clone()])
            .condition(PeerCondition::DisconnectedAndNotDialing)
            .allocate_new_port()
            .build(),
        None => DialOpts::unknown_peer_id().address(addr.clone()).allocate_new_port().build(),
    }
}

impl Driver {
    pub(super) fn new(
        swarm: Swarm<Behaviour>,
        commands: mpsc::Receiver<Command>,
        events: mpsc::Sender<LinkEvent>,
        bound: Multiaddr,
    ) -> Driver {
        let mut driver = Driver {
            swarm,
            commands,
            events,
            notes: mpsc::channel(64),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            dropped: 0,
            dialer: Dialer::default(),
            closing: HashMap::new(),
            unjudged: BTreeMap::new(),
            requests: BTreeMap::new(),
            answers: BTreeMap::new(),
            next_id: 0,
        };
        driver.tell(LinkEvent::Listening { addr: bound.to_string() });
        driver
    }

    pub(super) async fn run(mut self) {
        let mut ticks = tokio::time::interval(Duration::from_millis(50));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut leaving: Option<Instant> = None;
        let events = self.events.clone();
        loop {
            // streams are read only while the node keeps up; their peers wait
            let keeping_up = !self.is_full();
            tokio::select! {
                command = self.commands.recv(), if leaving.is_none() => match command {
                    Some(command) => self.command(command),
                    None => leaving = Some(Instant::now() + FAREWELL),
                },
                room = events.reserve(), if !self.waiting.is_empty() && leaving.is_none() => match room {
                    Ok(room) => if let Some(event) = self.waiting.pop_front() {
                        self.waiting_bytes -= payload_size(&event);
                        room.send(event);
                    },
                    Err(_) => leaving = Some(Instant::now() + FAREWELL),
                },
                Some(note) = self.notes.1.recv(), if keeping_up || leaving.is_some() => self.note(note),
                event = self.swarm.select_next_some() => self.swarm_event(event),
                _ = ticks.tick() => self.tick(),
            }
            if let Some(until) = leaving
                && (self.closing.is_empty() || Instant::now() >= until)
            {
                return;
            }
        }
    }

    /// Queues an event for the node.
    fn tell(&mut self, event: LinkEvent) {
        self.waiting_bytes += payload_size(&event);
        self.waiting.push_back(event);
    }

    fn next_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn tick(&mut self) {
        let now = Instant::now();
        for (addr, peer) in self.dialer.due(now) {
            let options = dial_options(&addr, peer);
            let connection = options.connection_id();
            self.dialer.dialing(&addr, connection);
            if let Err(error) = self.swarm.dial(options) {
                self.dialer.failed(connection, now);
                tracing::debug!(%addr, %error, "not dialled");
            }
        }
        let done: Vec<WirePeer> =
            self.closing.iter().filter(|(peer, until)| now >= **until || self.quiet(peer)).map(|(p, _)| *p).collect();
        for peer in done {
            // it may be gone already: then its mark goes too
            if self.swarm.disconnect_peer_id(peer).is_err() {
                self.closing.remove(&peer);
            }
        }
    }

    /// Whether nothing is under way with a peer.
    fn quiet(&self, peer: &WirePeer) -> bool {
        !self.requests.values().any(|r| r.peer == *peer) && !self.answers.values().any(|a| a.peer == *peer)
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Subscribe { topic } => {
                if let Err(error) = self.swarm.behaviour_mut().gossip.subscribe(&IdentTopic::new(&*topic)) {
                    tracing::warn!(%topic, %error, "not subscribed");
                }
            }
            Command::Unsubscribe { topic } => {
                self.swarm.behaviour_mut().gossip.unsubscribe(&IdentTopic::new(&*topic));
            }
            Command::Publish { topic, data } => self.publish(&topic, data),
            Command::Report { id, verdict } => self.report(id, verdict),
            Command::Request { id, peer, offers } => self.request(id, peer, offers),
            Command::Cancel { id } => {
                if let Some(task) = self.requests.remove(&id).and_then(|r| r.task) {
                    task.abort();
                }
            }
            Command::Respond { id, chunk } => self.answer(id, Answer::Chunk(chunk)),
            Command::Finish { id } => self.answer(id, Answer::Finish),
            Command::Dial { addr } => match addr.parse::<Multiaddr>() {
                Ok(parsed) => {
                    let connected = peer_of(&parsed).is_some_and(|peer| self.swarm.is_connected(&peer));
                    self.dialer.add(parsed, connected, Instant::now());
                }
                Err(error) => self.tell(LinkEvent::DialFailed { addr, reason: error.to_string() }),
            },
            Command::DialOnce { addr } => {
                // a peer that is being told goodbye is still connected
                if let Ok(addr) = addr.parse::<Multiaddr>()
                    && let Err(error) = self.swarm.dial(dial_options(&addr, peer_of(&addr)))
                {
                    tracing::debug!(%addr, %error, "not dialled");
                }
            }
            Command::Disconnect { peer } => {
                if let Some(peer) = wire(&peer).filter(|peer| self.swarm.is_connected(peer)) {
                    self.closing.entry(peer).or_insert(Instant::now() + FAREWELL);
                }
            }
        }
    }

    fn request(&mut self, id: RequestId, peer: PeerId, offers: Vec<(Protocol, Payload)>) {
        let why = match wire(&peer) {
            None => RequestError::Disconnected("no such peer".into()),
            Some(_) if self.requests.len() >= MAX_REQUESTS => RequestError::Busy,
            Some(to) => {
                let protocols = offers.iter().map(|(protocol, _)| *protocol).collect();
                self.requests.insert(id, OpenRequest { peer: to, offers, task: None });
                return self.swarm.behaviour_mut().streams.open(id, to, protocols);
            }
        };
        self.tell(LinkEvent::RequestFailed { id, peer, why });
    }

    fn answer(&mut self, id: InboundId, answer: Answer) {
        if let Some(open) = self.answers.get(&id)
            && let Err(error) = open.answers.try_send(answer)
        {
            // the service sends only as many chunks as it was told went out: this stream is lost
            tracing::debug!(?id, %error, "answer given up");
            self.answers.remove(&id);
        }
    }

    fn note(&mut self, note: Note) {
        match note {
            Note::Event(LinkEvent::Chunk { id, .. }) if !self.requests.contains_key(&id) => {}
            Note::Event(event) => self.tell(event),
            Note::RequestOver(id, event) => {
                if self.requests.remove(&id).is_some() {
                    self.tell(event);
                }
            }
            Note::AnswerOver(id, broken) => {
                self.answers.remove(&id);
                if broken {
                    self.tell(LinkEvent::InboundClosed { id });
                }
            }
        }
    }

    fn swarm_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        let now = Instant::now();
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Gossip(event)) => self.gossip_event(event),
            SwarmEvent::Behaviour(BehaviourEvent::Streams(event)) => self.stream_event(event),
            SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received { peer_id, info, .. })) => {
                let protocols = info.protocols.iter().map(|p| p.to_string()).collect();
                self.identified(&peer_id, info.agent_version, protocols);
            }
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, num_established, .. } => {
                self.dialer.connected(peer_id, connection_id, now);
                if num_established.get() == 1 {
                    let (direction, addr) = match endpoint {
                        ConnectedPoint::Dialer { address, .. } => (Direction::Outbound, address),
                        ConnectedPoint::Listener { send_back_addr, .. } => (Direction::Inbound, send_back_addr),
                    };
                    self.tell(LinkEvent::Connected { peer: name(&peer_id), direction, addr: addr.to_string() });
                }
            }
            SwarmEvent::ConnectionClosed { peer_id, num_established: 0, cause, .. } => {
                let ours = self.closing.remove(&peer_id).is_some();
                self.dialer.lost(peer_id, ours, now);
                let reason = match cause {
                    _ if ours => "closed on request".to_string(),
                    Some(error) => super::source_of(&error),
                    None => "closed".to_string(),
                };
                self.tell(LinkEvent::Disconnected { peer: name(&peer_id), reason });
            }
            SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
                if let Some(addr) = self.dialer.failed(connection_id, now) {
                    self.tell(LinkEvent::DialFailed { addr: addr.to_string(), reason: error.to_string() });
                }
            }
            _ => {}
        }
    }

    /// Whether the node is so far behind that what can be done without is dropped.
    fn is_full(&self) -> bool {
        self.waiting.len() >= MAX_WAITING_EVENTS || self.waiting_bytes >= MAX_WAITING_BYTES
    }

    /// A peer may say who it is as often as it likes; nothing depends on hearing it every time.
    fn identified(&mut self, peer: &WirePeer, agent: String, protocols: Vec<String>) {
        if !self.is_full() {
            self.tell(LinkEvent::Identified { peer: name(peer), agent, protocols });
        }
    }

    fn stream_event(&mut self, event: StreamEvent) {
        match event {
            StreamEvent::Inbound { peer, protocol, stream } => self.accept(peer, protocol, stream),
            StreamEvent::Outbound { id, peer, result: Ok((protocol, stream)) } => {
                let Some(request) = self.requests.get_mut(&id) else { return };
                let offers = std::mem::take(&mut request.offers);
                let body = offers.into_iter().find(|(p, _)| *p == protocol).map(|(_, body)| body).unwrap_or_default();
                let task = rpc::ask(id, name(&peer), (protocol, stream), body, self.notes.0.clone());
                request.task = Some(tokio::spawn(task).abort_handle());
            }
            StreamEvent::Outbound { id, peer, result: Err(why) } => {
                if self.requests.remove(&id).is_some() {
                    self.tell(LinkEvent::RequestFailed { id, peer: name(&peer), why });
                }
            }
        }
    }

    fn accept(&mut self, peer: WirePeer, protocol: Protocol, stream: Stream) {
        if self.answers.values().filter(|a| a.peer == peer && a.protocol == protocol).count() >= MAX_ANSWERS {
            tracing::debug!(%peer, %protocol, "too many requests at once: stream dropped");
            return;
        }
        let id = InboundId(self.next_id());
        let (answers, queue) = mpsc::channel(rpc::ANSWER_QUEUE);
        self.answers.insert(id, OpenAnswer { peer, protocol, answers });
        tokio::spawn(rpc::answer(id, name(&peer), (protocol, stream), queue, self.notes.0.clone()));
    }
}
