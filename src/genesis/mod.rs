//! The start of a network: interop keys, genesis states, and the directory that every client loads.
//!
//! Nothing here is secret: interop keys are known to everybody, and networks made of them are for testing only.
//!
//! What this module NEVER does: start anything, or run the state transition beyond genesis.

mod directory;
mod keys;
mod state;

pub use directory::{DirectoryError, NetworkDirectory, Peers, write_secret};
pub use keys::{InteropKey, interop_key, interop_keys, interop_secret};
pub use state::{ETH1_BLOCK_HASH, ETH1_TIMESTAMP, GenesisError, MAX_VALIDATORS, deposit_data, genesis_state};

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How a genesis state of a fork after phase0 is built; phase0 knows no difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Convention {
    /// A phase0 genesis, taken through the chain of upgrade functions.
    Upgraded,
    /// Built directly in its fork: `previous_version` equals `current_version`, and the header's body root is that of
    /// the fork's empty body. What most clients expect.
    #[default]
    Genesis,
    /// As `Genesis`, with an execution payload header as if the merge had happened (bellatrix and later).
    Merged,
}

impl Convention {
    /// Every convention.
    pub const ALL: [Convention; 3] = [Convention::Upgraded, Convention::Genesis, Convention::Merged];

    /// The lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Convention::Upgraded => "upgraded",
            Convention::Genesis => "genesis",
            Convention::Merged => "merged",
        }
    }
}

impl fmt::Display for Convention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Convention {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|convention| convention.name() == name);
        found.ok_or_else(|| format!("`{name}` is no convention; known are upgraded, genesis, merged"))
    }
}
