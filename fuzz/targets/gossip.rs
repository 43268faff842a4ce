//! Gossip of every topic and fork through a whole node that knows a chain: valid messages, edited, and signed again where
//! the input says so; the engine's answers as the input says; and any bytes, snappy included. Nothing that a peer sends
//! makes the node panic or grow.

#![no_main]

use libfuzzer_sys::fuzz_target;
use lockin::net::codec;
use lockin::net::link::MAX_PAYLOAD_SIZE;
use lockin_fuzz::memory::{NODE, bounded};
use lockin_fuzz::{Input, Node, edit, scene};

/// Messages of one input at most.
const MOST_STEPS: u64 = 24;

/// A message made from a valid one.
fn message(node: &mut Node, id: u64, input: &mut Input) {
    let scene = node.scene;
    let sent = scene.pick(input);
    let how = input.byte();
    let mut data = sent.data.clone();
    if how & 1 != 0 {
        (0..=input.byte() % 4).for_each(|_| edit::bytes(&mut data, input));
    }
    if how & 2 != 0 {
        let parent = node.core.chain().head().state;
        if let Some(signed) = scene.sign(sent.topic.kind, &data, &parent, how & 4 != 0, input) {
            data = signed;
        }
    }
    let topic = match how >> 6 {
        3 => scene.pick(input).topic,
        _ => sent.topic,
    };
    node.gossip(id, &topic.to_string(), &data, input);
}

/// Any bytes, as they come from the wire.
fn raw(node: &mut Node, id: u64, input: &mut Input) {
    let topic = node.scene.pick(input).topic.to_string();
    let wire = match input.byte() % 4 {
        0 => input.take(4096).to_vec(),
        1 => codec::compress(input.take(4096)).expect("it is short"),
        _ => {
            let mut wire = codec::compress(&node.scene.pick(input).data).expect("it was sent");
            (0..=input.byte() % 4).for_each(|_| edit::bytes(&mut wire, input));
            wire
        }
    };
    if let Ok(data) = codec::decompress(&wire, MAX_PAYLOAD_SIZE) {
        node.gossip(id, &topic, &data, input);
    }
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let scene = scene(input.byte());
    let mut node = scene.node();
    bounded(data.len(), NODE, || {
        for id in 0..MOST_STEPS {
            if input.is_empty() {
                break;
            }
            match input.byte() % 16 {
                0 | 1 => raw(&mut node, id, &mut input),
                2 | 3 => {
                    let quarters = u64::from(input.byte());
                    node.pass(quarters * scene.cfg.slot_duration_ms / 4, &mut input);
                }
                _ => message(&mut node, id, &mut input),
            }
        }
        node.pass(scene.cfg.slot_duration_ms, &mut input);
    });
});
