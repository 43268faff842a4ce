//! What a peer can send that is no message at all, to `lockin node` as a process, over TCP: it is turned away, the log says why, and
//! the node's memory does not follow what it was promised.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::path::Path;
use std::task::Poll;
use std::time::Duration;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use libp2p::core::muxing::{StreamMuxerBox, StreamMuxerExt, SubstreamBox};
use libp2p::core::transport::{DialOpts, PortUse, Transport};
use libp2p::core::upgrade::Version;
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::identity::Keypair;
use libp2p::{noise, tcp, yamux};
use lockin::net::codec;
use lockin::net::link::Protocol;
use lockin::net::service::Schedule;
use lockin::ssz::Ssz;
use lockin::types::{ForkName, Status};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::lab::{Lab, config};
use super::process::{Process, get, network};

/// A connection to the node, and what is said on it by hand. Nothing is answered.
struct Host {
    streams: mpsc::Sender<oneshot::Sender<SubstreamBox>>,
    closed: tokio::task::JoinHandle<()>,
}

impl Host {
    /// A new host with a key of its own.
    async fn dial(node: &str) -> Host {
        let key = Keypair::generate_secp256k1();
        let tcp = tcp::tokio::Transport::new(tcp::Config::default());
        let secured = tcp.upgrade(Version::V1).authenticate(noise::Config::new(&key).expect("a key"));
        let mut transport = secured.multiplex(yamux::Config::default()).boxed();
        let address: Multiaddr = node.parse().expect("a multiaddr");
        let options = DialOpts { role: Endpoint::Dialer, port_use: PortUse::New };
        let (_, muxer) = transport.dial(address, options).expect("an address").await.expect("the node listens");
        let (streams, wanted) = mpsc::channel(64);
        Host { streams, closed: tokio::spawn(drive(muxer, wanted)) }
    }

    /// Opens a stream for a protocol and writes bytes to it, whatever they are. `None` if the connection is gone.
    async fn say(&self, protocol: &str, bytes: &[u8], end: bool) -> Option<SubstreamBox> {
        let (ask, got) = oneshot::channel();
        self.streams.send(ask).await.ok()?;
        let mut stream = got.await.ok()?;
        for line in ["/multistream/1.0.0", protocol] {
            let mut message = vec![line.len() as u8 + 1];
            message.extend(line.bytes().chain([b'\n']));
            stream.write_all(&message).await.ok()?;
        }
        stream.write_all(bytes).await.ok()?;
        stream.flush().await.ok()?;
        if end {
            stream.close().await.ok()?;
        }
        Some(stream)
    }

    /// The same for a request.
    async fn ask(&self, protocol: Protocol, bytes: &[u8], end: bool) -> Option<SubstreamBox> {
        self.say(protocol.id(), bytes, end).await
    }

    /// Becomes a peer by an honest status.
    async fn greets(&self, status: &[u8]) {
        let mut stream = self.ask(Protocol::Status1, status, true).await.expect("connected");
        let mut answer = Vec::new();
        timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await.expect("an answer").expect("whole");
        // after both lines of the negotiation: the result
        let result = 20 + 2 + Protocol::Status1.id().len();
        assert_eq!(answer.get(result), Some(&0), "{answer:?}");
    }

    /// Waits until the node has closed the connection.
    async fn turned_away(self, node: &Process) {
        let closed = timeout(Duration::from_secs(30), self.closed).await;
        assert!(closed.is_ok(), "still connected:\n{}", node.log());
    }
}

/// Keeps the connection going: opens streams as asked, takes those of the node and never reads them, until it is closed.
async fn drive(mut muxer: StreamMuxerBox, mut wanted: mpsc::Receiver<oneshot::Sender<SubstreamBox>>) {
    let (mut waiting, mut held) = (VecDeque::new(), Vec::new());
    poll_fn(|cx| {
        while let Poll::Ready(Some(ask)) = wanted.poll_recv(cx) {
            waiting.push_back(ask);
        }
        while !waiting.is_empty() {
            match muxer.poll_outbound_unpin(cx) {
                Poll::Ready(Ok(stream)) => {
                    let asked: Option<oneshot::Sender<SubstreamBox>> = waiting.pop_front();
                    // who asked may have given up
                    let _ = asked.map(|ask| ask.send(stream));
                }
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => break,
            }
        }
        loop {
            match muxer.poll_inbound_unpin(cx) {
                Poll::Ready(Ok(stream)) => held.push(stream),
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => break,
            }
        }
        match muxer.poll_unpin(cx) {
            Poll::Ready(Err(_)) => Poll::Ready(()),
            _ => Poll::Pending,
        }
    })
    .await;
}

