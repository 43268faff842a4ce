//! The matrix as a whole: what was asked for, every cell, one verdict. Serializes to `matrix.json`.

use super::known::{KnownFailures, Told, Use};
use super::{Cell, Choice, Day, Error, RunRecord, Shard, Sweep, casts, cells};
use crate::journal::Verdict;
use crate::report::exit;
use serde::{Deserialize, Serialize};

/// The version of `matrix.json`.
pub const VERSION: u32 = 1;

/// What a matrix is: two with the same head can share a folder, and be merged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The scenario's name.
    pub scenario: String,
    /// What it is for.
    pub about: String,
    /// `process`, `simulation`, ...
    pub runtime: String,
    /// The scenario's roles, in the order in which casts name their players.
    pub roles: Vec<String>,
    /// Who plays, in the order of rows and columns.
    pub clients: Vec<String>,
    /// Whether the same clients in other roles are a cell of their own.
    pub swap: bool,
    /// Whether clients play with themselves.
    pub with_self: bool,
    /// Runs of each cell.
    pub repeat: u32,
    /// What is swept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<Sweep>,
}

impl Head {
    /// All cells of the grid, in its order.
    pub fn cells(&self) -> Vec<Cell> {
        let choice = Choice { size: self.roles.len(), swap: self.swap, with_self: self.with_self };
        cells(&casts(&self.clients, choice), self.sweep.as_ref())
    }

    /// What another head has otherwise, as a phrase; `None` if nothing.
    pub fn differs(&self, other: &Head) -> Option<String> {
        let text = |head: &Head| -> Vec<(&'static str, String)> {
            let sweep =
                head.sweep.as_ref().map_or("nothing".into(), |it| format!("{}={}", it.key, it.values.join(",")));
            vec![
                ("scenario", head.scenario.clone()),
                ("--runtime", head.runtime.clone()),
                ("roles", head.roles.join(", ")),
                ("--clients", head.clients.join(",")),
                ("--swap", head.swap.to_string()),
                ("--with-self", head.with_self.to_string()),
                ("--repeat", head.repeat.to_string()),
                ("--sweep", sweep),
            ]
        };
        let mut pairs = text(self).into_iter().zip(text(other));
        pairs.find(|(a, b)| a.1 != b.1).map(|(a, b)| format!("{} `{}` there, `{}` here", a.0, a.1, b.1))
    }
}

/// One run of a cell and its folder, which is in that of the matrix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// Paths in the record start here.
    pub folder: String,
    /// What came of it.
    #[serde(flatten)]
    pub record: RunRecord,
}

/// One cell of the grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CellReport {
    /// Which.
    #[serde(flatten)]
    pub cell: Cell,
    /// `lockin / prysm`.
    pub title: String,
    /// All its runs merged.
    pub verdict: Verdict,
    /// The reason, as a sentence.
    pub says: String,
    /// Runs that passed.
    pub passed: u32,
    /// Runs that were made.
    pub made: u32,
    /// The listed failure that it is, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<Use>,
    /// Its runs.
    pub runs: Vec<RunReport>,
}

impl CellReport {
    /// A cell of these runs, of which there should be `wanted`.
    pub fn of(cell: Cell, runs: Vec<RunReport>, wanted: u32) -> CellReport {
        let made = runs.len() as u32;
        let passed = runs.iter().filter(|run| run.record.verdict == Verdict::Pass).count() as u32;
        let mut verdict = Verdict::of_all(runs.iter().map(|run| run.record.verdict));
        let reason = runs.iter().find(|run| run.record.verdict == verdict).map(|run| run.record.says.clone());
        let mut says = reason.unwrap_or_else(|| "it was not run".to_owned());
        if wanted > 1 {
            says = format!("{passed} of {made} runs passed: {says}");
        }
        if made < wanted && verdict != Verdict::Fail {
            verdict = Verdict::Unknown;
            says = format!("{made} of {wanted} runs were made; {says}");
        }
        CellReport { title: cell.title(), cell, verdict, says, passed, made, known: None, runs }
    }
}

/// How many cells came out how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// `pass`.
    pub pass: usize,
    /// `fail`.
    pub fail: usize,
    /// `known-failure`.
    pub known_failure: usize,
    /// `unknown`.
    pub unknown: usize,
    /// `unsupported`.
    pub unsupported: usize,
}

impl Tally {
    fn of(verdicts: impl Iterator<Item = Verdict>) -> Tally {
        let mut tally = Tally::default();
        for verdict in verdicts {
            *match verdict {
                Verdict::Pass => &mut tally.pass,
                Verdict::Fail => &mut tally.fail,
                Verdict::KnownFailure => &mut tally.known_failure,
                Verdict::Unknown => &mut tally.unknown,
                Verdict::Unsupported => &mut tally.unsupported,
            } += 1;
        }
        tally
    }

