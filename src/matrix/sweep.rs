//! A key of the scenario that is swept over values: one column a value.

use serde::{Deserialize, Serialize};

/// A key and its values, as they are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sweep {
    /// What `lockin run --set` takes: `slot_time`, `forks.altair`.
    pub key: String,
    /// In the order of the columns.
    pub values: Vec<String>,
}

impl Sweep {
    /// Reads `KEY=VALUE,VALUE,...`.
    ///
    /// # Errors
    /// Other text; the message says what is accepted.
    pub fn parse(text: &str) -> Result<Sweep, String> {
        let accepted = "KEY=VALUE,VALUE,..., such as slot_time=12s,6s,3s";
        let wrong = || format!("`{text}` is not {accepted}");
        let (key, values) = text.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or_else(wrong)?;
        let values: Vec<String> = values.split(',').map(|value| value.trim().to_owned()).collect();
        if values.iter().any(String::is_empty) {
            return Err(wrong());
        }
        match values.iter().enumerate().find(|(n, value)| values[..*n].contains(value)) {
            Some((_, twice)) => Err(format!("`{text}` has the value `{twice}` twice")),
            None => Ok(Sweep { key: key.to_owned(), values }),
        }
    }

    /// One value, as `lockin run --set` takes it.
    pub fn setting(&self, value: &str) -> String {
        format!("{}={value}", self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_and_its_values() {
        let sweep = Sweep::parse("slot_time=12s, 6s,2s").unwrap();
        assert_eq!((sweep.key.as_str(), sweep.values.join(" ").as_str()), ("slot_time", "12s 6s 2s"));
        assert_eq!(sweep.setting("6s"), "slot_time=6s");
        for wrong in ["slot_time", "=1s", "slot_time=", "slot_time=1s,,2s"] {
            assert!(Sweep::parse(wrong).unwrap_err().contains("such as slot_time=12s,6s,3s"), "{wrong}");
        }
        assert!(Sweep::parse("seed=1,2,1").unwrap_err().contains("`1` twice"));
    }
}
