//! `network:` to the chain of the plan.

use super::super::error::{Error, Source};
use super::super::plan::{Genesis, Merge, Network};
use super::super::quantity::Duration;
use super::super::raw::{At, RawNetwork, Word};
use crate::ssz::{Fork, Preset};
use std::collections::BTreeMap;

/// Shorter slots are no network, longer ones are no test.
const SLOT_TIMES: std::ops::RangeInclusive<u64> = 50..=60_000;

/// Everything but the number of validators, which the nodes tell.
pub(super) fn resolve(source: Source<'_>, raw: &RawNetwork) -> Result<Network, Error> {
    let preset = match &raw.preset {
        None => Preset::minimal(),
        Some(word) => Preset::by_name(&word.value)
            .map_err(|_| source.error(word, format!("`{}` is no preset; accepted: minimal, mainnet", word.value)))?,
    };
    let fork = match &raw.genesis.fork {
        None => Fork::Phase0,
        Some(word) => fork(source, word, &word.value)?,
    };
    let delay = raw
        .genesis
        .delay
        .as_ref()
        .filter(|word| word.value != "auto")
        .map(|word| duration(source, word))
        .transpose()?;
    let forks = schedule(source, fork, &raw.forks)?;
    let merge = merge(source, raw.merge.as_ref(), fork, &forks)?;
    let blob_schedule = blob_schedule(source, raw.blob_schedule.as_ref(), fork, &forks)?;
    let mut network = Network {
        preset: preset.name.to_owned(),
        slots_per_epoch: preset.slots_per_epoch,
        slot_time: Duration(if preset.name == "minimal" { 6_000 } else { 12_000 }),
        genesis: Genesis { fork: fork.name().to_owned(), validators: 0, delay },
        forks,
        merge,
        blob_schedule,
        constants: BTreeMap::new(),
    };
    if let Some(word) = &raw.slot_time {
        network.slot_time = duration(source, word)?;
        if !SLOT_TIMES.contains(&network.slot_time.0) {
            let accepted = format!("{} to {}", Duration(*SLOT_TIMES.start()), Duration(*SLOT_TIMES.end()));
            return Err(source.error(word, format!("a slot of {}; accepted: {accepted}", network.slot_time)));
        }
    }
    // the time of a payload is in whole seconds, and later than its parent's
    if let Some(word) = raw.slot_time.as_ref().filter(|_| network.slot_time.0 < 1000 && network.has_payloads()) {
        return Err(source.error(word, "execution payloads, which come with bellatrix, need slots of 1s at least"));
    }
    for (key, word) in &raw.constants {
        override_constant(source, &mut network, key, word)?;
    }
    Ok(network)
}

fn duration(source: Source<'_>, word: &Word) -> Result<Duration, Error> {
    word.value.parse().map_err(|wrong: super::super::quantity::WrongQuantity| source.error(word, wrong.to_string()))
}

fn fork(source: Source<'_>, at: &Word, name: &str) -> Result<Fork, Error> {
    let names = Fork::ALL.map(Fork::name).join(", ");
    let fork: Fork = name.parse().map_err(|_| source.error(at, format!("`{name}` is no fork; accepted: {names}")))?;
    if fork.is_built() {
        return Ok(fork);
    }
    Err(Error::Unsupported(format!(
        "{}:{}: the fork `{name}` needs rules that this lockin does not have; it has those up to {}",
        source.file,
        at.referenced.line(),
        Fork::NEWEST_BUILT
    )))
}

