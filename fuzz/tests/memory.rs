//! The count that bounds an input's memory counts, and forgets what was freed or there before.

use lockin_fuzz::memory::{Bound, bounded};
use std::hint::black_box;

#[test]
fn what_is_live_at_once_is_held_to_the_bound() {
    let before = black_box(vec![0u8; 1 << 20]);
    let bound = Bound { base: 10_000, per_byte: 100 };
    let one_after_another = || (0..10).for_each(|_| drop(black_box(vec![0u8; 9_000])));
    bounded(0, bound, one_after_another);
    let too_much =
        |len| std::panic::catch_unwind(|| bounded(len, bound, || drop(black_box(vec![0u8; 20_000])))).is_err();
    assert!(too_much(50), "20,000 bytes for an input of 50");
    assert!(!too_much(150), "20,000 bytes for an input of 150");
    drop(before);
}
