//! Random values of the mirrored types: full, empty and odd ones alike, the same ones for the same seed.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use ssz_rs::{Bitlist, Bitvector, List, Node, SimpleSerialize, U256, Vector};

/// About so many bytes go into a long list.
const ROOM: usize = 20_000;
/// What one element of variable size is reckoned at, in bytes.
const VARIABLE: usize = 600;
/// Limits up to this are met exactly, now and then, whatever the elements weigh.
const SMALL_LIMIT: usize = 128;

/// A seeded source of values.
pub struct Dice(ChaCha8Rng);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number from 0 to `end - 1`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end)
    }

    pub fn number(&mut self) -> u64 {
        match self.below(6) {
            0 => 0,
            1 => u64::MAX,
            2 => self.below(256) as u64,
            _ => self.0.random(),
        }
    }

    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        match self.below(8) {
            0 => [0; N],
            1 => [0xff; N],
            _ => std::array::from_fn(|_| self.0.random()),
        }
    }

    pub fn flag(&mut self) -> bool {
        self.0.random()
    }

    /// The length of a list of up to `limit` elements of `size` bytes (0: of variable size).
    fn length(&mut self, limit: usize, size: usize) -> usize {
        let room = limit.min(ROOM / if size == 0 { VARIABLE } else { size } + 1);
        match self.below(16) {
            0 | 1 => 0,
            2 => room,
            3 => limit.min(SMALL_LIMIT),
            4 | 5 => self.below(room + 1),
            _ => self.below(room.min(5) + 1),
        }
    }
}

/// A type that has random values.
pub trait Random {
    fn random(dice: &mut Dice) -> Self;
}

impl Random for u64 {
    fn random(dice: &mut Dice) -> Self {
        dice.number()
    }
}

impl Random for U256 {
    fn random(dice: &mut Dice) -> Self {
        Self::from_bytes_le(dice.bytes())
    }
}

impl Random for u8 {
    fn random(dice: &mut Dice) -> Self {
        dice.number() as u8
    }
}

impl Random for bool {
    fn random(dice: &mut Dice) -> Self {
        dice.flag()
    }
}

impl<const N: usize> Random for [u8; N] {
    fn random(dice: &mut Dice) -> Self {
        dice.bytes()
    }
}

impl Random for Node {
    fn random(dice: &mut Dice) -> Self {
        Node::try_from(dice.bytes::<32>().as_slice()).expect("32 bytes")
    }
}

impl<T: Random + SimpleSerialize + Clone, const N: usize> Random for Vector<T, N> {
    fn random(dice: &mut Dice) -> Self {
        let mut vector = Self::default();
        vector.iter_mut().for_each(|place| *place = T::random(dice));
        vector
    }
}

impl<T: Random + SimpleSerialize, const N: usize> Random for List<T, N> {
    fn random(dice: &mut Dice) -> Self {
        let mut list = Self::default();
        (0..dice.length(N, T::size_hint())).for_each(|_| list.push(T::random(dice)));
        list
    }
}

impl<const N: usize> Random for Bitlist<N> {
    fn random(dice: &mut Dice) -> Self {
        let len = match dice.below(8) {
            0 => 0,
            1 => N,
            2 => 8 * dice.below(N / 8 + 1),
            3 => dice.below(N + 1),
            _ => dice.below(N.min(40) + 1),
        };
        let mut bits = Self::default();
        (0..len).for_each(|_| bits.push(dice.flag()));
        bits
    }
}

impl<const N: usize> Random for Bitvector<N> {
    fn random(dice: &mut Dice) -> Self {
        let mut bits = Self::default();
        let constant = (dice.below(6) == 0).then(|| dice.flag());
        for index in 0..N {
            let bit = constant.unwrap_or_else(|| dice.flag());
            bits.set(index, bit).expect("the index is below the length");
        }
        bits
    }
}

/// Containers as ssz_rs's derive takes them, which then have random values too.
macro_rules! mirror {
    ($($structs:tt)+) => {
        $($structs)+
        $crate::witness::random::random! { $($structs)+ }
    };
}
pub(super) use mirror;

macro_rules! random {
    ($(
        #[$derive:meta]
        pub struct $name:ident $(<$(const $size:ident: usize),+ $(,)?>)? { $($field:ident: $type:ty),+ $(,)? }
    )+) => { $(
        impl $(<$(const $size: usize),+>)? $crate::witness::random::Random for $name $(<$($size),+>)? {
            fn random(dice: &mut $crate::witness::random::Dice) -> Self {
                Self { $($field: $crate::witness::random::Random::random(dice)),+ }
            }
        }
    )+ };
}
pub(super) use random;
