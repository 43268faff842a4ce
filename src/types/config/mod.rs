//! [`ChainConfig`]: which preset, which fork when, how long a slot is; read from and written to `config.yaml`.
//!
//! Spec: `configs/*.yaml`, `presets/*`, and `compute_fork_version`. The values live in `values.rs` as a table, the file
//! format in `file.rs`, what `/eth/v1/config/spec` serves in `entries.rs`, decoding by fork in `decode.rs`.
//!
//! What this module NEVER does: open files, or judge whether a configuration makes sense beyond what would make the
//! state transition divide by zero.

mod decode;
mod entries;
mod file;
mod values;

use crate::ssz::{Fork as ForkName, Preset, Shape};
use crate::time::SlotClock;
use crate::types::{Epoch, Slot, Version};
use crate::yaml;

pub use values::{BlobParameters, ChainConfig};

/// Why a configuration was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not the YAML it should be.
    #[error(transparent)]
    Yaml(#[from] yaml::Error),
    /// No configuration value and no preset constant has this name.
    #[error("unknown configuration key `{0}`; keys are those of the spec's configs and presets, in upper case")]
    UnknownKey(String),
    /// The key exists, the value does not fit.
    #[error("{key}: `{value}` is not accepted; expected {expected}")]
    BadValue {
        /// The key.
        key: String,
        /// The value as given.
        value: String,
        /// What would have been accepted.
        expected: String,
    },
}

/// Values that some rule of the spec divides by, or that no network can have as zero.
const NEVER_ZERO: &[&str] = &[
    "SLOT_DURATION_MS",
    "CHURN_LIMIT_QUOTIENT",
    "CHURN_LIMIT_QUOTIENT_GLOAS",
    "CONSOLIDATION_CHURN_LIMIT_QUOTIENT",
    "INACTIVITY_SCORE_BIAS",
    "EPOCHS_PER_SUBNET_SUBSCRIPTION",
    "NUMBER_OF_CUSTODY_GROUPS",
    "DATA_COLUMN_SIDECAR_SUBNET_COUNT",
    "BALANCE_PER_ADDITIONAL_CUSTODY_GROUP",
];

/// Values of a `config.yaml` or a preset that a network could choose, but that this program has built in: its limits on the wire, its
/// subnets and its message ids. A network with others could not be followed, so it is refused when it is read.
pub(super) const BUILT_IN: &[(&str, &str)] = &[
    ("ATTESTATION_SUBNET_COUNT", "64"),
    ("MAXIMUM_GOSSIP_CLOCK_DISPARITY", "500"),
    ("MAX_PAYLOAD_SIZE", "10485760"),
    ("MAX_REQUEST_BLOCKS", "1024"),
    ("MESSAGE_DOMAIN_INVALID_SNAPPY", "0x00000000"),
    ("MESSAGE_DOMAIN_VALID_SNAPPY", "0x01000000"),
    ("NUMBER_OF_COLUMNS", "128"),
];

/// Preset constants that are lengths of vectors: a state holds them in full, so they bound memory.
const VECTOR_LENGTHS: &[&str] = &[
    "SLOTS_PER_EPOCH",
    "SLOTS_PER_HISTORICAL_ROOT",
    "EPOCHS_PER_HISTORICAL_VECTOR",
    "EPOCHS_PER_SLASHINGS_VECTOR",
    "EPOCHS_PER_ETH1_VOTING_PERIOD",
    "SYNC_COMMITTEE_SIZE",
    "MAX_COMMITTEES_PER_SLOT",
    "SHUFFLE_ROUND_COUNT",
];
const MAX_VECTOR_LENGTH: u64 = 1 << 20;

impl ChainConfig {
    /// The spec's own `minimal` configuration.
    pub fn minimal() -> Self {
        Self::of_spec(Preset::minimal(), "minimal")
    }

    /// The spec's own `mainnet` configuration.
    pub fn mainnet() -> Self {
        let mut config = Self::of_spec(Preset::mainnet(), "mainnet");
        config.blob_schedule = vec![
            BlobParameters { epoch: 412_672, max_blobs_per_block: 15 },
            BlobParameters { epoch: 419_072, max_blobs_per_block: 21 },
        ];
        config
    }

