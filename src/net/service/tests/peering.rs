//! Who becomes a peer, who is turned away, and which topics are joined when. Never tests the fetching of blocks.

use super::world::*;
use crate::net::link::{Direction, LinkEvent, PeerId, Protocol};
use crate::net::memory::NodeIndex;
use crate::net::service::{Action, PeerState, Service};
use crate::net::topic::Topic;
use crate::net::{Command, service};
use crate::ssz::{Bytes, Root, Ssz};
use crate::types::{Checkpoint, FAR_FUTURE_EPOCH, MetaData};

fn connected(world: &World, node: NodeIndex) -> Vec<String> {
    let peers = world.nodes[node].service.peers();
    peers.iter().filter(|p| p.state == PeerState::Connected).map(|p| p.peer.to_string()).collect()
}

#[test]
fn nodes_of_one_network_become_peers() {
    let cfg = config(FAR_FUTURE_EPOCH);
    let mut world = World::new(at(0) - 5000);
    let (a, b) = (world.join(&cfg, Root::ZERO), world.join(&cfg, Root::ZERO));
    world.connect(a, b);
    world.run_for(2000);
    assert_eq!((connected(&world, a), connected(&world, b)), (vec!["peer1".into()], vec!["peer0".into()]));
    for node in &world.nodes {
        let peer = &node.service.peers()[0];
        assert_eq!(peer.agent.as_deref(), Some("test"));
        assert_eq!(peer.status.unwrap().finalized_root, Root::ZERO);
        let ours = node.service.metadata();
        let theirs = node.service.peers.values().map(|peer| peer.metadata.as_ref().unwrap());
        // without fulu in sight it is asked for in the version of altair
        let same = |theirs: &MetaData| {
            (&theirs.attnets, &theirs.syncnets, theirs.custody_group_count) == (&ours.attnets, &ours.syncnets, 0)
        };
        assert!(theirs.into_iter().all(same));
    }
    // pings and statuses go on for an hour, nobody leaves
    world.run_for(3_600_000);
    assert_eq!((connected(&world, a).len(), connected(&world, b).len()), (1, 1));
    assert_eq!(world.nodes[a].service.metrics().foreign_peers, 0);
}

#[test]
fn another_digest_is_turned_away_and_counted_once() {
    let cfg = config(FAR_FUTURE_EPOCH);
    let mut world = World::new(at(3));
    let (a, b) = (world.join(&cfg, Root::ZERO), world.join(&cfg, Bytes([1; 32])));
    world.connect(a, b);
    world.run_for(1000);
    assert!(world.nodes[a].service.peers().is_empty() && world.nodes[b].service.peers().is_empty());
    world.run_for(60_000);
    assert_eq!(world.nodes[a].service.metrics().foreign_peers, 1, "redialled, but the same peer");
    assert_eq!(world.nodes[a].service.connected_peers(), 0);
}

fn lone() -> (Service, Script) {
    let cfg = config(2);
    (Service::new(cfg.clone(), GENESIS, Root::ZERO, GENESIS_ROOT), Script::new(cfg))
}

fn commands(actions: Vec<Action>) -> Vec<Command> {
    let link = |a| match a {
        Action::Link(command) => Some(command),
        Action::Chain(_) => None,
    };
    actions.into_iter().filter_map(link).collect()
}

#[test]
fn who_speaks_no_consensus_protocol_is_turned_away_and_counted() {
    let (mut service, chain) = lone();
    let peer = PeerId::new("stray");
    let up = LinkEvent::Connected { peer: peer.clone(), direction: Direction::Inbound, addr: "/memory".into() };
    assert!(service.on_link(up, &chain, at(1)).is_empty(), "the dialer speaks first");
    let protocols = vec!["/ipfs/id/1.0.0".to_string(), "/meshsub/1.1.0".to_string()];
    let who = LinkEvent::Identified { peer: peer.clone(), agent: "stray/1".into(), protocols };
    let done = commands(service.on_link(who, &chain, at(1)));
    assert!(done.iter().any(|c| matches!(c, Command::Disconnect { peer: p } if *p == peer)), "{done:?}");
    assert_eq!(service.metrics().foreign_peers, 1);
}

#[test]
fn a_silent_dialer_is_asked_and_one_without_status_is_foreign() {
    let (mut service, chain) = lone();
    let peer = PeerId::new("silent");
    let up = LinkEvent::Connected { peer: peer.clone(), direction: Direction::Inbound, addr: "/memory".into() };
    service.on_link(up, &chain, at(1));
    let asked = commands(service.on_tick(&chain, at(1) + 3000));
    let id = asked
        .iter()
        .find_map(|c| match c {
            Command::Request { id, offers, .. } if offers[0].0 == Protocol::Status1 => Some(*id),
            _ => None,
        })
        .expect("a status goes out");
    let failed = LinkEvent::RequestFailed { id, peer, why: crate::net::link::RequestError::Unsupported };
    let done = commands(service.on_link(failed, &chain, at(1) + 3100));
    assert!(done.iter().any(|c| matches!(c, Command::Disconnect { .. })), "{done:?}");
    assert_eq!(service.metrics().foreign_peers, 1);
}

