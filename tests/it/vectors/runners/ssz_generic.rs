//! `ssz_generic`: types that are no consensus containers. Lengths come from the case's name; they reach the type by
//! way of a preset constant, since that is where lengths of all types come from.

#![expect(non_snake_case, reason = "the containers' fields are named A, B, C in the vectors")]

use super::super::case::Case;
use super::ssz_static::round_trip;
use super::unknown_handler;
use lockin::ssz::{BitList, BitVector, DecodeError, Json, JsonError, Limit, List, Preset, Root, Shape, Ssz, Vector};
use serde_json::Value;

lockin::limits! {
    /// Whatever the case's name says.
    CaseLength = |shape| shape.preset.max_deposits;
    L1 = |_shape| 1;
    L2 = |_shape| 2;
    L4 = |_shape| 4;
    L5 = |_shape| 5;
    L6 = |_shape| 6;
    L8 = |_shape| 8;
    L128 = |_shape| 128;
    L256 = |_shape| 256;
    L1024 = |_shape| 1024;
}

lockin::container! {
    /// One byte.
    pub struct SingleFieldTestStruct { pub A: u8 }
}
lockin::container! {
    /// Fixed size, no padding.
    pub struct SmallTestStruct { pub A: u16, pub B: u16 }
}
lockin::container! {
    /// Fixed size, of different widths.
    pub struct FixedTestStruct { pub A: u8, pub B: u64, pub C: u32 }
}
lockin::container! {
    /// A list between two numbers.
    pub struct VarTestStruct { pub A: u16, pub B: List<u16, L1024>, pub C: u8 }
}
lockin::container! {
    /// Sequences of fixed-size and variable-size containers.
    pub struct ComplexTestStruct {
        pub A: u16,
        pub B: List<u16, L128>,
        pub C: u8,
        pub D: ByteList<L256>,
        pub E: VarTestStruct,
        pub F: Vector<FixedTestStruct, L4>,
        pub G: Vector<VarTestStruct, L2>,
    }
}
lockin::container! {
    /// Bitfields.
    pub struct BitsStruct {
        pub A: BitList<L5>,
        pub B: BitVector<L2>,
        pub C: BitVector<L1>,
        pub D: BitList<L6>,
        pub E: BitVector<L8>,
    }
}

/// `ByteList[L]`: a list of bytes that YAML shows in hex.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ByteList<L>(List<u8, L>);

impl<L: Limit> Ssz for ByteList<L> {
    fn fixed_len(shape: Shape) -> Option<usize> {
        List::<u8, L>::fixed_len(shape)
    }
    fn encode_into(&self, shape: Shape, out: &mut Vec<u8>) {
        self.0.encode_into(shape, out);
    }
    fn decode(shape: Shape, bytes: &[u8]) -> Result<Self, DecodeError> {
        List::decode(shape, bytes).map(Self)
    }
    fn hash_tree_root(&self, shape: Shape) -> Root {
        self.0.hash_tree_root(shape)
    }
    fn zero(shape: Shape) -> Self {
        Self(List::zero(shape))
    }
}

impl<L: Limit> Json for ByteList<L> {
    fn to_json(&self, shape: Shape) -> Value {
        Value::String(format!("0x{}", hex::encode(self.encode(shape))))
    }
    fn from_json(shape: Shape, value: &Value) -> Result<Self, JsonError> {
        let wrong = || JsonError::expected("bytes as a hex string", value);
        let text = value.as_str().and_then(|text| text.strip_prefix("0x")).ok_or_else(wrong)?;
        let bytes = hex::decode(text).map_err(|_| wrong())?;
        Self::decode(shape, &bytes).map_err(|error| JsonError::Invalid(error.to_string()))
    }
}

/// `Uint256`, little-endian, which no built fork has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct U256([u8; 32]);

impl Ssz for U256 {
    const BASIC: bool = true;
    fn fixed_len(_: Shape) -> Option<usize> {
        Some(32)
    }
    fn encode_into(&self, _: Shape, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }
    fn decode(_: Shape, bytes: &[u8]) -> Result<Self, DecodeError> {
        let wrong = DecodeError::Length { expected: 32, found: bytes.len() };
        bytes.try_into().map(Self).map_err(|_| wrong)
    }
    fn hash_tree_root(&self, _: Shape) -> Root {
        lockin::ssz::Bytes(self.0)
    }
    fn zero(_: Shape) -> Self {
        Self::default()
    }
}

