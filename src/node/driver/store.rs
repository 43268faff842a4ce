//! The database on disk: redb under the chain's [`Rows`].
//!
//! What the chain wrote is readable at once, and on disk a moment later: batches gather in memory, and one thread commits
//! them, each batch whole or not at all, in order. So an event never waits for the disk, and a node that is killed
//! restarts at most [`GATHER`] before the moment of its death. This file NEVER looks into keys or values.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use redb::{Builder, Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition};

use crate::chain::{Rows, RowsError, Write};
use crate::ssz::Root;

const ROWS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("rows");
const IDENTITY: TableDefinition<&str, &[u8]> = TableDefinition::new("identity");
/// Key of the genesis state root in the identity table.
const GENESIS: &str = "genesis_state_root";
/// Key of this schema's version in the identity table.
const SCHEMA: &str = "schema";
/// Changed whenever an older database can't be read any more.
const SCHEMA_VERSION: &[u8] = b"1";

/// Bytes of redb's page cache: the hot pages of a small network, and no more.
const CACHE: usize = 1 << 20;
/// How long batches gather before they are committed together.
pub const GATHER: Duration = Duration::from_millis(40);

/// Why the database can't be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("can't create the data directory {path}: {source}; give another with --data-dir")]
    Directory {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the database {path} is in use by another node; stop that one, or give another --data-dir")]
    InUse { path: PathBuf },
    #[error("can't open the database {path}: {why}; remove it to start from genesis again")]
    Open { path: PathBuf, why: String },
    #[error(
        "the database {path} belongs to another network: its genesis state root is {found}, this network's is {expected}; \
         give another --data-dir, or remove it"
    )]
    OtherNetwork { path: PathBuf, found: String, expected: Root },
    #[error(
        "the database {path} is of schema {found}, this program writes {}; remove it to start from genesis again",
        String::from_utf8_lossy(SCHEMA_VERSION)
    )]
    OtherSchema { path: PathBuf, found: String },
    #[error("can't write to the database {path}: {why}; is the disk full?")]
    Write { path: PathBuf, why: String },
}

/// A row that is not on disk yet: its new value, or its absence.
struct Unwritten {
    batch: u64,
    value: Option<Arc<Vec<u8>>>,
}

/// What readers and the writing thread share.
struct Shared {
    database: Database,
    unwritten: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    rows: BTreeMap<Vec<u8>, Unwritten>,
    last_batch: u64,
    failure: Option<String>,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.unwritten.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// The database of one node. Dropping it commits what is left.
pub struct Store {
    shared: Arc<Shared>,
    path: PathBuf,
    wake: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Store {
    /// Opens or creates `DIR/chain.redb`; refuses that of a network with another genesis state.
    pub fn open(dir: &Path, genesis: Root) -> Result<Store, StoreError> {
        std::fs::create_dir_all(dir).map_err(|source| StoreError::Directory { path: dir.to_path_buf(), source })?;
        let path = dir.join("chain.redb");
        let database = Builder::new().set_cache_size(CACHE).create(&path).map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => StoreError::InUse { path: path.clone() },
            other => StoreError::Open { path: path.clone(), why: other.to_string() },
        })?;
        check_identity(&database, &path, genesis)?;
        let shared = Arc::new(Shared { database, unwritten: Mutex::default() });
        let (wake, woken) = channel();
        let thread = std::thread::Builder::new()
            .name("store".into())
            .spawn({
                let shared = shared.clone();
                move || write_loop(&shared, &woken)
            })
            .map_err(|error| StoreError::Open { path: path.clone(), why: format!("no thread for it: {error}") })?;
        Ok(Store { shared, path, wake: Some(wake), thread: Some(thread) })
    }

    /// The rows, for the chain. They stay readable after the store is dropped, but change no more.
    pub fn rows(&self) -> Arc<dyn Rows> {
        Arc::new(DiskRows(self.shared.clone()))
    }

    /// Takes one batch; it is readable when this returns.
    pub fn apply(&self, batch: Vec<Write>) {
        let mut queue = self.shared.queue();
        queue.last_batch += 1;
        let number = queue.last_batch;
        for write in batch {
            let (key, value) = match write {
                Write::Put { key, value } => (key, Some(Arc::new(value))),
                Write::Delete { key } => (key, None),
            };
            queue.rows.insert(key, Unwritten { batch: number, value });
        }
        drop(queue);
        if let Some(wake) = &self.wake {
            let _ = wake.send(()); // fails only if the thread died of an error, which `check` tells
        }
    }

    /// Whether everything so far could be written.
    pub fn check(&self) -> Result<(), StoreError> {
        match &self.shared.queue().failure {
            Some(why) => Err(StoreError::Write { path: self.path.clone(), why: why.clone() }),
            None => Ok(()),
        }
    }

