//! What this process has computed before, for simulated nodes that all ask the same: on with
//! [`remember_verdicts`](crate::crypto::remember_verdicts), bounded, and without influence on any result.

use super::{CellsAndProofs, Error, Point};
use crate::crypto::{batch, generations::Generations};
use crate::ssz::{Root, sha256};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// Verdicts and points kept per generation: under 1 MB each.
const SMALL_PER_GENERATION: usize = 4_096;
/// Extended blobs kept per generation: 17 MB.
const BLOBS_PER_GENERATION: usize = 64;

/// Results of one type, by the hash of their inputs.
pub(super) struct Memo<V>(LazyLock<Mutex<Generations<Root, V>>>);

pub(super) static VERDICTS: Memo<bool> = Memo(LazyLock::new(|| Mutex::new(Generations::new(SMALL_PER_GENERATION))));
pub(super) static POINTS: Memo<Point> = Memo(LazyLock::new(|| Mutex::new(Generations::new(SMALL_PER_GENERATION))));
pub(super) static EXTENDED: Memo<Arc<CellsAndProofs>> =
    Memo(LazyLock::new(|| Mutex::new(Generations::new(BLOBS_PER_GENERATION))));

impl<V: Clone> Memo<V> {
    /// The result of `compute`, which `inputs` determine within what is called `what`.
    pub(super) fn once<'a>(
        &self,
        what: &'static str,
        inputs: impl IntoIterator<Item = &'a [u8]>,
        compute: impl FnOnce() -> Result<V, Error>,
    ) -> Result<V, Error> {
        if !batch::remembers() {
            return compute();
        }
        let key = key(what, inputs);
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key);
        if let Some(known) = known {
            return Ok(known);
        }
        let value = compute()?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, value.clone());
        Ok(value)
    }

    fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Forgets everything.
pub(in crate::crypto) fn clear() {
    VERDICTS.clear();
    POINTS.clear();
    EXTENDED.clear();
}

/// Lengths go in with the bytes, so no two sequences of inputs are the same.
fn key<'a>(what: &str, inputs: impl IntoIterator<Item = &'a [u8]>) -> Root {
    let mut bytes = what.as_bytes().to_vec();
    for input in inputs {
        bytes.extend_from_slice(&(input.len() as u64).to_le_bytes());
        bytes.extend_from_slice(input);
    }
    sha256(&bytes)
}