    /// One verdict: a failure or an unknown is that of the whole; what is unsupported only if nothing else was done.
    pub fn verdict(self) -> Verdict {
        match self {
            _ if self.fail > 0 => Verdict::Fail,
            _ if self.unknown > 0 => Verdict::Unknown,
            _ if self.pass > 0 => Verdict::Pass,
            _ if self.known_failure > 0 => Verdict::KnownFailure,
            _ if self.unsupported > 0 => Verdict::Unsupported,
            _ => Verdict::Unknown,
        }
    }

    /// `3 pass, 1 fail`.
    pub fn in_words(self) -> String {
        let parts = [
            (self.fail, Verdict::Fail),
            (self.unknown, Verdict::Unknown),
            (self.known_failure, Verdict::KnownFailure),
            (self.unsupported, Verdict::Unsupported),
            (self.pass, Verdict::Pass),
        ];
        let said: Vec<String> =
            parts.iter().filter(|(count, _)| *count > 0).map(|(count, verdict)| format!("{count} {verdict}")).collect();
        if said.is_empty() { "no cell".to_owned() } else { said.join(", ") }
    }
}

/// The whole grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Matrix {
    /// [`VERSION`].
    pub version: u32,
    /// All cells as one.
    pub verdict: Verdict,
    /// How many came out how.
    pub says: String,
    /// What the program ends with.
    pub exit_code: u8,
    /// What was asked for.
    pub head: Head,
    /// Version of the program that made it.
    pub lockin: String,
    /// The part of the matrix that this is; none: all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// Ended before every cell was run.
    pub interrupted: bool,
    /// How many came out how.
    pub tally: Tally,
    /// In the order of casts, then of the sweep's values.
    pub cells: Vec<CellReport>,
    /// What is to be said of the listed failures.
    pub known_failures: Vec<Told>,
}

impl Matrix {
    /// The matrix of these cells. What is listed as known on that day is no failure.
    pub fn of(
        head: Head,
        shard: Option<Shard>,
        mut cells: Vec<CellReport>,
        interrupted: bool,
        known: &KnownFailures,
        today: Day,
    ) -> Matrix {
        let known_failures = known.apply(&mut cells, head.repeat, today);
        let tally = Tally::of(cells.iter().map(|cell| cell.verdict));
        // where there are more shards than cells, one without any has nothing to wait for
        let spare = cells.is_empty() && shard.is_some() && !head.cells().is_empty();
        let verdict = if spare { Verdict::Pass } else { tally.verdict() };
        let cut = if interrupted { "interrupted; " } else { "" };
        let says = if spare { "no cell of the matrix is this shard's".to_owned() } else { tally.in_words() };
        Matrix {
            version: VERSION,
            verdict,
            says: format!("{cut}{says}"),
            exit_code: if interrupted { exit::INTERRUPTED } else { exit::code(verdict) },
            head,
            lockin: env!("CARGO_PKG_VERSION").to_owned(),
            shard,
            interrupted,
            tally,
            cells,
            known_failures,
        }
    }
}

/// `matrix.json`.
///
/// # Errors
/// [`Error::Render`], which would be a bug.
pub fn json(matrix: &Matrix) -> Result<String, Error> {
    match serde_json::to_string_pretty(matrix) {
        Ok(text) => Ok(text + "\n"),
        Err(why) => Err(Error::Render { what: "matrix.json", why: why.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_without_cells_passes_and_a_matrix_without_any_is_unknown() {
        let head = |clients: &[&str]| Head {
            scenario: "pairwise".into(),
            about: String::new(),
            runtime: "simulation".into(),
            roles: vec!["A".into(), "B".into()],
            clients: clients.iter().map(|client| (*client).to_owned()).collect(),
            swap: false,
            with_self: false,
            repeat: 1,
            sweep: None,
        };
        let none = |clients: &[&str], shard: Option<&str>| {
            let shard = shard.map(|shard| shard.parse().unwrap());
            Matrix::of(head(clients), shard, Vec::new(), false, &KnownFailures::default(), Day::default())
        };
        let spare = none(&["a", "b"], Some("2/2"));
        assert_eq!((spare.exit_code, spare.says.as_str()), (0, "no cell of the matrix is this shard's"));
        for (clients, shard) in [(&["a", "b"][..], None), (&["a"], None), (&["a"], Some("1/2"))] {
            assert_eq!(none(clients, shard).exit_code, exit::UNKNOWN, "{clients:?} {shard:?}");
        }
    }

    #[test]
    fn exit_codes_are_those_of_the_documentation() {
        use Verdict::{Fail, KnownFailure, Pass, Unknown, Unsupported};
        for (verdicts, code) in [
            (vec![Pass, Fail, Unknown, Unsupported], 1),
            (vec![Pass, Unknown, Unsupported], 3),
            (vec![Unsupported, Unsupported], 4),
            (vec![Pass, Unsupported, KnownFailure], 0),
            (vec![KnownFailure, Unsupported], 0),
            (vec![], 3),
        ] {
            assert_eq!(exit::code(Tally::of(verdicts.iter().copied()).verdict()), code, "{verdicts:?}");
        }
    }
}
