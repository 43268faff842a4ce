//! How a node gets blocks that it lacks: range sync and lookups. Blocks are a script's; none is ever judged by the real chain.

use std::collections::VecDeque;

use super::world::*;
use crate::chain::{Event, Origin};
use crate::net::Command;
use crate::net::link::{Chunk, Direction, GossipId, LinkEvent, PeerId, Protocol};
use crate::net::service::{Action, ChainView, Cx, Service};
use crate::ssz::{Root, Ssz};
use crate::types::{BeaconBlocksByRangeRequest, Checkpoint, FAR_FUTURE_EPOCH, ForkName, Status};

/// `count` nodes; all but the last have `blocks`. Everybody is connected to the last.
fn late_joiner(count: usize, altair: u64, slots: Vec<u64>) -> (World, usize) {
    let cfg = config(altair);
    let end = slots.last().copied().unwrap_or(0);
    let mut world = World::new(at(end));
    for _ in 0..count {
        world.join(&cfg, Root::ZERO);
    }
    let late = count - 1;
    for block in blocks(&cfg, GENESIS_ROOT, slots, 0) {
        for node in &mut world.nodes[..late] {
            node.chain.add(block.clone());
        }
    }
    for node in 0..late {
        world.connect(late, node);
    }
    (world, late)
}

fn gappy(end: u64) -> Vec<u64> {
    // an empty stretch longer than a batch, and single empty slots
    (1..end).filter(|slot| slot % 7 != 0 && !(100..230).contains(slot)).chain([end]).collect()
}

#[test]
fn a_late_joiner_catches_up_across_gaps_and_a_fork() {
    let (mut world, late) = late_joiner(3, 5, gappy(600));
    world.run_for(300);
    assert!(world.nodes[late].service.is_syncing(&world.nodes[late].chain));
    world.run_for(10_000);
    let node = &world.nodes[late];
    assert_eq!(node.chain.head_slot(), 600);
    assert_eq!(node.chain.blocks.len(), world.nodes[0].chain.blocks.len());
    assert!(!node.service.is_syncing(&node.chain));
    assert_eq!(node.service.sync_distance(&node.chain, at(603)), 3);
}

#[test]
fn a_peer_that_withholds_or_poisons_does_not_stop_the_sync() {
    let (mut world, late) = late_joiner(4, FAR_FUTURE_EPOCH, (1..=300).collect());
    world.nodes[0].chain.withholds = true;
    let cfg = config(FAR_FUTURE_EPOCH);
    let bad = blocks(&cfg, GENESIS_ROOT, 1..=300, 666);
    world.nodes[1].chain = Script::new(cfg);
    for block in bad {
        world.nodes[1].chain.add(block);
    }
    world.nodes[late].chain.poison = Some(666);
    world.run_for(60_000);
    assert_eq!(world.nodes[late].chain.head_slot(), 300);
}

#[test]
fn a_chain_whose_payloads_are_invalid_does_not_stop_the_sync() {
    let cfg = config(FAR_FUTURE_EPOCH);
    // one batch, and the first peer is asked first
    let (mut world, late) = late_joiner(3, FAR_FUTURE_EPOCH, (1..=30).collect());
    world.nodes[0].chain = Script::new(cfg.clone());
    for block in blocks(&cfg, GENESIS_ROOT, 1..=30, 666) {
        world.nodes[0].chain.add(block);
    }
    world.nodes[late].chain.ignores = Some(666);
    world.run_for(60_000);
    assert_eq!(world.nodes[late].chain.head_slot(), 30);
}

#[test]
fn the_time_that_the_engine_takes_is_not_the_peers() {
    let (mut world, late) = late_joiner(2, FAR_FUTURE_EPOCH, (1..=30).collect());
    world.nodes[late].chain.engine_is_silent = true;
    world.run_for(60_000);
    let node = &mut world.nodes[late];
    assert_eq!((node.chain.head_slot(), node.service.metrics().blocks_fetched), (0, 1));
    assert!(node.service.peers.values().all(|peer| peer.failures == 0));
    node.chain.engine_is_silent = false;
    let effects = node.chain.retry();
    let [imported] = &effects[..] else { panic!("{effects:?}") };
    let actions = node.service.on_effect(imported, &node.chain, world.now);
    world.carry_out(late, actions);
    world.run_for(1000);
    assert_eq!(world.nodes[late].chain.head_slot(), 30);
}

#[test]
fn a_block_of_a_batch_that_came_before_and_waits_is_waited_for() {
    let (mut world, late) = late_joiner(2, FAR_FUTURE_EPOCH, (1..=30).collect());
    let block = blocks(&config(FAR_FUTURE_EPOCH), GENESIS_ROOT, [1], 0).remove(0);
    let chain = &mut world.nodes[late].chain;
    chain.engine_is_silent = true;
    chain.on(Event::Block { block, origin: Origin::Gossip(GossipId(9)), now_ms: world.now });
    world.run_for(60_000);
    let node = &mut world.nodes[late];
    assert_eq!((node.chain.head_slot(), node.service.metrics().blocks_fetched), (0, 1), "no child of it is tried");
    assert!(node.service.peers.values().all(|peer| peer.failures == 0));
    node.chain.engine_is_silent = false;
    assert_eq!(node.chain.retry().len(), 1, "which is the outcome of the gossip, and tells the service nothing");
    world.run_for(1000);
    let node = &world.nodes[late];
    assert_eq!((node.chain.head_slot(), node.service.metrics().blocks_fetched), (30, 30));
}

#[test]
fn a_peer_that_dies_in_the_middle_is_replaced() {
    let (mut world, late) = late_joiner(3, FAR_FUTURE_EPOCH, (1..=500).collect());
    world.run_for(130);
    world.net.stop(0, world.now);
    world.run_for(30_000);
    assert_eq!(world.nodes[late].chain.head_slot(), 500);
}