#[test]
fn who_was_ready_for_a_fork_is_dialled_by_the_record_of_before() {
    let (mut service, chain) = lone();
    let told =
        |epoch| -> Option<[u8; 16]> { service.schedule().enr_fork_id(epoch).encode(service.shape()).try_into().ok() };
    let (of_phase0, of_altair, mut unprepared) = (told(1), told(2), told(1));
    unprepared.as_mut().unwrap()[8..].fill(0xff);
    let peer = crate::net::identity::peer_id_of(&[7; 32]).unwrap();
    let mut is_dialled = |eth2, now_ms| {
        let found = LinkEvent::Found { addr: format!("/ip4/127.0.0.1/tcp/9000/p2p/{peer}"), eth2, nfd: None };
        let done = commands(service.on_link(found, &chain, now_ms));
        done.iter().any(|c| matches!(c, Command::DialOnce { .. }))
    };
    let (before, after) = (at(15), at(16));
    assert!(is_dialled(of_phase0, before) && is_dialled(of_phase0, after) && is_dialled(of_altair, after));
    assert!(!is_dialled(of_altair, before) && !is_dialled(unprepared, after) && !is_dialled(None, after));
}

#[test]
fn before_finality_zero_and_the_genesis_root_are_both_right() {
    let cfg = config(FAR_FUTURE_EPOCH);
    for (root, fine) in [(Root::ZERO, true), (GENESIS_ROOT, true), (Bytes([5; 32]), false)] {
        let (mut service, chain) =
            (Service::new(cfg.clone(), GENESIS, Root::ZERO, GENESIS_ROOT), Script::new(cfg.clone()));
        let peer = PeerId::new("p");
        let up = LinkEvent::Connected { peer: peer.clone(), direction: Direction::Outbound, addr: "/memory".into() };
        service.on_link(up, &chain, at(1));
        let fork_digest = service.schedule().at(0).digest.into();
        let status = crate::types::Status { fork_digest, finalized_root: root, ..Default::default() };
        service.status_known(service::Cx { chain: &chain, now_ms: at(1) }, &peer, status);
        assert_eq!(service.connected_peers() == 1, fine, "{root}");
        assert_eq!(service.metrics().conflicting_peers, u64::from(!fine));
    }
}

#[test]
fn who_finalized_another_chain_is_turned_away() {
    let cfg = config(FAR_FUTURE_EPOCH);
    let mut world = World::new(at(40));
    let (a, b) = (world.join(&cfg, Root::ZERO), world.join(&cfg, Root::ZERO));
    for (node, salt, epoch) in [(a, 1, 3), (b, 2, 2)] {
        let chain = &mut world.nodes[node].chain;
        for block in blocks(&cfg, GENESIS_ROOT, 1..40, salt) {
            chain.add(block);
        }
        let root = crate::net::service::ChainView::canonical_root_at(chain, epoch * 8).unwrap();
        chain.finalized = Checkpoint { epoch, root };
    }
    world.connect(a, b);
    world.run_for(1000);
    assert_eq!((connected(&world, a).len(), connected(&world, b).len()), (0, 0));
    assert_eq!(world.nodes[a].service.metrics().conflicting_peers, 1);
}

#[test]
fn goodbye_is_said_at_shutdown() {
    let cfg = config(FAR_FUTURE_EPOCH);
    let mut world = World::new(at(0));
    let (a, b) = (world.join(&cfg, Root::ZERO), world.join(&cfg, Root::ZERO));
    world.connect(a, b);
    world.run_for(1000);
    let actions = world.nodes[a].service.shutdown(world.now);
    world.carry_out(a, actions);
    world.run_for(1000);
    assert!(world.nodes[b].service.peers().is_empty());
}

#[test]
fn topics_follow_the_fork() {
    let (mut service, chain) = lone();
    let mut on = std::collections::BTreeSet::new();
    let mut census = |actions: Vec<Action>| {
        for command in commands(actions) {
            match command {
                Command::Subscribe { topic } => assert!(on.insert(topic.parse::<Topic>().unwrap().to_string())),
                Command::Unsubscribe { topic } => assert!(on.remove(&*topic)),
                _ => {}
            }
        }
        on.len()
    };
    // altair begins with slot 16: joined a whole epoch before, phase0 left a whole epoch after
    assert_eq!(census(service.start(&[], &chain, at(0))), 69);
    assert_eq!(census(service.on_tick(&chain, at(7))), 69);
    assert_eq!(census(service.on_tick(&chain, at(8))), 69 + 74);
    assert_eq!(census(service.on_tick(&chain, at(16))), 69 + 74);
    assert_eq!(census(service.on_tick(&chain, at(23))), 69 + 74);
    assert_eq!(census(service.on_tick(&chain, at(24))), 74);
}
