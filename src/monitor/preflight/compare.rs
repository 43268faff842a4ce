//! What a node said, held against the plan. Pure; a value that is absent, or that can't be read, is no difference.

use super::{Silence, keys};
use crate::{
    api::dto,
    journal::Difference,
    spec::get_blob_parameters,
    ssz::{Root, Ssz, Uint256},
    types::{BeaconState, ChainConfig, FAR_FUTURE_EPOCH, ForkName, config::BlobParameters},
};
use serde_json::Value;
use std::collections::BTreeMap;

/// Clients write "never" as one or another huge number.
const NEVER: u64 = 1 << 32;

/// The genesis that all nodes were given.
#[derive(Clone, Debug)]
pub struct Genesis {
    time: u64,
    validators_root: Root,
    /// Where it is known.
    state_root: Option<Root>,
    /// Where it is known.
    block_root: Option<Root>,
}

impl Genesis {
    /// Of the state itself.
    pub fn of(cfg: &ChainConfig, state: &BeaconState) -> Self {
        let shape = cfg.shape(cfg.genesis_fork());
        let state_root = state.hash_tree_root(shape);
        let header = crate::types::BeaconBlockHeader { state_root, ..state.latest_block_header };
        Self {
            time: state.genesis_time,
            validators_root: state.genesis_validators_root,
            state_root: Some(state_root),
            block_root: Some(header.hash_tree_root(shape)),
        }
    }

    /// As a node told of it; a root that it did not tell is held against nobody's.
    pub fn told(time: u64, validators_root: Root, state_root: Option<Root>, block_root: Option<Root>) -> Self {
        Self { time, validators_root, state_root, block_root }
    }
}

fn difference(what: impl Into<String>, planned: impl ToString, has: impl ToString) -> Difference {
    Difference { what: what.into(), planned: planned.to_string(), has: has.to_string() }
}

/// `/eth/v1/beacon/genesis`. The fork version may be that of any fork of genesis: clients differ in which they name.
pub(super) fn genesis(cfg: &ChainConfig, planned: &Genesis, has: &dto::Genesis) -> Vec<Difference> {
    let mut found = Vec::new();
    if has.genesis_validators_root != planned.validators_root {
        found.push(difference("genesis_validators_root", planned.validators_root, has.genesis_validators_root));
    }
    if has.genesis_time != planned.time {
        found.push(difference("genesis_time", planned.time, has.genesis_time));
    }
    let of_genesis = |fork: &ForkName| cfg.fork_epoch(*fork) == 0;
    let versions = || ForkName::ALL.into_iter().filter(of_genesis).map(|fork| cfg.fork_version(fork));
    if !versions().any(|version| version == has.genesis_fork_version) {
        found.push(difference("genesis_fork_version", cfg.genesis_fork_version, has.genesis_fork_version));
    }
    found
}

/// The root of the genesis block.
pub(super) fn block_root(planned: &Genesis, has: Root) -> Vec<Difference> {
    let differs = planned.block_root.filter(|planned| *planned != has);
    differs.map(|planned| difference("genesis block root", planned, has)).into_iter().collect()
}

/// The root of the genesis state.
pub(super) fn state_root(planned: &Genesis, has: Root) -> Vec<Difference> {
    let differs = planned.state_root.filter(|planned| *planned != has);
    differs.map(|planned| difference("genesis state root", planned, has)).into_iter().collect()
}

/// `/eth/v1/config/fork_schedule`: versions at other epochs than planned, and versions that nobody planned. That a fork
/// is not listed says nothing here, see [`unknown_forks`].
pub(super) fn schedule(cfg: &ChainConfig, has: &[dto::Fork]) -> Vec<Difference> {
    // Entries of one version, which some clients have for changes of limits, begin with the fork.
    let mut begins = BTreeMap::new();
    for entry in has.iter().filter(|entry| entry.epoch < NEVER) {
        let first = begins.entry(entry.current_version.0).or_insert(entry.epoch);
        *first = entry.epoch.min(*first);
    }
    let planned = |version| ForkName::ALL.into_iter().find(|fork| cfg.fork_version(*fork).0 == version);
    let mut found = Vec::new();
    for (version, epoch) in begins {
        let shown = format!("0x{}", hex::encode(version));
        match planned(version) {
            None => {
                let fork = cfg.fork_at_epoch(epoch);
                let planned = format!("{} ({fork})", cfg.fork_version(fork));
                found.push(difference(format!("fork_schedule, epoch {epoch}"), planned, shown));
            }
            Some(fork) if at_epoch(cfg, fork) != at(epoch) => {
                found.push(difference(format!("fork_schedule, {fork}"), at_epoch(cfg, fork), at(epoch)));
            }
            Some(_) => {}
        }
    }
    found
}

