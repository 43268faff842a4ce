//! SSZ as a whole: round trips, hostile bytes, kept roots against fresh ones.

mod sequences;

use super::*;
use crate::types::{Attestation, BeaconBlockBody, BeaconState, MetaData, SignedBeaconBlock, Validator};
use proptest::prelude::*;

fn phase0() -> Shape {
    Shape::new(Fork::Phase0, Preset::minimal())
}

fn altair() -> Shape {
    Shape::new(Fork::Altair, Preset::minimal())
}

fn block(slot: u64, committees: &[usize]) -> SignedBeaconBlock {
    let mut block = SignedBeaconBlock::zero(altair());
    block.message.slot = slot;
    let vote = |size: &usize| Attestation {
        aggregation_bits: (0..*size).map(|bit| bit % 3 == 0).collect(),
        ..Attestation::zero(altair())
    };
    block.message.body.attestations = committees.iter().map(vote).collect();
    block
}

/// Every decoder that takes bytes from outside, on the same bytes: what it reads it must write again as it was.
fn decodes_to_itself_or_not_at_all(shape: Shape, bytes: &[u8]) {
    fn one<T: Ssz + PartialEq + std::fmt::Debug>(shape: Shape, bytes: &[u8]) {
        if let Ok(value) = T::decode(shape, bytes) {
            assert_eq!(value.encode(shape), bytes);
        }
    }
    one::<SignedBeaconBlock>(shape, bytes);
    one::<BeaconBlockBody>(shape, bytes);
    one::<Attestation>(shape, bytes);
    one::<BeaconState>(shape, bytes);
    one::<MetaData>(shape, bytes);
    one::<crate::types::BeaconBlocksByRootRequest>(shape, bytes);
}

proptest! {
    #[test]
    fn a_block_survives_encoding_and_json(slot in any::<u64>(), committees in prop::collection::vec(0usize..300, 0..8)) {
        let block = block(slot, &committees);
        let bytes = block.encode(altair());
        prop_assert_eq!(&SignedBeaconBlock::decode(altair(), &bytes).unwrap(), &block);
        prop_assert_eq!(SignedBeaconBlock::from_json(altair(), &block.to_json(altair())).unwrap(), block);
    }

    #[test]
    fn noise_never_panics_and_reads_back_as_itself(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        decodes_to_itself_or_not_at_all(phase0(), &bytes);
        decodes_to_itself_or_not_at_all(altair(), &bytes);
    }

    #[test]
    fn a_damaged_block_never_panics(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let mut bytes = block(5, &[3, 9, 17]).encode(altair());
        let at = at.index(bytes.len());
        bytes[at] = byte;
        decodes_to_itself_or_not_at_all(altair(), &bytes);
        bytes.truncate(cut.index(bytes.len() + 1));
        decodes_to_itself_or_not_at_all(altair(), &bytes);
    }

    #[test]
    fn a_kept_root_is_the_root_of_the_content(changes in prop::collection::vec((0usize..40, any::<u64>()), 1..20)) {
        let mut state = BeaconState::zero(altair());
        for (index, balance) in changes {
            while state.balances.len() <= index {
                state.balances.push(0);
                state.validators.push(Validator::default());
            }
            prop_assert!(state.balances.set(index, balance));
            state.validators.get_mut(index).unwrap().effective_balance = balance;
            let fresh = BeaconState::decode(altair(), &state.encode(altair())).unwrap();
            prop_assert_eq!(state.hash_tree_root(altair()), fresh.hash_tree_root(altair()));
        }
    }
}

#[test]
fn a_clone_does_not_see_what_is_written_to_the_other() {
    let mut one = BeaconState::zero(phase0());
    one.balances.push(1);
    let before = one.hash_tree_root(phase0());
    let two = one.clone();
    assert!(one.balances.set(0, 2));
    assert_eq!((one.balances[0], two.balances[0]), (2, 1));
    assert_eq!(two.hash_tree_root(phase0()), before);
    assert_ne!(one.hash_tree_root(phase0()), before);
    assert!(!one.balances.set(1, 2));
}

#[test]
fn a_kept_root_is_not_used_under_another_limit() {
    let mut wider = Preset::minimal().clone();
    wider.set("MAX_ATTESTATIONS", 4096).unwrap();
    let wider = Shape::new(Fork::Altair, wider.intern());
    let body = block(1, &[4, 5]).message.body;
    let (narrow_root, wide_root) = (body.hash_tree_root(altair()), body.hash_tree_root(wider));
    assert_ne!(narrow_root, wide_root);
    assert_eq!(body.hash_tree_root(altair()), narrow_root);
}

#[test]
fn absent_fields_are_in_neither_encoding_nor_json() {
    let metadata = MetaData::zero(altair());
    assert_eq!(metadata.encode(phase0()).len() + 1, metadata.encode(altair()).len());
    assert!(metadata.to_json(phase0()).get("syncnets").is_none());
    assert_eq!(metadata.to_json(altair())["syncnets"], "0x00");
    let state = BeaconState::zero(phase0());
    assert!(state.inactivity_scores.is_empty());
    assert_eq!(BeaconState::decode(phase0(), &state.encode(phase0())).unwrap(), state);
}

#[test]
fn errors_name_the_field_and_what_is_wrong() {
    let mut bytes = block(1, &[2]).encode(altair());
    assert_eq!(
        SignedBeaconBlock::decode(altair(), &bytes[..50]).unwrap_err().to_string(),
        "50 bytes where the fixed part alone has 100"
    );
    // The offset of `message` is the first thing in a signed block.
    bytes[0] += 1;
    assert_eq!(
        SignedBeaconBlock::decode(altair(), &bytes).unwrap_err().to_string(),
        "first offset is 101, the fixed part ends at 100"
    );
    let vote = [Attestation::zero(altair()).encode(altair()), vec![0]].concat();
    assert_eq!(
        Attestation::decode(altair(), &vote).unwrap_err().to_string(),
        "aggregation_bits: bitfield ends in a zero byte: its length bit is missing"
    );
}

#[test]
fn a_huge_count_is_refused_before_anything_is_allocated() {
    // A blocks-by-root request of one root too many.
    let bytes = vec![0; 32 * 1025];
    let error = crate::types::BeaconBlocksByRootRequest::decode(phase0(), &bytes).unwrap_err();
    assert_eq!(error, DecodeError::TooMany { limit: 1024, found: 1025 });
}

#[test]
fn a_list_of_short_byte_strings_has_one_chunk_an_element() {
    // Some libraries pack elements below 32 bytes as if they were basic.
    crate::limits! { Four = |s| 4; }
    let list: List<Bytes<20>, Four> = vec![Bytes([1; 20]), Bytes([2; 20])].into();
    let chunks = [[1; 20], [2; 20]].map(|piece| Bytes(piece).hash_tree_root(phase0())).to_vec();
    assert_eq!(list.hash_tree_root(phase0()), mix_in_length(merkleize(chunks, 4), 2));
}
