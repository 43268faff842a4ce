//! RANDAO.

use crate::{
    crypto::SignatureSet,
    spec::{
        Error, Signatures,
        accessors::{
            compute_signing_root, get_beacon_proposer_index, get_current_epoch, get_domain, get_randao_mix,
            get_validator,
        },
        math,
    },
    ssz::sha256,
    types::{BeaconBlockBody, BeaconState, ChainConfig, constants::DOMAIN_RANDAO},
};

/// Checks the proposer's reveal and mixes it in (phase0/beacon-chain.md, `process_randao`).
///
/// # Errors
/// If the reveal is not the proposer's signature of the epoch.
pub fn process_randao(
    cfg: &ChainConfig,
    state: &mut BeaconState,
    body: &BeaconBlockBody,
    sigs: &mut Signatures<'_>,
) -> Result<(), Error> {
    let epoch = get_current_epoch(cfg, state);
    let proposer = get_validator(state, get_beacon_proposer_index(cfg, state)?)?;
    sigs.check("RANDAO reveal", || {
        let domain = get_domain(cfg, state, DOMAIN_RANDAO, None);
        let message = compute_signing_root(&epoch, cfg.shape_at_slot(state.slot), domain);
        Ok(SignatureSet { pubkeys: vec![proposer.pubkey], message, signature: body.randao_reveal })
    })?;
    let mix = math::xor(&get_randao_mix(cfg, state, epoch)?, &sha256(&body.randao_reveal.0));
    let index = epoch % cfg.preset.epochs_per_historical_vector;
    let missing = Error::IndexOutOfRange { list: "randao_mixes", index, len: state.randao_mixes.len() as u64 };
    *state.randao_mixes.get_mut(index as usize).ok_or(missing)? = mix;
    Ok(())
}
