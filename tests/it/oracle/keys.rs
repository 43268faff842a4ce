//! The keys of all validators that a random chain has or may get, and what they sign.

use lockin::crypto::{SecretKey, aggregate};
use lockin::genesis::{InteropKey, interop_key};
use lockin::spec::{compute_signing_root, get_domain};
use lockin::ssz::{Root, Shape, Ssz};
use lockin::types::{BeaconState, BlsPubkey, BlsSignature, ChainConfig, DomainType, Epoch, ValidatorIndex};
use std::collections::BTreeMap;

pub struct Keys {
    pub all: Vec<InteropKey>,
    by_pubkey: BTreeMap<BlsPubkey, usize>,
}

impl Keys {
    pub fn new(count: u64) -> Self {
        let mut keys = Self { all: Vec::new(), by_pubkey: BTreeMap::new() };
        for _ in 0..count {
            keys.add();
        }
        keys
    }

    /// One more key; its number.
    pub fn add(&mut self) -> usize {
        let index = self.all.len();
        let key = interop_key(index as u64);
        self.by_pubkey.insert(key.pubkey, index);
        self.all.push(key);
        index
    }

    pub fn of(&self, state: &BeaconState, validator: ValidatorIndex) -> &SecretKey {
        self.secret(&state.validators[validator as usize].pubkey)
    }

    /// The secret of a public key.
    pub fn secret(&self, pubkey: &BlsPubkey) -> &SecretKey {
        &self.all[self.by_pubkey[pubkey]].secret
    }

    /// One validator's signature.
    pub fn sign(&self, state: &BeaconState, validator: ValidatorIndex, message: &Root) -> BlsSignature {
        self.of(state, validator).sign(message)
    }

    /// The signature of several validators on one message, aggregated.
    pub fn sign_all(&self, state: &BeaconState, validators: &[ValidatorIndex], message: &Root) -> BlsSignature {
        let signatures: Vec<_> = validators.iter().map(|index| self.sign(state, *index, message)).collect();
        aggregate(&signatures).expect("there are signers")
    }
}

/// What is signed in the domain of an epoch.
pub fn message<T: Ssz>(
    cfg: &ChainConfig,
    state: &BeaconState,
    object: &T,
    shape: Shape,
    kind: DomainType,
    epoch: Epoch,
) -> Root {
    compute_signing_root(object, shape, get_domain(cfg, state, kind, Some(epoch)))
}
