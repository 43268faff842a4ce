//! The standard writes 64-bit numbers as decimal strings. These are the serde helpers for that; reading also takes
//! plain JSON numbers, since some nodes send them.

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserializer, Serializer};
use std::fmt;

struct Number;

impl Visitor<'_> for Number {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an unsigned 64-bit number as a decimal string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<u64, E> {
        text.parse().map_err(|_| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<u64, E> {
        Ok(value)
    }
}

/// `"123"` for a u64: `#[serde(with = "quoted::string")]`.
pub mod string {
    use super::*;

    pub fn serialize<S: Serializer>(value: &u64, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(value)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<u64, D::Error> {
        input.deserialize_any(Number)
    }
}

/// A plain JSON number, for the few fields that the standard types as `number`; reading takes a string too.
pub mod number {
    use super::*;

    pub fn serialize<S: Serializer>(value: &u64, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_u64(*value)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<u64, D::Error> {
        input.deserialize_any(Number)
    }
}

/// `["1", "2"]` for a list of u64.
pub mod list {
    use super::*;
    use serde::de::DeserializeSeed;
    use serde::ser::SerializeSeq;

    struct Element;

    impl<'de> DeserializeSeed<'de> for Element {
        type Value = u64;

        fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<u64, D::Error> {
            input.deserialize_any(Number)
        }
    }

    struct Numbers;

    impl<'de> Visitor<'de> for Numbers {
        type Value = Vec<u64>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of unsigned 64-bit numbers as decimal strings")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<u64>, A::Error> {
            let mut out = Vec::new();
            while let Some(value) = items.next_element_seed(Element)? {
                out.push(value);
            }
            Ok(out)
        }
    }

    pub fn serialize<S: Serializer>(values: &[u64], out: S) -> Result<S::Ok, S::Error> {
        let mut seq = out.serialize_seq(Some(values.len()))?;
        for value in values {
            seq.serialize_element(&value.to_string())?;
        }
        seq.end()
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<u64>, D::Error> {
        input.deserialize_seq(Numbers)
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Sample {
        #[serde(with = "super::string")]
        one: u64,
        #[serde(with = "super::list")]
        many: Vec<u64>,
    }

    #[test]
    fn written_as_strings_read_as_either() {
        let sample = Sample { one: u64::MAX, many: vec![0, 7] };
        let text = serde_json::to_string(&sample).unwrap();
        assert_eq!(text, r#"{"one":"18446744073709551615","many":["0","7"]}"#);
        assert_eq!(serde_json::from_str::<Sample>(&text).unwrap(), sample);
        let plain: Sample = serde_json::from_str(r#"{"one":3,"many":[1,"2"]}"#).unwrap();
        assert_eq!(plain, Sample { one: 3, many: vec![1, 2] });
    }

    #[test]
    fn nonsense_is_an_error() {
        for text in
            [r#"{"one":"-1","many":[]}"#, r#"{"one":"18446744073709551616","many":[]}"#, r#"{"one":"","many":[]}"#]
        {
            assert!(serde_json::from_str::<Sample>(text).is_err(), "{text}");
        }
    }
}
