//! EIP-2335: one secret, encrypted under a password, as JSON. Nothing here does I/O or draws random numbers.

use aes::Aes128;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use unicode_normalization::UnicodeNormalization;

use crate::crypto::SecretKey;
use crate::ssz::sha256;
use crate::types::BlsPubkey;

/// The only version of the format.
const VERSION: u32 = 4;
/// Bytes of the key that the password becomes: half of it encrypts, the other half checks.
const DERIVED: usize = 32;
/// Most memory that a stranger's keystore may ask of scrypt, in bytes: twice what the EIP's own example needs.
const MOST_MEMORY: u64 = 512 << 20;
/// Most rounds that a stranger's keystore may ask for.
const MOST_ROUNDS: u32 = 1 << 24;

/// What is wrong with a keystore, or with the password for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeystoreError {
    /// Not JSON of that form.
    #[error("it is no keystore of EIP-2335: {0}")]
    Format(String),
    /// A cipher, a checksum or a derivation that the EIP does not have, or beyond what is reasonable.
    #[error("{0}")]
    Unsupported(String),
    /// The checksum says so.
    #[error("the password does not open it")]
    Password,
    /// What came out is no secret key.
    #[error("its content is no BLS secret key")]
    Secret,
    /// What came out is another key than the file says.
    #[error("it holds the secret of {found}, but says that it is of {said}")]
    OtherKey { found: String, said: String },
}

/// How a password becomes a key. Both ends of the choice are weak here: see the module's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kdf {
    /// PBKDF2 with HMAC-SHA-256 and so many rounds.
    Pbkdf2 { rounds: u32 },
    /// scrypt with `n = 2^log_n`.
    Scrypt { log_n: u8, r: u32, p: u32 },
}

impl Kdf {
    /// What every client reads, and reads quickly: Nimbus takes scrypt with the EIP's own costly parameters only.
    pub const QUICK: Kdf = Kdf::Pbkdf2 { rounds: 1024 };
    /// scrypt for those who want it, as weak.
    pub const QUICK_SCRYPT: Kdf = Kdf::Scrypt { log_n: 10, r: 8, p: 1 };
}

/// The random numbers of one keystore.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Salts {
    /// Of the derivation.
    pub salt: [u8; 32],
    /// Of the cipher.
    pub iv: [u8; 16],
    /// Becomes the keystore's UUID.
    pub id: [u8; 16],
}

/// A keystore as its JSON has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Keystore {
    crypto: Crypto,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// Hex without 0x.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pubkey: Option<String>,
    /// Derivation path, empty if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    uuid: String,
    version: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Crypto {
    kdf: Module,
    checksum: Module,
    cipher: Module,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Module {
    function: String,
    params: Params,
    #[serde(with = "hex::serde")]
    message: Vec<u8>,
}

/// The parameters of every function; each has its own few.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Params {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dklen: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    c: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prf: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    n: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    p: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    r: Option<u32>,
    /// Hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    salt: Option<String>,
    /// Hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    iv: Option<String>,
}

impl Keystore {
    /// Encrypts one secret key.
    pub fn of_key(secret: &SecretKey, password: &str, kdf: Kdf, salts: Salts) -> Keystore {
        let pubkey = hex::encode(secret.public_key().0);
        let sealed = Self::seal(&secret.to_bytes(), password, kdf, salts);
        Keystore { pubkey: Some(pubkey), path: Some(String::new()), description: Some(String::new()), ..sealed }
    }

    /// Encrypts a message of any length.
    pub fn seal(message: &[u8], password: &str, kdf: Kdf, salts: Salts) -> Keystore {
        let derivation = kdf.module(&salts.salt);
        let key = derivation.derive(password).expect("our own parameters are within every limit");
        let mut cipher = message.to_vec();
        crypt(&key, &salts.iv, &mut cipher);
        let iv = Params { iv: Some(hex::encode(salts.iv)), ..Params::default() };
        Keystore {
            crypto: Crypto {
                kdf: derivation,
                checksum: Module { function: "sha256".into(), message: checksum(&key, &cipher), ..Module::default() },
                cipher: Module { function: "aes-128-ctr".into(), params: iv, message: cipher },
            },
            name: None,
            description: None,
            pubkey: None,
            path: None,
            uuid: uuid(salts.id),
            version: VERSION,
        }
    }

