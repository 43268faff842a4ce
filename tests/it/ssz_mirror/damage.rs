//! Hostile bytes: both sides accept the same encodings, and read the same value from those that they accept.

use super::{named, shapes};
use lockin::witness::random::Dice;
use lockin::witness::verdict::{self, Agreement};
use lockin::witness::{Pair, pairs};

/// Valid values of each container that are then damaged.
const VALUES: u64 = 6;
/// Damaged encodings of each of these values, at most...
const DAMAGED: u64 = 60;
/// ...and no further ones of a container once so many bytes were read.
const BYTES: usize = 400_000;

/// What came of the damaged encodings.
#[derive(Debug, Default)]
struct Tally {
    accepted: usize,
    refused: usize,
    zero_offset: usize,
    panicked: usize,
}

/// Offsets are damaged by overwriting four bytes at once with what an attacker would try.
fn overwrite_word(dice: &mut Dice, bytes: &mut [u8]) {
    if bytes.len() < 4 {
        return;
    }
    let at = dice.below(bytes.len().min(600) - 3);
    let word = u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    let len = bytes.len() as u32;
    let new = match dice.below(9) {
        0 => 0,
        1 => 4,
        2 => len,
        3 => len + 1,
        4 => u32::MAX,
        5 => word.wrapping_add(4),
        6 => word.wrapping_sub(4),
        7 => word.wrapping_add(1),
        _ => dice.below(bytes.len() + 2) as u32,
    };
    bytes[at..at + 4].copy_from_slice(&new.to_le_bytes());
}

/// A first offset is likelier hit when words are tried that look like one.
fn overwrite_offset(dice: &mut Dice, bytes: &mut [u8]) {
    let len = bytes.len();
    let offsets: Vec<usize> = (0..len.min(4096).saturating_sub(3))
        .filter(|at| {
            let word = u32::from_le_bytes(bytes[*at..at + 4].try_into().expect("four bytes")) as usize;
            word > 3 && word <= len
        })
        .collect();
    if offsets.is_empty() {
        return overwrite_word(dice, bytes);
    }
    let at = offsets[dice.below(offsets.len())];
    let word = u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    let new = match dice.below(6) {
        0 => 0,
        1 => len as u32 + 1,
        2 => word.wrapping_add(1),
        3 => word - 1,
        4 => word.wrapping_add(4),
        _ => dice.below(len + 2) as u32,
    };
    bytes[at..at + 4].copy_from_slice(&new.to_le_bytes());
}

fn damage(dice: &mut Dice, bytes: &mut Vec<u8>) {
    let len = bytes.len();
    if len == 0 {
        return bytes.extend(dice.bytes::<4>());
    }
    match dice.below(10) {
        0 => bytes[dice.below(len)] ^= 1 << dice.below(8),
        1 => bytes[dice.below(len)] = dice.number() as u8,
        2 => bytes.truncate(dice.below(len)),
        3 => bytes.truncate(len - 1),
        4 => bytes.push(dice.number() as u8),
        5 => bytes.extend(dice.bytes::<32>()),
        6 => {
            let at = dice.below(len);
            bytes.drain(at..len.min(at + 1 + dice.below(40)));
        }
        7 => overwrite_word(dice, bytes),
        _ => overwrite_offset(dice, bytes),
    }
}

/// Fails unless both sides judge alike, or differ in a known way.
fn compare(pair: &Pair, bytes: &[u8], what: &str, tally: &mut Tally) {
    let agreement = verdict::compare(pair, bytes)
        .unwrap_or_else(|error| panic!("{} {what} ({} bytes): {error}", pair.title(), bytes.len()));
    match agreement {
        Agreement::Accepted => tally.accepted += 1,
        Agreement::Refused => tally.refused += 1,
        Agreement::ZeroOffset => tally.zero_offset += 1,
        Agreement::Panicked => tally.panicked += 1,
    }
}

#[test]
fn damaged_encodings_are_judged_alike() {
    let mut tally = Tally::default();
    for pair in shapes().flat_map(pairs) {
        let mut bytes = 0;
        'values: for seed in 0..VALUES {
            let valid = (pair.random)(&mut Dice::new(1000 + seed));
            for harm in 0..DAMAGED {
                let mut dice = Dice::new(harm);
                let mut damaged = valid.clone();
                // Mostly one fault, so that it is the fault that decides.
                for _ in 0..1 + dice.below(5) / 4 {
                    damage(&mut dice, &mut damaged);
                }
                compare(&pair, &damaged, &format!("of seed {seed}, harm {harm}"), &mut tally);
                bytes += damaged.len();
                if bytes > BYTES {
                    break 'values;
                }
            }
        }
    }
    println!("{tally:?}");
    assert!(tally.accepted > 1000 && tally.refused > 1000, "damage that decides nothing tests nothing: {tally:?}");
}

/// Whatever looks like an offset, one after the other, set to what an attacker would try.
#[test]
fn every_offset_of_a_block_is_checked_alike() {
    let mut tally = Tally::default();
    for shape in shapes() {
        let pair = named("SignedBeaconBlock", shape);
        for seed in 0..8 {
            let valid = (pair.random)(&mut Dice::new(2000 + seed));
            if valid.len() > 10_000 {
                continue;
            }
            let len = valid.len() as u32;
            for at in 0..valid.len() - 3 {
                let word = u32::from_le_bytes(valid[at..at + 4].try_into().expect("four bytes"));
                if !(4..=len).contains(&word) {
                    continue;
                }
                for offset in [0, word - 4, word - 1, word + 1, word + 4, len, len + 1, u32::MAX] {
                    let mut damaged = valid.clone();
                    damaged[at..at + 4].copy_from_slice(&offset.to_le_bytes());
                    compare(&pair, &damaged, &format!("of seed {seed}, {offset} at {at}"), &mut tally);
                }
            }
        }
    }
    println!("{tally:?}");
    assert!(tally.zero_offset > 0 && tally.panicked > 0, "the known differences did not come up: {tally:?}");
}

#[test]
fn noise_is_judged_alike() {
    let mut tally = Tally::default();
    for pair in shapes().flat_map(pairs) {
        for seed in 0..40 {
            let mut dice = Dice::new(seed);
            let mut noise = Vec::new();
            let len = dice.below(300);
            while noise.len() < len {
                noise.extend(dice.bytes::<8>());
            }
            compare(&pair, &noise, &format!("noise of seed {seed}"), &mut tally);
        }
    }
    println!("{tally:?}");
}
