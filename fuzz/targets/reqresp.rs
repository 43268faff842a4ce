//! Requests and responses. The framing of every protocol: what is read is written again to the same message. And a whole
//! node with a chain and a peer: requests of every protocol for what the chain has, valid or edited, read to their end; and
//! answers to its own requests, honest or edited, over the wire's format.

#![no_main]

use futures::executor::block_on;
use libfuzzer_sys::fuzz_target;
use lockin::net::codec::{encode_chunk, encode_request, read_chunk, read_request};
use lockin::net::link::{
    Chunk, Command, Direction, InboundId, LinkEvent, PeerId, Protocol, RequestError, RequestId, ResponseCode,
};
use lockin::ssz::{Fork, Root, Ssz};
use lockin::types::*;
use lockin_fuzz::memory::{Bound, NODE, bounded};
use lockin_fuzz::scene::{Kind, Object, Scene};
use lockin_fuzz::{Input, Node, edit, scene};

/// Steps of one input at most.
const MOST_STEPS: u64 = 24;
/// Chunks of one answer that are read at most: a block's columns, and some.
const MOST_CHUNKS: usize = 300;

fn framing(protocol: Protocol, bytes: &[u8]) {
    let mut rest = bytes;
    if let Ok(body) = block_on(read_request(&mut rest, protocol)) {
        let again = encode_request(protocol, &body);
        let read = block_on(read_request(&mut again.as_slice(), protocol)).expect("what we write can be read");
        assert_eq!(read, body, "{protocol}");
    }
    let mut rest = bytes;
    while let Ok(Some(chunk)) = block_on(read_chunk(&mut rest, protocol)) {
        let again = encode_chunk(protocol, &chunk);
        let read = block_on(read_chunk(&mut again.as_slice(), protocol)).expect("what we write can be read");
        assert_eq!(read.as_ref(), Some(&chunk), "{protocol}");
    }
}

/// A peer that knows the whole history, two slots more than the node.
struct Peer<'a> {
    scene: &'a Scene,
    id: PeerId,
    objects: &'a [Object],
}

impl<'a> Peer<'a> {
    fn new(scene: &'a Scene) -> Self {
        Self { scene, id: PeerId::new("peer"), objects: &scene.history }
    }

    fn roots(&self, input: &mut Input) -> Vec<Root> {
        let root = |input: &mut Input| self.objects[input.below(self.objects.len())].root;
        (0..=input.byte() % 4).map(|_| root(input)).collect()
    }

    /// A request that makes sense.
    fn request(&self, protocol: Protocol, input: &mut Input) -> Vec<u8> {
        let shape = self.scene.cfg.shape(Fork::Fulu);
        let (start_slot, count) = (u64::from(input.byte() % 12), u64::from(input.byte() % 16));
        let columns: Vec<u64> = (0..input.byte() % 8).map(|_| u64::from(input.byte() % 130)).collect();
        match protocol {
            Protocol::Status1 => self.status(Fork::Phase0),
            Protocol::Status2 => self.status(Fork::Fulu),
            Protocol::Ping1 | Protocol::Goodbye1 => count.to_le_bytes().to_vec(),
            Protocol::MetaData1 | Protocol::MetaData2 | Protocol::MetaData3 => Vec::new(),
            Protocol::BlocksByRange1 | Protocol::BlocksByRange2 => {
                BeaconBlocksByRangeRequest { start_slot, count, step: 1 }.encode(shape)
            }
            Protocol::BlobsByRange1 => BlobSidecarsByRangeRequest { start_slot, count }.encode(shape),
            Protocol::ColumnsByRange1 => {
                DataColumnSidecarsByRangeRequest { start_slot, count, columns: columns.into() }.encode(shape)
            }
            Protocol::BlocksByRoot1 | Protocol::BlocksByRoot2 => {
                BeaconBlocksByRootRequest::from(self.roots(input)).encode(shape)
            }
            Protocol::BlobsByRoot1 => {
                let one = |block_root| BlobIdentifier { block_root, index: u64::from(start_slot % 3) };
                let wanted: Vec<_> = self.roots(input).into_iter().map(one).collect();
                BlobSidecarsByRootRequest::from(wanted).encode(shape)
            }
            Protocol::ColumnsByRoot1 => {
                let one = |block_root| DataColumnsByRootIdentifier { block_root, columns: columns.clone().into() };
                let wanted: Vec<_> = self.roots(input).into_iter().map(one).collect();
                DataColumnSidecarsByRootRequest::from(wanted).encode(shape)
            }
        }
    }

    fn status(&self, version: Fork) -> Vec<u8> {
        let head = self.objects.iter().rfind(|object| object.kind == Kind::Block).expect("there are blocks");
        let (head_root, head_slot, fork_digest) = (head.root, head.slot, head.context.into());
        Status { head_root, head_slot, fork_digest, ..Status::default() }.encode(self.scene.cfg.shape(version))
    }

