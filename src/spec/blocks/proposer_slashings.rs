//! Proposers who signed two blocks for one slot.

use crate::{
    crypto::SignatureSet,
    spec::{
        Error, Signatures,
        accessors::{
            compute_epoch_at_slot, compute_signing_root, get_current_epoch, get_domain, get_validator,
            is_slashable_validator,
        },
        mutators::slash_validator,
    },
    types::{BeaconState, ChainConfig, ProposerSlashing, SignedBeaconBlockHeader, constants::DOMAIN_BEACON_PROPOSER},
};

/// Slashes a proposer for two different headers of one slot (phase0/beacon-chain.md, `process_proposer_slashing`).
///
/// # Errors
/// If the headers don't prove that, or the proposer can't be slashed.
pub fn process_proposer_slashing(
    cfg: &ChainConfig,
    state: &mut BeaconState,
    proposer_slashing: &ProposerSlashing,
    sigs: &mut Signatures<'_>,
) -> Result<(), Error> {
    let signed = [&proposer_slashing.signed_header_1, &proposer_slashing.signed_header_2];
    let [header_1, header_2] = signed.map(|s| &s.message);
    let index = header_1.proposer_index;
    let not_slashable = |why| Err(Error::ProposerSlashing { index, why });
    if header_1.slot != header_2.slot {
        return not_slashable("the headers are of different slots");
    }
    if header_1.proposer_index != header_2.proposer_index {
        return not_slashable("the headers are of different proposers");
    }
    if header_1 == header_2 {
        return not_slashable("the headers are the same");
    }
    if !is_slashable_validator(get_validator(state, index)?, get_current_epoch(cfg, state)) {
        return not_slashable("the proposer is slashed already, not active yet, or withdrawable");
    }
    for header in signed {
        sigs.check("proposer slashing", || header_signature_set(cfg, state, header))?;
    }
    slash_validator(cfg, state, index, None)
}

fn header_signature_set(
    cfg: &ChainConfig,
    state: &BeaconState,
    signed: &SignedBeaconBlockHeader,
) -> Result<SignatureSet, Error> {
    let header = &signed.message;
    let epoch = compute_epoch_at_slot(cfg, header.slot);
    let domain = get_domain(cfg, state, DOMAIN_BEACON_PROPOSER, Some(epoch));
    let message = compute_signing_root(header, cfg.shape_at_slot(state.slot), domain);
    let pubkey = get_validator(state, header.proposer_index)?.pubkey;
    Ok(SignatureSet { pubkeys: vec![pubkey], message, signature: signed.signature })
}
