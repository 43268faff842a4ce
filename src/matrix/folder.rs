//! The folder of a matrix: what is kept there, what may be taken up again, what may be removed.
//!
//! `matrix-plan.json` says which matrix it is of; another one is refused. A run's folder holds `pair.json` once the run is
//! over. Nothing is ever removed but what a run that did not come to its end left, or one that could not be judged.

use super::{Error, Head, Identity, RunRecord, record_page};
use crate::journal::{RunDir, Verdict};
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The head of the matrix that the folder is of.
pub(super) const PLAN: &str = "matrix-plan.json";
const LOCK: &str = ".matrix-lock";
const RECORD: &str = "pair.json";
const PAGE: &str = "pair.md";

/// Whether the folder had runs of this matrix before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It was empty, or not there.
    Fresh,
    /// It is of this matrix.
    Resumed,
}

/// The folder of a matrix, ours until this is dropped.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Held, not read.
    _lock: File,
}

fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { doing, path, source }
}

impl Folder {
    /// Takes the folder for this matrix, making it if need be.
    ///
    /// # Errors
    /// It is of another matrix, holds something else, or another program works in it; or it can't be made.
    pub fn open(path: &Path, head: &Head) -> Result<(Folder, Existing), Error> {
        let refused = |why: String| Error::Refused { path: path.to_owned(), why };
        let plan = path.join(PLAN);
        let holds_any = fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some());
        if holds_any && !plan.exists() {
            let why = "it holds files and is no matrix; name another directory with --out".to_owned();
            return Err(refused(why));
        }
        fs::create_dir_all(path).map_err(io("creating", path))?;
        let path = std::path::absolute(path).map_err(io("finding", path))?;
        let lock_path = path.join(LOCK);
        // made after the plan, so that a folder with nothing but a lock is never left behind
        let existing = match fs::read(&plan) {
            Ok(bytes) => {
                let known: Head = serde_json::from_slice(&bytes).map_err(|why| {
                    refused(format!("its {PLAN} can't be read: {why}; name another directory with --out"))
                })?;
                if let Some(why) = known.differs(head) {
                    return Err(refused(format!("it is of another matrix: {why}; name another directory with --out")));
                }
                Existing::Resumed
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                write(&path.join(PLAN), &pretty(PLAN, head)?)?;
                Existing::Fresh
            }
            Err(error) => return Err(io("reading", &plan)(error)),
        };
        let lock = File::create(&lock_path).map_err(io("creating", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => Ok((Folder { path, _lock: lock }, existing)),
            Err(fs::TryLockError::WouldBlock) => {
                Err(refused("another `lockin matrix` works in it; wait for its end, or name another directory".into()))
            }
            Err(fs::TryLockError::Error(error)) => Err(io("locking", &lock_path)(error)),
        }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The record of a run that is over and need not be made again: one of the same identity with a verdict. One that
    /// could not be judged is made again, and so is one that was unsupported before it began: what it lacked may be there now.
    ///
    /// # Errors
    /// It was made with another scenario, other clients or other arguments; or it can't be read.
    pub fn kept(&self, run: &str, identity: &Identity) -> Result<Option<RunRecord>, Error> {
        let path = self.path.join(run).join(RECORD);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io("reading", &path)(error)),
        };
        // torn by a power cut, or of another version: the run is made again
        let Ok(record) = serde_json::from_slice::<RunRecord>(&bytes) else { return Ok(None) };
        let began = RunDir::existing(self.path.join(run)).journal().exists();
        if record.verdict == Verdict::Unknown || (record.verdict == Verdict::Unsupported && !began) {
            return Ok(None);
        }
        match record.identity.differs(identity) {
            None => Ok(Some(record)),
            Some(why) => {
                let why = format!("it was made with {why}; name another directory with --out, or remove it");
                Err(Error::Refused { path: self.path.join(run), why })
            }
        }
    }

    /// Makes a run's folder, empty.
    ///
    /// # Errors
    /// What is there can't be removed, or the folder can't be made.
    pub fn clear(&self, run: &str) -> Result<PathBuf, Error> {
        let path = self.path.join(run);
        if path.exists() {
            fs::remove_dir_all(&path).map_err(io("removing", &path))?;
        }
        fs::create_dir_all(&path).map_err(io("creating", &path))?;
        Ok(path)
    }

    /// Puts a run aside that is made again: what it left is evidence. Its folder gets the ending `.starved`.
    ///
    /// # Errors
    /// It can't be renamed.
    pub fn set_aside(&self, run: &str) -> Result<(), Error> {
        let (path, aside) = (self.path.join(run), self.path.join(format!("{run}.starved")));
        if aside.exists() {
            fs::remove_dir_all(&aside).map_err(io("removing", &aside))?;
        }
        fs::rename(&path, &aside).map_err(io("renaming", &path))
    }

    /// Keeps the record of a run that is over, for programs and for people.
    ///
    /// # Errors
    /// It can't be written.
    pub fn keep(&self, run: &str, title: &str, record: &RunRecord) -> Result<(), Error> {
        let folder = self.path.join(run);
        fs::create_dir_all(&folder).map_err(io("creating", &folder))?;
        write(&folder.join(PAGE), &record_page(title, record))?;
        write(&folder.join(RECORD), &pretty(RECORD, record)?)
    }
}