    /// A network of our own on the given preset: the spec's values, but no fork after phase0 scheduled, and fork
    /// versions that belong to no network that clients have built in (some refuse those).
    pub fn lockin(preset: &'static Preset) -> Self {
        let mut config = Self::of_spec(preset, preset.name);
        config.config_name = "lockin".into();
        for fork in ForkName::ALL {
            config.set_fork_epoch(fork, Epoch::MAX);
        }
        let mut versions = [
            &mut config.genesis_fork_version,
            &mut config.altair_fork_version,
            &mut config.bellatrix_fork_version,
            &mut config.capella_fork_version,
            &mut config.deneb_fork_version,
            &mut config.electra_fork_version,
            &mut config.fulu_fork_version,
            &mut config.gloas_fork_version,
            &mut config.heze_fork_version,
        ];
        for (index, version) in versions.iter_mut().enumerate() {
            let first = u8::try_from((index + 1) * 0x10).expect("nine forks fit the first byte");
            **version = crate::ssz::Bytes([first, 0x00, 0x10, 0xc1]);
        }
        // Execution clients have those of public networks built in, too.
        (config.deposit_chain_id, config.deposit_network_id) = (1337, 1337);
        config
    }

    /// Sets one value by its name in the spec's files: a configuration value or a preset constant, upper case.
    /// `SECONDS_PER_SLOT` is understood too. The value is decimal or 0x-hex.
    ///
    /// # Errors
    /// An unknown key, a value that does not fit it, or one that differs from what this program has built in.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), ConfigError> {
        let bad =
            |expected: &str| ConfigError::BadValue { key: key.into(), value: value.into(), expected: expected.into() };
        if check_fixed(key, value).map_err(|expected| bad(&expected))?.is_some() && !Self::KEYS.contains(&key) {
            // a constant of the spec, no field of a configuration
            return Ok(());
        }
        match key {
            "CONFIG_NAME" => self.config_name = value.into(),
            "PRESET_BASE" if value == self.preset.name => {}
            "PRESET_BASE" => return Err(bad(&format!("`{}`: the preset is chosen first", self.preset.name))),
            "SECONDS_PER_SLOT" => {
                let seconds = <u64 as values::ConfigValue>::parse(value).map_err(|expected| bad(&expected))?;
                let millis = seconds.checked_mul(1000).filter(|ms| *ms > 0);
                self.slot_duration_ms = millis.ok_or_else(|| bad("a whole number of seconds, at least 1"))?;
            }
            "BLOB_SCHEDULE" => self.blob_schedule = yaml::from_str("BLOB_SCHEDULE", value)?,
            _ => {
                if NEVER_ZERO.contains(&key) && <u64 as values::ConfigValue>::parse(value) == Ok(0) {
                    return Err(bad("a number above 0"));
                }
                match self.set_value(key, value) {
                    Some(result) => result.map_err(|expected| bad(&expected))?,
                    None => self.set_constant(key, value)?,
                }
            }
        }
        Ok(())
    }

    /// Overrides a preset constant of this network only.
    fn set_constant(&mut self, key: &str, value: &str) -> Result<(), ConfigError> {
        let bad = |expected: String| ConfigError::BadValue { key: key.into(), value: value.into(), expected };
        let Some((_, before)) = self.preset.entries().into_iter().find(|(name, _)| *name == key) else {
            return Err(ConfigError::UnknownKey(key.into()));
        };
        let number = <u64 as values::ConfigValue>::parse(value).map_err(bad)?;
        if number == before {
            return Ok(());
        }
        if number == 0 && !key.starts_with("MAX_") {
            return Err(bad("a number above 0".into()));
        }
        if VECTOR_LENGTHS.contains(&key) && !(1..=MAX_VECTOR_LENGTH).contains(&number) {
            return Err(bad(format!("a number from 1 to {MAX_VECTOR_LENGTH}")));
        }
        let mut preset = self.preset.clone();
        preset.set(key, number).map_err(|error| bad(error.to_string()))?;
        self.preset = preset.intern();
        Ok(())
    }

    /// The fork that is active in `epoch` (the spec's `compute_fork_version`, as a name).
    pub fn fork_at_epoch(&self, epoch: Epoch) -> ForkName {
        ForkName::ALL.into_iter().rev().find(|fork| self.fork_epoch(*fork) <= epoch).unwrap_or(ForkName::Phase0)
    }

    /// The fork that is active in `slot`.
    pub fn fork_at_slot(&self, slot: Slot) -> ForkName {
        self.fork_at_epoch(self.epoch_of(slot))
    }

    /// The shape of containers of `fork` on this network.
    pub fn shape(&self, fork: ForkName) -> Shape {
        Shape::new(fork, self.preset)
    }

    /// The shape of containers in `slot`.
    pub fn shape_at_slot(&self, slot: Slot) -> Shape {
        self.shape(self.fork_at_slot(slot))
    }

    /// The fork version of `fork`.
    pub fn fork_version(&self, fork: ForkName) -> Version {
        match fork {
            ForkName::Phase0 => self.genesis_fork_version,
            ForkName::Altair => self.altair_fork_version,
            ForkName::Bellatrix => self.bellatrix_fork_version,
            ForkName::Capella => self.capella_fork_version,
            ForkName::Deneb => self.deneb_fork_version,
            ForkName::Electra => self.electra_fork_version,
            ForkName::Fulu => self.fulu_fork_version,
        }
    }

    /// The first epoch of `fork`; 0 for phase0, `FAR_FUTURE_EPOCH` for a fork that never comes.
    pub fn fork_epoch(&self, fork: ForkName) -> Epoch {
        match fork {
            ForkName::Phase0 => 0,
            ForkName::Altair => self.altair_fork_epoch,
            ForkName::Bellatrix => self.bellatrix_fork_epoch,
            ForkName::Capella => self.capella_fork_epoch,
            ForkName::Deneb => self.deneb_fork_epoch,
            ForkName::Electra => self.electra_fork_epoch,
            ForkName::Fulu => self.fulu_fork_epoch,
        }
    }

    /// Schedules `fork`; phase0 is always at 0 and is left alone.
    pub fn set_fork_epoch(&mut self, fork: ForkName, epoch: Epoch) {
        let field = match fork {
            ForkName::Phase0 => return,
            ForkName::Altair => &mut self.altair_fork_epoch,
            ForkName::Bellatrix => &mut self.bellatrix_fork_epoch,
            ForkName::Capella => &mut self.capella_fork_epoch,
            ForkName::Deneb => &mut self.deneb_fork_epoch,
            ForkName::Electra => &mut self.electra_fork_epoch,
            ForkName::Fulu => &mut self.fulu_fork_epoch,
        };
        *field = epoch;
    }

    /// Schedules `fork` and all before it at epoch 0: what a network that starts in `fork` must say.
    pub fn start_at(&mut self, fork: ForkName) {
        for earlier in ForkName::ALL.into_iter().filter(|earlier| *earlier <= fork) {
            self.set_fork_epoch(earlier, 0);
        }
    }

    /// The fork of a state at genesis: the newest with epoch 0.
    pub fn genesis_fork(&self) -> ForkName {
        self.fork_at_epoch(0)
    }

    /// The epoch of `slot`.
    pub fn epoch_of(&self, slot: Slot) -> Epoch {
        slot / self.preset.slots_per_epoch
    }

    /// The first slot of `epoch` (saturating).
    pub fn start_slot(&self, epoch: Epoch) -> Slot {
        epoch.saturating_mul(self.preset.slots_per_epoch)
    }

    /// Whole seconds per slot, or `None` for a slot that is no whole number of seconds.
    pub fn seconds_per_slot(&self) -> Option<u64> {
        self.slot_duration_ms.is_multiple_of(1000).then_some(self.slot_duration_ms / 1000)
    }

    /// Where slots lie in time, for a network that starts at `genesis_time` (unix seconds).
    pub fn slot_clock(&self, genesis_time: u64) -> SlotClock {
        SlotClock::from_genesis_seconds(genesis_time, self.slot_duration_ms)
    }
}

/// The only value that a key may have in this program, if it has but one.
pub(super) fn fixed_value(key: &str) -> Option<&'static str> {
    BUILT_IN.iter().chain(entries::CONSTANTS).find(|(name, _)| *name == key).map(|(_, value)| *value)
}

/// `None` for a key that may be set; its value if that is fixed and `text` says the same; else what is accepted.
pub(super) fn check_fixed(key: &str, text: &str) -> Result<Option<&'static str>, String> {
    let Some(fixed) = fixed_value(key) else { return Ok(None) };
    let number = |text: &str| <u64 as values::ConfigValue>::parse(text).ok();
    if text.eq_ignore_ascii_case(fixed) || number(text).is_some_and(|given| number(fixed) == Some(given)) {
        return Ok(Some(fixed));
    }
    Err(format!("{fixed}: this program has {key} built in and can't take part in a network with another"))
}

#[cfg(test)]
mod tests;
