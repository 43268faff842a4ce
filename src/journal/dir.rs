//! The directory of a run: the journal, what is rendered from it, and a folder per node.

use super::{Error, Writer};
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Seconds since 1970, shown as `20261121-142600` (UTC): sorts as text, works as a file name everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnixTime(pub u64);

impl From<SystemTime> for UnixTime {
    fn from(time: SystemTime) -> UnixTime {
        UnixTime(time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs())
    }
}

impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (self.0 / 86_400, self.0 % 86_400);
        // days since 0000-03-01, in eras of 400 years, so that the leap day is the last of its year
        let day = days + 719_468;
        let (era, day) = (day / 146_097, day % 146_097);
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let year = year + era * 400 + u64::from(month >= 10);
        let month = if month < 10 { month + 3 } else { month - 9 };
        write!(f, "{year:04}{month:02}{day:02}-{:02}{:02}{:02}", second / 3600, second / 60 % 60, second % 60)
    }
}

/// A run's directory, which exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDir {
    path: PathBuf,
}

impl RunDir {
    /// Makes `<root>/<time>-<name>`; two runs of one second get different ones.
    ///
    /// # Errors
    /// [`Error::Create`].
    pub fn create(root: &Path, time: UnixTime, name: &str) -> Result<RunDir, Error> {
        make_all(root)?;
        let name = file_name(name);
        let mut path = root.join(format!("{time}-{name}"));
        for again in 2u32.. {
            match std::fs::create_dir(&path) {
                Ok(()) => break,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    path = root.join(format!("{time}-{name}-{again}"));
                }
                Err(source) => return Err(Error::Create { path, source }),
            }
        }
        absolute(path)
    }

    /// Takes the directory that the user named, making it if need be. The journal in it is made anew and belongs to
    /// one run, see [`RunDir::journal_writer`].
    ///
    /// # Errors
    /// [`Error::Taken`] if a run is in it already, [`Error::Create`].
    pub fn at(path: &Path) -> Result<RunDir, Error> {
        make_all(path)?;
        let dir = absolute(path.to_owned())?;
        if dir.journal().exists() { Err(Error::Taken { path: path.to_owned() }) } else { Ok(dir) }
    }

    /// The directory of a run that was.
    pub fn existing(path: impl Into<PathBuf>) -> RunDir {
        RunDir { path: path.into() }
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `journal.jsonl`.
    pub fn journal(&self) -> PathBuf {
        self.path.join("journal.jsonl")
    }

    /// `report.json`.
    pub fn report_json(&self) -> PathBuf {
        self.path.join("report.json")
    }

    /// `report.html`.
    pub fn report_html(&self) -> PathBuf {
        self.path.join("report.html")
    }

    /// `junit.xml`.
    pub fn junit(&self) -> PathBuf {
        self.path.join("junit.xml")
    }

    /// The folder of a node, made if need be: its logs, command line, network directory.
    ///
    /// # Errors
    /// [`Error::Create`].
    pub fn node(&self, node: &str) -> Result<PathBuf, Error> {
        let path = self.path.join(file_name(node));
        make_all(&path)?;
        Ok(path)
    }

    /// Starts the journal.
    ///
    /// # Errors
    /// [`Error::Taken`] if another run was faster, [`Error::Create`].
    pub fn journal_writer(&self) -> Result<Writer, Error> {
        Writer::create(&self.journal())
    }
}

fn make_all(path: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(path).map_err(|source| Error::Create { path: path.to_owned(), source })
}

fn absolute(path: PathBuf) -> Result<RunDir, Error> {
    match std::path::absolute(&path) {
        Ok(path) => Ok(RunDir { path }),
        Err(source) => Err(Error::Create { path, source }),
    }
}

/// A name as part of a path: nothing in it can leave the directory or need quoting.
fn file_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '-' };
    let name: String = name.chars().map(plain).take(64).collect();
    if name.is_empty() { "run".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_calendar_times() {
        for (unix, shown) in [
            (0, "19700101-000000"),
            (951_782_399, "20000228-235959"),
            (951_782_400, "20000229-000000"),
            (1_606_824_023, "20201201-120023"),
            (4_107_542_400, "21000301-000000"),
        ] {
            assert_eq!(UnixTime(unix).to_string(), shown);
        }
    }

    #[test]
    fn two_runs_of_one_second_do_not_share() {
        let root = tempfile::tempdir().unwrap();
        let make = || RunDir::create(&root.path().join("runs"), UnixTime(0), "L4").unwrap();
        let (a, b, c) = (make(), make(), make());
        assert!(a.path().ends_with("19700101-000000-L4"));
        assert!(b.path().ends_with("19700101-000000-L4-2"));
        assert!(c.path().ends_with("19700101-000000-L4-3"));
    }

    #[test]
    fn a_directory_with_a_run_is_not_taken_again() {
        let root = tempfile::tempdir().unwrap();
        let dir = RunDir::at(&root.path().join("deep/er")).unwrap();
        dir.journal_writer().unwrap();
        assert!(matches!(RunDir::at(dir.path()), Err(Error::Taken { .. })));
    }

    #[test]
    fn no_name_leaves_the_directory() {
        let root = tempfile::tempdir().unwrap();
        let dir = RunDir::at(root.path()).unwrap();
        assert_eq!(dir.node("../../etc").unwrap().parent(), Some(dir.path()));
        assert!(RunDir::create(root.path(), UnixTime(0), "a/../b").unwrap().path().ends_with("19700101-000000-a----b"));
    }
}