/// Epochs of the later forks: each known, after the genesis fork, none before its predecessor, none left out.
fn schedule(source: Source<'_>, genesis: Fork, raw: &BTreeMap<String, Word>) -> Result<BTreeMap<String, u64>, Error> {
    let mut found = Vec::with_capacity(raw.len());
    for (name, word) in raw {
        let epoch: u64 = word.value.parse().map_err(|_| {
            source.error(word, format!("`{}` is no epoch; accepted: a number such as `{name}: 2`", word.value))
        })?;
        found.push((fork(source, word, name)?, epoch, word));
    }
    found.sort_by_key(|(fork, ..)| *fork);
    let mut before = (genesis, 0);
    for (fork, epoch, word) in &found {
        if *fork <= genesis {
            return Err(source.error(word, format!("`{fork}` at epoch {epoch}, but the chain begins in `{genesis}`")));
        }
        if before.0.next() != Some(*fork) {
            let skipped = before.0.next().map_or("", Fork::name);
            return Err(source.error(word, format!("`{fork}` without `{skipped}` before it; name its epoch too")));
        }
        if *epoch < before.1 {
            let (earlier, at) = before;
            return Err(source.error(word, format!("`{fork}` at epoch {epoch}, before `{earlier}` at epoch {at}")));
        }
        if *epoch == 0 {
            let advice = format!("write `genesis: {{ fork: {fork} }}` to begin in it");
            return Err(source.error(word, format!("`{fork}` at epoch 0, after a genesis in `{}`; {advice}", before.0)));
        }
        before = (*fork, *epoch);
    }
    Ok(found.into_iter().map(|(fork, epoch, _)| (fork.name().to_owned(), epoch)).collect())
}

/// How the network merges: it must, if it begins before bellatrix and reaches it.
fn merge(
    source: Source<'_>,
    raw: Option<&Word>,
    genesis: Fork,
    forks: &BTreeMap<String, u64>,
) -> Result<Option<Merge>, Error> {
    let merges = genesis < Fork::Bellatrix && forks.contains_key(Fork::Bellatrix.name());
    match raw.map(|word| (word, word.value.as_str())) {
        None => Ok(merges.then_some(Merge::TotalDifficulty)),
        Some((word, _)) if !merges => Err(source.error(
            word,
            "this network does not merge: that takes a genesis before bellatrix and an epoch for it in `forks`",
        )),
        Some((_, "total_difficulty")) => Ok(Some(Merge::TotalDifficulty)),
        Some((_, "block_hash")) => Ok(Some(Merge::BlockHash)),
        Some((word, other)) => {
            Err(source.error(word, format!("`{other}` is no way to merge; accepted: total_difficulty, block_hash")))
        }
    }
}

/// Limits of blobs by epoch, none before fulu.
fn blob_schedule(
    source: Source<'_>,
    raw: Option<&At<BTreeMap<u64, u64>>>,
    genesis: Fork,
    forks: &BTreeMap<String, u64>,
) -> Result<BTreeMap<u64, u64>, Error> {
    let Some(raw) = raw else { return Ok(BTreeMap::new()) };
    let fulu = if genesis >= Fork::Fulu { Some(0) } else { forks.get(Fork::Fulu.name()).copied() };
    let Some(fulu) = fulu else {
        return Err(source.error(raw, "a blob schedule is of fulu, which this network never reaches"));
    };
    match raw.value.keys().find(|epoch| **epoch < fulu) {
        Some(early) => Err(source.error(raw, format!("epoch {early} is before fulu, which comes in epoch {fulu}"))),
        None => Ok(raw.value.clone()),
    }
}

fn override_constant(source: Source<'_>, network: &mut Network, key: &str, word: &Word) -> Result<(), Error> {
    let said_elsewhere = match key {
        "SLOT_DURATION_MS" | "SECONDS_PER_SLOT" => Some("`slot_time: 2s`"),
        "PRESET_BASE" => Some("`preset: minimal`"),
        _ if key.ends_with("_FORK_EPOCH") => Some("`forks: { altair: 2 }`"),
        "GENESIS_DELAY" => Some("`genesis: { delay: 2s }`"),
        _ => None,
    };
    if let Some(place) = said_elsewhere {
        return Err(source.error(word, format!("`{key}` has a place of its own: {place}")));
    }
    network.constants.insert(key.to_owned(), word.value.clone());
    // asked of the configuration itself, so that the names and values that it takes are the ones accepted here
    let config = network.config().map_err(|why| source.error(word, why.to_string()))?;
    network.slots_per_epoch = config.preset.slots_per_epoch;
    Ok(())
}
