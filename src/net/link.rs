//! The seam between the protocol and the wire: [`Command`]s go down a [`Link`], [`LinkEvent`]s come up from it.
//! Payloads here are plain SSZ bytes: compression, framing and size limits are the implementation's.
//! Nothing here holds state, reads a clock or knows a consensus rule.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes as Payload;

pub use super::peer_id::{NotAPeerAddress, PeerId};
/// The link's number for one received gossip message; the verdict on it is asked for by this number.
pub use crate::chain::GossipId;

/// The sender's number for one request of ours; chosen by whoever sends [`Command::Request`], never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// The link's number for one request of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InboundId(pub u64);

/// A request/response protocol and its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// `status/1`
    Status1,
    /// `goodbye/1`
    Goodbye1,
    /// `ping/1`
    Ping1,
    /// `metadata/1`
    MetaData1,
    /// `metadata/2`: with the sync subnets (altair)
    MetaData2,
    /// `beacon_blocks_by_range/1`
    BlocksByRange1,
    /// `beacon_blocks_by_range/2`: chunks carry the fork digest (altair)
    BlocksByRange2,
    /// `beacon_blocks_by_root/1`
    BlocksByRoot1,
    /// `beacon_blocks_by_root/2`: chunks carry the fork digest (altair)
    BlocksByRoot2,
    /// `blob_sidecars_by_range/1` (deneb)
    BlobsByRange1,
    /// `blob_sidecars_by_root/1` (deneb)
    BlobsByRoot1,
    /// `status/2`: with the earliest slot available (fulu)
    Status2,
    /// `metadata/3`: with the custody group count (fulu)
    MetaData3,
    /// `data_column_sidecars_by_range/1` (fulu)
    ColumnsByRange1,
    /// `data_column_sidecars_by_root/1` (fulu)
    ColumnsByRoot1,
}

impl Protocol {
    /// Every protocol, in declaration order.
    pub const ALL: [Protocol; 15] = [
        Protocol::Status1,
        Protocol::Goodbye1,
        Protocol::Ping1,
        Protocol::MetaData1,
        Protocol::MetaData2,
        Protocol::BlocksByRange1,
        Protocol::BlocksByRange2,
        Protocol::BlocksByRoot1,
        Protocol::BlocksByRoot2,
        Protocol::BlobsByRange1,
        Protocol::BlobsByRoot1,
        Protocol::Status2,
        Protocol::MetaData3,
        Protocol::ColumnsByRange1,
        Protocol::ColumnsByRoot1,
    ];

    /// Message name and version: the two variable parts of the protocol id.
    pub fn name(self) -> (&'static str, u8) {
        match self {
            Protocol::Status1 => ("status", 1),
            Protocol::Status2 => ("status", 2),
            Protocol::Goodbye1 => ("goodbye", 1),
            Protocol::Ping1 => ("ping", 1),
            Protocol::MetaData1 => ("metadata", 1),
            Protocol::MetaData2 => ("metadata", 2),
            Protocol::MetaData3 => ("metadata", 3),
            Protocol::BlocksByRange1 => ("beacon_blocks_by_range", 1),
            Protocol::BlocksByRange2 => ("beacon_blocks_by_range", 2),
            Protocol::BlocksByRoot1 => ("beacon_blocks_by_root", 1),
            Protocol::BlocksByRoot2 => ("beacon_blocks_by_root", 2),
            Protocol::BlobsByRange1 => ("blob_sidecars_by_range", 1),
            Protocol::BlobsByRoot1 => ("blob_sidecars_by_root", 1),
            Protocol::ColumnsByRange1 => ("data_column_sidecars_by_range", 1),
            Protocol::ColumnsByRoot1 => ("data_column_sidecars_by_root", 1),
        }
    }

