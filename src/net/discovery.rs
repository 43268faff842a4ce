//! discv5: finds the records of other nodes, beginning with those of bootnodes, and answers for ours.
//!
//! Never dials a node and judges none: what is found is the service's to choose from. A test network is on private addresses,
//! and many of its nodes share one: no filter of the library that holds this against a node is on.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use discv5::{ConfigBuilder, Discv5, Enr, Event, ListenConfig};
use enr::{CombinedKey, CombinedPublicKey, EnrPublicKey, NodeId};
use libp2p::identity::{PublicKey, secp256k1};
use libp2p::multiaddr::{Multiaddr, Protocol};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::identity::BadSecret;
use super::link::LinkEvent;

/// How often others are asked whom they know.
const QUERY_EVERY: Duration = Duration::from_secs(3);
/// How long one round of asking may take.
const QUERY_TIMEOUT: Duration = Duration::from_secs(20);
/// How often neighbours are pinged; by this they hear of a new record of ours.
const PING_EVERY: Duration = Duration::from_secs(10);
/// A record that is found again is told again after this, so that a peer that was not there then is tried again.
const TELL_AGAIN: Duration = Duration::from_secs(10);
/// Records remembered as told; others wait until some are forgotten.
const MAX_TOLD: usize = 1024;
/// Finds that may wait for the node.
const FOUND_QUEUE: usize = 64;

/// Why discovery could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The key is unusable.
    #[error(transparent)]
    Key(#[from] BadSecret),
    /// Others are told this address; nobody can be reached at all of them.
    #[error("discovery can't listen on {0}: the node's record must name one address that others reach it at")]
    Unspecified(SocketAddr),
    /// The port is taken, or the address is not this machine's.
    #[error("discovery can't listen on {at}: {why}; is another node using this UDP port? Choose another or 0")]
    Listen {
        /// Where we wanted to listen.
        at: SocketAddr,
        /// What the system says.
        why: std::io::Error,
    },
    /// No node record, or one that says nothing about UDP.
    #[error("`{record}` is no record of a node to begin with: {why}")]
    Record {
        /// As it was given.
        record: String,
        /// What is wrong with it.
        why: String,
    },
    /// The library refused its settings; a bug here.
    #[error("can't set discovery up: {0}")]
    Setup(String),
}

impl Error {
    /// Whether it is an argument's fault, rather than the machine's.
    pub fn is_usage(&self) -> bool {
        matches!(self, Error::Unspecified(_) | Error::Record { .. })
    }
}

/// A bound socket: its port goes into the node's record before discovery starts.
pub struct Socket {
    socket: Arc<UdpSocket>,
    at: SocketAddr,
}

impl Socket {
    /// Binds a UDP address; port 0 lets the system choose.
    ///
    /// # Errors
    /// [`Error::Unspecified`] and [`Error::Listen`].
    pub async fn bind(at: SocketAddr) -> Result<Socket, Error> {
        if at.ip().is_unspecified() {
            return Err(Error::Unspecified(at));
        }
        let socket = UdpSocket::bind(at).await.map_err(|why| Error::Listen { at, why })?;
        let at = socket.local_addr().map_err(|why| Error::Listen { at, why })?;
        Ok(Socket { socket: Arc::new(socket), at })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.at
    }

    fn config(self) -> ListenConfig {
        match self.at.ip() {
            IpAddr::V4(_) => ListenConfig::FromSockets { ipv4: Some(self.socket), ipv6: None },
            IpAddr::V6(_) => ListenConfig::FromSockets { ipv4: None, ipv6: Some(self.socket) },
        }
    }
}

/// The way to running discovery, which ends when this is dropped.
pub struct Handle {
    record: watch::Sender<Enr>,
}

impl Handle {
    /// Answers with this record from now on: text, signed with the secret that discovery was started with.
    ///
    /// # Errors
    /// A text that is no record.
    pub fn update(&self, record: &str) -> Result<(), Error> {
        self.record.send_replace(read(record)?);
        Ok(())
    }
}

