//! Bounds of the driver's queues, without a peer. Never opens a connection.

use super::*;
use crate::net::libp2p::{Config, swarm};

#[tokio::test]
async fn what_a_peer_says_of_itself_does_not_outgrow_the_queue() {
    let key = libp2p::identity::Keypair::generate_ed25519();
    let swarm = swarm(&Config::loopback([1; 32]), &key).expect("a swarm");
    let (commands, events) = (mpsc::channel(1), mpsc::channel(1));
    let bound = "/ip4/127.0.0.1/tcp/1".parse().expect("a multiaddr");
    let mut driver = Driver::new(swarm, commands.1, events.0, bound);
    let peer = WirePeer::random();
    for _ in 0..2 * MAX_WAITING_EVENTS {
        driver.identified(&peer, "agent".into(), Vec::new());
    }
    assert_eq!(driver.waiting.len(), MAX_WAITING_EVENTS);
}