    /// The protocol id on the wire, e.g. `/eth2/beacon_chain/req/status/1/ssz_snappy`.
    pub fn id(self) -> &'static str {
        match self {
            Protocol::Status1 => "/eth2/beacon_chain/req/status/1/ssz_snappy",
            Protocol::Status2 => "/eth2/beacon_chain/req/status/2/ssz_snappy",
            Protocol::Goodbye1 => "/eth2/beacon_chain/req/goodbye/1/ssz_snappy",
            Protocol::Ping1 => "/eth2/beacon_chain/req/ping/1/ssz_snappy",
            Protocol::MetaData1 => "/eth2/beacon_chain/req/metadata/1/ssz_snappy",
            Protocol::MetaData2 => "/eth2/beacon_chain/req/metadata/2/ssz_snappy",
            Protocol::MetaData3 => "/eth2/beacon_chain/req/metadata/3/ssz_snappy",
            Protocol::BlocksByRange1 => "/eth2/beacon_chain/req/beacon_blocks_by_range/1/ssz_snappy",
            Protocol::BlocksByRange2 => "/eth2/beacon_chain/req/beacon_blocks_by_range/2/ssz_snappy",
            Protocol::BlocksByRoot1 => "/eth2/beacon_chain/req/beacon_blocks_by_root/1/ssz_snappy",
            Protocol::BlocksByRoot2 => "/eth2/beacon_chain/req/beacon_blocks_by_root/2/ssz_snappy",
            Protocol::BlobsByRange1 => "/eth2/beacon_chain/req/blob_sidecars_by_range/1/ssz_snappy",
            Protocol::BlobsByRoot1 => "/eth2/beacon_chain/req/blob_sidecars_by_root/1/ssz_snappy",
            Protocol::ColumnsByRange1 => "/eth2/beacon_chain/req/data_column_sidecars_by_range/1/ssz_snappy",
            Protocol::ColumnsByRoot1 => "/eth2/beacon_chain/req/data_column_sidecars_by_root/1/ssz_snappy",
        }
    }

    /// The protocol with this id.
    pub fn from_id(id: &str) -> Option<Protocol> {
        Protocol::ALL.into_iter().find(|p| p.id() == id)
    }

    /// Sizes of the request's SSZ, bytes, inclusive. `(0, 0)`: the request has no body at all.
    pub fn request_bounds(self) -> (usize, usize) {
        match self {
            Protocol::Status1 => (84, 84),
            Protocol::Status2 => (92, 92),
            Protocol::Goodbye1 | Protocol::Ping1 => (8, 8),
            Protocol::MetaData1 | Protocol::MetaData2 | Protocol::MetaData3 => (0, 0),
            Protocol::BlocksByRange1 | Protocol::BlocksByRange2 => (24, 24),
            Protocol::BlocksByRoot1 | Protocol::BlocksByRoot2 => (0, 32 * MAX_REQUEST_BLOCKS as usize),
            Protocol::BlobsByRange1 => (16, 16),
            Protocol::BlobsByRoot1 => (0, 40 * MAX_REQUEST_BLOB_SIDECARS as usize),
            Protocol::ColumnsByRange1 => (20, 20 + 8 * NUMBER_OF_COLUMNS as usize),
            Protocol::ColumnsByRoot1 => {
                let one_block = 4 + 32 + 4 + 8 * NUMBER_OF_COLUMNS as usize;
                (0, one_block * MAX_REQUEST_BLOCKS as usize)
            }
        }
    }

    /// Whether a request carries a body (possibly an empty list).
    pub fn has_request_body(self) -> bool {
        !matches!(self, Protocol::MetaData1 | Protocol::MetaData2 | Protocol::MetaData3)
    }

    /// Sizes of one successful response chunk's SSZ, bytes, inclusive.
    pub fn chunk_bounds(self) -> (usize, usize) {
        match self {
            Protocol::Status1 => (84, 84),
            Protocol::Status2 => (92, 92),
            Protocol::Goodbye1 | Protocol::Ping1 => (8, 8),
            Protocol::MetaData1 => (16, 16),
            Protocol::MetaData2 => (17, 17),
            Protocol::MetaData3 => (25, 25),
            Protocol::BlocksByRange1 | Protocol::BlocksByRange2 | Protocol::BlocksByRoot1 | Protocol::BlocksByRoot2 => {
                (MIN_SIGNED_BLOCK_SIZE, MAX_PAYLOAD_SIZE)
            }
            Protocol::BlobsByRange1 | Protocol::BlobsByRoot1 | Protocol::ColumnsByRange1 | Protocol::ColumnsByRoot1 => {
                (MIN_SIDECAR_SIZE, MAX_PAYLOAD_SIZE)
            }
        }
    }

    /// How many chunks a response may have at most, whatever the request said.
    pub fn max_chunks(self) -> u64 {
        match self {
            Protocol::BlocksByRange1 | Protocol::BlocksByRange2 | Protocol::BlocksByRoot1 | Protocol::BlocksByRoot2 => {
                MAX_REQUEST_BLOCKS
            }
            Protocol::BlobsByRange1 | Protocol::BlobsByRoot1 => MAX_REQUEST_BLOB_SIDECARS,
            Protocol::ColumnsByRange1 | Protocol::ColumnsByRoot1 => MAX_REQUEST_BLOCKS * NUMBER_OF_COLUMNS,
            _ => 1,
        }
    }

    /// Whether successful chunks carry the 4-byte fork digest before the length.
    pub fn has_context(self) -> bool {
        match self {
            Protocol::BlocksByRange2
            | Protocol::BlocksByRoot2
            | Protocol::BlobsByRange1
            | Protocol::BlobsByRoot1
            | Protocol::ColumnsByRange1
            | Protocol::ColumnsByRoot1 => true,
            Protocol::Status1
            | Protocol::Status2
            | Protocol::Goodbye1
            | Protocol::Ping1
            | Protocol::MetaData1
            | Protocol::MetaData2
            | Protocol::MetaData3
            | Protocol::BlocksByRange1
            | Protocol::BlocksByRoot1 => false,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, version) = self.name();
        write!(f, "{name}/{version}")
    }
}

