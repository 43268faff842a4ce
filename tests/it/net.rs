//! Real sockets on loopback: two of our network stacks, and strangers, talk to each other.

mod discovery;
mod quic;
pub mod stray;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes as Payload;
use lockin::chain::Standing;
use lockin::net::libp2p::{Config, Handle, Muxers, start};
use lockin::net::link::{
    Chunk, Command, Direction, GossipId, InboundId, Link, LinkEvent, PeerId, Protocol, RequestError, RequestId,
    ResponseCode, Verdict,
};
use lockin::net::service::{Action, ChainView, Metrics, Service};
use lockin::ssz::Root;
use lockin::types::{BlobSidecar, ChainConfig, Checkpoint, DataColumnSidecar, SignedBeaconBlock, Slot, Status};
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;

const DIGEST: [u8; 4] = [0x52, 0x67, 0xd9, 0xc6];
const BLOCKS: &str = "/eth2/5267d9c6/beacon_block/ssz_snappy";

struct Node {
    link: Handle,
    events: Receiver<LinkEvent>,
    /// Events taken from the channel but not yet asked for.
    seen: Vec<LinkEvent>,
}

async fn node(key: u8, muxers: Muxers) -> Node {
    node_of(Config { muxers, ..Config::loopback([key; 32]) }).await
}

async fn node_of(config: Config) -> Node {
    let config = Config { digests: vec![DIGEST], phase0_digest: Some(DIGEST), ..config };
    let (link, events) = start(config).await.unwrap();
    Node { link, events, seen: Vec::new() }
}

impl Node {
    /// The first event, past or to come, for which `pick` gives something. Events are used up one by one.
    async fn expect<T>(&mut self, what: &str, mut pick: impl FnMut(&LinkEvent) -> Option<T>) -> T {
        if let Some((at, found)) = self.seen.iter().enumerate().find_map(|(i, e)| Some((i, pick(e)?))) {
            self.seen.remove(at);
            return found;
        }
        let search = async {
            loop {
                let event = self.events.recv().await.expect("the network task runs");
                if let Some(found) = pick(&event) {
                    return found;
                }
                self.seen.push(event);
            }
        };
        match timeout(Duration::from_secs(20), search).await {
            Ok(found) => found,
            Err(_) => panic!("no {what} in 20 s; there were {:?}", self.seen),
        }
    }

    async fn connected(&mut self) -> (PeerId, Direction) {
        self.expect("connection", |e| match e {
            LinkEvent::Connected { peer, direction, .. } => Some((peer.clone(), *direction)),
            _ => None,
        })
        .await
    }

    async fn gossip(&mut self) -> (GossipId, String, Payload) {
        self.expect("gossip", |e| match e {
            LinkEvent::Gossip { id, topic, data, .. } => Some((*id, topic.to_string(), data.clone())),
            _ => None,
        })
        .await
    }

    async fn request(&mut self) -> (InboundId, Protocol, Payload) {
        self.expect("request", |e| match e {
            LinkEvent::Request { id, protocol, body, .. } => Some((*id, *protocol, body.clone())),
            _ => None,
        })
        .await
    }

    async fn chunk(&mut self) -> (Protocol, Chunk) {
        self.expect("chunk", |e| match e {
            LinkEvent::Chunk { protocol, chunk, .. } => Some((*protocol, chunk.clone())),
            _ => None,
        })
        .await
    }

    async fn end(&mut self) -> Result<RequestId, RequestError> {
        self.expect("end of a request", |e| match e {
            LinkEvent::End { id, .. } => Some(Ok(*id)),
            LinkEvent::RequestFailed { why, .. } => Some(Err(why.clone())),
            _ => None,
        })
        .await
    }

    async fn disconnected(&mut self) -> PeerId {
        self.expect("disconnection", |e| match e {
            LinkEvent::Disconnected { peer, .. } => Some(peer.clone()),
            _ => None,
        })
        .await
    }