    /// Commits what is left; nothing that is applied later is written.
    pub fn finish(&mut self) -> Result<(), StoreError> {
        drop(self.wake.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.check()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.finish(); // whoever wants to know calls it before
    }
}

/// Reads the identity table, or fills it in a new database.
fn check_identity(database: &Database, path: &Path, genesis: Root) -> Result<(), StoreError> {
    let failed = |error: redb::Error| StoreError::Open { path: path.to_path_buf(), why: error.to_string() };
    let transaction = database.begin_write().map_err(|error| failed(error.into()))?;
    let (found, schema) = {
        let mut table = transaction.open_table(IDENTITY).map_err(|error| failed(error.into()))?;
        transaction.open_table(ROWS).map_err(|error| failed(error.into()))?;
        let mut read = |key: &str, fresh: &[u8]| -> Result<Vec<u8>, redb::Error> {
            if let Some(value) = table.get(key)? {
                return Ok(value.value().to_vec());
            }
            table.insert(key, fresh)?;
            Ok(fresh.to_vec())
        };
        (read(GENESIS, genesis.as_ref()).map_err(failed)?, read(SCHEMA, SCHEMA_VERSION).map_err(failed)?)
    };
    if schema != SCHEMA_VERSION {
        let found = String::from_utf8_lossy(&schema).into_owned();
        return Err(StoreError::OtherSchema { path: path.to_path_buf(), found });
    }
    if found != genesis.as_ref() {
        let found = format!("0x{}", hex::encode(found));
        return Err(StoreError::OtherNetwork { path: path.to_path_buf(), found, expected: genesis });
    }
    transaction.commit().map_err(|error| failed(error.into()))
}

/// Commits whatever has gathered, until the store is dropped or the disk fails.
fn write_loop(shared: &Shared, woken: &Receiver<()>) {
    loop {
        let goes_on = woken.recv().is_ok();
        if goes_on {
            std::thread::sleep(GATHER);
        }
        while woken.try_recv().is_ok() {}
        if let Err(error) = commit(shared) {
            shared.queue().failure = Some(error.to_string());
            return;
        }
        if !goes_on {
            return;
        }
    }
}

fn commit(shared: &Shared) -> Result<(), redb::Error> {
    let (rows, until) = {
        let queue = shared.queue();
        let rows: Vec<_> = queue.rows.iter().map(|(key, row)| (key.clone(), row.value.clone())).collect();
        (rows, queue.last_batch)
    };
    if rows.is_empty() {
        return Ok(());
    }
    let transaction = shared.database.begin_write()?;
    {
        let mut table = transaction.open_table(ROWS)?;
        for (key, value) in &rows {
            match value {
                Some(value) => drop(table.insert(key.as_slice(), value.as_slice())?),
                None => drop(table.remove(key.as_slice())?),
            }
        }
    }
    transaction.commit()?;
    shared.queue().rows.retain(|_, row| row.batch > until);
    Ok(())
}

/// The rows as readers see them: on disk, or on their way there.
struct DiskRows(Arc<Shared>);

fn unreadable(error: impl Into<redb::Error>) -> RowsError {
    RowsError(error.into().to_string())
}

impl Rows for DiskRows {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, RowsError> {
        if let Some(row) = self.0.queue().rows.get(key) {
            return Ok(row.value.as_ref().map(|value| value.to_vec()));
        }
        let transaction = self.0.database.begin_read().map_err(unreadable)?;
        let table = transaction.open_table(ROWS).map_err(unreadable)?;
        let value = table.get(key).map_err(unreadable)?;
        Ok(value.map(|value| value.value().to_vec()))
    }

    fn scan(&self, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>, RowsError> {
        // The queue is read first: what leaves it meanwhile is then found on disk as well, with the same value.
        let unwritten: Vec<(Vec<u8>, Option<Arc<Vec<u8>>>)> = {
            let queue = self.0.queue();
            let from = queue.rows.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
            from.map(|(key, row)| (key.clone(), row.value.clone())).collect()
        };
        let transaction = self.0.database.begin_read().map_err(unreadable)?;
        let table = transaction.open_table(ROWS).map_err(unreadable)?;
        let mut rows = BTreeMap::new();
        for row in table.range(prefix..).map_err(unreadable)? {
            let (key, value) = row.map_err(unreadable)?;
            if !key.value().starts_with(prefix) {
                break;
            }
            rows.insert(key.value().to_vec(), value.value().to_vec());
        }
        for (key, value) in unwritten {
            match value {
                Some(value) => drop(rows.insert(key, value.to_vec())),
                None => drop(rows.remove(&key)),
            }
        }
        Ok(rows.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &str, value: &str) -> Write {
        Write::Put { key: key.into(), value: value.into() }
    }

    #[test]
    fn rows_are_readable_at_once_and_after_a_restart() {
        let dir = tempfile::tempdir().expect("a directory");
        let genesis = Root::default();
        let store = Store::open(dir.path(), genesis).expect("opens");
        store.apply(vec![put("a/1", "one"), put("a/2", "two"), put("b/1", "other")]);
        let rows = store.rows();
        assert_eq!(rows.get(b"a/1").expect("reads"), Some(b"one".to_vec()));
        std::thread::sleep(GATHER * 4);
        store.apply(vec![Write::Delete { key: b"a/1".to_vec() }, put("a/3", "three"), put("a/2", "zwei")]);
        let expected = vec![(b"a/2".to_vec(), b"zwei".to_vec()), (b"a/3".to_vec(), b"three".to_vec())];
        assert_eq!(rows.scan(b"a/").expect("reads"), expected, "half on disk, half in the queue");
        drop(rows);
        drop(store);
        let store = Store::open(dir.path(), genesis).expect("opens again");
        assert_eq!(store.rows().scan(b"a/").expect("reads"), expected);
        assert_eq!(store.rows().get(b"a/1").expect("reads"), None);
    }

    #[test]
    fn another_networks_database_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        Store::open(dir.path(), Root::default()).expect("opens").finish().expect("is written");
        let error = Store::open(dir.path(), crate::ssz::Bytes([7; 32])).err().expect("refused").to_string();
        assert!(
            error.contains("another network") && error.contains("0x0707") && error.contains("--data-dir"),
            "{error}"
        );
    }

    #[test]
    fn a_database_in_use_and_a_broken_one_are_told_apart() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::open(dir.path(), Root::default()).expect("opens");
        assert!(matches!(Store::open(dir.path(), Root::default()), Err(StoreError::InUse { .. })));
        drop(store);
        std::fs::write(dir.path().join("chain.redb"), b"not a database at all").expect("writes");
        assert!(matches!(Store::open(dir.path(), Root::default()), Err(StoreError::Open { .. })));
    }
}
