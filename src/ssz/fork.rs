//! The names of the forks, in order.

use std::{fmt, str::FromStr};

/// A fork of the consensus protocol. Later forks compare greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fork {
    /// The beacon chain's genesis rules.
    Phase0,
    /// Sync committees and participation flags.
    Altair,
    /// The merge.
    Bellatrix,
    /// Withdrawals.
    Capella,
    /// Blobs.
    Deneb,
    /// Execution requests, larger validators.
    Electra,
    /// Data columns.
    Fulu,
}

impl Fork {
    /// Every fork, oldest first.
    pub const ALL: [Self; 7] =
        [Self::Phase0, Self::Altair, Self::Bellatrix, Self::Capella, Self::Deneb, Self::Electra, Self::Fulu];

    /// The newest fork whose rules this program has built in.
    pub const NEWEST_BUILT: Self = Self::Fulu;

    /// The lower-case name, as in the Beacon API and in vectors.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Phase0 => "phase0",
            Self::Altair => "altair",
            Self::Bellatrix => "bellatrix",
            Self::Capella => "capella",
            Self::Deneb => "deneb",
            Self::Electra => "electra",
            Self::Fulu => "fulu",
        }
    }

    /// The fork before this one; `None` for phase0.
    pub fn previous(self) -> Option<Self> {
        Self::ALL.iter().copied().rev().find(|fork| *fork < self)
    }

    /// The fork after this one; `None` for the newest named here.
    pub fn next(self) -> Option<Self> {
        Self::ALL.iter().copied().find(|fork| *fork > self)
    }

    /// Whether this program implements the fork's rules.
    pub fn is_built(self) -> bool {
        self <= Self::NEWEST_BUILT
    }
}

impl fmt::Display for Fork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no fork's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a fork; known forks: phase0, altair, bellatrix, capella, deneb, electra, fulu")]
pub struct UnknownFork(pub String);

impl FromStr for Fork {
    type Err = UnknownFork;

    fn from_str(name: &str) -> Result<Self, UnknownFork> {
        Self::ALL.into_iter().find(|fork| fork.name() == name).ok_or_else(|| UnknownFork(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_and_names_agree() {
        assert_eq!(Fork::Phase0.previous(), None);
        assert_eq!(Fork::Phase0.next(), Some(Fork::Altair));
        assert_eq!(Fork::Fulu.next(), None);
        for fork in Fork::ALL {
            assert_eq!(fork.name().parse(), Ok(fork));
            assert_eq!(fork.next().and_then(Fork::previous), fork.next().map(|_| fork));
        }
        assert!("heze".parse::<Fork>().is_err());
    }
}
