//! `fork`: the upgrade function of a fork, on a state of the fork before.

use super::super::case::Case;
use super::super::compare;
use super::unknown_handler;
use lockin::spec::upgrade::upgrade_to;
use lockin::ssz::Fork;
use lockin::types::BeaconState;

pub fn run(case: &Case) -> Result<(), String> {
    if case.id.handler != "fork" {
        return Err(unknown_handler(case));
    }
    let cfg = case.config()?;
    let fork: Fork =
        case.meta()?.fork.ok_or("meta.yaml has no fork")?.parse().map_err(|error| format!("fork: {error}"))?;
    let before = fork.previous().ok_or("no fork comes before it")?;
    let mut state: BeaconState = case.ssz_in("pre", cfg.shape(before))?;
    let expected: Option<BeaconState> = case.optional_ssz("post")?;
    let outcome = upgrade_to(&cfg, &mut state, fork).map(|()| state);
    compare::outcome(cfg.shape(fork), expected.as_ref(), outcome)
}
