//! Every container of every fork and both presets, by selector bytes: raw bytes, or a valid encoding with edits. We and
//! `ssz_rs` must judge alike, and read the same value: verdict, encoding and root.

#![no_main]

use libfuzzer_sys::fuzz_target;
use lockin::ssz::{Fork, Preset, Shape};
use lockin::witness::random::Dice;
use lockin::witness::{Pair, pairs, verdict};
use lockin_fuzz::memory::{Bound, bounded};
use lockin_fuzz::{Input, edit};
use std::sync::OnceLock;

/// Values whose default has so many bytes, mainnet's states above all, take `ssz_rs` up to seconds: one input in
/// [`RARITY`] may have one.
const LARGE: usize = 50_000;
const RARITY: u8 = 32;

/// A container, and the length of its default value.
struct Entry {
    pair: Pair,
    size: usize,
}

fn table() -> &'static Vec<Vec<Entry>> {
    static TABLE: OnceLock<Vec<Vec<Entry>>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let entry = |pair: Pair| Entry { size: (pair.zero)(pair.shape).encoding.len(), pair };
        let of_shape = |shape| pairs(shape).into_iter().map(entry).collect();
        let presets = [Preset::minimal(), Preset::mainnet()];
        Fork::ALL.into_iter().flat_map(|fork| presets.map(|preset| of_shape(Shape::new(fork, preset)))).collect()
    })
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let shapes = table();
    let containers = &shapes[input.below(shapes.len())];
    let Entry { pair, size } = &containers[input.below(containers.len())];
    let mode = input.byte();
    if *size > LARGE && mode % RARITY != 1 {
        return;
    }
    let bytes = if mode & 1 == 0 {
        input.0.to_vec()
    } else {
        let seed = (0..4).fold(0, |seed, _| seed << 8 | u64::from(input.byte()));
        let mut bytes = (pair.random)(&mut Dice::new(seed));
        while !input.is_empty() {
            edit::bytes(&mut bytes, &mut input);
        }
        bytes
    };
    // The encoding is this target's input. Either side holds the value and its encoding again, and ssz_rs a list of chunks
    // to hash beside them: about seven fold. The base is for containers whose lists of vectors are long by default.
    bounded(bytes.len().max(*size), Bound { base: 4 << 20, per_byte: 32 }, || {
        if let Err(why) = verdict::compare(pair, &bytes) {
            let hex: String = bytes.iter().take(4096).map(|byte| format!("{byte:02x}")).collect();
            panic!("{}: {why}: {} bytes, 0x{hex}", pair.title(), bytes.len());
        }
    });
});
