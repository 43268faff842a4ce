//! A host that speaks libp2p and nothing of ours.

use super::served;
use libp2p::{Swarm, futures::StreamExt, identify, noise, swarm::SwarmEvent, tcp, yamux};
use lockin::ssz::Root;
use std::time::Duration;
use tokio::time::timeout;

#[derive(libp2p::swarm::NetworkBehaviour)]
pub struct Stray {
    identify: identify::Behaviour,
}

/// One with the library's defaults; needs a tokio runtime.
pub fn host() -> Swarm<Stray> {
    libp2p::SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|key| Stray {
            identify: identify::Behaviour::new(identify::Config::new("/stray/1".into(), key.public())),
        })
        .unwrap()
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(60)))
        .build()
}

/// Dials an address; whether it was connected, and then turned away, in time.
pub async fn is_turned_away(stray: &mut Swarm<Stray>, address: &str) -> bool {
    stray.dial(address.parse::<libp2p::Multiaddr>().unwrap()).unwrap();
    let closed = timeout(Duration::from_secs(20), async {
        loop {
            match stray.select_next_some().await {
                SwarmEvent::ConnectionClosed { .. } => break true,
                SwarmEvent::OutgoingConnectionError { error, .. } => panic!("{address} was not reached: {error}"),
                _ => {}
            }
        }
    });
    closed.await.unwrap_or(false)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_libp2p_host_is_turned_away_and_counted() {
    let mut a = served(1, Root::ZERO, vec![]).await;
    assert!(is_turned_away(&mut host(), &a.address).await, "still connected");
    a.reaches("a foreign peer counted", |(peers, metrics)| *peers == 0 && metrics.foreign_peers == 1).await;
}
