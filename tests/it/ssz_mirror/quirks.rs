//! Where `ssz_rs` 0.9.0 is known to be wrong. Each difference that the other tests let pass is pinned down here, so that
//! it is noticed if a newer version mends it.

use lockin::ssz::{Bytes, Fork, List, Preset, Shape, Ssz};
use lockin::witness::verdict::{Theirs, is_about_offsets, is_zero_offset, quietly, their_verdict};
use lockin::witness::{Pair, named, our_view, phase0, their_view};

fn shape() -> Shape {
    Shape::new(Fork::Altair, Preset::minimal())
}

/// An attester slashing of two empty index lists: offsets 8 and 236, each attestation of 228 bytes.
fn slashing() -> (Pair, Vec<u8>) {
    let pair = named("AttesterSlashing", shape()).expect("a container of altair");
    let mut bytes = [8u32.to_le_bytes(), 236u32.to_le_bytes()].concat();
    for _ in 0..2 {
        bytes.extend(228u32.to_le_bytes());
        bytes.extend([0; 224]);
    }
    assert!(matches!(their_verdict(&pair, &bytes), Theirs::Accepts(_)));
    assert!((pair.ours)(pair.shape, &bytes).is_ok());
    (pair, bytes)
}

#[test]
fn an_offset_behind_the_end_of_a_list_makes_ssz_rs_panic() {
    type Theirs = ssz_rs::List<phase0::Attestation, 4>;
    let bytes = [8u32.to_le_bytes(), 9u32.to_le_bytes()].concat();
    assert!(quietly(|| ssz_rs::deserialize::<Theirs>(&bytes).map(|_| ())).is_err(), "mended: it does not panic");
    let error = List::<lockin::types::Attestation, Four>::decode(shape(), &bytes).expect_err("no such list");
    assert!(is_about_offsets(&error), "{error}");
}

/// The error's own text subtracts what may be larger: a panic where overflow is checked, the right verdict elsewhere.
#[test]
fn a_first_offset_behind_the_end_of_a_container_makes_ssz_rs_panic() {
    let (pair, valid) = slashing();
    for (at, offset) in [(8, 229), (236, u32::MAX)] {
        let mut bytes = valid.clone();
        bytes[at..at + 4].copy_from_slice(&offset.to_le_bytes());
        let panics = match their_verdict(&pair, &bytes) {
            Theirs::Accepts(_) => panic!("offset {offset} at {at} is accepted"),
            Theirs::Refuses(_) => false,
            Theirs::Panics => true,
        };
        assert_eq!(panics, cfg!(debug_assertions), "offset {offset} at {at}");
        let error = (pair.ours)(pair.shape, &bytes).expect_err("an offset out of range");
        assert!(is_about_offsets(&error), "offset {offset} at {at}: {error}");
    }
}

lockin::limits! {
    /// Four elements.
    Four = |shape| 4;
}

#[test]
fn a_zero_first_offset_is_an_empty_list_to_ssz_rs() {
    type Theirs = ssz_rs::List<phase0::Attestation, 4>;
    let bytes = [0, 0, 0, 0, 1, 2, 3];
    let read: Theirs = ssz_rs::deserialize(&bytes).expect("the quirk");
    assert!(read.is_empty());
    let error = List::<lockin::types::Attestation, Four>::decode(shape(), &bytes).expect_err("no such list");
    assert!(is_zero_offset(&error), "{error}");
}

#[test]
fn lists_of_short_byte_arrays_have_a_wrong_root_in_ssz_rs() {
    let arrays = vec![[1u8, 2, 3, 4], [5, 6, 7, 8], [9, 9, 9, 9]];
    let ours: List<Bytes<4>, Four> = arrays.iter().map(|array| Bytes(*array)).collect();
    let ours = our_view(shape(), &ours);

    let vectors = arrays.iter().map(|array| array.to_vec().try_into().map_err(|(_, error)| error).expect("four bytes"));
    let vectors: Vec<ssz_rs::Vector<u8, 4>> = vectors.collect();
    let right: ssz_rs::List<_, 4> = vectors.try_into().map_err(|(_, error)| error).expect("within the limit");
    assert_eq!(ours, their_view(right));

    let wrong: ssz_rs::List<[u8; 4], 4> = arrays.try_into().map_err(|(_, error)| error).expect("within the limit");
    let wrong = their_view(wrong);
    assert_eq!(ours.encoding, wrong.encoding);
    assert_ne!(ours.root, wrong.root, "mended: mirrors may use short arrays in lists now");
}