    /// The honest answer to one of the node's requests.
    fn answer(&self, protocol: Protocol, body: &[u8]) -> Vec<Chunk> {
        let shape = self.scene.cfg.shape(Fork::Fulu);
        let chunk = |object: &Object| {
            let context = protocol.has_context().then_some(object.context);
            Chunk::success(context, object.body.clone())
        };
        let all = |kind: Kind, wanted: &dyn Fn(&Object) -> bool| -> Vec<Chunk> {
            self.objects.iter().filter(|object| object.kind == kind && wanted(object)).map(chunk).collect()
        };
        let range =
            |start: Slot, count: u64| move |object: &Object| object.slot >= start && object.slot - start < count;
        match protocol {
            Protocol::Status1 => vec![Chunk::success(None, self.status(Fork::Phase0))],
            Protocol::Status2 => vec![Chunk::success(None, self.status(Fork::Fulu))],
            Protocol::Ping1 | Protocol::Goodbye1 => vec![Chunk::success(None, vec![1, 0, 0, 0, 0, 0, 0, 0])],
            Protocol::MetaData1 => {
                vec![Chunk::success(None, MetaData::default().encode(self.scene.cfg.shape(Fork::Phase0)))]
            }
            Protocol::MetaData2 => {
                vec![Chunk::success(None, MetaData::default().encode(self.scene.cfg.shape(Fork::Altair)))]
            }
            Protocol::MetaData3 => vec![Chunk::success(None, MetaData::default().encode(shape))],
            Protocol::BlocksByRange1 | Protocol::BlocksByRange2 => {
                let asked = BeaconBlocksByRangeRequest::decode(shape, body).expect("the node's request");
                all(Kind::Block, &range(asked.start_slot, asked.count))
            }
            Protocol::BlobsByRange1 => {
                let asked = BlobSidecarsByRangeRequest::decode(shape, body).expect("the node's request");
                all(Kind::Blob, &range(asked.start_slot, asked.count))
            }
            Protocol::ColumnsByRange1 => {
                let asked = DataColumnSidecarsByRangeRequest::decode(shape, body).expect("the node's request");
                let range = range(asked.start_slot, asked.count);
                all(Kind::Column, &|object| range(object) && asked.columns.iter().any(|index| *index == object.index))
            }
            Protocol::BlocksByRoot1 | Protocol::BlocksByRoot2 => {
                let asked = BeaconBlocksByRootRequest::decode(shape, body).expect("the node's request");
                all(Kind::Block, &|object| asked.iter().any(|root| *root == object.root))
            }
            Protocol::BlobsByRoot1 => {
                let asked = BlobSidecarsByRootRequest::decode(shape, body).expect("the node's request");
                all(Kind::Blob, &|object| {
                    asked.iter().any(|id| (id.block_root, id.index) == (object.root, object.index))
                })
            }
            Protocol::ColumnsByRoot1 => {
                let asked = DataColumnSidecarsByRootRequest::decode(shape, body).expect("the node's request");
                let wanted = |object: &Object| {
                    let of_block = asked.iter().filter(|of| of.block_root == object.root);
                    of_block.flat_map(|of| of.columns.iter()).any(|index| *index == object.index)
                };
                all(Kind::Column, &wanted)
            }
        }
    }
}

/// Lets the peer answer everything that the node asks, as the input says.
fn answer_all(node: &mut Node, peer: &Peer, input: &mut Input) {
    for _ in 0..MOST_STEPS {
        let commands = std::mem::take(&mut node.commands);
        let asked = commands.into_iter().filter_map(|command| match command {
            Command::Request { id, offers, .. } => Some((id, offers)),
            _ => None,
        });
        let asked: Vec<_> = asked.collect();
        if asked.is_empty() {
            return;
        }
        for (id, offers) in asked {
            let (protocol, body) = &offers[input.below(offers.len())];
            respond(node, peer, id, *protocol, body, input);
        }
    }
}

