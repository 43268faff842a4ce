//! The start of a network: interop keys, genesis states, and the directory that every client loads.
//!
//! Nothing here is secret: interop keys are known to everybody, and networks made of them are for testing only.
//!
//! What this module NEVER does: start anything, or run the state transition beyond genesis.

mod directory;
mod keys;
mod state;

pub use directory::{DirectoryError, NetworkDirectory, Peers};
pub use keys::{InteropKey, interop_key, interop_keys, interop_secret, write_keystores};
pub use state::{
    ETH1_BLOCK_HASH, ETH1_TIMESTAMP, GenesisError, MAX_VALIDATORS, QuickStart, deposit_data, genesis_state,
};

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ssz::Fork as ForkName;

/// How a genesis state of a fork after phase0 is built; phase0 knows no difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Convention {
    /// A phase0 genesis, taken through the chain of upgrade functions.
    Upgraded,
    /// As if built directly in its fork: `previous_version` equals `current_version`, and the header's body root is
    /// that of the fork's empty body. What most clients expect.
    #[default]
    Genesis,
    /// As `Genesis`, with a made-up execution payload header, as if the merge had happened (bellatrix and later). For
    /// comparison with other clients' mocked states: no execution engine has a block of that hash.
    Merged,
    /// As `Genesis`, on the genesis block of an execution chain (bellatrix and later): what a network needs that starts
    /// after the merge.
    Live,
}

impl Convention {
    /// Every convention.
    pub const ALL: [Convention; 4] = [Convention::Upgraded, Convention::Genesis, Convention::Merged, Convention::Live];

    /// The lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Convention::Upgraded => "upgraded",
            Convention::Genesis => "genesis",
            Convention::Merged => "merged",
            Convention::Live => "live",
        }
    }

    /// What a network that starts in `fork` and is meant to run needs.
    pub fn to_run(fork: ForkName) -> Self {
        if fork >= ForkName::Bellatrix { Convention::Live } else { Convention::Genesis }
    }

    /// Refuses a payload header in a state that has no place for one.
    fn check(self, fork: ForkName) -> Result<(), GenesisError> {
        match self {
            Convention::Merged | Convention::Live if fork < ForkName::Bellatrix => {
                Err(GenesisError::NoPayloads { fork, convention: self })
            }
            _ => Ok(()),
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
        found.ok_or_else(|| format!("`{name}` is no convention; known are upgraded, genesis, merged, live"))
    }
}
