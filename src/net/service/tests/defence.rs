//! What a peer can't do to us: send rubbish for long, fill the lookups alone, take blocks before it said who it is.
//! Knows no wire: the events are made by hand.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::world::*;
use crate::chain::{Effect, Event, Origin, Outcome};
use crate::net::link::{
    Chunk, Command, Direction, GossipId, InboundId, LinkEvent, PeerId, Protocol, RequestId, ResponseCode,
};
use crate::net::service::{Action, PeerState, Service};
use crate::net::topic::{Topic, TopicKind};
use crate::ssz::{Bytes, Root, Ssz};
use crate::types::{
    Attestation, BeaconBlocksByRangeRequest, BeaconBlocksByRootRequest, ChainConfig, FAR_FUTURE_EPOCH, ForkName, Status,
};

struct Target {
    cfg: Arc<ChainConfig>,
    service: Service,
    chain: Script,
    now: u64,
    messages: u64,
}

/// A node with blocks in slots 1..20.
fn target() -> Target {
    let cfg = config(FAR_FUTURE_EPOCH);
    let mut chain = Script::new(cfg.clone());
    blocks(&cfg, GENESIS_ROOT, 1..20, 0).into_iter().for_each(|block| chain.add(block));
    let service = Service::new(cfg.clone(), GENESIS, Root::ZERO, GENESIS_ROOT);
    Target { cfg, service, chain, now: at(20), messages: 0 }
}

impl Target {
    fn event(&mut self, event: LinkEvent) -> Vec<Action> {
        self.service.on_link(event, &self.chain, self.now)
    }

    /// A connection; the number of our status request, if one went out.
    fn connect(&mut self, name: &str, direction: Direction) -> (PeerId, Option<RequestId>) {
        let peer = PeerId::new(name);
        let actions = self.event(LinkEvent::Connected { peer: peer.clone(), direction, addr: "/memory".into() });
        (peer, statuses(&actions).first().map(|(_, id)| *id))
    }

    fn status(&self) -> Status {
        Status { fork_digest: self.service.schedule().at(0).digest.into(), ..Status::default() }
    }

    /// A peer that has shown its status.
    fn peer(&mut self, name: &str) -> PeerId {
        let (peer, id) = self.connect(name, Direction::Outbound);
        self.answer_status(&peer, id.expect("the dialer speaks first"));
        peer
    }

    fn answer_status(&mut self, peer: &PeerId, id: RequestId) -> Vec<Action> {
        let chunk = Chunk::success(None, self.status().encode(self.cfg.shape(ForkName::Phase0)));
        let (peer, protocol) = (peer.clone(), Protocol::Status1);
        let mut actions = self.event(LinkEvent::Chunk { id, peer: peer.clone(), protocol, chunk });
        actions.extend(self.event(LinkEvent::End { id, peer }));
        actions
    }

    fn gossip(&mut self, from: &PeerId, kind: TopicKind, data: Vec<u8>) -> (GossipId, Vec<Action>) {
        self.messages += 1;
        let id = GossipId(self.messages);
        let topic = Topic { digest: self.service.schedule().at(0).digest, kind }.to_string().as_str().into();
        (id, self.event(LinkEvent::Gossip { id, topic, data: data.into(), from: from.clone() }))
    }

    /// A request of this peer does not come whole in time.
    fn slow(&mut self, peer: &PeerId) {
        let (peer, what, why) = (peer.clone(), "ping".into(), "it was not whole".into());
        self.event(LinkEvent::Slow { peer, what, why });
    }

    fn effect(&mut self, effect: &Effect) -> Vec<Action> {
        self.service.on_effect(effect, &self.chain, self.now)
    }

    /// A readable message that the chain judges so.
    fn judged(&mut self, from: &PeerId, outcome: Outcome) -> Vec<Action> {
        let block = blocks(&self.cfg, GENESIS_ROOT, [20], self.messages).remove(0);
        let data = block.encode(self.cfg.shape(ForkName::Phase0));
        let (id, actions) = self.gossip(from, TopicKind::BeaconBlock, data);
        assert!(matches!(actions[..], [Action::Chain(Event::Block { .. })]));
        self.effect(&Effect::Outcome { origin: Origin::Gossip(id), outcome })
    }

    /// A readable message that needs a block nobody has.
    fn unknown_root(&mut self, from: &PeerId, number: u8) -> Vec<Action> {
        let block = blocks(&self.cfg, Bytes([number; 32]), [20], 0).remove(0);
        let data = block.encode(self.cfg.shape(ForkName::Phase0));
        let (id, _) = self.gossip(from, TopicKind::BeaconBlock, data);
        self.effect(&Effect::RequestBlock { root: Bytes([number; 32]), origin: Origin::Gossip(id) })
    }

    fn ask_range(&mut self, peer: &PeerId) -> Vec<Action> {
        let request = BeaconBlocksByRangeRequest { start_slot: 1, count: 4, step: 1 };
        let body = request.encode(self.cfg.shape(ForkName::Phase0)).into();
        let protocol = Protocol::BlocksByRange2;
        self.event(LinkEvent::Request { id: InboundId(1), peer: peer.clone(), protocol, body })
    }

