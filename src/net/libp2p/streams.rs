//! Opens and accepts the streams of the request/response protocols. What is said on them is [`rpc`](super::rpc)'s.
//!
//! The crate libp2p-stream does nearly this, but drops an inbound stream when two arrive at once, opens one stream per
//! connection at a time, and offers one protocol per stream, so that falling back from v2 to v1 costs a round trip more.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use libp2p::PeerId;
use libp2p::core::transport::PortUse;
use libp2p::core::upgrade::{InboundUpgrade, OutboundUpgrade, UpgradeInfo};
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::swarm::handler::{ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound};
use libp2p::swarm::{
    ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm, NetworkBehaviour,
    NotifyHandler, Stream, StreamProtocol, StreamUpgradeError, SubstreamProtocol, THandlerInEvent, THandlerOutEvent,
    ToSwarm,
};

use crate::net::link::{Protocol, RequestError, RequestId};

/// What the behaviour reports.
#[derive(Debug)]
pub(super) enum StreamEvent {
    /// A peer opened a stream.
    Inbound { peer: PeerId, protocol: Protocol, stream: Stream },
    /// A stream that we asked for, or why there is none.
    Outbound { id: RequestId, peer: PeerId, result: Result<(Protocol, Stream), RequestError> },
}

/// The behaviour: one per swarm.
#[derive(Default)]
pub(super) struct Streams {
    connections: HashMap<PeerId, Vec<ConnectionId>>,
    opening: BTreeMap<RequestId, (PeerId, ConnectionId)>,
    pending: VecDeque<ToSwarm<StreamEvent, Open>>,
}

impl Streams {
    /// Opens a stream to a connected peer for the first of `protocols` that it speaks.
    pub(super) fn open(&mut self, id: RequestId, peer: PeerId, protocols: Vec<Protocol>) {
        let Some(connection) = self.connections.get(&peer).and_then(|all| all.first()).copied() else {
            return self.fail(id, peer, RequestError::Disconnected("not connected".into()));
        };
        self.opening.insert(id, (peer, connection));
        self.pending.push_back(ToSwarm::NotifyHandler {
            peer_id: peer,
            handler: NotifyHandler::One(connection),
            event: Open { id, protocols },
        });
    }

    fn fail(&mut self, id: RequestId, peer: PeerId, why: RequestError) {
        self.pending.push_back(ToSwarm::GenerateEvent(StreamEvent::Outbound { id, peer, result: Err(why) }));
    }

    fn closed(&mut self, peer: PeerId, connection: ConnectionId) {
        if let Some(all) = self.connections.get_mut(&peer) {
            all.retain(|c| *c != connection);
            if all.is_empty() {
                self.connections.remove(&peer);
            }
        }
        let lost: Vec<RequestId> =
            self.opening.iter().filter(|(_, (_, c))| *c == connection).map(|(id, _)| *id).collect();
        for id in lost {
            self.opening.remove(&id);
            self.fail(id, peer, RequestError::Disconnected("the connection closed".into()));
        }
    }
}

impl NetworkBehaviour for Streams {
    type ConnectionHandler = Handler;
    type ToSwarm = StreamEvent;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<Handler, ConnectionDenied> {
        Ok(Handler::default())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<Handler, ConnectionDenied> {
        Ok(Handler::default())
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        match event {
            FromSwarm::ConnectionEstablished(e) => {
                self.connections.entry(e.peer_id).or_default().push(e.connection_id);
            }
            FromSwarm::ConnectionClosed(e) => self.closed(e.peer_id, e.connection_id),
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        let event = match event {
            FromHandler::Inbound(protocol, stream) => StreamEvent::Inbound { peer, protocol, stream },
            FromHandler::Outbound(id, result) => {
                if self.opening.remove(&id).is_none() {
                    return;
                }
                StreamEvent::Outbound { id, peer, result }
            }
        };
        self.pending.push_back(ToSwarm::GenerateEvent(event));
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<StreamEvent, THandlerInEvent<Self>>> {
        self.pending.pop_front().map_or(Poll::Pending, Poll::Ready)
    }
}

/// To a handler: open a stream.
#[derive(Debug)]
pub(super) struct Open {
    id: RequestId,
    protocols: Vec<Protocol>,
}

/// From a handler.
#[derive(Debug)]
pub(super) enum FromHandler {
    Inbound(Protocol, Stream),
    Outbound(RequestId, Result<(Protocol, Stream), RequestError>),
}

/// The streams of one connection. It keeps the connection alive: ending it is the protocol's decision.
#[derive(Default)]
pub(super) struct Handler {
    wanted: VecDeque<Open>,
    done: VecDeque<FromHandler>,
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Open;
    type ToBehaviour = FromHandler;
    type InboundProtocol = Offer;
    type OutboundProtocol = Offer;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = RequestId;

    fn listen_protocol(&self) -> SubstreamProtocol<Offer> {
        SubstreamProtocol::new(Offer(Protocol::ALL.to_vec()), ())
    }

    fn connection_keep_alive(&self) -> bool {
        true
    }

    fn on_behaviour_event(&mut self, open: Open) {
        self.wanted.push_back(open);
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ConnectionHandlerEvent<Offer, RequestId, FromHandler>> {
        if let Some(done) = self.done.pop_front() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(done));
        }
        if let Some(Open { id, protocols }) = self.wanted.pop_front() {
            let protocol = SubstreamProtocol::new(Offer(protocols), id);
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        Poll::Pending
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<Offer, Offer, (), RequestId>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol: (protocol, stream), ..
            }) => {
                self.done.push_back(FromHandler::Inbound(protocol, stream));
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol, info }) => {
                self.done.push_back(FromHandler::Outbound(info, Ok(protocol)));
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { error, info }) => {
                let why = match error {
                    StreamUpgradeError::Timeout => RequestError::Timeout,
                    StreamUpgradeError::NegotiationFailed => RequestError::Unsupported,
                    StreamUpgradeError::Io(e) => RequestError::Disconnected(e.to_string()),
                    StreamUpgradeError::Apply(never) => match never {},
                };
                self.done.push_back(FromHandler::Outbound(info, Err(why)));
            }
            _ => {}
        }
    }
}

/// Negotiates one of some protocols and hands out the bare stream.
pub(super) struct Offer(Vec<Protocol>);

impl UpgradeInfo for Offer {
    type Info = StreamProtocol;
    type InfoIter = std::vec::IntoIter<StreamProtocol>;

    fn protocol_info(&self) -> Self::InfoIter {
        self.0.iter().map(|p| StreamProtocol::new(p.id())).collect::<Vec<_>>().into_iter()
    }
}

fn agreed(info: &StreamProtocol) -> Protocol {
    Protocol::from_id(info.as_ref()).expect("only protocols of ours are offered")
}

impl InboundUpgrade<Stream> for Offer {
    type Output = (Protocol, Stream);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_inbound(self, stream: Stream, info: StreamProtocol) -> Self::Future {
        ready(Ok((agreed(&info), stream)))
    }
}

impl OutboundUpgrade<Stream> for Offer {
    type Output = (Protocol, Stream);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_outbound(self, stream: Stream, info: StreamProtocol) -> Self::Future {
        ready(Ok((agreed(&info), stream)))
    }
}
