//! Voluntary exits.

use crate::{
    crypto::SignatureSet,
    spec::{
        Error, Signatures,
        accessors::{
            compute_domain, compute_signing_root, fork_of, get_current_epoch, get_domain,
            get_pending_balance_to_withdraw, get_validator, is_active_validator,
        },
        math,
        mutators::initiate_validator_exit,
    },
    types::{
        BeaconState, ChainConfig, Domain, Epoch, ForkName, SignedVoluntaryExit,
        constants::{DOMAIN_VOLUNTARY_EXIT, FAR_FUTURE_EPOCH},
    },
};

/// Lets a validator leave at its own wish (`process_voluntary_exit` of phase0/beacon-chain.md; of each later
/// fork from then on).
///
/// # Errors
/// If it may not leave yet, has left, or did not sign.
pub fn process_voluntary_exit(
    cfg: &ChainConfig,
    state: &mut BeaconState,
    signed_voluntary_exit: &SignedVoluntaryExit,
    sigs: &mut Signatures<'_>,
) -> Result<(), Error> {
    let exit = &signed_voluntary_exit.message;
    let index = exit.validator_index;
    let validator = get_validator(state, index)?;
    let epoch = get_current_epoch(cfg, state);
    let refused = |why| Err(Error::VoluntaryExit { index, epoch, why });
    if !is_active_validator(validator, epoch) {
        return refused("the validator is not active");
    }
    if validator.exit_epoch != FAR_FUTURE_EPOCH {
        return refused("the validator is leaving already");
    }
    if epoch < exit.epoch {
        return refused("the exit is for a later epoch");
    }
    if epoch < math::add("earliest exit", validator.activation_epoch, cfg.shard_committee_period)? {
        return refused("the validator has not been active for SHARD_COMMITTEE_PERIOD");
    }
    if fork_of(cfg, state) >= ForkName::Electra && get_pending_balance_to_withdraw(state, index)? != 0 {
        return refused("the validator has partial withdrawals pending");
    }
    sigs.check("voluntary exit", || {
        let domain = voluntary_exit_domain(cfg, state, exit.epoch);
        let message = compute_signing_root(exit, cfg.shape_at_slot(state.slot), domain);
        let signature = signed_voluntary_exit.signature;
        Ok(SignatureSet { pubkeys: vec![validator.pubkey], message, signature })
    })?;
    initiate_validator_exit(cfg, state, index)
}

/// The domain of an exit of `epoch`: from deneb on that of capella for ever, so that signed exits stay valid
/// (deneb/beacon-chain.md, `process_voluntary_exit`).
pub fn voluntary_exit_domain(cfg: &ChainConfig, state: &BeaconState, epoch: Epoch) -> Domain {
    if fork_of(cfg, state) >= ForkName::Deneb {
        let version = cfg.capella_fork_version;
        compute_domain(cfg, DOMAIN_VOLUNTARY_EXIT, Some(version), Some(state.genesis_validators_root))
    } else {
        get_domain(cfg, state, DOMAIN_VOLUNTARY_EXIT, Some(epoch))
    }
}
