//! `config.yaml`, read and written.
//!
//! Read leniently about keys (unknown ones are warned about, missing ones take the preset's values: configurations of
//! other years must stay loadable) and strictly about values. Values may be quoted or not, decimal or 0x-hex. Written
//! plainly: unquoted, every key, both `SECONDS_PER_SLOT` and `SLOT_DURATION_MS`, because clients differ in what they
//! default to.

use std::fmt::{self, Write as _};

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

use super::values::ConfigValue;
use super::{BlobParameters, ChainConfig, ConfigError, check_fixed, fixed_value};
use crate::ssz::{Fork as ForkName, Preset};
use crate::yaml;

/// Accepted keys that are not plain values of the table.
const SPECIAL_KEYS: &[&str] = &["PRESET_BASE", "CONFIG_NAME", "SECONDS_PER_SLOT"];
const BLOB_SCHEDULE: &str = "BLOB_SCHEDULE";

impl ChainConfig {
    /// Reads a `config.yaml`. The second part of the answer are warnings, one sentence each: unknown keys, forks out
    /// of order, contradicting slot times.
    ///
    /// # Errors
    /// Broken YAML or a value that does not fit its key, with line and column.
    pub fn from_yaml(text: &str) -> Result<(ChainConfig, Vec<String>), ConfigError> {
        Self::from_yaml_file("config.yaml", text, None)
    }

    /// As [`Self::from_yaml`], with a file name for the messages, and the preset to take when the file names none
    /// (otherwise mainnet, with a warning).
    ///
    /// # Errors
    /// As [`Self::from_yaml`]; also a `PRESET_BASE` other than the given preset.
    pub fn from_yaml_file(
        file: &str,
        text: &str,
        preset: Option<&'static Preset>,
    ) -> Result<(ChainConfig, Vec<String>), ConfigError> {
        let raw: RawConfig = yaml::from_str(file, text)?;
        let mut warnings: Vec<String> = raw
            .unknown
            .iter()
            .map(|key| match text.lines().position(|line| line.starts_with(&format!("{key}:"))) {
                Some(line) => format!("{file}:{}: unknown key `{key}` is ignored", line + 1),
                None => format!("{file}: unknown key `{key}` is ignored"),
            })
            .collect();
        if raw.value("PRESET_BASE").is_none() && preset.is_none() {
            warnings.push(format!("{file}: no PRESET_BASE; taken as mainnet"));
        }
        let config = raw.resolve(preset)?;
        if let (Some(ms), Some(seconds)) = (raw.value("SLOT_DURATION_MS"), raw.value("SECONDS_PER_SLOT"))
            && u64::parse(seconds).ok() != config.seconds_per_slot()
        {
            warnings.push(format!("{file}: SLOT_DURATION_MS {ms} wins over SECONDS_PER_SLOT {seconds}"));
        }
        warnings.extend(config.fork_order_warnings(file));
        Ok((config, warnings))
    }

    /// Writes a `config.yaml` that clients of every kind can read: one plain `KEY: value` a line.
    pub fn to_yaml(&self) -> String {
        let mut out = String::new();
        for (key, value) in self.file_entries().into_iter().chain(self.overridden_constants()) {
            let plain = value.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') && !value.is_empty();
            let value = if plain { value } else { serde_json::Value::from(value).to_string() };
            writeln!(out, "{key}: {value}").expect("writing to a string cannot fail");
        }
        if self.blob_schedule.is_empty() {
            out.push_str("BLOB_SCHEDULE: []\n");
        } else {
            out.push_str("BLOB_SCHEDULE:\n");
        }
        for BlobParameters { epoch, max_blobs_per_block } in &self.blob_schedule {
            writeln!(out, "  - EPOCH: {epoch}\n    MAX_BLOBS_PER_BLOCK: {max_blobs_per_block}")
                .expect("writing to a string cannot fail");
        }
        out
    }

    /// The preset's constants where this network departs from the preset of that name.
    fn overridden_constants(&self) -> Vec<(&'static str, String)> {
        let base = Preset::by_name(self.preset.name).map(Preset::entries).unwrap_or_default();
        let ours = self.preset.entries().into_iter();
        ours.filter(|entry| !base.contains(entry)).map(|(key, value)| (key, value.to_string())).collect()
    }

    /// The forks that are scheduled before their predecessors, each with its predecessor.
    pub fn misplaced_forks(&self) -> impl Iterator<Item = (ForkName, ForkName)> {
        let pairs = ForkName::ALL.into_iter().skip(1).zip(ForkName::ALL);
        pairs.filter(|(later, earlier)| self.fork_epoch(*later) < self.fork_epoch(*earlier))
    }

