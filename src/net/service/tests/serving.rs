//! What peers' requests and messages get from us, over hand-made events. Never runs two nodes.

use std::sync::Arc;

use super::world::*;
use crate::net::link::{
    Chunk, Command, Direction, GossipId, InboundId, LinkEvent, PeerId, Protocol, ResponseCode, Verdict,
};
use crate::net::service::{Action, Cx, Service};
use crate::net::topic::{Topic, TopicKind};
use crate::ssz::{Root, Ssz};
use crate::types::{BeaconBlocksByRangeRequest, BeaconBlocksByRootRequest, ChainConfig, ForkName, Slot};

pub struct Server {
    pub cfg: Arc<ChainConfig>,
    pub service: Service,
    pub chain: Script,
    pub peer: PeerId,
    pub now: u64,
}

/// A node with blocks at `slots` and one peer.
fn server(altair: u64, slots: std::ops::Range<Slot>) -> Server {
    let cfg = config(altair);
    let mut chain = Script::new(cfg.clone());
    for block in blocks(&cfg, GENESIS_ROOT, slots.clone(), 0) {
        chain.add(block);
    }
    server_of(cfg, chain, slots.end)
}

/// A node with this chain, at this slot, and one peer.
pub fn server_of(cfg: Arc<ChainConfig>, chain: Script, slot: Slot) -> Server {
    let mut service = Service::new(cfg.clone(), GENESIS, Root::ZERO, GENESIS_ROOT);
    let (peer, now) = (PeerId::new("peer"), at(slot));
    let up = LinkEvent::Connected { peer: peer.clone(), direction: Direction::Outbound, addr: "/memory".into() };
    service.on_link(up, &chain, now);
    let fork_digest = service.schedule().at(cfg.epoch_of(slot)).digest.into();
    let status = crate::types::Status { fork_digest, ..Default::default() };
    service.status_known(Cx { chain: &chain, now_ms: now }, &peer, status);
    service.take(now);
    Server { cfg, service, chain, peer, now }
}

impl Server {
    fn event(&mut self, event: LinkEvent) -> (Vec<Chunk>, bool) {
        let actions = self.service.on_link(event, &self.chain, self.now);
        answers(actions)
    }

    fn ask(&mut self, protocol: Protocol, body: Vec<u8>) -> (Vec<Chunk>, bool) {
        let peer = self.peer.clone();
        self.event(LinkEvent::Request { id: InboundId(1), peer, protocol, body: body.into() })
    }

    /// Asks, and reads on until the answer is complete.
    pub fn ask_all(&mut self, protocol: Protocol, body: Vec<u8>) -> Vec<Chunk> {
        let (mut all, mut done) = self.ask(protocol, body);
        let mut read = 0;
        while !done && read < all.len() {
            read += 1;
            let (more, end) = self.event(LinkEvent::Sent { id: InboundId(1) });
            all.extend(more);
            done = end;
        }
        assert!(done, "the answer ends");
        all
    }

    fn range(&self, start_slot: Slot, count: u64, step: u64) -> Vec<u8> {
        BeaconBlocksByRangeRequest { start_slot, count, step }.encode(self.cfg.shape(ForkName::Phase0))
    }

    fn slots(&self, chunks: &[Chunk]) -> Vec<Slot> {
        chunks.iter().map(|c| self.cfg.decode_signed_block(&c.body).unwrap().message.slot).collect()
    }
}

fn answers(actions: Vec<Action>) -> (Vec<Chunk>, bool) {
    let (mut chunks, mut done) = (Vec::new(), false);
    for action in actions {
        match action {
            Action::Link(Command::Respond { chunk, .. }) => {
                done |= chunk.code != ResponseCode::Success;
                chunks.push(chunk);
            }
            Action::Link(Command::Finish { .. }) => done = true,
            _ => {}
        }
    }
    (chunks, done)
}

#[test]
fn ranges_are_served_a_few_chunks_at_a_time() {
    let mut server = server(u64::MAX, 1..200);
    let body = server.range(10, 30, 1);
    let (first, done) = server.ask(Protocol::BlocksByRange2, body.clone());
    assert_eq!((first.len(), done), (8, false));
    assert_eq!(server.event(LinkEvent::Sent { id: InboundId(1) }).0.len(), 1);
    let all = server.ask_all(Protocol::BlocksByRange2, body);
    assert_eq!(server.slots(&all), (10..40).collect::<Vec<_>>());
    assert!(all.iter().all(|c| c.context == Some(server.service.schedule().at(0).digest)));
}

#[test]
fn ranges_end_at_the_head_and_at_the_limit() {
    let mut server = server(u64::MAX, 1..1100);
    let body = server.range(1090, u64::MAX, 1);
    let chunks = server.ask_all(Protocol::BlocksByRange2, body);
    assert_eq!(server.slots(&chunks), (1090..1100).collect::<Vec<_>>());
    let body = server.range(0, 5000, 1);
    assert_eq!(server.ask_all(Protocol::BlocksByRange2, body).len(), 1023, "slot 0 has no block");
    let body = server.range(5000, 10, 1);
    assert!(server.ask_all(Protocol::BlocksByRange2, body).is_empty());
}

