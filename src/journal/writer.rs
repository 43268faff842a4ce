//! Appends events: one write and one flush each, so that a kill leaves at most one torn line.

use super::{Error, Event, Line, redact};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Called with every line, in order, after it is in the file.
type Observer = Box<dyn FnMut(&Line) + Send>;

/// The one way into a journal. Clones write to the same file; lines of several tasks never mix.
///
/// One event stream, many listeners: progress bar, history and file all hang on it. Observers are called with the
/// journal locked, so they must not write to it.
#[derive(Clone)]
pub struct Writer(Arc<Mutex<Inner>>);

struct Inner {
    path: PathBuf,
    to: Sink,
    /// The time of the last line: times never run backwards in a journal.
    last_ms: u64,
    observers: Vec<Observer>,
}

enum Sink {
    File {
        file: File,
        /// Length of the whole lines in it.
        len: u64,
        /// Set when a torn line could not be cut off: nothing may follow it.
        torn: bool,
    },
    Nowhere,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Writer").field(&self.lock().path).finish()
    }
}

impl Writer {
    /// A new journal.
    ///
    /// # Errors
    /// [`Error::Taken`] if there is one already, [`Error::Create`] if it can't be made.
    pub fn create(path: &Path) -> Result<Writer, Error> {
        let file = OpenOptions::new().append(true).create_new(true).open(path).map_err(|source| {
            if source.kind() == std::io::ErrorKind::AlreadyExists {
                Error::Taken { path: path.parent().unwrap_or(path).to_owned() }
            } else {
                Error::Create { path: path.to_owned(), source }
            }
        })?;
        Ok(Writer::new(path, Sink::File { file, len: 0, torn: false }))
    }

    /// A journal that only its observers see.
    pub fn nowhere() -> Writer {
        Writer::new(Path::new("(nowhere)"), Sink::Nowhere)
    }

    fn new(path: &Path, to: Sink) -> Writer {
        Writer(Arc::new(Mutex::new(Inner { path: path.to_owned(), to, last_ms: 0, observers: Vec::new() })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panicking observer leaves file and length as consistent as they were.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a listener for all later lines.
    pub fn observe(&self, observer: impl FnMut(&Line) + Send + 'static) {
        self.lock().observers.push(Box::new(observer));
    }

    /// Appends an event that happened `at_ms` milliseconds after the run began, in `slot` of the network's clock.
    /// A time before the last line's is written as the last line's. Secrets in command lines are blotted out.
    ///
    /// # Errors
    /// [`Error::Write`] when the disk is full or gone: trouble of the environment. Observers have seen the event
    /// all the same, so the run can still be judged and said to be `unknown`.
    pub fn write(&self, at_ms: u64, slot: Option<u64>, event: Event) -> Result<(), Error> {
        let mut inner = self.lock();
        let line = Line::new(at_ms.max(inner.last_ms), slot, without_secrets(event));
        inner.last_ms = line.at_ms;
        let written = inner.append(&line);
        for observer in &mut inner.observers {
            observer(&line);
        }
        written
    }
}

impl Inner {
    fn append(&mut self, line: &Line) -> Result<(), Error> {
        let Sink::File { file, len, torn } = &mut self.to else { return Ok(()) };
        let fail = |source| Error::Write { path: self.path.clone(), source };
        if *torn {
            return Err(fail(std::io::Error::other("an earlier event could not be written whole")));
        }
        let mut bytes = serde_json::to_vec(line).map_err(Error::Encode)?;
        bytes.push(b'\n');
        if let Err(source) = file.write_all(&bytes).and_then(|()| file.flush()) {
            *torn = file.set_len(*len).is_err();
            return Err(fail(source));
        }
        *len += bytes.len() as u64;
        Ok(())
    }
}

fn without_secrets(mut event: Event) -> Event {
    if let Event::Node(node) = &mut event
        && let Some(command) = &mut node.command
    {
        *command = redact(command);
    }
    event
}

#[cfg(test)]
mod tests {
    use super::super::{NodeEvent, NodeState, read};
    use super::*;

    fn note(says: &str) -> Event {
        Event::Note { says: says.into(), node: None }
    }

    #[test]
    fn every_event_is_in_the_file_when_write_returns() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.jsonl");
        let writer = Writer::create(&path).unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = seen.clone();
        writer.observe(move |line| sink.lock().unwrap().push(line.clone()));
        for n in 0..3 {
            writer.write(n, None, note(&format!("{n}"))).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), n as usize + 1);
        }
        let journal = read(&path).unwrap();
        assert_eq!(journal.lines, *seen.lock().unwrap());
        assert!(journal.torn.is_none());
    }

    #[test]
    fn a_second_run_does_not_get_the_same_journal() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.jsonl");
        let _first = Writer::create(&path).unwrap();
        assert!(matches!(Writer::create(&path), Err(Error::Taken { .. })));
    }

    #[test]
    fn time_never_runs_backwards_and_secrets_stay_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.jsonl");
        let writer = Writer::create(&path).unwrap();
        writer.write(50, None, note("later")).unwrap();
        let command = Some(vec!["node".to_owned(), "--token=abc".to_owned()]);
        let started = NodeEvent { command, ..NodeEvent::new("a0", NodeState::Started) };
        writer.write(40, None, Event::Node(started)).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("abc"), "{text}");
        assert_eq!(read(&path).unwrap().lines[1].at_ms, 50);
    }

    #[test]
    fn a_full_disk_is_said_and_leaves_no_torn_line() {
        // /dev/full answers every write with "no space left"
        let file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let writer = Writer::new(Path::new("j"), Sink::File { file, len: 0, torn: false });
        let said = writer.write(0, None, note("x")).unwrap_err().to_string();
        assert!(said.contains("No space left") && said.contains("--out"), "{said}");
    }
}