/// Reads a record and checks its signature.
fn read(text: &str) -> Result<Enr, Error> {
    text.trim().parse().map_err(|why| Error::Record { record: text.to_string(), why })
}

/// Whether this text is the record of a node that can be begun with.
///
/// # Errors
/// [`Error::Record`] says why it is not.
pub fn check_bootnode(text: &str) -> Result<(), Error> {
    let record = read(text)?;
    if record.udp4_socket().is_none() && record.udp6_socket().is_none() {
        return Err(Error::Record { record: text.to_string(), why: "it names no address and UDP port".into() });
    }
    Ok(())
}

/// Starts discovery on the current tokio runtime. What it finds comes as [`LinkEvent::Found`]; our own record among the
/// bootnodes' is passed over, so that all nodes can be given the same ones.
///
/// # Errors
/// Whatever is wrong with the arguments.
pub async fn start(
    socket: Socket,
    secret: &[u8; 32],
    record: &str,
    bootnodes: &[String],
) -> Result<(Handle, mpsc::Receiver<LinkEvent>), Error> {
    let key = CombinedKey::secp256k1_from_bytes(&mut secret.clone()).map_err(|_| BadSecret)?;
    let record = read(record)?;
    // ip_limit and the packet filter are off by default, and the table takes every record
    let settings = ConfigBuilder::new(socket.config())
        .disable_enr_update()
        .query_timeout(QUERY_TIMEOUT)
        .ping_interval(PING_EVERY)
        .table_filter(|_| true)
        .build();
    let mut discv5 = Discv5::new(record.clone(), key, settings).map_err(|why| Error::Setup(why.into()))?;
    for text in bootnodes {
        let bootnode = read(text)?;
        if bootnode.node_id() != record.node_id() {
            discv5.add_enr(bootnode).map_err(|why| Error::Record { record: text.clone(), why: why.into() })?;
        }
    }
    let failed = |why: discv5::Error| Error::Setup(why.to_string());
    discv5.start().await.map_err(failed)?;
    let events = discv5.event_stream().await.map_err(failed)?;
    let (record, records) = watch::channel(record);
    let (found, finds) = mpsc::channel(FOUND_QUEUE);
    tokio::spawn(Searcher { discv5, events, records, found, told: BTreeMap::new() }.run());
    Ok((Handle { record }, finds))
}

struct Searcher {
    discv5: Discv5,
    events: mpsc::Receiver<Event>,
    records: watch::Receiver<Enr>,
    found: mpsc::Sender<LinkEvent>,
    /// When which record of a node was told.
    told: BTreeMap<[u8; 32], (Instant, u64)>,
}

impl Searcher {
    async fn run(mut self) {
        let mut turns = interval(QUERY_EVERY);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = self.events.recv() => match event {
                    Some(Event::Discovered(record) | Event::SessionEstablished(record, _)) => self.tell(&record),
                    Some(_) => {}
                    None => return,
                },
                changed = self.records.changed() => match changed {
                    Ok(()) => *self.discv5.external_enr().write() = self.records.borrow_and_update().clone(),
                    Err(_) => return,
                },
                // what a round brings comes as events
                _ = turns.tick() => drop(tokio::spawn(self.discv5.find_node(NodeId::random()))),
            }
        }
    }

    fn tell(&mut self, record: &Enr) {
        let Some(event) = found(record) else { return };
        let now = Instant::now();
        self.told.retain(|_, (at, _)| now < *at + TELL_AGAIN);
        let id = record.node_id().raw();
        let known = self.told.get(&id).is_some_and(|(_, seq)| *seq >= record.seq());
        // a node that is behind will hear of it again
        if !known && self.told.len() < MAX_TOLD && self.found.try_send(event).is_ok() {
            self.told.insert(id, (now, record.seq()));
        }
    }
}