    fn state(&self, peer: &PeerId) -> PeerState {
        self.service.peers().iter().find(|p| p.peer == *peer).expect("connected").state
    }
}

fn links(actions: &[Action]) -> impl Iterator<Item = &Command> {
    actions.iter().filter_map(|action| match action {
        Action::Link(command) => Some(command),
        Action::Chain(_) => None,
    })
}

/// Status requests that go out.
fn statuses(actions: &[Action]) -> Vec<(PeerId, RequestId)> {
    let status = |command: &Command| match command {
        Command::Request { id, peer, offers } if offers[0].0 == Protocol::Status1 => Some((peer.clone(), *id)),
        _ => None,
    };
    links(actions).filter_map(status).collect()
}

fn codes(actions: &[Action]) -> Vec<ResponseCode> {
    let code = |command: &Command| match command {
        Command::Respond { chunk, .. } => Some(chunk.code),
        _ => None,
    };
    links(actions).filter_map(code).collect()
}

#[test]
fn who_sends_what_cannot_be_read_is_turned_away() {
    let mut target = target();
    let (bad, good) = (target.peer("bad"), target.peer("good"));
    for _ in 0..10 {
        assert_eq!(target.state(&bad), PeerState::Connected);
        target.gossip(&bad, TopicKind::Aggregate, vec![1, 2, 3]);
    }
    assert_eq!((target.state(&bad), target.state(&good)), (PeerState::Disconnecting, PeerState::Connected));
}

#[test]
fn blame_fades_and_slowness_weighs_less_than_rubbish() {
    let mut target = target();
    let (odd, busy) = (target.peer("odd"), target.peer("busy"));
    for _ in 0..100 {
        target.gossip(&odd, TopicKind::Aggregate, vec![1, 2, 3]);
        target.slow(&busy);
        target.now += 30_000;
    }
    assert_eq!((target.state(&odd), target.state(&busy)), (PeerState::Connected, PeerState::Connected));
    for _ in 0..14 {
        target.slow(&busy);
    }
    assert_eq!(target.state(&busy), PeerState::Connected);
    target.slow(&busy);
    assert_eq!(target.state(&busy), PeerState::Disconnecting);

    // who has not shown its status yet may be slow, too
    let (new, _) = target.connect("new", Direction::Inbound);
    target.slow(&new);
    assert_eq!(target.state(&new), PeerState::Connecting);
    target.gossip(&new, TopicKind::Aggregate, vec![1, 2, 3]);
    assert_eq!(target.state(&new), PeerState::Disconnecting);
}

#[test]
fn one_peer_cannot_fill_the_place_where_votes_wait_for_their_blocks() {
    let mut target = target();
    let (bad, good) = (target.peer("bad"), target.peer("good"));
    let vote = Attestation::default().encode(target.cfg.shape(ForkName::Phase0));
    let hear = |target: &mut Target, from: &PeerId| {
        let (id, actions) = target.gossip(from, TopicKind::Attestation(0), vote.clone());
        actions.iter().any(|action| matches!(action, Action::Chain(_))).then_some(id)
    };
    let taken: Vec<GossipId> = (0..1500).filter_map(|_| hear(&mut target, &bad)).collect();
    assert_eq!(taken.len(), 1024, "half of the room for one of two peers");
    assert!(hear(&mut target, &good).is_some());
    let outcome = Outcome::Ignore("its block did not come".into());
    target.effect(&Effect::Outcome { origin: Origin::Gossip(taken[0]), outcome });
    assert!(hear(&mut target, &bad).is_some(), "what is judged takes no room");
    assert!(hear(&mut target, &bad).is_none());
    target.now += 3 * 6000;
    assert!(hear(&mut target, &bad).is_some(), "nor does what is too old to be kept");
}

#[test]
fn who_sends_invalid_messages_at_a_rate_is_turned_away_and_ignored_ones_are_nobodys_fault() {
    let mut target = target();
    let (bad, slow, late) = (target.peer("bad"), target.peer("slow"), target.peer("late"));
    for _ in 0..32 {
        target.judged(&bad, Outcome::Reject("wrong".into()));
    }
    assert_eq!(target.state(&bad), PeerState::Connected);
    let last = target.judged(&bad, Outcome::Reject("wrong".into()));
    assert!(links(&last).any(|c| matches!(c, Command::Disconnect { peer } if *peer == bad)), "{last:?}");
    for _ in 0..500 {
        target.judged(&late, Outcome::Ignore("old".into()));
    }
    for _ in 0..100 {
        target.judged(&slow, Outcome::Reject("wrong".into()));
        target.now += 5_000;
    }
    assert_eq!((target.state(&slow), target.state(&late)), (PeerState::Connected, PeerState::Connected));
}