fn at(epoch: u64) -> String {
    if epoch >= NEVER { "never".into() } else { format!("epoch {epoch}") }
}

fn at_epoch(cfg: &ChainConfig, fork: ForkName) -> String {
    at(cfg.fork_epoch(fork))
}

/// Forks to come that a node knows neither by its schedule nor by its configuration: it will not follow them.
pub(super) fn unknown_forks(cfg: &ChainConfig, schedule: &[dto::Fork], spec: &BTreeMap<String, Value>) -> Vec<String> {
    if schedule.is_empty() {
        return Vec::new();
    }
    let listed = |fork: &ForkName| schedule.iter().any(|entry| entry.current_version == cfg.fork_version(*fork));
    let named = |fork: &ForkName| by_name(spec, &format!("{}_FORK_EPOCH", fork.name())).is_some();
    let to_come = |fork: &ForkName| (1..FAR_FUTURE_EPOCH).contains(&cfg.fork_epoch(*fork));
    let forks = keys::lived(cfg).into_iter().filter(to_come).filter(|fork| !listed(fork) && !named(fork));
    forks.map(|fork| format!("the fork {fork} of epoch {}", cfg.fork_epoch(fork))).collect()
}

/// The answer to `/eth/v1/config/spec`, if any value is in it that matters to this network.
///
/// # Errors
/// There is none: then nothing can be compared.
pub(super) fn readable(cfg: &ChainConfig, has: BTreeMap<String, Value>) -> Result<BTreeMap<String, Value>, Silence> {
    let any = keys::that_matter(cfg).iter().any(|(name, _)| by_name(&has, name).is_some());
    let why = || "its configuration has none of the values that matter".to_owned();
    if any { Ok(has) } else { Err(Silence { why: why(), again: true }) }
}

/// `/eth/v1/config/spec`. Names are compared without regard to case, values as numbers, whatever their notation.
pub(super) fn spec(cfg: &ChainConfig, has: &BTreeMap<String, Value>) -> Vec<Difference> {
    let mut found: Vec<Difference> = keys::that_matter(cfg)
        .into_iter()
        .filter_map(|(name, planned)| {
            let has = by_name(has, &name)?;
            let same = match name.ends_with("_EPOCH") {
                true => epoch(&planned)?.min(NEVER) == epoch(&text(has)?)?.min(NEVER),
                false => number(&planned)? == number(&text(has)?)?,
            };
            (!same).then(|| difference(name, planned, text(has).unwrap_or_default()))
        })
        .collect();
    found.extend(preset(cfg, has).into_iter().chain(slot_time(cfg, has)).chain(blob_schedule(cfg, has)));
    found
}

fn by_name<'a>(values: &'a BTreeMap<String, Value>, name: &str) -> Option<&'a Value> {
    values.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Decimal, or hexadecimal with or without leading zeros.
fn number(text: &str) -> Option<Uint256> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => Uint256::from_str_radix(digits, 16).ok(),
        None => Uint256::from_str_radix(text, 10).ok(),
    }
}

fn epoch(text: &str) -> Option<u64> {
    match text {
        "Infinity" | "-1" => Some(FAR_FUTURE_EPOCH),
        text => Some(u64::try_from(number(text)?).unwrap_or(FAR_FUTURE_EPOCH)),
    }
}

