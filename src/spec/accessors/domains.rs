//! Signature domains and signing roots.

use crate::{
    spec::accessors::get_current_epoch,
    ssz::{Bytes, Root, Shape, Ssz, hash_concat},
    types::{BeaconState, ChainConfig, Domain, DomainType, Epoch, Fork, Version},
};

/// The root that tells one chain and fork from another (phase0/beacon-chain.md, `compute_fork_data_root`).
pub fn compute_fork_data_root(current_version: Version, genesis_validators_root: Root) -> Root {
    let mut version = [0; 32];
    version[..4].copy_from_slice(&current_version.0);
    hash_concat(&Bytes(version), &genesis_validators_root)
}

/// The domain of `domain_type`, by default of the genesis fork version and a zero root (phase0/beacon-chain.md,
/// `compute_domain`).
pub fn compute_domain(
    cfg: &ChainConfig,
    domain_type: DomainType,
    fork_version: Option<Version>,
    genesis_validators_root: Option<Root>,
) -> Domain {
    let version = fork_version.unwrap_or(cfg.genesis_fork_version);
    domain_of(domain_type, version, genesis_validators_root.unwrap_or_default())
}

/// What a signature over `object`, encoded in `shape`, signs (phase0/beacon-chain.md, `compute_signing_root`).
pub fn compute_signing_root<T: Ssz>(object: &T, shape: Shape, domain: Domain) -> Root {
    signing_root_of(object.hash_tree_root(shape), domain)
}

/// As [`compute_signing_root`], of an object whose root is known.
pub fn signing_root_of(object_root: Root, domain: Domain) -> Root {
    hash_concat(&object_root, &domain)
}

/// The domain of a message of `epoch`, by default the current one (phase0/beacon-chain.md, `get_domain`).
pub fn get_domain(cfg: &ChainConfig, state: &BeaconState, domain_type: DomainType, epoch: Option<Epoch>) -> Domain {
    let epoch = epoch.unwrap_or_else(|| get_current_epoch(cfg, state));
    domain_at(&state.fork, state.genesis_validators_root, domain_type, epoch)
}

/// As [`get_domain`], for whoever knows a state's fork and genesis but not the state.
pub fn domain_at(fork: &Fork, genesis_validators_root: Root, domain_type: DomainType, epoch: Epoch) -> Domain {
    let version = if epoch < fork.epoch { fork.previous_version } else { fork.current_version };
    domain_of(domain_type, version, genesis_validators_root)
}

fn domain_of(domain_type: DomainType, version: Version, genesis_validators_root: Root) -> Domain {
    let root = compute_fork_data_root(version, genesis_validators_root);
    let mut domain = [0; 32];
    domain[..4].copy_from_slice(&domain_type.0);
    domain[4..].copy_from_slice(&root.0[..28]);
    Bytes(domain)
}
