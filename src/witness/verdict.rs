//! What both sides say of an encoding, which may be hostile: `ssz_rs` 0.9.0 panics on some offsets, and is wrong about one.
//! Each difference that is let pass is pinned by a test (`tests/it/ssz_mirror/quirks.rs`).

use super::pairs::{Pair, Seen};
use crate::ssz::DecodeError;
use ssz_rs::DeserializeError;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

/// What `ssz_rs` says of an encoding.
#[derive(Debug)]
pub enum Theirs {
    /// It reads a value.
    Accepts(Seen),
    /// It says what is wrong.
    Refuses(DeserializeError),
    /// It panics, as it does on some offsets.
    Panics,
}

thread_local! {
    /// Whether this thread's panics are expected, and not worth a word.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs code of `ssz_rs` that may panic, without a word on the terminal: `Err` if it did.
///
/// # Errors
/// The panic's payload.
pub fn quietly<T>(run: impl FnOnce() -> T) -> std::thread::Result<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                usual(info);
            }
        }));
    });
    QUIET.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(run));
    QUIET.set(false);
    result
}

/// Hands the bytes to `ssz_rs`.
pub fn their_verdict(pair: &Pair, bytes: &[u8]) -> Theirs {
    match quietly(|| (pair.theirs)(bytes)) {
        Ok(Ok(seen)) => Theirs::Accepts(seen),
        Ok(Err(error)) => Theirs::Refuses(error),
        Err(_) => Theirs::Panics,
    }
}

fn innermost(error: &DecodeError) -> &DecodeError {
    match error {
        DecodeError::In { source, .. } => innermost(source),
        other => other,
    }
}

/// We refuse a list whose first offset is zero; `ssz_rs` reads it as the empty list, whatever follows.
pub fn is_zero_offset(error: &DecodeError) -> bool {
    matches!(innermost(error), DecodeError::Offset { offset: 0, lowest: 4, .. })
}

/// We refuse offsets out of range; `ssz_rs` panics on those that point behind the end of a container or a list. (Where the
/// offset that is out of range is a list's first, we may find it to count too many elements before we look further.)
pub fn is_about_offsets(error: &DecodeError) -> bool {
    use DecodeError::{FirstOffset, Offset, TooMany};
    matches!(innermost(error), Offset { .. } | FirstOffset { .. } | TooMany { .. })
}

/// How two verdicts that do not contradict each other came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// Both read the same value.
    Accepted,
    /// Both refuse.
    Refused,
    /// `ssz_rs` alone reads it: the offset of zero.
    ZeroOffset,
    /// `ssz_rs` panics on an offset that we refuse.
    Panicked,
}

/// Hands the bytes to both sides.
///
/// # Errors
/// How their verdicts contradict each other, other than in the known ways.
pub fn compare(pair: &Pair, bytes: &[u8]) -> Result<Agreement, String> {
    match ((pair.ours)(pair.shape, bytes), their_verdict(pair, bytes)) {
        (Ok(ours), Theirs::Accepts(theirs)) if ours.encoding != theirs.encoding => {
            Err("it is encoded otherwise".into())
        }
        (Ok(ours), Theirs::Accepts(theirs)) if ours.root != theirs.root => Err("it has another root".into()),
        (Ok(ours), Theirs::Accepts(_)) if ours.encoding != bytes => Err("read, but not as what was written".into()),
        (Ok(_), Theirs::Accepts(_)) => Ok(Agreement::Accepted),
        (Err(_), Theirs::Refuses(_)) => Ok(Agreement::Refused),
        (Err(error), Theirs::Accepts(theirs)) if is_zero_offset(&error) && theirs.encoding != bytes => {
            Ok(Agreement::ZeroOffset)
        }
        (Err(error), Theirs::Accepts(_)) => Err(format!("only ssz_rs accepts it; we say: {error}")),
        (Err(error), Theirs::Panics) if is_about_offsets(&error) => Ok(Agreement::Panicked),
        (Err(error), Theirs::Panics) => Err(format!("ssz_rs panics; we say: {error}")),
        (Ok(_), Theirs::Refuses(error)) => Err(format!("only we accept it; ssz_rs says: {error}")),
        (Ok(_), Theirs::Panics) => Err("we accept what ssz_rs panics on".into()),
    }
}