#[test]
fn one_peer_cannot_take_all_lookups() {
    let mut target = target();
    let (bad, good) = (target.peer("bad"), target.peer("good"));
    let mut rounds = 0;
    for number in 1..=100 {
        let asked = statuses(&target.unknown_root(&bad, number));
        rounds += usize::from(!asked.is_empty());
        for (peer, id) in asked {
            target.answer_status(&peer, id);
        }
    }
    assert_eq!((target.service.lookups.len(), rounds), (8, 1), "one round of statuses in a slot");
    target.unknown_root(&good, 200);
    assert!(target.service.lookups.contains_key(&Bytes([200; 32])), "others still find room");
    target.now += 6000;
    assert_eq!(statuses(&target.unknown_root(&bad, 101)).len(), 2, "the next slot's round, to both");
}

#[test]
fn no_peer_is_asked_by_one_protocol_more_than_twice_at_once() {
    let mut target = target();
    let peer = target.peer("peer");
    let by_root = |actions: &[Action]| -> Vec<RequestId> {
        let asked = links(actions).filter_map(|command| match command {
            Command::Request { id, offers, .. } if offers[0].0 == Protocol::BlocksByRoot2 => Some(*id),
            _ => None,
        });
        asked.collect()
    };
    let asked: Vec<RequestId> = (1..=4).flat_map(|number| by_root(&target.unknown_root(&peer, number))).collect();
    assert_eq!(asked.len(), 2, "of four blocks to look up");
    let freed = target.event(LinkEvent::End { id: asked[0], peer: peer.clone() });
    let third = by_root(&freed);
    assert_eq!(third.len(), 1, "another one as soon as one is answered");
    // the two that are left run out of time; the one that waited has all of its own
    target.now += 14_999;
    assert_eq!(by_root(&target.service.on_tick(&target.chain, target.now)), []);
    target.now += 1;
    let late = target.service.on_tick(&target.chain, target.now);
    let given_up =
        |asked: RequestId| links(&late).any(|command| matches!(command, Command::Cancel { id, .. } if *id == asked));
    assert!(given_up(asked[1]) && given_up(third[0]));
    assert_eq!(by_root(&late).len(), 2, "the fourth block, and the first once more");
}

#[test]
fn a_lookups_parents_count_for_the_peer_that_began_it() {
    let mut target = target();
    let bad = target.peer("bad");
    let chain = blocks(&target.cfg, Bytes([77; 32]), 1..=2, 9);
    let root = root_of(&target.cfg, &chain[1]);
    let (id, _) = target.gossip(&bad, TopicKind::BeaconBlock, chain[1].encode(target.cfg.shape(ForkName::Phase0)));
    let asked = target.effect(&Effect::RequestBlock { root, origin: Origin::Gossip(id) });
    let id = links(&asked)
        .find_map(|command| match command {
            Command::Request { id, .. } => Some(*id),
            _ => None,
        })
        .expect("the block is asked for");
    let digest = target.service.schedule().at(0).digest;
    let chunk = Chunk::success(Some(digest), chain[1].encode(target.cfg.shape(ForkName::Phase0)));
    let got = target.event(LinkEvent::Chunk { id, peer: bad.clone(), protocol: Protocol::BlocksByRoot2, chunk });
    let origin = got
        .iter()
        .find_map(|action| match action {
            Action::Chain(Event::Block { origin, .. }) => Some(*origin),
            _ => None,
        })
        .expect("it is imported");
    target.effect(&Effect::RequestBlock { root: chain[1].message.parent_root, origin });
    assert_eq!(target.service.lookups.len(), 1);
    for number in 1..=20 {
        target.unknown_root(&bad, number);
    }
    assert_eq!(target.service.lookups.len(), 8);
}

#[test]
fn blocks_are_for_peers_of_our_network_only() {
    let mut target = target();
    let (stranger, none) = target.connect("stranger", Direction::Inbound);
    assert_eq!(none, None);
    assert_eq!(codes(&target.ask_range(&stranger)), [ResponseCode::InvalidRequest]);
    // whoever was asked for its status may ask before its answer is here, and is served after it
    let (early, id) = target.connect("early", Direction::Outbound);
    assert_eq!(codes(&target.ask_range(&early)), []);
    let actions = target.answer_status(&early, id.expect("asked"));
    assert_eq!(codes(&actions), [ResponseCode::Success; 4]);
}

#[test]
fn roots_that_we_do_not_have_cost_as_much_as_blocks() {
    let mut target = target();
    let peer = target.peer("peer");
    let roots: Vec<Root> = vec![Bytes([3; 32]); 1024];
    let body = BeaconBlocksByRootRequest::from(roots).encode(target.cfg.shape(ForkName::Phase0));
    let mut finished = BTreeSet::new();
    for number in 1..=3 {
        let (peer, body) = (peer.clone(), body.clone().into());
        let protocol = Protocol::BlocksByRoot2;
        let actions = target.event(LinkEvent::Request { id: InboundId(number), peer, protocol, body });
        finished.extend(links(&actions).filter_map(|command| match command {
            Command::Finish { id } => Some(*id),
            _ => None,
        }));
    }
    assert_eq!(finished, BTreeSet::from([InboundId(1), InboundId(2)]), "the third waits for tokens");
}