    fn ask(&mut self, id: u64, peer: &PeerId, offers: &[Protocol], body: &[u8]) {
        let offers = offers.iter().map(|p| (*p, Payload::copy_from_slice(body))).collect();
        self.link.send(Command::Request { id: RequestId(id), peer: peer.clone(), offers });
    }
}

async fn pair(a: Muxers, b: Muxers) -> (Node, Node) {
    let (mut a, mut b) = (node(1, a).await, node(2, b).await);
    a.link.send(Command::Dial { addr: b.link.address() });
    assert_eq!(a.connected().await, (b.link.peer_id().clone(), Direction::Outbound));
    assert_eq!(b.connected().await, (a.link.peer_id().clone(), Direction::Inbound));
    (a, b)
}

fn noise(length: usize) -> Vec<u8> {
    let mut x = 1u32;
    (0..length)
        .map(|_| {
            x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (x >> 24) as u8
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agents_are_exchanged() {
    let (mut a, _b) = pair(Muxers::default(), Muxers::default()).await;
    let (agent, protocols) = a
        .expect("identify", |e| match e {
            LinkEvent::Identified { agent, protocols, .. } => Some((agent.clone(), protocols.clone())),
            _ => None,
        })
        .await;
    assert!(agent.starts_with("lockin/"), "{agent}");
    for protocol in Protocol::ALL {
        assert!(protocols.iter().any(|p| p == protocol.id()), "{protocol} not in {protocols:?}");
    }
}

async fn requests_and_gossip((mut a, mut b): (Node, Node)) {
    let (a_id, b_id) = (a.link.peer_id().clone(), b.link.peer_id().clone());

    // both sides ask at once
    a.ask(1, &b_id, &[Protocol::Status1], &[7; 84]);
    b.ask(1, &a_id, &[Protocol::Status1], &[8; 84]);
    for (node, theirs) in [(&mut a, 8), (&mut b, 7)] {
        let (id, protocol, body) = node.request().await;
        assert_eq!((protocol, &body[..]), (Protocol::Status1, &[theirs; 84][..]));
        node.link.send(Command::Respond { id, chunk: Chunk::success(None, body) });
        node.link.send(Command::Finish { id });
    }
    for node in [&mut a, &mut b] {
        node.chunk().await;
        assert_eq!(node.end().await, Ok(RequestId(1)));
    }

    // several chunks, one beyond a snappy frame, then an error
    a.ask(2, &b_id, &[Protocol::BlocksByRange2, Protocol::BlocksByRange1], &[0; 24]);
    let (id, protocol, _) = b.request().await;
    assert_eq!(protocol, Protocol::BlocksByRange2);
    let mut sent: Vec<Chunk> =
        (1..6).map(|i| Chunk::success(Some([i as u8; 4]), noise(500 + 60_000 * (i - 1)))).collect();
    sent.push(Chunk::error(ResponseCode::ResourceUnavailable, "no more"));
    for chunk in &sent {
        b.link.send(Command::Respond { id, chunk: chunk.clone() });
    }
    for chunk in &sent {
        assert_eq!(a.chunk().await, (Protocol::BlocksByRange2, chunk.clone()));
    }
    assert_eq!(a.end().await, Ok(RequestId(2)));
    for _ in 0..5 {
        b.expect("sent", |e| matches!(e, LinkEvent::Sent { id: sent } if *sent == id).then_some(())).await;
    }

    // gossip, small and large, without waiting for any mesh
    for node in [&mut a, &mut b] {
        node.link.send(Command::Subscribe { topic: BLOCKS.into() });
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    for data in [b"small".to_vec(), noise(3 << 20), vec![0; 9 << 20]] {
        a.link.send(Command::Publish { topic: BLOCKS.into(), data: data.clone().into() });
        let (id, topic, got) = b.gossip().await;
        assert_eq!(topic, BLOCKS);
        assert!(got == data, "{} bytes came instead of {}", got.len(), data.len());
        b.link.send(Command::Report { id, verdict: Verdict::Accept });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_and_gossip_over_yamux() {
    requests_and_gossip(pair(Muxers::default(), Muxers::Yamux).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_and_gossip_over_mplex() {
    requests_and_gossip(pair(Muxers::default(), Muxers::Mplex).await).await;
}

/// Three nodes on one topic; the second has both others for peers.
async fn line() -> (Node, Node, Node) {
    let (mut a, mut b) = pair(Muxers::default(), Muxers::default()).await;
    let mut c = node(3, Muxers::default()).await;
    c.link.send(Command::Dial { addr: b.link.address().to_string() });
    c.connected().await;
    b.connected().await;
    for node in [&mut a, &mut b, &mut c] {
        node.link.send(Command::Subscribe { topic: BLOCKS.into() });
    }
    // forwarding needs b's mesh: one heartbeat
    tokio::time::sleep(Duration::from_millis(1500)).await;
    (a, b, c)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_accepted_seconds_after_it_came_is_still_passed_on() {
    let (mut a, mut b, mut c) = line().await;
    a.link.send(Command::Publish { topic: BLOCKS.into(), data: Payload::from_static(b"held") });
    let (id, _, _) = b.gossip().await;
    // longer than the six heartbeats for which gossipsub keeps messages by the specification
    tokio::time::sleep(Duration::from_millis(5500)).await;
    b.link.send(Command::Report { id, verdict: Verdict::Accept });
    let (_, _, got) = c.gossip().await;
    assert_eq!(got, "held".as_bytes());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gossip_passes_a_third_only_when_accepted() {
    let (mut a, mut b, mut c) = line().await;
    for (data, verdict) in [("bad", Verdict::Reject), ("useless", Verdict::Ignore), ("good", Verdict::Accept)] {
        a.link.send(Command::Publish { topic: BLOCKS.into(), data: Payload::from_static(data.as_bytes()) });
        let (id, _, got) = b.gossip().await;
        assert_eq!(got, data.as_bytes());
        b.link.send(Command::Report { id, verdict });
    }
    let (_, _, got) = c.gossip().await;
    assert_eq!(got, "good".as_bytes(), "only what b accepted comes to c");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_static_peer_is_dialled_until_it_is_there_and_again_when_it_was_lost() {
    let key = [9; 32];
    let first = start(Config::loopback(key)).await.unwrap();
    let address = first.0.address().to_string();
    let port: u16 = address.split('/').nth(4).unwrap().parse().unwrap();
    drop(first);

    let mut a = node(1, Muxers::default()).await;
    a.link.send(Command::Dial { addr: address });
    a.expect("failed dial", |e| matches!(e, LinkEvent::DialFailed { .. }).then_some(())).await;

    for _ in 0..2 {
        // the port may stay busy for a moment after its last owner
        let mut b = loop {
            match start(Config { port, ..Config::loopback(key) }).await {
                Ok((link, events)) => break Node { link, events, seen: Vec::new() },
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        };
        a.connected().await;
        b.connected().await;
        drop(b);
        a.disconnected().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_taken_port_is_named() {
    let a = node(1, Muxers::default()).await;
    let port = a.link.listens_at().port();
    let error = start(Config { port, ..Config::loopback([2; 32]) }).await.err().unwrap().to_string();
    assert!(error.contains(&port.to_string()), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_goodbye_is_heard_before_the_connection_ends() {
    let (mut a, mut b) = pair(Muxers::default(), Muxers::default()).await;
    let b_id = b.link.peer_id().clone();
    a.ask(1, &b_id, &[Protocol::Goodbye1], &[2, 0, 0, 0, 0, 0, 0, 0]);
    a.link.send(Command::Disconnect { peer: b_id.clone() });
    let (_, protocol, body) = b.request().await;
    assert_eq!((protocol, body[0]), (Protocol::Goodbye1, 2));
    assert_eq!(b.disconnected().await, *a.link.peer_id());
    assert_eq!(a.disconnected().await, b_id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_the_handle_ends_the_network() {
    let (a, mut b) = pair(Muxers::default(), Muxers::default()).await;
    let Node { link, mut events, .. } = a;
    drop(link);
    b.disconnected().await;
    let end = timeout(Duration::from_secs(5), async { while events.recv().await.is_some() {} }).await;
    assert!(end.is_ok(), "the task still runs");
}

/// A chain that stands at genesis.
struct Genesis;

impl ChainView for Genesis {
    fn status(&self) -> Status {
        Status::default()
    }
    fn finalized(&self) -> Checkpoint {
        Checkpoint::default()
    }
    fn has_block(&self, _: &Root) -> bool {
        false
    }
    fn standing(&self, _: &Root) -> Standing {
        Standing::Unknown
    }
    fn block_by_root(&self, _: &Root) -> Option<Arc<SignedBeaconBlock>> {
        None
    }
    fn blob_sidecars(&self, _: &Root) -> Vec<Arc<BlobSidecar>> {
        Vec::new()
    }
    fn data_column_sidecars(&self, _: &Root, _: &BTreeSet<u64>) -> Vec<Arc<DataColumnSidecar>> {
        Vec::new()
    }
    fn canonical_block_at(&self, _: Slot) -> Option<Arc<SignedBeaconBlock>> {
        None
    }
    fn canonical_root_at(&self, _: Slot) -> Option<Root> {
        None
    }
}

const NOW_MS: u64 = 1_600_000_003_000;

/// A link driven by the service, as a node does it; tells the state of affairs after every event.
struct Served {
    address: String,
    state: tokio::sync::watch::Receiver<(usize, Metrics)>,
}

impl Served {
    async fn reaches(&mut self, what: &str, goal: impl FnMut(&(usize, Metrics)) -> bool) {
        let reached = timeout(Duration::from_secs(20), self.state.wait_for(goal)).await;
        assert!(reached.is_ok(), "never {what}");
    }
}

async fn served(key: u8, genesis_validators_root: Root, static_peers: Vec<String>) -> Served {
    let cfg = Arc::new(ChainConfig::minimal());
    let mut service = Service::new(cfg, NOW_MS / 1000, genesis_validators_root, Root::ZERO);
    let quic = cfg!(feature = "quic").then_some(0);
    let config = Config { digests: service.schedule().digests(), quic, ..Config::loopback([key; 32]) };
    let (mut link, mut events) = start(config).await.unwrap();
    let address = link.addresses().pop().expect("at least one");
    let (tell, state) = tokio::sync::watch::channel((0, Metrics::default()));
    tokio::spawn(async move {
        let mut actions = service.start(&static_peers, &Genesis, NOW_MS);
        loop {
            for action in actions {
                if let Action::Link(command) = action {
                    link.send(command);
                }
            }
            if tell.send((service.connected_peers(), service.metrics().clone())).is_err() {
                return;
            }
            let Some(event) = events.recv().await else { return };
            actions = service.on_link(event, &Genesis, NOW_MS);
        }
    });
    Served { address, state }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn status_makes_peers_of_nodes_of_one_network_only() {
    let mut a = served(1, Root::ZERO, vec![]).await;
    let mut b = served(2, Root::ZERO, vec![a.address.clone()]).await;
    a.reaches("one peer", |(peers, _)| *peers == 1).await;
    b.reaches("one peer", |(peers, _)| *peers == 1).await;

    let mut stranger = served(3, Root::from([1; 32]), vec![a.address.clone()]).await;
    a.reaches("a foreign peer counted", |(peers, metrics)| *peers == 1 && metrics.foreign_peers == 1).await;
    stranger.reaches("turned away", |(peers, _)| *peers == 0).await;
}
