//! `shuffling`: the swap-or-not shuffle, index by index and whole.

use super::super::case::Case;
use super::unknown_handler;
use lockin::spec::{compute_shuffled_index, compute_shuffled_permutation};
use lockin::ssz::Root;
use serde::Deserialize;

#[derive(Deserialize)]
struct Mapping {
    seed: String,
    count: u64,
    mapping: Vec<u64>,
}

pub fn run(case: &Case) -> Result<(), String> {
    if case.id.handler != "core" {
        return Err(unknown_handler(case));
    }
    let Mapping { seed, count, mapping } = case.yaml("mapping.yaml")?;
    let seed: Root = seed.parse().map_err(|error| format!("seed: {error}"))?;
    let cfg = case.config()?;
    let one_by_one: Vec<u64> = (0..count)
        .map(|index| compute_shuffled_index(&cfg, index, count, &seed))
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())?;
    if one_by_one != mapping {
        return Err("compute_shuffled_index gives another mapping".into());
    }
    if compute_shuffled_permutation(&cfg, count, &seed) != mapping {
        return Err("compute_shuffled_permutation gives another mapping".into());
    }
    Ok(())
}