/// A preset of another name is one only if both names are known: networks of their own name theirs as they like.
fn preset(cfg: &ChainConfig, has: &BTreeMap<String, Value>) -> Option<Difference> {
    let has = text(by_name(has, "PRESET_BASE")?)?.to_ascii_lowercase();
    let known = ["minimal", "mainnet"].contains(&has.as_str());
    (known && has != cfg.preset.name).then(|| difference("PRESET_BASE", cfg.preset.name, has))
}

/// `SLOT_DURATION_MS` and `SECONDS_PER_SLOT`, both in milliseconds.
fn slot_times(has: &BTreeMap<String, Value>) -> [Option<u64>; 2] {
    let served = |name: &str, unit: u64| {
        let number = number(&text(by_name(has, name)?)?)?;
        u64::try_from(number).ok()?.checked_mul(unit)
    };
    [served("SLOT_DURATION_MS", 1), served("SECONDS_PER_SLOT", 1000)]
}

/// The length of a slot has two names, of which clients of one time or another heed only one.
fn slot_time(cfg: &ChainConfig, has: &BTreeMap<String, Value>) -> Option<Difference> {
    let both = slot_times(has);
    let differs = both.iter().flatten().all(|ms| *ms != cfg.slot_duration_ms);
    let has = both.into_iter().flatten().next()?;
    let shown = |ms: u64| format!("{ms} ms");
    differs.then(|| difference("SLOT_DURATION_MS", shown(cfg.slot_duration_ms), shown(has)))
}

/// A remark where the two names of the length of a slot contradict each other: which of them the client goes by is not
/// known, and the other may be an echo of the file.
pub(super) fn two_slot_times(cfg: &ChainConfig, has: &BTreeMap<String, Value>) -> Option<String> {
    let [ms, seconds] = slot_times(has);
    let (ms, seconds) = (ms?, seconds?);
    let one_of_two = ms != seconds && (ms == cfg.slot_duration_ms || seconds == cfg.slot_duration_ms);
    let says = || format!("SLOT_DURATION_MS is {ms}, but SECONDS_PER_SLOT is {}", seconds / 1000);
    one_of_two.then(says)
}

/// The limits of blobs from fulu on. An entry that says what holds without it is none.
fn blob_schedule(cfg: &ChainConfig, has: &BTreeMap<String, Value>) -> Option<Difference> {
    if cfg.fulu_fork_epoch == FAR_FUTURE_EPOCH {
        return None;
    }
    let entries = by_name(has, "BLOB_SCHEDULE")?.as_array()?;
    let field = |entry: &Value, name: &str| {
        let fields = entry.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        u64::try_from(number(&text(fields.1)?)?).ok()
    };
    let read = |entry: &Value| {
        let (epoch, max_blobs_per_block) = (field(entry, "EPOCH")?, field(entry, "MAX_BLOBS_PER_BLOCK")?);
        Some(BlobParameters { epoch, max_blobs_per_block })
    };
    let theirs: Vec<BlobParameters> = entries.iter().map(read).collect::<Option<_>>()?;
    let limits = |schedule: &[BlobParameters]| {
        let cfg = ChainConfig { blob_schedule: schedule.to_vec(), ..cfg.clone() };
        let begins = schedule.iter().map(|entry| entry.epoch).filter(|epoch| *epoch < NEVER);
        let from = cfg.fulu_fork_epoch;
        let epochs: std::collections::BTreeSet<u64> =
            std::iter::once(from).chain(begins.map(|epoch| epoch.max(from))).collect();
        let at = |epoch| {
            let BlobParameters { epoch, max_blobs_per_block } = get_blob_parameters(&cfg, epoch);
            (epoch, max_blobs_per_block)
        };
        epochs.into_iter().map(at).collect::<Vec<_>>()
    };
    let shown = |limits: &[(u64, u64)]| {
        limits.iter().map(|(epoch, most)| format!("{most} from epoch {epoch}")).collect::<Vec<_>>().join(", ")
    };
    let (ours, theirs) = (limits(&cfg.blob_schedule), limits(&theirs));
    (ours != theirs).then(|| difference("BLOB_SCHEDULE", shown(&ours), shown(&theirs)))
}

#[cfg(test)]
mod tests;