    /// The same with a name, which some clients' wallets have.
    pub fn named(self, name: &str) -> Keystore {
        Keystore { name: Some(name.into()), ..self }
    }

    /// Reads a keystore's JSON.
    ///
    /// # Errors
    /// [`KeystoreError::Format`], or [`KeystoreError::Unsupported`] for another version.
    pub fn from_json(json: &str) -> Result<Keystore, KeystoreError> {
        let read: Keystore = serde_json::from_str(json).map_err(|error| KeystoreError::Format(error.to_string()))?;
        match read.version {
            VERSION => Ok(read),
            other => Err(KeystoreError::Unsupported(format!("version {other} is not known, only {VERSION} is"))),
        }
    }

    /// The keystore's JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("plain structs always serialize")
    }

    /// The public key that the file says it is of, if it says so.
    pub fn pubkey(&self) -> Option<BlsPubkey> {
        let text = self.pubkey.as_deref()?;
        format!("0x{}", text.strip_prefix("0x").unwrap_or(text)).parse().ok()
    }

    /// The secret key that an opened message is.
    ///
    /// # Errors
    /// A message that is no secret key, or that of another public key than the file names.
    pub fn key_in(&self, message: &[u8]) -> Result<SecretKey, KeystoreError> {
        let bytes: [u8; 32] = message.try_into().map_err(|_| KeystoreError::Secret)?;
        let secret = SecretKey::from_bytes(&bytes).map_err(|_| KeystoreError::Secret)?;
        let found = secret.public_key();
        match self.pubkey() {
            Some(said) if said != found => {
                Err(KeystoreError::OtherKey { found: found.to_string(), said: said.to_string() })
            }
            _ => Ok(secret),
        }
    }

    /// Decrypts whatever was sealed.
    ///
    /// # Errors
    /// A password or parameters that don't fit.
    pub fn open(&self, password: &str) -> Result<Vec<u8>, KeystoreError> {
        let Crypto { kdf, checksum: expected, cipher } = &self.crypto;
        expected.must_be("checksum", "sha256")?;
        cipher.must_be("cipher", "aes-128-ctr")?;
        let key = kdf.derive(password)?;
        if checksum(&key, &cipher.message) != expected.message {
            return Err(KeystoreError::Password);
        }
        let iv: [u8; 16] = fixed("iv", cipher.params.iv.as_deref())?
            .try_into()
            .map_err(|_| KeystoreError::Format("the cipher's iv has not 16 bytes".into()))?;
        let mut message = cipher.message.clone();
        crypt(&key, &iv, &mut message);
        Ok(message)
    }
}

impl Kdf {
    fn module(self, salt: &[u8; 32]) -> Module {
        let common = Params { dklen: Some(DERIVED as u32), salt: Some(hex::encode(salt)), ..Params::default() };
        let (function, params) = match self {
            Kdf::Pbkdf2 { rounds } => ("pbkdf2", Params { c: Some(rounds), prf: Some("hmac-sha256".into()), ..common }),
            Kdf::Scrypt { log_n, r, p } => ("scrypt", Params { n: Some(1 << log_n), r: Some(r), p: Some(p), ..common }),
        };
        Module { function: function.into(), params, message: Vec::new() }
    }
}

impl Module {
    fn must_be(&self, what: &str, known: &str) -> Result<(), KeystoreError> {
        match self.function == known {
            true => Ok(()),
            false => {
                Err(KeystoreError::Unsupported(format!("{what} `{}` is not known, only {known} is", self.function)))
            }
        }
    }

