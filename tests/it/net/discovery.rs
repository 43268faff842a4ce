//! Nodes on loopback that know one bootnode find each other by discv5; those of another network are found, and not dialled.

use std::collections::BTreeSet;

use lockin::crypto::enr::Record;
use lockin::net::discovery::{Socket, start as search};
use lockin::net::service::Reach;
use tokio::sync::watch;

use super::*;

/// What a node has found and done so far, by peer id.
#[derive(Clone, Debug, Default)]
struct Sight {
    found: BTreeSet<String>,
    dialled: BTreeSet<String>,
    peers: BTreeSet<String>,
}

/// A link, a service and discovery, put together as a node does it.
struct Seeker {
    peer: String,
    record: String,
    sight: watch::Receiver<Sight>,
}

impl Seeker {
    async fn sees(&mut self, what: &str, goal: impl FnMut(&Sight) -> bool) -> Sight {
        if let Ok(sight) = timeout(Duration::from_secs(60), self.sight.wait_for(goal)).await {
            return sight.expect("the node runs").clone();
        }
        panic!("never {what}: {:?}", self.sight.borrow());
    }
}

fn id(addr: &str) -> String {
    addr.parse::<PeerId>().expect("an address with a peer id").to_string()
}

async fn seeker(key: u8, genesis_validators_root: Root, bootnodes: &[String]) -> Seeker {
    let mut service =
        Service::new(Arc::new(ChainConfig::minimal()), NOW_MS / 1000, genesis_validators_root, Root::ZERO);
    let config = Config { digests: service.schedule().digests(), ..Config::loopback([key; 32]) };
    let (mut link, mut events) = start(config).await.unwrap();
    let socket = Socket::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let reach = Reach { tcp: link.listens_at(), quic: None, udp: Some(socket.address()) };
    let record = service.node_record(reach, NOW_MS);
    let record = record.sign(&[key; 32]).unwrap();
    let (handle, mut finds) = search(socket, &[key; 32], &record, bootnodes).await.unwrap();
    let (tell, sight) = watch::channel(Sight::default());
    let peer = link.peer_id().to_string();
    tokio::spawn(async move {
        let _searching = handle;
        let mut now = Sight::default();
        let mut actions = service.start(&[], &Genesis, NOW_MS);
        loop {
            for action in actions {
                if let Action::Link(command) = action {
                    if let Command::DialOnce { addr } = &command {
                        now.dialled.insert(id(addr));
                    }
                    link.send(command);
                }
            }
            now.peers = service.peers().iter().map(|peer| peer.peer.to_string()).collect();
            if tell.send(now.clone()).is_err() {
                return;
            }
            let event = tokio::select! {
                event = events.recv() => event,
                event = finds.recv() => event,
            };
            let Some(event) = event else { return };
            if let LinkEvent::Found { addr, .. } = &event {
                now.found.insert(id(addr));
            }
            actions = service.on_link(event, &Genesis, NOW_MS);
        }
    });
    Seeker { peer, record, sight }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_know_one_bootnode_find_each_other() {
    let first = seeker(21, Root::ZERO, &[]).await;
    let known = [first.record.clone()];
    let mut a = seeker(22, Root::ZERO, &known).await;
    let mut b = seeker(23, Root::ZERO, &known).await;
    let (a_id, b_id) = (a.peer.clone(), b.peer.clone());
    let of_a = a.sees("the other as a peer", |sight| sight.peers.contains(&b_id)).await;
    let of_b = b.sees("the other as a peer", |sight| sight.peers.contains(&a_id)).await;
    assert!(
        of_a.dialled.contains(&b_id) || of_b.dialled.contains(&a_id),
        "one dialled what it found: {of_a:?} {of_b:?}"
    );
    a.sees("the bootnode as a peer", |sight| sight.peers.contains(&first.peer)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_of_a_foreign_digest_is_found_and_not_dialled() {
    let first = seeker(24, Root::ZERO, &[]).await;
    let known = [first.record.clone()];
    let mut a = seeker(25, Root::ZERO, &known).await;
    let mut stranger = seeker(26, Root::from([1; 32]), &known).await;
    let seen = a.sees("the stranger", |sight| sight.found.contains(&stranger.peer)).await;
    assert!(!seen.dialled.contains(&stranger.peer), "{seen:?}");
    let theirs = stranger.sees("our node", |sight| sight.found.contains(&a.peer)).await;
    assert!(theirs.dialled.is_empty() && theirs.peers.is_empty(), "{theirs:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_hear_of_a_new_record() {
    let record = |socket: &Socket, key: u8, seq: u64| {
        let (ip, tcp, udp) = (socket.address().ip(), Some(9000), Some(socket.address().port()));
        let eth2 = Some([seq as u8; 16]);
        let record =
            Record { seq, ip, tcp, udp, quic: None, eth2, attnets: None, syncnets: None, cgc: None, nfd: None };
        record.sign(&[key; 32]).unwrap()
    };
    let loopback = ([127, 0, 0, 1], 0).into();
    let (a, b) = (Socket::bind(loopback).await.unwrap(), Socket::bind(loopback).await.unwrap());
    let (before, after, other) = (record(&a, 27, 1), record(&a, 27, 2), record(&b, 28, 1));
    let (handle, _finds) = search(a, &[27; 32], &before, &[]).await.unwrap();
    handle.update(&after).unwrap();
    let (_searching, mut finds) = search(b, &[28; 32], &other, &[before]).await.unwrap();
    let new = async {
        while let Some(event) = finds.recv().await {
            if matches!(event, LinkEvent::Found { eth2: Some([2, ..]), .. }) {
                return true;
            }
        }
        false
    };
    assert!(timeout(Duration::from_secs(60), new).await.is_ok_and(|found| found), "only the old record is known");
}