#[test]
fn who_sat_on_a_fork_syncs_from_the_finalized_block() {
    let cfg = config(FAR_FUTURE_EPOCH);
    let (mut world, late) = late_joiner(2, FAR_FUTURE_EPOCH, (1..=200).collect());
    // shares the chain up to slot 40, finalized up to 32, and went alone to slot 60
    let shared: Vec<_> = blocks(&cfg, GENESIS_ROOT, 1..=40, 0);
    let tip = root_of(&cfg, shared.last().unwrap());
    let chain = &mut world.nodes[late].chain;
    shared.into_iter().chain(blocks(&cfg, tip, 41..=60, 5)).for_each(|block| chain.add(block));
    let root = chain.canonical_root_at(32).unwrap();
    chain.finalized = Checkpoint { epoch: 4, root };
    world.run_for(20_000);
    assert_eq!(world.nodes[late].chain.head_slot(), 200);
}

#[test]
fn missing_parents_are_looked_up() {
    let cfg = config(FAR_FUTURE_EPOCH);
    let mut world = World::new(at(1));
    let (a, b) = (world.join(&cfg, Root::ZERO), world.join(&cfg, Root::ZERO));
    world.connect(a, b);
    world.run_for(1000);
    let chain = blocks(&cfg, GENESIS_ROOT, 1..=5, 0);
    // four blocks that b never hears of, then one by gossip, before any new status
    for block in &chain[..4] {
        world.nodes[a].chain.add(block.clone());
    }
    world.publish(a, &chain[4]);
    world.run_for(1500);
    assert_eq!(world.nodes[b].chain.head_slot(), 5);
    assert_eq!(world.nodes[b].service.metrics().blocks_fetched, 4);
}

#[test]
fn gossip_during_sync_is_joined_to_what_sync_brings() {
    let cfg = config(FAR_FUTURE_EPOCH);
    let (mut world, late) = late_joiner(2, FAR_FUTURE_EPOCH, (1..=300).collect());
    let tip = world.nodes[0].chain.status().head_root;
    let fresh = blocks(&cfg, tip, 301..=303, 0);
    // statuses are exchanged by now, the sync has begun
    world.run_for(150);
    world.nodes[0].chain.add(fresh[0].clone());
    world.nodes[0].chain.add(fresh[1].clone());
    world.publish(0, &fresh[2]);
    world.run_for(15_000);
    assert_eq!(world.nodes[late].chain.head_slot(), 303);
}

#[test]
fn a_network_without_blocks_syncs_nothing() {
    let cfg = config(FAR_FUTURE_EPOCH);
    let mut world = World::new(at(0));
    let (a, b) = (world.join(&cfg, Root::ZERO), world.join(&cfg, Root::ZERO));
    world.connect(a, b);
    world.run_until(at(50));
    for node in &world.nodes {
        assert!(!node.service.is_syncing(&node.chain));
        assert_eq!(node.service.sync_distance(&node.chain, world.now), 50);
    }
}

#[test]
fn a_peer_may_send_less_than_it_has() {
    let cfg = config(FAR_FUTURE_EPOCH);
    let theirs = blocks(&cfg, GENESIS_ROOT, 1..=150, 0);
    let mut chain = Script::new(cfg.clone());
    // a fork of our own, so that our head is of no use
    blocks(&cfg, root_of(&cfg, &theirs[9]), 11..=30, 5)
        .into_iter()
        .chain(theirs[..10].to_vec())
        .for_each(|b| chain.add(b));
    let mut service = Service::new(cfg.clone(), GENESIS, Root::ZERO, GENESIS_ROOT);
    let (peer, mut now) = (PeerId::new("stingy"), at(150));
    let up = LinkEvent::Connected { peer: peer.clone(), direction: Direction::Outbound, addr: "/memory".into() };
    service.on_link(up, &chain, now);
    let fork_digest = service.schedule().at(0).digest.into();
    let head_root = root_of(&cfg, &theirs[149]);
    let status = Status { fork_digest, head_root, head_slot: 150, ..Status::default() };
    service.status_known(Cx { chain: &chain, now_ms: now }, &peer, status);

    let mut todo: VecDeque<Action> = service.take(now).into();
    for _ in 0..10_000 {
        let Some(action) = todo.pop_front() else {
            now += 500;
            todo.extend(service.on_tick(&chain, now));
            continue;
        };
        match action {
            Action::Chain(event) => {
                for effect in chain.on(event) {
                    todo.extend(service.on_effect(&effect, &chain, now));
                }
            }
            Action::Link(Command::Request { id, offers, .. }) if offers[0].0 == Protocol::BlocksByRange2 => {
                let asked = BeaconBlocksByRangeRequest::decode(cfg.shape(ForkName::Phase0), &offers[0].1).unwrap();
                let range = asked.start_slot..asked.start_slot + asked.count;
                for block in theirs.iter().filter(|b| range.contains(&b.message.slot)).take(10) {
                    let body = block.encode(cfg.shape(ForkName::Phase0));
                    let chunk = Chunk::success(Some(fork_digest.0), body);
                    let event = LinkEvent::Chunk { id, peer: peer.clone(), protocol: Protocol::BlocksByRange2, chunk };
                    todo.extend(service.on_link(event, &chain, now));
                }
                todo.extend(service.on_link(LinkEvent::End { id, peer: peer.clone() }, &chain, now));
            }
            Action::Link(_) => {}
        }
        if chain.head_slot() == 150 {
            return;
        }
    }
    panic!("stuck at slot {}", chain.head_slot());
}
