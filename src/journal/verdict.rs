//! The five verdicts and how several become one.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What is said of a check, and of a run.
///
/// Written from the weakest to the strongest: [`Verdict::merge`] takes the stronger of two, so the order of the
/// variants *is* the lattice:
///
/// | verdict | says | beats |
/// |---|---|---|
/// | `pass` | the condition was seen to hold | |
/// | `known-failure` | it failed as a listed bug says it does | `pass` |
/// | `unsupported` | client, runtime or this program lacks what was asked for | `known-failure`, `pass` |
/// | `unknown` | harness, environment or lack of data: nothing can be said | all but `fail` |
/// | `fail` | a network or a node did wrong | all |
///
/// `fail` beats `unknown`, because a wrong that was seen stays seen whatever else could not be looked at. Trouble of
/// the environment is `unknown` and is never turned into `fail` by merging.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The condition held.
    Pass,
    /// It failed in a way that is listed as known.
    KnownFailure,
    /// It could not be asked here.
    Unsupported,
    /// It could not be judged.
    Unknown,
    /// It did not hold.
    Fail,
}

impl Verdict {
    /// All verdicts, weakest first.
    pub const ALL: [Verdict; 5] =
        [Verdict::Pass, Verdict::KnownFailure, Verdict::Unsupported, Verdict::Unknown, Verdict::Fail];

    /// The name as journals, reports and the terminal write it.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::KnownFailure => "known-failure",
            Verdict::Unsupported => "unsupported",
            Verdict::Unknown => "unknown",
            Verdict::Fail => "fail",
        }
    }

    /// The stronger of two.
    pub fn merge(self, other: Verdict) -> Verdict {
        self.max(other)
    }

    /// One verdict of many. Of none it is `unknown`: a run that judged nothing has not passed.
    pub fn of_all(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
        verdicts.into_iter().reduce(Verdict::merge).unwrap_or(Verdict::Unknown)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_serialized_names() {
        for verdict in Verdict::ALL {
            assert_eq!(serde_json::to_value(verdict).unwrap(), verdict.name());
        }
    }

    #[test]
    fn the_stronger_wins_in_either_order() {
        for (a, b, both) in [
            (Verdict::Pass, Verdict::KnownFailure, Verdict::KnownFailure),
            (Verdict::KnownFailure, Verdict::Unsupported, Verdict::Unsupported),
            (Verdict::Unsupported, Verdict::Unknown, Verdict::Unknown),
            (Verdict::Unknown, Verdict::Fail, Verdict::Fail),
            (Verdict::Pass, Verdict::Fail, Verdict::Fail),
        ] {
            assert_eq!(a.merge(b), both);
            assert_eq!(b.merge(a), both);
        }
        assert_eq!(Verdict::of_all([]), Verdict::Unknown);
        assert_eq!(Verdict::of_all([Verdict::Pass]), Verdict::Pass);
    }
}