impl Json for U256 {
    fn to_json(&self, _: Shape) -> Value {
        // Long division of the little-endian bytes by ten, digit by digit.
        let mut rest = self.0;
        let mut digits = Vec::new();
        while digits.is_empty() || rest.iter().any(|byte| *byte != 0) {
            let mut carry = 0u16;
            for byte in rest.iter_mut().rev() {
                let part = carry * 256 + u16::from(*byte);
                (*byte, carry) = ((part / 10) as u8, part % 10);
            }
            digits.push(b'0' + carry as u8);
        }
        Value::String(digits.iter().rev().map(|digit| char::from(*digit)).collect())
    }
    fn from_json(_: Shape, value: &Value) -> Result<Self, JsonError> {
        let wrong = || JsonError::expected("a decimal number", value);
        let text = value.as_str().map(str::to_owned).unwrap_or_else(|| value.to_string());
        let mut bytes = [0u8; 32];
        for digit in text.bytes() {
            let mut carry = u16::from(digit.checked_sub(b'0').filter(|digit| *digit < 10).ok_or_else(wrong)?);
            for byte in &mut bytes {
                let part = u16::from(*byte) * 10 + carry;
                (*byte, carry) = (part as u8, part / 256);
            }
            if carry != 0 {
                return Err(wrong());
            }
        }
        Ok(Self(bytes))
    }
}

pub fn run(case: &Case) -> Result<(), String> {
    // `vec_uint8_5_random_one_less`: kind, then its parameters.
    let parts: Vec<&str> = case.id.name.split('_').collect();
    let number = |at: usize| parts.get(at).and_then(|part| part.parse().ok());
    match case.id.handler.as_str() {
        "boolean" => check::<bool>(case, None),
        "uints" => match number(1) {
            Some(8) => check::<u8>(case, None),
            Some(16) => check::<u16>(case, None),
            Some(32) => check::<u32>(case, None),
            Some(64) => check::<u64>(case, None),
            Some(128) => check::<u128>(case, None),
            Some(256) => check::<U256>(case, None),
            _ => Err(format!("unknown uint `{}`", case.id.name)),
        },
        "bitvector" => check::<BitVector<CaseLength>>(case, Some(length(number(1), case)?)),
        "bitlist" => match parts.get(1) {
            // The type of some invalid cases is not named by a number.
            Some(limit) if limit.parse::<u64>().is_err() => check::<BitList<L1024>>(case, None),
            _ => check::<BitList<CaseLength>>(case, Some(length(number(1), case)?)),
        },
        "basic_vector" => {
            let length = Some(length(number(2), case)?);
            match parts.get(1).copied() {
                Some("bool") => check::<Vector<bool, CaseLength>>(case, length),
                Some("uint8") => check::<Vector<u8, CaseLength>>(case, length),
                Some("uint16") => check::<Vector<u16, CaseLength>>(case, length),
                Some("uint32") => check::<Vector<u32, CaseLength>>(case, length),
                Some("uint64") => check::<Vector<u64, CaseLength>>(case, length),
                Some("uint128") => check::<Vector<u128, CaseLength>>(case, length),
                Some("uint256") => check::<Vector<U256, CaseLength>>(case, length),
                _ => Err(format!("unknown vector `{}`", case.id.name)),
            }
        }
        "containers" => match parts[0] {
            "SingleFieldTestStruct" => check::<SingleFieldTestStruct>(case, None),
            "SmallTestStruct" => check::<SmallTestStruct>(case, None),
            "FixedTestStruct" => check::<FixedTestStruct>(case, None),
            "VarTestStruct" => check::<VarTestStruct>(case, None),
            "ComplexTestStruct" => check::<ComplexTestStruct>(case, None),
            "BitsStruct" => check::<BitsStruct>(case, None),
            _ => Err(format!("unknown container `{}`", case.id.name)),
        },
        _ => Err(unknown_handler(case)),
    }
}

fn length(number: Option<u64>, case: &Case) -> Result<u64, String> {
    number.ok_or_else(|| format!("no length in the name `{}`", case.id.name))
}

fn check<T: Ssz + Json + PartialEq>(case: &Case, length: Option<u64>) -> Result<(), String> {
    let mut shape = case.shape()?;
    if let Some(length) = length {
        let mut preset = Preset::minimal().clone();
        preset.set("MAX_DEPOSITS", length).map_err(|error| error.to_string())?;
        shape.preset = preset.intern();
    }
    let bytes = case.bytes("serialized")?;
    match case.id.suite.as_str() {
        "valid" => {
            let root = case.meta()?.root.ok_or("meta.yaml has no root")?;
            round_trip::<T>(shape, &bytes, &root, &case.yaml("value.yaml")?)
        }
        // A vector without elements is no type at all.
        "invalid" if length == Some(0) => Ok(()),
        "invalid" if T::decode(shape, &bytes).is_ok() => Err("is invalid but was decoded".into()),
        "invalid" => Ok(()),
        other => Err(format!("unknown suite `{other}`")),
    }
}
