//! Every container of every fork and both presets, by selector bytes: raw bytes, or a valid encoding with edits. We and
//! `ssz_rs` must judge alike, and read the same value.

#![no_main]

use libfuzzer_sys::fuzz_target;
use lockin::ssz::{Fork, Preset, Shape};
use lockin::witness::random::Dice;
use lockin::witness::{Pair, pairs, verdict};
use lockin_fuzz::Input;
use std::sync::OnceLock;

fn table() -> &'static Vec<Vec<Pair>> {
    static TABLE: OnceLock<Vec<Vec<Pair>>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let presets = [Preset::minimal(), Preset::mainnet()];
        Fork::ALL.into_iter().flat_map(|fork| presets.map(|preset| pairs(Shape::new(fork, preset)))).collect()
    })
}

/// Overwrites, cuts and stretches a valid encoding as the input says.
fn edit(bytes: &mut Vec<u8>, input: &mut Input) {
    while !input.0.is_empty() && !bytes.is_empty() {
        let at = input.short() % bytes.len();
        match input.byte() % 4 {
            0 => bytes[at] ^= input.byte(),
            1 => {
                let word = input.take(4);
                let end = bytes.len().min(at + word.len());
                bytes[at..end].copy_from_slice(&word[..end - at]);
            }
            2 => bytes.truncate(at),
            _ => bytes.extend_from_slice(input.take(4)),
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let shapes = table();
    let containers = &shapes[input.below(shapes.len())];
    let pair = &containers[input.below(containers.len())];
    let mode = input.byte();
    let bytes = if mode & 1 == 0 {
        input.0.to_vec()
    } else {
        let mut bytes = (pair.random)(&mut Dice::new(u64::from(mode >> 1)));
        // ssz_rs takes a second for the largest of these: too slow to learn anything.
        if bytes.len() > 50_000 {
            return;
        }
        edit(&mut bytes, &mut input);
        bytes
    };
    if let Err(why) = verdict::compare(pair, &bytes) {
        panic!("{}: {why}: 0x{}", pair.title(), bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    }
});