#[test]
fn who_takes_too_much_waits_and_gets_no_error() {
    let mut server = server(u64::MAX, 1..1100);
    let body = server.range(1, 1024, 1);
    for _ in 0..2 {
        assert_eq!(server.ask_all(Protocol::BlocksByRange2, body.clone()).len(), 1024);
    }
    let (none, done) = server.ask(Protocol::BlocksByRange2, body);
    assert_eq!((none.len(), done), (0, false));
    server.now += 1000;
    let actions = server.service.on_tick(&server.chain, server.now);
    assert_eq!(answers(actions).0.len(), 8);
}

#[test]
fn steps_other_than_one() {
    let mut server = server(u64::MAX, 1..20);
    let body = server.range(3, 10, 2);
    let chunks = server.ask_all(Protocol::BlocksByRange2, body);
    assert_eq!(server.slots(&chunks), [3]);
    let body = server.range(3, 10, 0);
    let chunks = server.ask_all(Protocol::BlocksByRange2, body);
    assert_eq!(chunks[0].code, ResponseCode::InvalidRequest);
}

#[test]
fn version_one_ends_with_phase0_and_contexts_change_with_the_fork() {
    let mut server = server(2, 1..30);
    let body = server.range(12, 10, 1);
    let chunks = server.ask_all(Protocol::BlocksByRange1, body.clone());
    assert_eq!(server.slots(&chunks), [12, 13, 14, 15]);
    assert!(chunks.iter().all(|c| c.context.is_none()));
    let chunks = server.ask_all(Protocol::BlocksByRange2, body);
    assert_eq!(chunks.len(), 10);
    let digests: Vec<_> = server.service.schedule().digests();
    assert_eq!((chunks[3].context, chunks[4].context), (Some(digests[0]), Some(digests[1])));
}

#[test]
fn roots_are_served_as_far_as_known() {
    let mut server = server(u64::MAX, 1..20);
    let known: Vec<Root> = server.chain.blocks.keys().copied().take(3).collect();
    let mut roots = known.clone();
    roots.insert(1, crate::ssz::Bytes([1; 32]));
    let body = BeaconBlocksByRootRequest::from(roots).encode(server.cfg.shape(ForkName::Phase0));
    let chunks = server.ask_all(Protocol::BlocksByRoot2, body);
    let got: Vec<Root> =
        chunks.iter().map(|c| root_of(&server.cfg, &server.cfg.decode_signed_block(&c.body).unwrap())).collect();
    assert_eq!(got, known);
    assert!(server.ask_all(Protocol::BlocksByRoot2, Vec::new()).is_empty());
    assert_eq!(server.ask_all(Protocol::BlocksByRoot2, vec![0; 33])[0].code, ResponseCode::InvalidRequest);
}

#[test]
fn small_requests() {
    let mut server = server(u64::MAX, 1..20);
    assert_eq!(server.ask_all(Protocol::Ping1, vec![0; 8])[0].body, vec![0; 8]);
    assert_eq!(server.ask_all(Protocol::MetaData1, Vec::new())[0].body, [vec![0; 8], vec![0xff; 8]].concat());
    assert_eq!(
        server.ask_all(Protocol::MetaData2, Vec::new())[0].body,
        [vec![0; 8], vec![0xff; 8], vec![0x0f]].concat()
    );
    let status = server.ask_all(Protocol::Status1, vec![0; 84]);
    assert_eq!(status[0].body[76..], 19u64.to_le_bytes());
}

pub fn verdicts(actions: &[Action]) -> Vec<Verdict> {
    let verdict = |a: &Action| match a {
        Action::Link(Command::Report { verdict, .. }) => Some(*verdict),
        _ => None,
    };
    actions.iter().filter_map(verdict).collect()
}

#[test]
fn gossip_that_is_not_what_its_topic_says_never_reaches_the_chain() {
    let Server { cfg, mut service, chain, peer, now } = server(2, 1..20);
    let digests = service.schedule().digests();
    let of = |digest, kind| Topic { digest, kind }.to_string();
    let block = |slot: Slot| blocks(&cfg, GENESIS_ROOT, [slot], 0)[0].encode(cfg.shape_at_slot(slot));
    let cases = [
        (of(digests[1], TopicKind::BeaconBlock), block(20), None),
        (of(digests[0], TopicKind::BeaconBlock), block(15), None),
        // a phase0 block on altair's topic, and the other way round
        (of(digests[1], TopicKind::BeaconBlock), block(15), Some(Verdict::Reject)),
        (of(digests[0], TopicKind::BeaconBlock), block(20), Some(Verdict::Reject)),
        (of(digests[1], TopicKind::Aggregate), block(20), Some(Verdict::Reject)),
        (of(digests[1], TopicKind::Attestation(3)), Vec::new(), Some(Verdict::Reject)),
        (of([9; 4], TopicKind::BeaconBlock), block(20), Some(Verdict::Reject)),
        ("/eth2/nonsense".to_string(), block(20), Some(Verdict::Reject)),
    ];
    for (i, (topic, data, verdict)) in cases.into_iter().enumerate() {
        let id = GossipId(i as u64);
        let event = LinkEvent::Gossip { id, topic: topic.as_str().into(), data: data.into(), from: peer.clone() };
        let actions = service.on_link(event, &chain, now);
        assert_eq!(verdicts(&actions).first().copied(), verdict, "{topic}");
        assert_eq!(actions.iter().any(|a| matches!(a, Action::Chain(_))), verdict.is_none(), "{topic}");
    }
    assert_eq!(service.metrics().gossip_undecodable, 6);
}
