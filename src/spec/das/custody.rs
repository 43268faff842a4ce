//! Who keeps which columns.

use std::collections::BTreeSet;

use crate::{
    spec::{Error, accessors::get_validator, math},
    ssz::{Root, sha256},
    types::{BeaconState, ChainConfig, ColumnIndex, CustodyIndex, ValidatorIndex},
};

/// The custody groups of a node that keeps `custody_group_count` of them, in ascending order; `node_id` in big-endian
/// order (fulu/das-core.md, `get_custody_groups`).
///
/// # Errors
/// If there are not that many groups.
pub fn get_custody_groups(
    cfg: &ChainConfig,
    node_id: &Root,
    custody_group_count: u64,
) -> Result<Vec<CustodyIndex>, Error> {
    let groups = cfg.number_of_custody_groups;
    if custody_group_count > groups {
        return Err(Error::IndexOutOfRange { list: "custody groups", index: custody_group_count, len: groups });
    }
    if custody_group_count == groups {
        return Ok((0..groups).collect());
    }
    // The spec hashes the number's little-endian bytes.
    let mut id = *node_id;
    id.0.reverse();
    let mut drawn = BTreeSet::new();
    while (drawn.len() as u64) < custody_group_count {
        drawn.insert(math::bytes_to_uint64(&sha256(&id.0)) % groups);
        increment(&mut id);
    }
    Ok(drawn.into_iter().collect())
}

/// Adds one to a little-endian number; the largest is followed by zero.
fn increment(number: &mut Root) {
    for byte in &mut number.0 {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            return;
        }
    }
}

/// The columns of a custody group, in ascending order (fulu/das-core.md, `compute_columns_for_custody_group`).
///
/// # Errors
/// If there is no such group.
pub fn compute_columns_for_custody_group(
    cfg: &ChainConfig,
    custody_group: CustodyIndex,
) -> Result<Vec<ColumnIndex>, Error> {
    let groups = cfg.number_of_custody_groups;
    if custody_group >= groups {
        return Err(Error::IndexOutOfRange { list: "custody groups", index: custody_group, len: groups });
    }
    Ok((0..cfg.preset.number_of_columns / groups).map(|i| groups * i + custody_group).collect())
}

/// How many custody groups a node keeps for the validators attached to it (fulu/validator.md,
/// `get_validators_custody_requirement`). The state is the latest finalized one. For a node without validators the
/// requirement is `CUSTODY_REQUIREMENT` instead.
///
/// # Errors
/// If a validator is unknown or the sum of their balances is beyond 64 bits.
pub fn get_validators_custody_requirement(
    cfg: &ChainConfig,
    state: &BeaconState,
    validator_indices: &[ValidatorIndex],
) -> Result<u64, Error> {
    let total = validator_indices.iter().try_fold(0, |sum, index| {
        math::add("balance of a node's validators", sum, get_validator(state, *index)?.effective_balance)
    })?;
    let count = total / cfg.balance_per_additional_custody_group;
    Ok(count.max(cfg.validator_custody_requirement).min(cfg.number_of_custody_groups))
}