/// MAX_REQUEST_BLOCKS of the phase0 p2p specification.
pub const MAX_REQUEST_BLOCKS: u64 = 1024;
/// MAX_PAYLOAD_SIZE of the phase0 p2p specification: uncompressed bytes of a gossip message or a chunk.
pub const MAX_PAYLOAD_SIZE: usize = 10 * 1024 * 1024;
/// Bytes of the smallest SignedBeaconBlock of any fork (phase0, no operations): 100 + 84 + 220.
pub const MIN_SIGNED_BLOCK_SIZE: usize = 404;
/// Blob sidecars in one request or answer, more than any network's `compute_max_request_blob_sidecars`; the service holds
/// requests to what the configuration says.
pub const MAX_REQUEST_BLOB_SIDECARS: u64 = 1 << 14;
/// NUMBER_OF_COLUMNS of both presets.
pub const NUMBER_OF_COLUMNS: u64 = 128;
/// Bytes of the smallest sidecar that says anything: its header with the signature is 208.
pub const MIN_SIDECAR_SIZE: usize = 208;
/// Longest error message that a response may carry, bytes.
pub const MAX_ERROR_MESSAGE: usize = 256;

/// The first byte of a response chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseCode {
    /// 0
    Success,
    /// 1
    InvalidRequest,
    /// 2
    ServerError,
    /// 3
    ResourceUnavailable,
    /// Anything else; an error.
    Other(u8),
}

impl ResponseCode {
    /// The byte on the wire.
    pub fn byte(self) -> u8 {
        match self {
            ResponseCode::Success => 0,
            ResponseCode::InvalidRequest => 1,
            ResponseCode::ServerError => 2,
            ResponseCode::ResourceUnavailable => 3,
            ResponseCode::Other(byte) => byte,
        }
    }

    /// From the byte on the wire.
    pub fn from_byte(byte: u8) -> ResponseCode {
        match byte {
            0 => ResponseCode::Success,
            1 => ResponseCode::InvalidRequest,
            2 => ResponseCode::ServerError,
            3 => ResponseCode::ResourceUnavailable,
            byte => ResponseCode::Other(byte),
        }
    }
}

/// One piece of a response. An error (any code but success) is the last; its body is the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Success or the kind of failure.
    pub code: ResponseCode,
    /// The fork digest, on success of a protocol that [has one](Protocol::has_context).
    pub context: Option<[u8; 4]>,
    /// SSZ on success; at most [`MAX_ERROR_MESSAGE`] bytes of text otherwise.
    pub body: Payload,
}

impl Chunk {
    /// A successful chunk.
    pub fn success(context: Option<[u8; 4]>, body: impl Into<Payload>) -> Chunk {
        Chunk { code: ResponseCode::Success, context, body: body.into() }
    }

    /// An error; the message is cut to what the protocol allows.
    pub fn error(code: ResponseCode, message: &str) -> Chunk {
        let cut = message.floor_char_boundary(MAX_ERROR_MESSAGE);
        Chunk { code, context: None, body: Payload::copy_from_slice(&message.as_bytes()[..cut]) }
    }
}

/// The verdict on a gossip message: whether it goes on to other peers, and whether its sender is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Valid: forward it.
    Accept,
    /// Don't forward; nobody's fault.
    Ignore,
    /// Don't forward; the sender should have known better.
    Reject,
}