fn pretty(what: &'static str, value: &impl serde::Serialize) -> Result<String, Error> {
    let text = serde_json::to_string_pretty(value).map_err(|why| Error::Render { what, why: why.to_string() })?;
    Ok(text + "\n")
}

/// Whole or not at all: whoever is killed in between leaves what was there before.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Error> {
    let draft = path.with_extension("new");
    let mut file = File::create(&draft).map_err(io("creating", &draft))?;
    file.write_all(text.as_bytes()).map_err(io("writing", &draft))?;
    fs::rename(&draft, path).map_err(io("renaming", &draft))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(clients: &str) -> Head {
        Head {
            scenario: "pairwise".into(),
            about: String::new(),
            runtime: "simulation".into(),
            roles: vec!["A".into(), "B".into()],
            clients: clients.split(',').map(str::to_owned).collect(),
            swap: false,
            with_self: true,
            repeat: 1,
            sweep: None,
        }
    }

    fn record(verdict: Verdict, plan: &str) -> RunRecord {
        RunRecord::without_run(Identity::of(plan, "", ""), Vec::new(), verdict, "so".into())
    }

    #[test]
    fn a_folder_is_of_one_matrix() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("deep/m");
        let (folder, existing) = Folder::open(&path, &head("a,b")).unwrap();
        assert_eq!(existing, Existing::Fresh);
        let said = Folder::open(&path, &head("a,b")).unwrap_err().to_string();
        assert!(said.contains("another `lockin matrix` works in it"), "{said}");
        drop(folder);
        assert_eq!(Folder::open(&path, &head("a,b")).unwrap().1, Existing::Resumed);
        let said = Folder::open(&path, &head("a,c")).unwrap_err().to_string();
        assert!(said.contains("--clients `a,b` there, `a,c` here"), "{said}");
        fs::write(path.join(PLAN), "{").unwrap();
        assert!(matches!(Folder::open(&path, &head("a,b")), Err(Error::Refused { .. })));
        fs::write(root.path().join("letter.txt"), "dear").unwrap();
        let said = Folder::open(root.path(), &head("a,b")).unwrap_err().to_string();
        assert!(said.contains("is no matrix"), "{said}");
        assert!(!root.path().join(LOCK).exists(), "nothing is written where it does not belong");
    }

    #[test]
    fn what_has_a_verdict_is_kept_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let (folder, _) = Folder::open(root.path(), &head("a,b")).unwrap();
        let identity = Identity::of("plan", "", "");
        assert_eq!(folder.kept("a_b", &identity).unwrap(), None);
        folder.keep("a_b", "a / b", &record(Verdict::Unknown, "plan")).unwrap();
        assert_eq!(folder.kept("a_b", &identity).unwrap(), None);
        // an image was missing, say
        folder.keep("a_b", "a / b", &record(Verdict::Unsupported, "plan")).unwrap();
        assert_eq!(folder.kept("a_b", &identity).unwrap(), None);
        fs::write(root.path().join("a_b/journal.jsonl"), "").unwrap();
        assert_eq!(folder.kept("a_b", &identity).unwrap().unwrap().verdict, Verdict::Unsupported);
        folder.keep("a_b", "a / b", &record(Verdict::Fail, "plan")).unwrap();
        assert_eq!(folder.kept("a_b", &identity).unwrap().unwrap().verdict, Verdict::Fail);
        let said = folder.kept("a_b", &Identity::of("other", "", "")).unwrap_err().to_string();
        assert!(said.contains("a_b") && said.contains("made with other scenario"), "{said}");
        assert!(fs::read_to_string(root.path().join("a_b/pair.md")).unwrap().starts_with("# a / b"));
        fs::write(root.path().join("a_b/pair.json"), "{\"verd").unwrap();
        assert_eq!(folder.kept("a_b", &identity).unwrap(), None);
        folder.set_aside("a_b").unwrap();
        assert!(root.path().join("a_b.starved/pair.json").exists());
        assert_eq!(fs::read_dir(folder.clear("a_b").unwrap()).unwrap().count(), 0);
    }
}