fn respond(node: &mut Node, peer: &Peer, id: RequestId, protocol: Protocol, body: &[u8], input: &mut Input) {
    let mut chunks = peer.answer(protocol, body);
    // which chunk is bent, if one is
    let (how, at) = (input.byte(), input.below(chunks.len()));
    let heard = |chunk| LinkEvent::Chunk { id, peer: peer.id.clone(), protocol, chunk };
    let failed = |why| LinkEvent::RequestFailed { id, peer: peer.id.clone(), why };
    match how % 16 {
        8 => chunks.truncate(at),
        9 => chunks.reverse(),
        10 if !chunks.is_empty() => chunks.push(chunks[at].clone()),
        11 if !chunks.is_empty() => {
            chunks[at].context = Some(input.short().to_be_bytes()[4..].try_into().expect("four"))
        }
        12 => chunks.insert(at, Chunk::error(ResponseCode::from_byte(input.byte() | 1), "no")),
        13 => {
            return node.hear(
                failed([RequestError::Timeout, RequestError::Unsupported, RequestError::Busy][at % 3].clone()),
                input,
            );
        }
        14 | 15 if !chunks.is_empty() => {
            let mut body = chunks[at].body.to_vec();
            (0..=input.byte() % 3).for_each(|_| edit::bytes(&mut body, input));
            chunks[at].body = body.into();
        }
        _ => {}
    }
    let wire_edits = if how & 0x40 == 0 { 0 } else { input.byte() % 4 };
    if wire_edits == 0 {
        chunks.into_iter().for_each(|chunk| node.hear(heard(chunk), input));
        return node.hear(LinkEvent::End { id, peer: peer.id.clone() }, input);
    }
    let mut wire: Vec<u8> = chunks.iter().take(8).flat_map(|chunk| encode_chunk(protocol, chunk)).collect();
    (0..wire_edits).for_each(|_| edit::bytes(&mut wire, input));
    let mut rest = wire.as_slice();
    loop {
        match block_on(read_chunk(&mut rest, protocol)) {
            Ok(Some(chunk)) => node.hear(heard(chunk), input),
            Ok(None) => return node.hear(LinkEvent::End { id, peer: peer.id.clone() }, input),
            Err(why) => return node.hear(failed(RequestError::Malformed(why.to_string())), input),
        }
    }
}

/// A request of the peer, read to its end. What is served fits the protocol's frame.
fn serve(node: &mut Node, peer: &Peer, id: InboundId, input: &mut Input) {
    let protocol = Protocol::ALL[input.below(Protocol::ALL.len())];
    let mut body = peer.request(protocol, input);
    (0..input.byte() % 4).for_each(|_| edit::bytes(&mut body, input));
    let wire = encode_request(protocol, &body);
    let Ok(body) = block_on(read_request(&mut wire.as_slice(), protocol)) else { return };
    node.hear(LinkEvent::Request { id, peer: peer.id.clone(), protocol, body: body.into() }, input);
    for _ in 0..MOST_CHUNKS {
        let commands = std::mem::take(&mut node.commands);
        let mut served = 0;
        for command in commands {
            match command {
                Command::Respond { id: of, chunk } if of == id => {
                    served += 1;
                    let wire = encode_chunk(protocol, &chunk);
                    let read =
                        block_on(read_chunk(&mut wire.as_slice(), protocol)).expect("what is served can be read");
                    assert_eq!(read, Some(chunk), "{protocol}");
                }
                other => node.commands.push(other),
            }
        }
        if served == 0 {
            break;
        }
        let rest = std::mem::take(&mut node.commands);
        (0..served).for_each(|_| node.hear(LinkEvent::Sent { id }, input));
        node.commands.splice(0..0, rest);
    }
}

fn meet(node: &mut Node, peer: &Peer, input: &mut Input) {
    let direction = if input.byte() & 1 == 0 { Direction::Outbound } else { Direction::Inbound };
    let (id, addr) = (peer.id.clone(), "/memory/1".to_owned());
    node.hear(LinkEvent::Connected { peer: id.clone(), direction, addr }, input);
    let protocols = Protocol::ALL.iter().map(|protocol| protocol.id().to_owned()).collect();
    node.hear(LinkEvent::Identified { peer: id.clone(), agent: "peer".into(), protocols }, input);
    if direction == Direction::Inbound {
        let body = peer.status(Fork::Phase0).into();
        node.hear(LinkEvent::Request { id: InboundId(0), peer: id, protocol: Protocol::Status1, body }, input);
    }
}

fn conversation(mut input: Input) {
    let whole = input.0.len();
    let scene = scene(input.byte());
    let mut node = scene.node();
    // the peer is ahead by two slots
    node.pass(2 * scene.cfg.slot_duration_ms, &mut Input(&[]));
    let peer = Peer::new(scene);
    let input = &mut input;
    bounded(whole, NODE, || {
        meet(&mut node, &peer, input);
        for step in 1..MOST_STEPS {
            if input.is_empty() {
                break;
            }
            match input.byte() % 8 {
                0..=2 => serve(&mut node, &peer, InboundId(step), input),
                3 => {
                    let quarters = u64::from(input.byte() % 32);
                    node.pass(quarters * scene.cfg.slot_duration_ms / 4, input);
                }
                4 => {
                    let sent = scene.pick(input);
                    node.gossip(step, &sent.topic.to_string(), &sent.data, input);
                }
                _ => answer_all(&mut node, &peer, input),
            }
        }
        node.pass(scene.cfg.slot_duration_ms, input);
        node.hear(LinkEvent::Disconnected { peer: peer.id.clone(), reason: "gone".into() }, input);
    });
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    match input.byte() % 4 {
        0 => {
            let protocol = Protocol::ALL[input.below(Protocol::ALL.len())];
            // Snappy makes at most 22 bytes of one; the body is there packed and unpacked, read and written again.
            bounded(data.len(), Bound { base: 1 << 20, per_byte: 200 }, || framing(protocol, input.0));
        }
        _ => conversation(input),
    }
});
