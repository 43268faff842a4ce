//! Fork digests and attestation subnets.

use crate::{
    spec::{
        Error,
        accessors::{compute_fork_data_root, compute_shuffled_index},
        math,
    },
    ssz::{Bytes, Root, sha256},
    types::{ChainConfig, CommitteeIndex, Epoch, ForkDigest, Slot, Version},
};

/// The fork version of `epoch` (`compute_fork_version` of phase0/p2p-interface.md and altair/p2p-interface.md).
pub fn compute_fork_version(cfg: &ChainConfig, epoch: Epoch) -> Version {
    cfg.fork_version(cfg.fork_at_epoch(epoch))
}

/// The four bytes that tell one network and fork from another on the wire (phase0/p2p-interface.md,
/// `compute_fork_digest`).
pub fn compute_fork_digest(cfg: &ChainConfig, genesis_validators_root: Root, epoch: Epoch) -> ForkDigest {
    let root = compute_fork_data_root(compute_fork_version(cfg, epoch), genesis_validators_root);
    Bytes(std::array::from_fn(|i| root.0[i]))
}

/// The subnet of an attestation (phase0/validator.md, `compute_subnet_for_attestation`).
pub fn compute_subnet_for_attestation(
    cfg: &ChainConfig,
    committees_per_slot: u64,
    slot: Slot,
    committee_index: CommitteeIndex,
) -> u64 {
    let slots_since_epoch_start = slot % cfg.preset.slots_per_epoch;
    let committees = u128::from(committees_per_slot) * u128::from(slots_since_epoch_start);
    ((committees + u128::from(committee_index)) % u128::from(cfg.attestation_subnet_count)) as u64
}

/// The attestation subnets that a node keeps to in `epoch`; `node_id` in big-endian order (phase0/p2p-interface.md,
/// `compute_subscribed_subnets`).
///
/// # Errors
/// If the configuration has more subnets than can be told apart by a node's identity.
pub fn compute_subscribed_subnets(cfg: &ChainConfig, node_id: &Root, epoch: Epoch) -> Result<Vec<u64>, Error> {
    (0..cfg.subnets_per_node).map(|index| compute_subscribed_subnet(cfg, node_id, epoch, index)).collect()
}

/// One of them (phase0/p2p-interface.md, `compute_subscribed_subnet`).
///
/// # Errors
/// As [`compute_subscribed_subnets`].
pub fn compute_subscribed_subnet(cfg: &ChainConfig, node_id: &Root, epoch: Epoch, index: u64) -> Result<u64, Error> {
    let what = "subnet of a node";
    let subnets = cfg.attestation_subnet_count;
    let ceil_log2 = u64::from(subnets.max(1).next_power_of_two().trailing_zeros());
    let prefix_bits = math::add(what, ceil_log2, cfg.attestation_subnet_extra_bits)?;
    if prefix_bits == 0 || prefix_bits >= 64 {
        return Err(Error::Arithmetic { what });
    }
    let leading = u64::from_be_bytes(std::array::from_fn(|i| node_id.0[i]));
    let node_id_prefix = leading >> (64 - prefix_bits);
    let period = u128::from(cfg.epochs_per_subnet_subscription);
    let node_offset = node_id.0.iter().fold(0u128, |rest, byte| (rest * 256 + u128::from(*byte)) % period);
    let number = ((u128::from(epoch) + node_offset) / period) as u64;
    let seed = sha256(&number.to_le_bytes());
    let permutated = compute_shuffled_index(cfg, node_id_prefix, 1 << prefix_bits, &seed)?;
    Ok(math::add(what, permutated, index)? % subnets)
}
