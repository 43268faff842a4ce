//! Arithmetic of the spec: integer square root, and `uint64` that fails where it would wrap around.
//!
//! The spec calls a transition invalid if it overflows or underflows, so nothing here ever wraps or panics.

use super::Error;
use crate::ssz::{Bytes, Root};

/// The largest integer whose square is at most `n` (phase0/beacon-chain.md, `integer_squareroot`).
pub fn integer_squareroot(n: u64) -> u64 {
    n.isqrt()
}

/// The exclusive-or of two 32-byte strings (phase0/beacon-chain.md, `xor`).
pub fn xor(a: &Root, b: &Root) -> Root {
    let mut out = a.0;
    out.iter_mut().zip(b.0).for_each(|(x, y)| *x ^= y);
    Bytes(out)
}

/// The first eight bytes as a little-endian integer (phase0/beacon-chain.md, `bytes_to_uint64`).
pub fn bytes_to_uint64(bytes: &Root) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|i| bytes.0[i]))
}

/// `a + b`, or the error that names `what` overflowed.
pub(crate) fn add(what: &'static str, a: u64, b: u64) -> Result<u64, Error> {
    a.checked_add(b).ok_or(Error::Arithmetic { what })
}

/// `a - b`, or the error that names `what` underflowed.
pub(crate) fn sub(what: &'static str, a: u64, b: u64) -> Result<u64, Error> {
    a.checked_sub(b).ok_or(Error::Arithmetic { what })
}

/// `a * b`, or the error that names `what` overflowed.
pub(crate) fn mul(what: &'static str, a: u64, b: u64) -> Result<u64, Error> {
    a.checked_mul(b).ok_or(Error::Arithmetic { what })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_square_root_rounds_down_up_to_the_last_integer() {
        assert_eq!([0, 1, 3, 4, 8, 9].map(integer_squareroot), [0, 1, 1, 2, 2, 3]);
        assert_eq!(integer_squareroot(u64::MAX), 4_294_967_295);
        assert_eq!(integer_squareroot(4_294_967_295 * 4_294_967_295 - 1), 4_294_967_294);
    }

    #[test]
    fn overflow_is_an_error_that_names_the_quantity() {
        assert_eq!(add("balance", u64::MAX, 1), Err(Error::Arithmetic { what: "balance" }));
        assert_eq!(sub("delay", 1, 2), Err(Error::Arithmetic { what: "delay" }));
        assert_eq!(mul("reward", u64::MAX, 2), Err(Error::Arithmetic { what: "reward" }));
    }
}
