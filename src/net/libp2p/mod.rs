//! The real network: TCP, noise, yamux and mplex, or QUIC where it is built in; identify, gossipsub, and the request/response
//! streams.
//!
//! [`start`] spawns one task that owns the swarm; commands and events go through bounded channels. All bounds are here or in
//! the module that they belong to: events and bytes waiting for the node, streams per peer, connections, messages waiting for
//! a verdict. When the node is slow, gossip is dropped first, and with it what peers say of themselves. Answers are never
//! reordered; one that its queue has no room for is broken off as a whole, and the peer sees the stream end.
//! Knows no consensus rule but topic names and message ids.

mod dialer;
mod driver;
mod gossip;
mod quic;
mod rpc;
mod streams;

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::time::Duration;

use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::Boxed;
use libp2p::core::upgrade::{SelectUpgrade, Version};
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::NetworkBehaviour;
use libp2p::{Multiaddr, Swarm, Transport, connection_limits, identify, noise, tcp, yamux};
use tokio::sync::mpsc;

use self::quic::NoQuic;
pub use self::quic::check_address;
use super::identity::{BadSecret, keypair};
use super::link::{Command, Link, LinkEvent, PeerId};

/// The stream multiplexers that a node offers, best first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Muxers {
    /// yamux, else mplex: what every client can talk to.
    #[default]
    YamuxAndMplex,
    /// yamux only.
    Yamux,
    /// mplex only, like Teku's and Nimbus's defaults.
    Mplex,
}

/// How a node takes part in the network.
#[derive(Clone, Debug)]
pub struct Config {
    /// The node's secp256k1 secret; its peer id follows from it.
    pub secret: [u8; 32],
    /// Address to listen on.
    pub ip: IpAddr,
    /// TCP port to listen on; 0 lets the system choose.
    pub port: u16,
    /// UDP port to listen on for QUIC, if at all; 0 lets the system choose.
    pub quic: Option<u16>,
    /// What identify says about us, e.g. `lockin/0.1.0`.
    pub agent: String,
    /// Fork digests of every fork that the network has scheduled; topics of others are not listened to.
    pub digests: Vec<[u8; 4]>,
    /// The digest of phase0, whose message ids leave the topic out.
    pub phase0_digest: Option<[u8; 4]>,
    /// How long a message counts as seen: two epochs by the specification.
    pub seen_ttl: Duration,
    /// How long the node may take to judge a message and have it passed on: as long as it keeps a vote for an unknown block.
    pub judged_within: Duration,
    /// Peers at most.
    pub max_peers: u32,
    /// Multiplexers offered.
    pub muxers: Muxers,
}

impl Config {
    /// A node on loopback, on any port, with the defaults for everything else.
    pub fn loopback(secret: [u8; 32]) -> Config {
        Config {
            secret,
            ip: IpAddr::from([127, 0, 0, 1]),
            port: 0,
            quic: None,
            agent: concat!("lockin/", env!("CARGO_PKG_VERSION")).to_string(),
            digests: Vec::new(),
            phase0_digest: None,
            seen_ttl: Duration::from_secs(768),
            judged_within: Duration::from_secs(24),
            max_peers: 100,
            muxers: Muxers::default(),
        }
    }
}

/// Why the network could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The key is unusable.
    #[error(transparent)]
    Key(#[from] BadSecret),
    /// Asked for what is not built in.
    #[error(transparent)]
    NoQuic(#[from] NoQuic),
    /// The port is taken, or the address is not this machine's.
    #[error("can't listen on {ip} {over} port {port}: {why}; is another node using it? Choose another port or 0")]
    Listen {
        /// Address asked for.
        ip: IpAddr,
        /// TCP or UDP.
        over: &'static str,
        /// Port asked for.
        port: u16,
        /// What the system says.
        why: String,
    },
    /// A part of the stack refused its settings; a bug here.
    #[error("can't set the network up: {0}")]
    Setup(String),
}

/// The way to a running network task. The task ends soon after the last handle is dropped.
#[derive(Clone)]
pub struct Handle {
    commands: mpsc::Sender<Command>,
    peer: PeerId,
    listens: Listens,
}

impl Handle {
    /// Our peer id.
    pub fn peer_id(&self) -> &PeerId {
        &self.peer
    }

    /// Where we listen, as others dial it: multiaddrs with our peer id, TCP first.
    pub fn addresses(&self) -> Vec<String> {
        let listens = [Some(&self.listens.tcp.0), self.listens.quic.as_ref().map(|(bound, _)| bound)];
        listens.into_iter().flatten().map(|bound| format!("{bound}/p2p/{}", self.peer)).collect()
    }

    /// Where we listen for TCP, as others dial it.
    pub fn address(&self) -> String {
        self.addresses().swap_remove(0)
    }

    /// The address and the TCP port that we listen on.
    pub fn listens_at(&self) -> SocketAddr {
        self.listens.tcp.1
    }

    /// The UDP port that we listen on for QUIC.
    pub fn quic_port(&self) -> Option<u16> {
        self.listens.quic.as_ref().map(|(_, at)| at.port())
    }
}

impl Link for Handle {
    /// A command that the task has no room for is dropped and logged: with some thousand waiting, the task is dead or drowned.
    fn send(&mut self, command: Command) {
        if let Err(error) = self.commands.try_send(command) {
            tracing::warn!(%error, "a command to the network was dropped");
        }
    }
}

#[derive(NetworkBehaviour)]
struct Behaviour {
    limits: connection_limits::Behaviour,
    identify: identify::Behaviour,
    streams: streams::Streams,
    gossip: gossip::Gossipsub,
}

/// Commands that may wait for the task.
const COMMAND_QUEUE: usize = 8192;
/// Events that may wait for the node, besides those that the task holds back itself.
const EVENT_QUEUE: usize = 256;

/// Starts the network on the current tokio runtime. Listens before it returns.
pub async fn start(config: Config) -> Result<(Handle, mpsc::Receiver<LinkEvent>), Error> {
    let key = keypair(&config.secret)?;
    quic::check(config.quic.is_some())?;
    let mut swarm = swarm(&config, &key)?;
    // libp2p shares a port with whoever else shares it; we want to know that it is taken
    let failed = |why: io::Error| Error::Listen { ip: config.ip, over: "TCP", port: config.port, why: why.to_string() };
    drop(TcpListener::bind((config.ip, config.port)).map_err(failed)?);
    let tcp = listen(&mut swarm, config.ip, config.port, false).await?;
    let quic = match config.quic {
        Some(port) => Some(listen(&mut swarm, config.ip, port, true).await?),
        None => None,
    };

    let peer = PeerId::new(key.public().to_peer_id().to_base58());
    let (commands, command_queue) = mpsc::channel(COMMAND_QUEUE);
    let (events, event_queue) = mpsc::channel(EVENT_QUEUE);
    let bound = tcp.0.clone();
    tokio::spawn(driver::Driver::new(swarm, command_queue, events, bound).run());
    Ok((Handle { commands, peer, listens: Listens { tcp, quic } }, event_queue))
}

/// What a node listens at: as a multiaddr, and as what it was asked for with the port that came of it.
type Bound = (Multiaddr, SocketAddr);

#[derive(Clone)]
struct Listens {
    tcp: Bound,
    quic: Option<Bound>,
}

async fn listen(swarm: &mut Swarm<Behaviour>, ip: IpAddr, port: u16, quic: bool) -> Result<Bound, Error> {
    let over = if quic { "UDP" } else { "TCP" };
    let failed = |why: String| Error::Listen { ip, over, port, why };
    let wanted = Multiaddr::from(ip);
    let wanted = match quic {
        true => wanted.with(Protocol::Udp(port)).with(Protocol::QuicV1),
        false => wanted.with(Protocol::Tcp(port)),
    };
    let listener = swarm.listen_on(wanted).map_err(|e| failed(source_of(&e)))?;
    let bound = driver::listening(swarm, listener).await.map_err(failed)?;
    let port = bound.iter().find_map(|part| match part {
        Protocol::Tcp(port) | Protocol::Udp(port) => Some(port),
        _ => None,
    });
    Ok((bound, SocketAddr::new(ip, port.unwrap_or_default())))
}

/// The innermost error's words.
fn source_of(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), source_of)
}