/// What the protocol asks of the wire.
#[derive(Clone, Debug)]
pub enum Command {
    /// Take part in a topic.
    Subscribe { topic: Arc<str> },
    /// Leave a topic.
    Unsubscribe { topic: Arc<str> },
    /// Send a message of ours to everybody on the topic.
    Publish { topic: Arc<str>, data: Payload },
    /// The verdict on a received message; until it comes the message goes no further.
    Report { id: GossipId, verdict: Verdict },
    /// Ask a peer. `offers` are the protocols we would speak, best first, each with its body; the peer takes the first it knows.
    /// Ends in exactly one of [`LinkEvent::End`] and [`LinkEvent::RequestFailed`].
    Request { id: RequestId, peer: PeerId, offers: Vec<(Protocol, Payload)> },
    /// Forget a request of ours: nothing more of it will be reported.
    Cancel { id: RequestId },
    /// Answer a peer's request with one more chunk. An error chunk ends the answer.
    Respond { id: InboundId, chunk: Chunk },
    /// The answer is complete.
    Finish { id: InboundId },
    /// Keep a connection to this multiaddr: dialled until it succeeds, and again whenever it is lost.
    Dial { addr: String },
    /// Close all connections to a peer, after what was already queued for it. A static peer is tried again, but slowly.
    Disconnect { peer: PeerId },
}

/// Who opened a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The peer.
    Inbound,
    /// We.
    Outbound,
}

/// Why a request of ours came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The peer speaks none of the offered protocols.
    #[error("the peer speaks none of the offered protocols")]
    Unsupported,
    /// Nothing, or not enough, came in time.
    #[error("no answer in time")]
    Timeout,
    /// The connection or the stream broke.
    #[error("the connection broke: {0}")]
    Disconnected(String),
    /// The answer breaks the wire format; the peer's fault.
    #[error("malformed answer: {0}")]
    Malformed(String),
    /// We have too many requests running.
    #[error("too many requests in flight")]
    Busy,
}

/// What the wire tells the protocol.
#[derive(Clone, Debug)]
pub enum LinkEvent {
    /// We listen on this multiaddr (without the peer id).
    Listening { addr: String },
    /// A first connection to this peer is up.
    Connected { peer: PeerId, direction: Direction, addr: String },
    /// The last connection to this peer is gone.
    Disconnected { peer: PeerId, reason: String },
    /// A dial failed; the link goes on trying.
    DialFailed { addr: String, reason: String },
    /// The peer said who it is: its agent string and the protocols it speaks.
    Identified { peer: PeerId, agent: String, protocols: Vec<String> },
    /// A gossip message, new to us; wants a [`Command::Report`].
    Gossip { id: GossipId, topic: Arc<str>, data: Payload, from: PeerId },
    /// A peer's request; wants [`Command::Respond`] and [`Command::Finish`].
    Request { id: InboundId, peer: PeerId, protocol: Protocol, body: Payload },
    /// A chunk of an answer of ours went out: time to send the next. Long answers are paced by this.
    Sent { id: InboundId },
    /// A peer's request ended before our answer did.
    InboundClosed { id: InboundId },
    /// A peer's request or gossip broke the wire format, as the link itself could see; `what` is the protocol or topic.
    Malformed { peer: PeerId, what: String, why: String },
    /// A chunk of the answer to a request of ours, in order.
    Chunk { id: RequestId, peer: PeerId, protocol: Protocol, chunk: Chunk },
    /// The answer to a request of ours is complete.
    End { id: RequestId, peer: PeerId },
    /// A request of ours came to nothing; chunks seen before are valid.
    RequestFailed { id: RequestId, peer: PeerId, why: RequestError },
}

/// Something that moves bytes between peers. What it has to say comes by the implementation's own way out (a channel, a queue).
pub trait Link {
    /// Carries out a command, now or soon; never blocks. Commands about peers, messages and requests that are gone are ignored.
    fn send(&mut self, command: Command);
}

impl Link for Vec<Command> {
    fn send(&mut self, command: Command) {
        self.push(command);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocol_ids_round_trip_and_match_their_names() {
        for protocol in Protocol::ALL {
            let (name, version) = protocol.name();
            assert_eq!(protocol.id(), format!("/eth2/beacon_chain/req/{name}/{version}/ssz_snappy"));
            assert_eq!(Protocol::from_id(protocol.id()), Some(protocol));
        }
        assert_eq!(Protocol::from_id("/eth2/beacon_chain/req/status/3/ssz_snappy"), None);
    }

    #[test]
    fn error_messages_are_cut_at_a_character() {
        let chunk = Chunk::error(ResponseCode::ServerError, &"é".repeat(200));
        assert!(chunk.body.len() <= MAX_ERROR_MESSAGE);
        assert!(std::str::from_utf8(&chunk.body).is_ok());
    }
}
