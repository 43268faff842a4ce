//! Peers whose chain is invalid to us: they stay peers, and we do not run after them.

use super::world::*;
use crate::net::service::ChainView;
use crate::ssz::Root;
use crate::types::FAR_FUTURE_EPOCH;

/// A node at genesis and its only peer, on a chain of this salt up to slot 30.
fn two(salt: u64) -> World {
    let cfg = config(FAR_FUTURE_EPOCH);
    let mut world = World::new(at(30));
    for _ in 0..2 {
        world.join(&cfg, Root::ZERO);
    }
    blocks(&cfg, GENESIS_ROOT, 1..=30, salt).into_iter().for_each(|block| world.nodes[0].chain.add(block));
    world.connect(1, 0);
    world
}

fn is_syncing(world: &World) -> bool {
    world.nodes[1].service.is_syncing(&world.nodes[1].chain)
}

fn tried(world: &World) -> u64 {
    world.nodes[1].service.metrics().blocks_fetched
}

#[test]
fn an_invalid_chain_is_tried_ever_more_rarely_and_is_nothing_to_sync_to() {
    let mut world = two(666);
    world.nodes[1].chain.poison = Some(666);
    world.run_for(10_000);
    assert_eq!(tried(&world), 1, "it could not be known");
    let end = world.now + 400_000;
    while world.now < end {
        world.run_for(20);
        assert!(!is_syncing(&world), "validators of ours would be turned away");
    }
    assert!((2..=4).contains(&tried(&world)), "{} times in eight epochs", tried(&world));
    assert_eq!(world.nodes[1].service.connected_peers(), 1);
    // its chain becomes another one
    world.nodes[0].chain = two(0).nodes.remove(0).chain;
    world.run_for(1_200_000);
    assert_eq!(world.nodes[1].chain.head_slot(), 30);
    assert!(world.nodes[1].service.peers.values().all(|peer| peer.astray == 0), "forgotten");
}

#[test]
fn a_head_that_is_known_to_be_invalid_is_not_even_tried() {
    let mut world = two(666);
    let head = world.nodes[0].chain.status().head_root;
    world.nodes[1].chain.refused.insert(head);
    for _ in 0..600 {
        world.run_for(100);
        assert!(!is_syncing(&world));
    }
    assert_eq!(world.nodes[1].service.connected_peers(), 1);
    assert_eq!((tried(&world), world.nodes[1].chain.head_slot()), (0, 0));
}
