//! Withdrawal credentials that change from a BLS key to an execution address.

use crate::{
    crypto::SignatureSet,
    spec::{
        Error, Signatures,
        accessors::{compute_domain, compute_signing_root, get_validator},
        mutators::change_validator,
    },
    ssz::{Root, sha256},
    types::{
        BeaconState, ChainConfig, ExecutionAddress, SignedBlsToExecutionChange, ValidatorIndex,
        constants::{BLS_WITHDRAWAL_PREFIX, DOMAIN_BLS_TO_EXECUTION_CHANGE, ETH1_ADDRESS_WITHDRAWAL_PREFIX},
    },
};

/// Gives a validator the address that the holder of its withdrawal key signed (capella/beacon-chain.md,
/// `process_bls_to_execution_change`).
///
/// # Errors
/// If the validator is unknown, has an address already or another withdrawal key, or the signature is wrong.
pub fn process_bls_to_execution_change(
    cfg: &ChainConfig,
    state: &mut BeaconState,
    signed_address_change: &SignedBlsToExecutionChange,
    sigs: &mut Signatures<'_>,
) -> Result<(), Error> {
    let change = &signed_address_change.message;
    let index: ValidatorIndex = change.validator_index;
    let credentials = get_validator(state, index)?.withdrawal_credentials;
    let refused = |why| Err(Error::BlsToExecutionChange { index, why });
    if credentials.0[0] != BLS_WITHDRAWAL_PREFIX {
        return refused("its withdrawal credentials are no BLS key");
    }
    if credentials.0[1..] != sha256(&change.from_bls_pubkey.0).0[1..] {
        return refused("its withdrawal credentials are another key");
    }
    sigs.check("change of withdrawal credentials", || {
        // One domain for all forks: a change stays valid across them.
        let domain = compute_domain(cfg, DOMAIN_BLS_TO_EXECUTION_CHANGE, None, Some(state.genesis_validators_root));
        let message = compute_signing_root(change, cfg.shape_at_slot(state.slot), domain);
        let signature = signed_address_change.signature;
        Ok(SignatureSet { pubkeys: vec![change.from_bls_pubkey], message, signature })
    })?;
    let credentials = execution_credentials(&change.to_execution_address);
    change_validator(state, index, |validator| validator.withdrawal_credentials = credentials)
}

/// Withdrawal credentials that are an execution address.
fn execution_credentials(address: &ExecutionAddress) -> Root {
    let mut credentials = Root::default();
    credentials.0[0] = ETH1_ADDRESS_WITHDRAWAL_PREFIX;
    credentials.0[12..].copy_from_slice(&address.0);
    credentials
}
