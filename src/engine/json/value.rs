//! `QUANTITY` and `DATA` (`common.md`, encoding).

use crate::ssz::{Bytes, JsonError, Uint256};
use serde_json::Value;

/// A `QUANTITY`.
pub fn quantity(number: u64) -> Value {
    Value::String(format!("{number:#x}"))
}

/// A `QUANTITY` of 256 bits.
pub fn quantity256(number: &Uint256) -> Value {
    Value::String(format!("{number:#x}"))
}

/// `DATA`.
pub fn data(bytes: impl AsRef<[u8]>) -> Value {
    Value::String(format!("0x{}", hex::encode(bytes)))
}

/// Reads a `QUANTITY` of 256 bits: no leading zeros, no sign.
pub fn quantity256_from(value: &Value) -> Result<Uint256, JsonError> {
    let wrong = || JsonError::expected("a quantity: 0x and hex digits without leading zeros", value);
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x")).ok_or_else(wrong)?;
    let zeros = digits.starts_with('0') && digits != "0";
    if zeros || !(1..=64).contains(&digits.len()) || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(wrong());
    }
    Uint256::from_str_radix(digits, 16).map_err(|_| wrong())
}

/// Reads a `QUANTITY` of 64 bits.
pub fn quantity_from(value: &Value) -> Result<u64, JsonError> {
    u64::try_from(quantity256_from(value)?).map_err(|_| JsonError::expected("a quantity of 64 bits", value))
}

/// Reads `DATA` of `N` bytes.
pub fn data_from<const N: usize>(value: &Value) -> Result<Bytes<N>, JsonError> {
    let wrong = || JsonError::expected("0x and the hex digits of so many bytes as the field has", value);
    let text = value.as_str().filter(|text| text.starts_with("0x")).ok_or_else(wrong)?;
    text.parse().map_err(|_| wrong())
}

/// Reads `DATA` of any length.
pub fn bytes_from(value: &Value) -> Result<Vec<u8>, JsonError> {
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x"));
    let bytes = digits.and_then(|digits| hex::decode(digits).ok());
    bytes.ok_or_else(|| JsonError::expected("0x and an even count of hex digits", value))
}

/// A member of an object; one that is `null` counts as absent (`cancun.md`).
pub fn optional<'a>(object: &'a Value, key: &str) -> Option<&'a Value> {
    object.get(key).filter(|value| !value.is_null())
}

/// Reads a member of an object.
pub fn field<T>(
    object: &Value,
    key: &'static str,
    read: impl FnOnce(&Value) -> Result<T, JsonError>,
) -> Result<T, JsonError> {
    if !object.is_object() {
        return Err(JsonError::expected("an object", object));
    }
    let value = optional(object, key).ok_or(JsonError::Missing(key))?;
    read(value).map_err(|error| error.inside(key))
}

/// Reads an array of at most `limit` elements.
pub fn elements<T>(
    value: &Value,
    limit: u64,
    read: impl Fn(&Value) -> Result<T, JsonError>,
) -> Result<Vec<T>, JsonError> {
    let elements = value.as_array().ok_or_else(|| JsonError::expected("an array", value))?;
    if elements.len() as u64 > limit {
        return Err(JsonError::Invalid(format!("{} elements, at most {limit} are allowed", elements.len())));
    }
    let numbered = elements.iter().enumerate();
    numbered.map(|(index, element)| read(element).map_err(|error| error.inside(format!("[{index}]")))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn quantities_have_one_form() {
        for number in [0, 1, 15, 16, u64::MAX] {
            assert_eq!(quantity_from(&quantity(number)), Ok(number));
        }
        assert_eq!((quantity(0), quantity(1024)), (json!("0x0"), json!("0x400")));
        assert_eq!(quantity256_from(&quantity256(&Uint256::MAX)), Ok(Uint256::MAX));
        for wrong in [json!("0x"), json!("0x00"), json!("0x01"), json!("1"), json!(1), json!("0x+1"), json!("0xg")] {
            assert!(quantity_from(&wrong).is_err(), "{wrong}");
        }
        assert!(quantity_from(&json!("0x10000000000000000")).is_err());
        assert!(quantity256_from(&json!(format!("0x1{}", "0".repeat(64)))).is_err());
    }

    #[test]
    fn data_is_as_long_as_its_field() {
        assert_eq!(data_from(&data([1, 2])), Ok(Bytes([1, 2])));
        for wrong in [json!("0102"), json!("0x01"), json!("0x010203"), json!("0x012"), json!(null)] {
            assert!(data_from::<2>(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn null_is_absent_and_lists_are_bounded() {
        let object = json!({"a": null, "b": ["0x1", "0x2"]});
        assert_eq!(field(&object, "a", quantity_from), Err(JsonError::Missing("a")));
        assert_eq!(field(&object, "b", |list| elements(list, 2, quantity_from)), Ok(vec![1, 2]));
        assert!(field(&object, "b", |list| elements(list, 1, quantity_from)).is_err());
    }
}
