//! One case: where it is in the layout, and its files.

use lockin::ssz::{Fork, Shape, Ssz};
use lockin::types::ChainConfig;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt;

/// The folders above a case, and its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CaseId {
    pub preset: String,
    pub fork: String,
    pub runner: String,
    pub handler: String,
    pub suite: String,
    pub name: String,
}

impl fmt::Display for CaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { preset, fork, runner, handler, suite, name } = self;
        write!(f, "{preset}/{fork}/{runner}/{handler}/{suite}/{name}")
    }
}

/// A case with all its files, as they are in the archive.
pub struct Case {
    pub id: CaseId,
    pub files: BTreeMap<String, Vec<u8>>,
}

/// What `meta.yaml` may say, over all runners.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Meta {
    bls_setting: u8,
    pub blocks_count: usize,
    pub deposits_count: usize,
    pub fork: Option<String>,
    pub post_fork: Option<String>,
    pub fork_epoch: Option<u64>,
    pub fork_block: Option<usize>,
    pub root: Option<String>,
}

impl Meta {
    /// `bls_setting: 2`: the outcome holds only with signatures ignored.
    pub fn ignores_signatures(&self) -> bool {
        self.bls_setting == 2
    }
}

impl Case {
    /// The fork whose rules and containers the case uses.
    pub fn fork(&self) -> Result<Fork, String> {
        self.id.fork.parse().map_err(|error| format!("{error}"))
    }

    /// The fork and the preset. Cases of `general` use none; they get the minimal one.
    pub fn shape(&self) -> Result<Shape, String> {
        Ok(self.config()?.shape(self.fork()?))
    }

    /// The spec's configuration of the preset with the case's fork and all before it at genesis, and none after;
    /// or the case's own.
    pub fn config(&self) -> Result<ChainConfig, String> {
        if self.files.contains_key("config.yaml") {
            let (config, _) = ChainConfig::from_yaml(&self.text("config.yaml")?).map_err(|error| error.to_string())?;
            return Ok(config);
        }
        self.config_with(self.fork()?, 0)
    }

    /// As [`Self::config`], with `fork` beginning in `epoch`.
    pub fn config_with(&self, fork: Fork, epoch: u64) -> Result<ChainConfig, String> {
        let mut config = match self.id.preset.as_str() {
            "mainnet" => ChainConfig::mainnet(),
            "minimal" | "general" => ChainConfig::minimal(),
            other => return Err(format!("unknown preset `{other}`")),
        };
        for each in Fork::ALL {
            let begins = match each.cmp(&fork) {
                std::cmp::Ordering::Less => 0,
                std::cmp::Ordering::Equal => epoch,
                std::cmp::Ordering::Greater => u64::MAX,
            };
            config.set_fork_epoch(each, begins);
        }
        Ok(config)
    }

    pub fn has(&self, file: &str) -> bool {
        self.files.contains_key(file)
    }

    /// The decompressed bytes of `<stem>.ssz_snappy`.
    pub fn bytes(&self, stem: &str) -> Result<Vec<u8>, String> {
        let file = format!("{stem}.ssz_snappy");
        let bytes = self.files.get(&file).ok_or_else(|| format!("the case has no {file}"))?;
        snap::raw::Decoder::new().decompress_vec(bytes).map_err(|error| format!("{file}: {error}"))
    }

    /// The value of `<stem>.ssz_snappy` in the case's shape.
    pub fn ssz<T: Ssz>(&self, stem: &str) -> Result<T, String> {
        self.ssz_in(stem, self.shape()?)
    }

    /// The value of `<stem>.ssz_snappy` in another shape.
    pub fn ssz_in<T: Ssz>(&self, stem: &str, shape: Shape) -> Result<T, String> {
        T::decode(shape, &self.bytes(stem)?).map_err(|error| format!("decoding {stem}: {error}"))
    }

    /// As [`Self::ssz`], `None` if the case has no such file: then the operation is to fail.
    pub fn optional_ssz<T: Ssz>(&self, stem: &str) -> Result<Option<T>, String> {
        if self.has(&format!("{stem}.ssz_snappy")) { self.ssz(stem).map(Some) } else { Ok(None) }
    }

    fn text(&self, file: &str) -> Result<String, String> {
        let bytes = self.files.get(file).ok_or_else(|| format!("the case has no {file}"))?;
        String::from_utf8(bytes.clone()).map_err(|error| format!("{file}: {error}"))
    }

    pub fn yaml<T: DeserializeOwned>(&self, file: &str) -> Result<T, String> {
        parse_yaml(&self.text(file)?).map_err(|error| format!("{file}: {error}"))
    }

    /// `meta.yaml`, or its defaults.
    pub fn meta(&self) -> Result<Meta, String> {
        if self.has("meta.yaml") { self.yaml("meta.yaml") } else { Ok(Meta::default()) }
    }
}

/// YAML of a vector: trusted, and larger than any file that people write.
fn parse_yaml<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: 50_000_000,
            max_events: 100_000_000,
            max_total_scalar_bytes: 1 << 30,
            max_reader_input_bytes: None,
        },
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| error.to_string())
}
