//! Times of a client's own: `500ms`, `2s`, `1m`. (Times of the protocol, in slots and epochs, belong to scenarios.)

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A duration in milliseconds, written with its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(pub u64);

impl Millis {
    /// As the standard library's type.
    pub fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ms if ms >= 60_000 && ms % 60_000 == 0 => write!(f, "{}m", ms / 60_000),
            ms if ms >= 1000 && ms % 1000 == 0 => write!(f, "{}s", ms / 1000),
            ms => write!(f, "{ms}ms"),
        }
    }
}

impl FromStr for Millis {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no duration; accepted: a whole number and ms, s or m (500ms, 2s, 1m)");
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let factor = match unit.trim() {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            _ => return Err(wrong()),
        };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        number.checked_mul(factor).map(Millis).ok_or_else(wrong)
    }
}

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_carry_their_unit() {
        for (text, ms) in [("500ms", 500), ("2s", 2000), ("90 s", 90_000), ("1m", 60_000), ("0s", 0)] {
            assert_eq!(text.parse::<Millis>().expect(text), Millis(ms));
        }
        for wrong in ["", "5", "s", "-1s", "1.5s", "1h", "2 slots", "99999999999999999999s", "18446744073709551615s"] {
            let error = wrong.parse::<Millis>().expect_err(wrong);
            assert!(error.contains("500ms, 2s, 1m"), "{error}");
        }
        assert_eq!(Millis(60_000).to_string(), "1m");
        assert_eq!(Millis(61_000).to_string(), "61s");
        assert_eq!(Millis(1500).to_string(), "1500ms");
    }
}
