//! Fork digests and attestation subnets.

use crate::{
    spec::{
        Error,
        accessors::{compute_fork_data_root, compute_shuffled_index, get_blob_parameters},
        math,
    },
    ssz::{Bytes, Root, sha256},
    types::{ChainConfig, CommitteeIndex, Epoch, ForkDigest, ForkName, Slot, Version},
};

/// The fork version of `epoch` (`compute_fork_version` of phase0/p2p-interface.md and altair/p2p-interface.md).
pub fn compute_fork_version(cfg: &ChainConfig, epoch: Epoch) -> Version {
    cfg.fork_version(cfg.fork_at_epoch(epoch))
}

/// The four bytes that tell one network, fork and blob limit from another on the wire (`compute_fork_digest` of
/// phase0/p2p-interface.md; of fulu/beacon-chain.md from then on).
pub fn compute_fork_digest(cfg: &ChainConfig, genesis_validators_root: Root, epoch: Epoch) -> ForkDigest {
    let mut digest = compute_fork_data_root(compute_fork_version(cfg, epoch), genesis_validators_root);
    if cfg.fork_at_epoch(epoch) >= ForkName::Fulu {
        let parameters = get_blob_parameters(cfg, epoch);
        let mut input = [0; 16];
        input[..8].copy_from_slice(&parameters.epoch.to_le_bytes());
        input[8..].copy_from_slice(&parameters.max_blobs_per_block.to_le_bytes());
        digest = math::xor(&digest, &sha256(&input));
    }
    Bytes(std::array::from_fn(|i| digest.0[i]))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::config::BlobParameters;

    #[test]
    fn digests_are_those_of_the_interop_network_of_64() {
        let mut cfg = ChainConfig::minimal();
        cfg.set_fork_epoch(ForkName::Altair, 2);
        let genesis = "0x83431ec7fcf92cfc44947fc0418e831c25e1d0806590231c439830db7ad54fda".parse().unwrap();
        let digest = |epoch| compute_fork_digest(&cfg, genesis, epoch).to_string();
        assert_eq!(["0x5267d9c6", "0x5267d9c6", "0x112fc2a3"], [digest(0), digest(1), digest(2)]);
    }

    #[test]
    fn digests_since_fulu_tell_blob_limits_apart() {
        let mut cfg = ChainConfig::mainnet();
        cfg.start_at(ForkName::Fulu);
        let entry = |epoch, max_blobs_per_block| BlobParameters { epoch, max_blobs_per_block };
        cfg.blob_schedule = vec![entry(9, 9), entry(100, 100), entry(150, 175), entry(300, 300)];
        // The spec's own test values.
        let digest = |root, epoch| compute_fork_digest(&cfg, root, epoch).to_string();
        for (epoch, expected) in [
            (9, "0xab3ae6c8"),
            (99, "0xab3ae6c8"),
            (100, "0xdf67557b"),
            (149, "0xdf67557b"),
            (150, "0x8ab38b59"),
            (300, "0xca100d64"),
        ] {
            assert_eq!(digest(Root::ZERO, epoch), expected, "{epoch}");
        }
        assert_eq!(digest(Bytes([1; 32]), 9), "0x89671111");
    }

    #[test]
    fn digests_of_fulu_on_the_interop_network_of_64() {
        let mut cfg = ChainConfig::minimal();
        cfg.start_at(ForkName::Fulu);
        let genesis = "0x83431ec7fcf92cfc44947fc0418e831c25e1d0806590231c439830db7ad54fda".parse().unwrap();
        assert_eq!(compute_fork_digest(&cfg, genesis, 0).to_string(), "0x8d12ebb6");
    }

    #[test]
    fn attestations_wander_over_the_subnets() {
        let cfg = ChainConfig::minimal();
        let subnet = |slot, index| compute_subnet_for_attestation(&cfg, 4, slot, index);
        assert_eq!([subnet(0, 0), subnet(1, 3), subnet(7, 3), subnet(8, 1)], [0, 7, 31, 1]);
        assert!(subnet(u64::MAX, u64::MAX) < 64);
    }

    #[test]
    fn a_node_keeps_to_neighbouring_subnets_for_a_while() {
        let cfg = ChainConfig::mainnet();
        // Computed with the functions of the spec's text.
        let expected: [(&str, &str, u64, [u64; 2]); 5] = [
            ("88", "11", 0, [50, 51]),
            ("88", "11", 54_321, [60, 61]),
            ("00", "00", 1, [16, 17]),
            ("fe", "fe", 1, [57, 58]),
            ("fe", "fe", 54_321, [33, 34]),
        ];
        for (first, rest, epoch, subnets) in expected {
            let last = if rest == "00" { "ff" } else { rest };
            let id: Root = format!("0x{first}{}{last}", rest.repeat(30)).parse().unwrap();
            assert_eq!(compute_subscribed_subnets(&cfg, &id, epoch), Ok(subnets.to_vec()), "{id} at {epoch}");
        }
    }
}