    /// The key that a password becomes.
    fn derive(&self, password: &str) -> Result<[u8; DERIVED], KeystoreError> {
        #[cfg(test)]
        DERIVATIONS.set(DERIVATIONS.get() + 1);
        let salt = fixed("salt", self.params.salt.as_deref())?;
        let number = |name: &str, value: Option<u32>| {
            value.ok_or_else(|| KeystoreError::Format(format!("the derivation lacks its parameter `{name}`")))
        };
        let excessive = |what: String| KeystoreError::Unsupported(format!("{what} is out of reasonable range"));
        if number("dklen", self.params.dklen)? != DERIVED as u32 {
            return Err(KeystoreError::Unsupported(format!("dklen is not {DERIVED}")));
        }
        let password = normalized(password);
        let mut key = [0; DERIVED];
        match self.function.as_str() {
            "pbkdf2" => {
                let rounds = number("c", self.params.c)?;
                if self.params.prf.as_deref() != Some("hmac-sha256") {
                    return Err(KeystoreError::Unsupported("its prf is not hmac-sha256".into()));
                }
                if rounds == 0 || rounds > MOST_ROUNDS {
                    return Err(excessive(format!("c = {rounds}")));
                }
                pbkdf2::pbkdf2_hmac::<Sha256>(&password, &salt, rounds, &mut key);
            }
            "scrypt" => {
                let (n, r, p) = (number("n", self.params.n)?, number("r", self.params.r)?, number("p", self.params.p)?);
                // n blocks to walk through, and one for each lane
                let blocks = u64::from(n).saturating_add(u64::from(p));
                let memory = blocks.saturating_mul(u64::from(r)).saturating_mul(128);
                if !n.is_power_of_two() || memory > MOST_MEMORY || p > 16 {
                    return Err(excessive(format!("n = {n}, r = {r}, p = {p}")));
                }
                let params = scrypt::Params::new(n.ilog2() as u8, r, p);
                let params = params.map_err(|_| excessive(format!("n = {n}, r = {r}, p = {p}")))?;
                scrypt::scrypt(&password, &salt, &params, &mut key)
                    .map_err(|error| KeystoreError::Unsupported(error.to_string()))?;
            }
            other => {
                return Err(KeystoreError::Unsupported(format!(
                    "key derivation `{other}` is not known, only pbkdf2 and scrypt are"
                )));
            }
        }
        Ok(key)
    }
}

/// The EIP's form of a password: NFKD, without control characters, as UTF-8.
fn normalized(password: &str) -> Vec<u8> {
    password.nfkd().filter(|c| !c.is_control()).collect::<String>().into_bytes()
}

fn checksum(key: &[u8; DERIVED], cipher: &[u8]) -> Vec<u8> {
    sha256(&[&key[16..], cipher].concat()).0.to_vec()
}

/// AES-128 in counter mode: the same both ways.
fn crypt(key: &[u8; DERIVED], iv: &[u8; 16], message: &mut [u8]) {
    let (first, _) = key.split_at(16);
    let first: [u8; 16] = first.try_into().expect("half of 32 bytes");
    Ctr128BE::<Aes128>::new(&first.into(), &(*iv).into()).apply_keystream(message);
}

fn fixed(name: &str, text: Option<&str>) -> Result<Vec<u8>, KeystoreError> {
    let text = text.ok_or_else(|| KeystoreError::Format(format!("it lacks its parameter `{name}`")))?;
    hex::decode(text).map_err(|error| KeystoreError::Format(format!("its parameter `{name}` is no hex: {error}")))
}

/// A version 4 UUID out of random bytes (RFC 9562).
fn uuid(mut id: [u8; 16]) -> String {
    id[6] = id[6] & 0x0f | 0x40;
    id[8] = id[8] & 0x3f | 0x80;
    let hex = hex::encode(id);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
thread_local! {
    /// How often this thread derived a key: the costly part of opening a keystore.
    pub(super) static DERIVATIONS: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
mod tests;