    fn fork_order_warnings(&self, file: &str) -> Vec<String> {
        let says =
            |(later, earlier)| format!("{file}: {later} is scheduled before {earlier}; most clients refuse that");
        self.misplaced_forks().map(says).collect()
    }
}

impl Serialize for ChainConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in self.file_entries().into_iter().chain(self.overridden_constants()) {
            map.serialize_entry(key, &value)?;
        }
        map.serialize_entry(BLOB_SCHEDULE, &self.blob_schedule)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for ChainConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = RawConfig::deserialize(deserializer)?;
        match raw.unknown.first() {
            Some(key) => Err(D::Error::custom(format!("unknown configuration key `{key}`"))),
            None => raw.resolve(None).map_err(D::Error::custom),
        }
    }
}

/// The file as it stands, values checked one by one.
#[derive(Default)]
struct RawConfig {
    values: Vec<(String, String)>,
    blob_schedule: Option<Vec<BlobParameters>>,
    unknown: Vec<String>,
}

impl RawConfig {
    fn value(&self, key: &str) -> Option<&str> {
        self.values.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    fn resolve(&self, preset: Option<&'static Preset>) -> Result<ChainConfig, ConfigError> {
        let bad = |key: &str, value: &str, expected: &str| ConfigError::BadValue {
            key: key.into(),
            value: value.into(),
            expected: expected.into(),
        };
        let preset = match (self.value("PRESET_BASE"), preset) {
            (Some(name), Some(preset)) if name != preset.name => {
                return Err(bad("PRESET_BASE", name, &format!("`{}`, the preset asked for", preset.name)));
            }
            (_, Some(preset)) => preset,
            (Some(name), None) => Preset::by_name(name).map_err(|_| bad("PRESET_BASE", name, PRESETS))?,
            (None, None) => Preset::mainnet(),
        };
        let mut config = match preset.name {
            "minimal" => ChainConfig { preset, ..ChainConfig::minimal() },
            _ => ChainConfig { preset, ..ChainConfig::mainnet() },
        };
        let milliseconds_given = self.value("SLOT_DURATION_MS").is_some();
        for (key, value) in &self.values {
            if key == "PRESET_BASE" || (key == "SECONDS_PER_SLOT" && milliseconds_given) {
                continue;
            }
            config.set(key, value)?;
        }
        if let Some(schedule) = &self.blob_schedule {
            config.blob_schedule.clone_from(schedule);
        }
        config.blob_schedule.sort_by_key(|entry| entry.epoch);
        Ok(config)
    }
}

const PRESETS: &str = "minimal or mainnet";

impl<'de> Deserialize<'de> for RawConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = RawConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("configuration values, one `KEY: value` a line")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawConfig, A::Error> {
        let constants = Preset::mainnet().entries();
        let mut raw = RawConfig::default();
        while let Some(key) = map.next_key::<String>()? {
            let is_fixed = fixed_value(&key).is_some();
            let is_constant = constants.iter().any(|(name, _)| *name == key);
            if key == BLOB_SCHEDULE {
                raw.blob_schedule = Some(map.next_value()?);
            } else if is_fixed
                || is_constant
                || SPECIAL_KEYS.contains(&key.as_str())
                || ChainConfig::KEYS.contains(&key.as_str())
            {
                let value = map.next_value_seed(Scalar { key: &key, is_constant })?;
                raw.values.push((key, value));
            } else {
                map.next_value::<IgnoredAny>()?;
                raw.unknown.push(key);
            }
        }
        Ok(raw)
    }
}

/// One value, kept as text, refused in place if it can't be one of its key.
struct Scalar<'a> {
    key: &'a str,
    is_constant: bool,
}

impl<'de> DeserializeSeed<'de> for Scalar<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Scalar<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "one value of {}", self.key)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<String, E> {
        let check = match self.key {
            "PRESET_BASE" => Preset::by_name(text).map(drop).map_err(|_| PRESETS.into()),
            "CONFIG_NAME" => Ok(()),
            "SECONDS_PER_SLOT" => u64::parse(text).map(drop),
            key if fixed_value(key).is_some() => check_fixed(key, text).map(drop),
            _ if self.is_constant => u64::parse(text).map(drop),
            key => ChainConfig::of_spec(Preset::minimal(), "minimal").set_value(key, text).unwrap_or(Ok(())),
        };
        match check {
            Ok(()) => Ok(text.into()),
            Err(expected) => Err(E::custom(format!("{}: `{text}` is not accepted; expected {expected}", self.key))),
        }
    }
}
