//! Numbers with their units, as scenario files write them: `6 epochs`, `4 slots`, `2s`, `90%`, `+2`.
//!
//! Each type parses from exactly the forms that its error lists and prints one of them, so that a resolved plan reads
//! back as itself.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A text that is no quantity of the wanted kind. The message names the accepted forms.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is no {kind}; accepted forms: {accepted}")]
pub struct WrongQuantity {
    given: String,
    kind: &'static str,
    accepted: &'static str,
}

macro_rules! quantity {
    ($type:ty, $kind:literal, $accepted:literal, $parse:expr) => {
        impl FromStr for $type {
            type Err = WrongQuantity;
            fn from_str(text: &str) -> Result<Self, WrongQuantity> {
                let parse: fn(&str) -> Option<Self> = $parse;
                parse(text.trim()).ok_or_else(|| WrongQuantity {
                    given: text.to_owned(),
                    kind: $kind,
                    accepted: $accepted,
                })
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                Scalar::deserialize(from)?.0.parse().map_err(D::Error::custom)
            }
        }
    };
}

macro_rules! written_as_text {
    ($($type:ty)*) => { $(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }
    )* };
}
written_as_text! { Span Duration Offset Rate Percent LastEpochs }

/// A text, or a number as text.
struct Scalar(String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct ScalarVisitor;
        impl serde::de::Visitor<'_> for ScalarVisitor {
            type Value = Scalar;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a quantity")
            }
            fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar(text.to_owned()))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Scalar, E> {
                Ok(Scalar(number.to_string()))
            }
        }
        from.deserialize_any(ScalarVisitor)
    }
}

/// A stretch of time, in the unit that it was written in: protocol time where the protocol counts, or clock time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// So many slots.
    Slots(u64),
    /// So many epochs.
    Epochs(u64),
    /// So many milliseconds.
    Millis(u64),
}

quantity!(Span, "stretch of time", "`4 slots`, `6 epochs`, `2s`, `500ms`, `3m`", |text| {
    let (number, unit) = split(text)?;
    match unit {
        "slot" | "slots" => Some(Span::Slots(number)),
        "epoch" | "epochs" => Some(Span::Epochs(number)),
        _ => millis(number, unit).map(Span::Millis),
    }
});

impl Span {
    /// Its length in slots, rounded up.
    pub fn slots(self, slots_per_epoch: u64, slot_ms: u64) -> u64 {
        match self {
            Span::Slots(n) => n,
            Span::Epochs(n) => n.saturating_mul(slots_per_epoch),
            Span::Millis(n) => n.div_ceil(slot_ms.max(1)),
        }
    }

    /// Its length in milliseconds.
    pub fn millis(self, slots_per_epoch: u64, slot_ms: u64) -> u64 {
        match self {
            Span::Millis(n) => n,
            _ => self.slots(slots_per_epoch, slot_ms).saturating_mul(slot_ms),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Span::Slots(n) => write!(f, "{n} slot{}", plural(n)),
            Span::Epochs(n) => write!(f, "{n} epoch{}", plural(n)),
            Span::Millis(n) => Duration(n).fmt(f),
        }
    }
}

/// Clock time in milliseconds, never in slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(
    /// Milliseconds.
    pub u64,
);

quantity!(Duration, "clock time", "`2s`, `500ms`, `3m`", |text| {
    let (number, unit) = split(text)?;
    millis(number, unit).map(Duration)
});

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_multiple_of(1000) { write!(f, "{}s", self.0 / 1000) } else { write!(f, "{}ms", self.0) }
    }
}

/// Clock time that may be negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Offset(
    /// Milliseconds.
    pub i64,
);

quantity!(Offset, "difference of clocks", "`500ms` (ahead), `-2s` (behind)", |text| {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |behind| (-1, behind));
    let (number, unit) = split(text)?;
    let ms: i64 = millis(number, unit)?.try_into().ok()?;
    Some(Offset(sign * ms))
});

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.0 < 0 { "-" } else { "" }, Duration(self.0.unsigned_abs()))
    }
}

/// How much goes over a line, at least one kilobit in a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(
    /// Thousands of bits in a second.
    pub u64,
);

quantity!(Rate, "bandwidth", "`500 kbit/s`, `2 Mbit/s`", |text| {
    let (number, unit) = split(text)?;
    let kbit_per_s = match unit {
        "kbit/s" => Some(number),
        "Mbit/s" => number.checked_mul(1000),
        _ => None,
    };
    kbit_per_s.filter(|rate| *rate > 0).map(Rate)
});

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_multiple_of(1000) { write!(f, "{} Mbit/s", self.0 / 1000) } else { write!(f, "{} kbit/s", self.0) }
    }
}

/// A share in whole percent, 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(
    /// 0 to 100.
    pub u8,
);

quantity!(Percent, "share", "`90%`", |text| {
    let (number, unit) = split(text)?;
    (unit == "%" && number <= 100).then_some(Percent(number as u8))
});

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

