//! Keystores: secret keys in password-protected files (EIP-2335), in the folders that each client looks for them.
//!
//! The files written here are protected weakly on purpose: a test network's keys are worth nothing, and a strong
//! protection costs every client a good part of a second per key at its start. Never use them for keys of value.
//!
//! What this module NEVER does: make keys, or keep decrypted ones.

mod eip2335;
mod folder;
mod layout;
mod wallet;

pub use eip2335::{Kdf, Keystore, KeystoreError, Salts};
pub use folder::{FolderError, PASSWORD, read, write, write_secret};
pub use layout::Layout;
