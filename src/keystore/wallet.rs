//! Prysm's wallet: every key of it in one keystore, whose secret is a small JSON document.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use super::eip2335::{Kdf, Keystore, KeystoreError, Salts};
use crate::crypto::SecretKey;

/// The wallet's description of itself, beside the accounts.
pub(super) const OPTIONS: &str = "{\n\t\"direct_eip_version\": \"EIP-2335\"\n}";

/// What the wallet's keystore hides; byte strings in base64.
#[derive(Serialize, Deserialize)]
struct Accounts {
    private_keys: Vec<String>,
    public_keys: Vec<String>,
}

/// The wallet's keystore.
pub(super) fn seal(secrets: &[SecretKey], password: &str, kdf: Kdf, salts: Salts) -> Keystore {
    let accounts = Accounts {
        private_keys: secrets.iter().map(|secret| BASE64.encode(secret.to_bytes())).collect(),
        public_keys: secrets.iter().map(|secret| BASE64.encode(secret.public_key().0)).collect(),
    };
    let json = serde_json::to_vec(&accounts).expect("two lists of strings always serialize");
    Keystore::seal(&json, password, kdf, salts).named("keystore")
}

/// The wallet's keys, if that is what the opened message holds.
///
/// # Errors
/// [`KeystoreError::Secret`] for one that is no key, `None` for a message that is no wallet.
pub(super) fn keys(message: &[u8]) -> Option<Result<Vec<SecretKey>, KeystoreError>> {
    let accounts: Accounts = serde_json::from_slice(message).ok()?;
    let key = |text: &String| {
        let bytes: [u8; 32] = BASE64.decode(text).ok()?.try_into().ok()?;
        SecretKey::from_bytes(&bytes).ok()
    };
    let keys: Option<Vec<SecretKey>> = accounts.private_keys.iter().map(key).collect();
    Some(keys.ok_or(KeystoreError::Secret))
}