fn swarm(config: &Config, key: &Keypair) -> Result<Swarm<Behaviour>, Error> {
    let transport = transport(key, config.muxers).map_err(|e| Error::Setup(e.to_string()))?;
    let limits = connection_limits::ConnectionLimits::default()
        .with_max_pending_incoming(Some(64))
        .with_max_established(Some(config.max_peers.saturating_mul(2)))
        .with_max_established_incoming(Some(config.max_peers))
        .with_max_established_per_peer(Some(3));
    let identify = identify::Config::new("eth2/1.0.0".into(), key.public())
        .with_agent_version(config.agent.clone())
        .with_cache_size(0);
    let behaviour = Behaviour {
        limits: connection_limits::Behaviour::new(limits),
        identify: identify::Behaviour::new(identify),
        streams: streams::Streams::default(),
        gossip: gossip::behaviour(config)?,
    };
    let settings = libp2p::swarm::Config::with_tokio_executor()
        .with_idle_connection_timeout(Duration::from_secs(60))
        .with_max_negotiating_inbound_streams(64);
    Ok(Swarm::new(transport, behaviour, key.public().to_peer_id(), settings))
}

/// How long what is sent may stay without the other machine's acknowledgement.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(15);

/// A way that was broken is used again as soon as it is whole: left to itself, the kernel sends the same again after ever longer
/// pauses, and only after a quarter of an hour does it call the connection dead, so that it could be made anew.
fn give_up_early(stream: &tokio::net::TcpStream) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    return socket2::SockRef::from(stream).set_tcp_user_timeout(Some(ACKNOWLEDGED_WITHIN));
    #[cfg(not(target_os = "linux"))]
    return Ok(());
}

fn transport(key: &Keypair, muxers: Muxers) -> io::Result<Boxed<(libp2p::PeerId, StreamMuxerBox)>> {
    let noise = noise::Config::new(key).map_err(io::Error::other)?;
    let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true));
    let tcp = tcp.map(|stream, _| {
        if let Err(error) = give_up_early(&stream.0) {
            tracing::debug!(%error, "a connection will take long to be found dead");
        }
        stream
    });
    let secured = tcp.upgrade(Version::V1).authenticate(noise);
    let mut mplex = libp2p_mplex::Config::new();
    mplex.set_max_buffer_behaviour(libp2p_mplex::MaxBufferBehaviour::Block).set_max_buffer_size(128);
    let yamux = yamux::Config::default();
    let limit = Duration::from_secs(10);
    let tcp = match muxers {
        Muxers::YamuxAndMplex => secured.multiplex(SelectUpgrade::new(yamux, mplex)).timeout(limit).boxed(),
        Muxers::Yamux => secured.multiplex(yamux).timeout(limit).boxed(),
        Muxers::Mplex => secured.multiplex(mplex).timeout(limit).boxed(),
    };
    Ok(quic::beside(tcp, key))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connections_are_given_up_in_time() {
        let there = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = tokio::net::TcpStream::connect(there.local_addr().unwrap()).await.unwrap();
        give_up_early(&stream).unwrap();
        assert_eq!(socket2::SockRef::from(&stream).tcp_user_timeout().unwrap(), Some(ACKNOWLEDGED_WITHIN));
    }
}