/// A length prefix.
fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A gossipsub frame that publishes `data` on a topic: field 2 of the frame is a message, its fields 2 and 4 are data and topic.
fn gossip(topic: &str, data: &[u8]) -> Vec<u8> {
    let field = |tag: u8, bytes: &[u8]| [vec![tag << 3 | 2], varint(bytes.len() as u64), bytes.to_vec()].concat();
    let frame = field(2, &[field(2, data), field(4, topic.as_bytes())].concat());
    [varint(frame.len() as u64), frame].concat()
}

/// Memory of a process that is in use, KiB.
fn resident_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(Path::new("/proc").join(process.to_string()).join("status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_is_turned_away_with_the_reason_and_costs_no_memory() {
    let dir = tempfile::tempdir().expect("a directory");
    network(dir.path());
    let mut node = Process::start(dir.path(), &[]);
    let rest = node.rest();
    let identity = get(rest, "/eth/v1/node/identity");
    let address = identity["data"]["p2p_addresses"][0].as_str().expect("an address").to_owned();
    let address = address.split("/p2p/").next().expect("an address");

    // The root of the validators is that of the node's network: it follows from their keys alone.
    let lab = Lab::new(config(None), 1, 16);
    let digest = Schedule::new(&lab.cfg, lab.genesis.genesis_validators_root).at(0).digest;
    let status = |digest: [u8; 4]| {
        let status = Status { fork_digest: digest.into(), ..Status::zero(lab.cfg.shape(ForkName::Phase0)) };
        codec::encode_request(Protocol::Status1, &status.encode(lab.cfg.shape(ForkName::Phase0)))
    };
    let before = resident_kib(node.id());

    // Another network's status.
    let host = Host::dial(address).await;
    host.ask(Protocol::Status1, &status([9; 4]), true).await.expect("connected");
    host.turned_away(&node).await;
    assert!(node.log().contains("a foreign peer: its fork digest is 0x09090909"), "{}", node.log());

    // Requests of a peer that are no snappy, or declare what no request can have.
    let broken = [varint(24), b"\xff\x06\0\0sNoPpY".to_vec()].concat();
    let endless = varint(1 << 40);
    for (bytes, why) in [(broken, "broken snappy"), (endless, "declared size 1099511627776 outside")] {
        let host = Host::dial(address).await;
        host.greets(&status(digest)).await;
        for _ in 0..10 {
            // one at a time: what is too much at once is dropped unread
            let Some(mut stream) = host.ask(Protocol::BlocksByRange2, &bytes, true).await else { break };
            let _ = timeout(Duration::from_secs(5), stream.read_to_end(&mut Vec::new())).await;
        }
        host.turned_away(&node).await;
        assert!(node.log().contains(why), "{why} in {}", node.log());
    }

    // Gossip that is no snappy: a bomb, by what it declares.
    let host = Host::dial(address).await;
    host.greets(&status(digest)).await;
    let topic = format!("/eth2/{}/beacon_block/ssz_snappy", hex::encode(digest));
    let bombs: Vec<u8> = (0..10).flat_map(|n| gossip(&topic, &[0xff, 0xff, 0xff, 0xff, 0x0f, n])).collect();
    let _stream = host.say("/meshsub/1.1.0", &bombs, false).await;
    host.turned_away(&node).await;
    assert!(node.log().contains("beacon_block/ssz_snappy: declared size 4294967295 outside"), "{}", node.log());

    never_end(&node, address, &status(digest)).await;

    let after = resident_kib(node.id());
    assert!(after < before + 32 * 1024, "from {before} to {after} KiB");
    assert_eq!(get(rest, "/eth/v1/node/peer_count")["data"]["connected"], "0");
}

/// Requests that never end: a byte each, and then nothing.
async fn never_end(node: &Process, address: &str, status: &[u8]) {
    let host = Host::dial(address).await;
    host.greets(status).await;
    let mut streams = Vec::new();
    for protocol in [Protocol::Ping1, Protocol::BlocksByRange2, Protocol::BlocksByRoot2, Protocol::BlocksByRange1] {
        for _ in 0..4 {
            streams.push(host.ask(protocol, &[24], false).await.expect("connected"));
        }
    }
    host.turned_away(node).await;
    assert!(node.log().contains("it was not whole after 10 s"), "{}", node.log());
}
