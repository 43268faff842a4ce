//! Where each client looks for its keys, by relative paths. Nothing here touches a disk.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::types::BlsPubkey;

/// A client's way of naming keystores and the files with their passwords.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// `keys/0xPUB/voting-keystore.json`, `secrets/0xPUB`
    Lighthouse,
    /// As [`Layout::Lighthouse`].
    Lodestar,
    /// `keys/0xPUB/keystore.json`, `secrets/0xPUB`
    Nimbus,
    /// `keys/0xPUB.json`, `secrets/0xPUB.txt`
    Teku,
    /// As [`Layout::Teku`].
    Grandine,
    /// All keys in one file of the wallet `keys`: `keys/direct/accounts/all-accounts.keystore.json`,
    /// `secrets/password.txt`
    Prysm,
}

impl Layout {
    /// Every layout.
    pub const ALL: [Layout; 6] =
        [Layout::Lighthouse, Layout::Lodestar, Layout::Nimbus, Layout::Teku, Layout::Grandine, Layout::Prysm];

    /// The lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Layout::Lighthouse => "lighthouse",
            Layout::Lodestar => "lodestar",
            Layout::Nimbus => "nimbus",
            Layout::Teku => "teku",
            Layout::Grandine => "grandine",
            Layout::Prysm => "prysm",
        }
    }

    /// The files of one key below the folder: its keystore and its password. `None` if all keys are in one file.
    pub(super) fn files(self, pubkey: &BlsPubkey) -> Option<(PathBuf, PathBuf)> {
        let name = pubkey.to_string();
        let (keys, secrets) = (Path::new("keys"), Path::new("secrets"));
        match self {
            Layout::Lighthouse | Layout::Lodestar => {
                Some((keys.join(&name).join("voting-keystore.json"), secrets.join(&name)))
            }
            Layout::Nimbus => Some((keys.join(&name).join("keystore.json"), secrets.join(&name))),
            Layout::Teku | Layout::Grandine => {
                Some((keys.join(format!("{name}.json")), secrets.join(format!("{name}.txt"))))
            }
            Layout::Prysm => None,
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Layout {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|layout| layout.name() == name);
        let names = Self::ALL.map(Self::name).join(", ");
        found.ok_or_else(|| format!("`{name}` is no layout of keystores; known are {names}"))
    }
}
