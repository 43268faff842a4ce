//! The seam between the protocol and the wire: [`Command`]s go down a [`Link`], [`LinkEvent`]s come up from it.
//! Payloads here are plain SSZ bytes: compression, framing and size limits are the implementation's.
//! Nothing here holds state, reads a clock or knows a consensus rule.

use std::sync::Arc;

use bytes::Bytes as Payload;

pub use super::peer_id::{NotAPeerAddress, PeerId};
pub use super::protocol::{
    MAX_PAYLOAD_SIZE, MAX_REQUEST_BLOB_SIDECARS, MAX_REQUEST_BLOCKS, MIN_SIDECAR_SIZE, MIN_SIGNED_BLOCK_SIZE,
    NUMBER_OF_COLUMNS, Protocol,
};
/// The link's number for one received gossip message; the verdict on it is asked for by this number.
pub use crate::chain::GossipId;

/// The sender's number for one request of ours; chosen by whoever sends [`Command::Request`], never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// The link's number for one request of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InboundId(pub u64);

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
    /// Try this multiaddr once; nothing is told of a failure.
    DialOnce { addr: String },
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
    /// Discovery found a node that listens at this multiaddr (with its peer id); `eth2` (SSZ of an `ENRForkID`) and `nfd` are
    /// what its record has under these keys.
    Found { addr: String, eth2: Option<[u8; 16]>, nfd: Option<[u8; 4]> },
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
    /// A peer's request did not come whole in time; `what` is the protocol.
    Slow { peer: PeerId, what: String, why: String },
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
    fn error_messages_are_cut_at_a_character() {
        let chunk = Chunk::error(ResponseCode::ServerError, &"é".repeat(200));
        assert!(chunk.body.len() <= MAX_ERROR_MESSAGE);
        assert!(std::str::from_utf8(&chunk.body).is_ok());
    }
}
