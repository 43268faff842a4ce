//! The framing of requests and responses of every protocol: what is read is written again to the same message, and a node
//! survives any request body.

#![no_main]

use futures::executor::block_on;
use libfuzzer_sys::fuzz_target;
use lockin::net::codec::{encode_chunk, encode_request, read_chunk, read_request};
use lockin::net::link::{Direction, InboundId, Protocol};
use lockin::net::{LinkEvent, PeerId};
use lockin::ssz::Fork;
use lockin_fuzz::{Input, node};

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

/// The body goes to a node as a peer's request.
fn served(protocol: Protocol, fork: Fork, body: &[u8]) {
    let (mut core, now_ms) = node(fork);
    let peer = PeerId::new("peer");
    let connected =
        LinkEvent::Connected { peer: peer.clone(), direction: Direction::Inbound, addr: "/memory/1".into() };
    core.on_link(connected, now_ms);
    let id = InboundId(1);
    core.on_link(LinkEvent::Request { id, peer, protocol, body: body.to_vec().into() }, now_ms);
    for _ in 0..4 {
        core.take_effects();
        core.on_link(LinkEvent::Sent { id }, now_ms);
    }
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let protocol = Protocol::ALL[input.below(Protocol::ALL.len())];
    let mode = input.byte();
    match mode % 8 {
        0 => served(protocol, Fork::ALL[usize::from(mode >> 3) % Fork::ALL.len()], input.0),
        _ => framing(protocol, input.0),
    }
});