/// A slot or an epoch: itself, or relative to where the network is when the step begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The one of this number.
    At(u64),
    /// So many later.
    Later(u64),
}

quantity!(Mark, "number", "`2` (that one), `+2` (two more than now)", |text| {
    let number = |digits: &str| digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten();
    match text.strip_prefix('+') {
        Some(digits) => number(digits).map(Mark::Later),
        None => number(text).map(Mark::At),
    }
});

impl Mark {
    /// The number it means when the network is at `now`.
    pub fn from(self, now: u64) -> u64 {
        match self {
            Mark::At(n) => n,
            Mark::Later(n) => now.saturating_add(n),
        }
    }
}

impl Serialize for Mark {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Mark::At(n) => to.serialize_u64(*n),
            Mark::Later(_) => to.collect_str(self),
        }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mark::At(n) => write!(f, "{n}"),
            Mark::Later(n) => write!(f, "+{n}"),
        }
    }
}

/// The last so many whole epochs of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastEpochs(
    /// How many, at least 1.
    pub u64,
);

quantity!(LastEpochs, "part of a run", "`last 2 epochs`", |text| {
    let (number, unit) = split(text.strip_prefix("last ")?.trim())?;
    (matches!(unit, "epoch" | "epochs") && number > 0).then_some(LastEpochs(number))
});

impl fmt::Display for LastEpochs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "last {} epoch{}", self.0, plural(self.0))
    }
}

/// `s` unless there is one of it.
pub fn plural(n: u64) -> &'static str {
    if n == 1 { "" } else { "s" }
}

/// Digits, then a unit that is not empty, with or without a blank between.
fn split(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (digits, unit) = text.split_at(end);
    Some((digits.parse().ok()?, unit.trim_start()))
}

fn millis(number: u64, unit: &str) -> Option<u64> {
    let each = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(each)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spans_keep_their_unit() {
        for (text, span) in [
            ("6 epochs", Span::Epochs(6)),
            ("1 epoch", Span::Epochs(1)),
            ("4 slots", Span::Slots(4)),
            ("2s", Span::Millis(2000)),
            ("2 s", Span::Millis(2000)),
            ("500ms", Span::Millis(500)),
            ("3m", Span::Millis(180_000)),
        ] {
            assert_eq!(text.parse(), Ok(span), "{text}");
        }
        assert_eq!(Span::Epochs(2).slots(8, 2000), 16);
        assert_eq!(Span::Millis(2001).slots(8, 2000), 2);
        assert_eq!(Span::Epochs(1).millis(8, 500), 4000);
    }

    #[test]
    fn wrong_units_name_the_accepted_forms() {
        for text in ["6", "six epochs", "6 eons", "-1 slots", "", "epochs", "1.5s", "99999999999999999999 slots"] {
            let said = text.parse::<Span>().unwrap_err().to_string();
            assert!(said.contains("`4 slots`, `6 epochs`, `2s`, `500ms`"), "{said}");
        }
        assert!("4 slots".parse::<Duration>().is_err());
        for text in ["90", "0.9", "101%", "%", "90 percent"] {
            assert!(text.parse::<Percent>().is_err(), "{text}");
        }
        for text in ["", "+", "2 epochs", "-2", "++2"] {
            assert!(text.parse::<Mark>().is_err(), "{text}");
        }
        for text in ["2 slots", "--2s", "-", "9223372036854775808ms"] {
            assert!(text.parse::<Offset>().is_err(), "{text}");
        }
        for text in ["0 kbit/s", "500", "2 MB/s", "-1 kbit/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
        for text in ["2 epochs", "last epoch", "last 2 slots", "last 0 epochs"] {
            assert!(text.parse::<LastEpochs>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read(n in 0u64..1_000_000, percent in 0u8..=100) {
            for span in [Span::Slots(n), Span::Epochs(n), Span::Millis(n)] {
                prop_assert_eq!(span.to_string().parse(), Ok(span));
            }
            for mark in [Mark::At(n), Mark::Later(n)] {
                prop_assert_eq!(mark.to_string().parse(), Ok(mark));
            }
            for offset in [Offset(n as i64), Offset(-(n as i64))] {
                prop_assert_eq!(offset.to_string().parse(), Ok(offset));
            }
            prop_assert_eq!(Rate(n + 1).to_string().parse(), Ok(Rate(n + 1)));
            prop_assert_eq!(Percent(percent).to_string().parse(), Ok(Percent(percent)));
            prop_assert_eq!(LastEpochs(n + 1).to_string().parse(), Ok(LastEpochs(n + 1)));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,40}") {
            let _ = (text.parse::<Span>(), text.parse::<Percent>(), text.parse::<Mark>(), text.parse::<LastEpochs>());
            let _ = (text.parse::<Offset>(), text.parse::<Rate>());
        }
    }
}