/// What a record says that matters to us; nothing if its node can't be dialled: over TCP, or by QUIC where only that is
/// said and this build has it.
fn found(record: &Enr) -> Option<LinkEvent> {
    let CombinedPublicKey::Secp256k1(key) = record.public_key() else { return None };
    let key = secp256k1::PublicKey::try_from_bytes(&key.encode()).ok()?;
    let four = record.tcp4_socket().map(SocketAddr::from);
    let tcp = four.or_else(|| record.tcp6_socket().map(SocketAddr::from));
    let tcp = tcp.map(|at| Multiaddr::from(at.ip()).with(Protocol::Tcp(at.port())));
    let addr = tcp.or_else(|| quic_address(record).filter(|_| cfg!(feature = "quic")))?;
    let addr = addr.with(Protocol::P2p(PublicKey::from(key).to_peer_id()));
    Some(LinkEvent::Found { addr: addr.to_string(), eth2: entry(record, "eth2"), nfd: entry(record, "nfd") })
}

fn quic_address(record: &Enr) -> Option<Multiaddr> {
    let port = |key| record.get_decodable::<u16>(key).and_then(Result::ok);
    let four = record.ip4().map(IpAddr::from).zip(port("quic"));
    let (ip, port) = four.or_else(|| record.ip6().map(IpAddr::from).zip(port("quic6")))?;
    Some(Multiaddr::from(ip).with(Protocol::Udp(port)).with(Protocol::QuicV1))
}

/// What a record has under a key, if it has as many bytes as it should.
fn entry<const N: usize>(record: &Enr, key: &str) -> Option<[u8; N]> {
    let bytes = record.get_decodable::<bytes::Bytes>(key)?.ok()?;
    bytes.as_ref().try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::enr::Record;
    use crate::net::identity::peer_id_of;

    fn record(tcp: Option<u16>, udp: Option<u16>, quic: Option<u16>) -> String {
        let (ip, eth2) = ([127, 0, 0, 1].into(), Some([7; 16]));
        let nfd = Some([8; 4]);
        let record = Record { seq: 1, ip, tcp, udp, quic, eth2, attnets: None, syncnets: None, cgc: None, nfd };
        record.sign(&[1; 32]).unwrap()
    }

    #[test]
    fn a_record_of_ours_says_where_to_dial_and_on_which_fork() {
        let Some(LinkEvent::Found { addr, eth2, nfd }) = found(&read(&record(Some(9000), None, Some(9001))).unwrap())
        else {
            panic!("nothing found");
        };
        assert_eq!(addr, format!("/ip4/127.0.0.1/tcp/9000/p2p/{}", peer_id_of(&[1; 32]).unwrap()));
        assert_eq!((eth2, nfd), (Some([7; 16]), Some([8; 4])));
        assert!(found(&read(&record(None, Some(9000), None)).unwrap()).is_none());
        let by_quic = found(&read(&record(None, Some(9000), Some(9001))).unwrap());
        let is_there =
            matches!(&by_quic, Some(LinkEvent::Found { addr, .. }) if addr.contains("/udp/9001/quic-v1/p2p/"));
        assert_eq!(is_there, cfg!(feature = "quic"), "{by_quic:?}");
    }

    #[test]
    fn a_bootnode_is_a_signed_record_with_an_udp_port() {
        assert!(check_bootnode(&record(None, Some(9000), None)).is_ok());
        let without = check_bootnode(&record(Some(9000), None, None)).unwrap_err();
        assert!(without.to_string().contains("no address and UDP port") && without.is_usage(), "{without}");
        let mut forged = record(None, Some(9000), None);
        forged.replace_range(20..21, if &forged[20..21] == "A" { "B" } else { "A" });
        assert!(check_bootnode(&forged).is_err());
        assert!(check_bootnode("enr:").is_err());
    }

    #[tokio::test]
    async fn no_record_can_name_every_address() {
        let all = SocketAddr::from(([0, 0, 0, 0], 0));
        assert!(matches!(Socket::bind(all).await, Err(Error::Unspecified(_))));
    }
}
