//! The database as the chain reads it. The chain NEVER writes: it says what to write with
//! [`Effect::Persist`](super::Effect::Persist), and finds it here once the node has done so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::effect::Write;

/// The store below could not answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RowsError(pub String);

/// A key and its value.
pub type Row = (Vec<u8>, Vec<u8>);

/// An ordered map from keys to values, as of the batches applied so far.
pub trait Rows: Send + Sync {
    /// The value at `key`.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, RowsError>;
    /// All rows whose key starts with `prefix`, in key order.
    fn scan(&self, prefix: &[u8]) -> Result<Vec<Row>, RowsError>;
}

/// A database in memory, for the simulation and for tests. Clones share the rows.
#[derive(Clone, Default, Debug)]
pub struct MemoryRows(Arc<Mutex<BTreeMap<Vec<u8>, Vec<u8>>>>);

impl MemoryRows {
    /// Applies one batch.
    pub fn apply(&self, batch: &[Write]) {
        let mut rows = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        for write in batch {
            match write {
                Write::Put { key, value } => {
                    rows.insert(key.clone(), value.clone());
                }
                Write::Delete { key } => {
                    rows.remove(key);
                }
            }
        }
    }

    /// How many rows there are, and the bytes of their values.
    pub fn size(&self) -> (usize, usize) {
        let rows = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        (rows.len(), rows.values().map(Vec::len).sum())
    }
}

impl Rows for MemoryRows {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, RowsError> {
        Ok(self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).get(key).cloned())
    }

    fn scan(&self, prefix: &[u8]) -> Result<Vec<Row>, RowsError> {
        let rows = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let from = rows.range(prefix.to_vec()..);
        Ok(from.take_while(|(key, _)| key.starts_with(prefix)).map(|(k, v)| (k.clone(), v.clone())).collect())
    }
}
