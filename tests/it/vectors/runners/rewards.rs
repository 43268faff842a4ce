//! `rewards`: each component of the attestation rewards.

use super::super::case::Case;
use super::super::compare::same;
use super::unknown_handler;
use lockin::spec::Error;
use lockin::spec::rewards::{
    self, get_flag_index_deltas, get_head_deltas, get_inactivity_penalty_deltas, get_inclusion_delay_deltas,
    get_source_deltas, get_target_deltas,
};
use lockin::ssz::{Fork, List};
use lockin::types::constants::{TIMELY_HEAD_FLAG_INDEX, TIMELY_SOURCE_FLAG_INDEX, TIMELY_TARGET_FLAG_INDEX};
use lockin::types::limits::ValidatorRegistryLimit;
use lockin::types::{BeaconState, ChainConfig};

lockin::container! {
    /// As the test format declares it.
    pub struct Deltas {
        pub rewards: List<u64, ValidatorRegistryLimit>,
        pub penalties: List<u64, ValidatorRegistryLimit>,
    }
}

type Component = fn(&ChainConfig, &BeaconState) -> Result<rewards::Deltas, Error>;

const PHASE0: &[(&str, Component)] = &[
    ("source_deltas", get_source_deltas),
    ("target_deltas", get_target_deltas),
    ("head_deltas", get_head_deltas),
    ("inclusion_delay_deltas", get_inclusion_delay_deltas),
    ("inactivity_penalty_deltas", get_inactivity_penalty_deltas),
];

const ALTAIR: &[(&str, Component)] = &[
    ("source_deltas", |cfg, state| get_flag_index_deltas(cfg, state, TIMELY_SOURCE_FLAG_INDEX)),
    ("target_deltas", |cfg, state| get_flag_index_deltas(cfg, state, TIMELY_TARGET_FLAG_INDEX)),
    ("head_deltas", |cfg, state| get_flag_index_deltas(cfg, state, TIMELY_HEAD_FLAG_INDEX)),
    ("inactivity_penalty_deltas", get_inactivity_penalty_deltas),
];

pub fn run(case: &Case) -> Result<(), String> {
    if !["basic", "inactivity_scores", "leak", "random"].contains(&case.id.handler.as_str()) {
        return Err(unknown_handler(case));
    }
    let (cfg, shape) = (case.config()?, case.shape()?);
    let state: BeaconState = case.ssz("pre")?;
    let components = if shape.fork == Fork::Phase0 { PHASE0 } else { ALTAIR };
    for (name, component) in components {
        let actual = component(&cfg, &state).map_err(|error| format!("{name}: {error}"))?;
        let actual = Deltas { rewards: actual.rewards.into(), penalties: actual.penalties.into() };
        same(name, shape, &case.ssz(name)?, &actual)?;
    }
    let deltas = case.files.keys().filter(|file| file.ends_with("_deltas.ssz_snappy")).count();
    if deltas != components.len() {
        return Err(format!("the case has {deltas} components, {} are checked", components.len()));
    }
    Ok(())
}
