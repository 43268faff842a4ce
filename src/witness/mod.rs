//! The second opinion on every encoding and root: `ssz_rs`, written by others and from nothing of ours.
//!
//! Each container of each fork has a mirror, written from the specs with `ssz_rs`'s derive; [`pairs`] puts it beside ours.
//! Tests and the fuzz target hold the two together over random and damaged encodings; [`check`] holds one value, which is
//! what `--cross-check` does with blocks and states as they come.
//!
//! Never: takes a length, a field or a root from the code that it checks.

pub mod phase0;
pub mod random;
pub mod verdict;

mod altair;
mod bellatrix;
mod capella;
mod deneb;
mod electra;
mod fulu;
mod pairs;

pub use pairs::{Pair, Seen, named, our_view, pairs, their_view};

use crate::ssz::{Root, Shape, Ssz};

/// A value on which the two implementations do not agree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Disagreement {
    /// There is no mirror of this container, fork and preset.
    #[error("{0} has no mirror under this preset: --cross-check knows the minimal and the mainnet preset as they are")]
    NoMirror(String),
    /// `ssz_rs` does not read what we wrote.
    #[error("{what}: ssz_rs refuses our encoding: {why}")]
    Refused {
        /// Container, fork and preset.
        what: String,
        /// Its reason.
        why: String,
    },
    /// `ssz_rs` writes the value otherwise.
    #[error("{what}: ssz_rs encodes it otherwise, from byte {at} on")]
    Encoding {
        /// Container, fork and preset.
        what: String,
        /// The first byte that differs.
        at: usize,
    },
    /// The roots differ.
    #[error("{what}: our root is {ours}, that of ssz_rs {theirs}")]
    Root {
        /// Container, fork and preset.
        what: String,
        /// Ours.
        ours: Root,
        /// Theirs.
        theirs: Root,
    },
}

/// Holds a value of the container `name` to `ssz_rs`: encoding and root.
///
/// # Errors
/// Where the two differ; or if there is no mirror, as under a preset with constants of its own.
pub fn check<T: Ssz>(name: &str, shape: Shape, value: &T) -> Result<Root, Disagreement> {
    let of_spec = crate::ssz::Preset::by_name(shape.preset.name).is_ok_and(|preset| preset == shape.preset);
    let pair = of_spec.then(|| named(name, shape)).flatten();
    let what = format!("{name} of {}", shape.fork);
    let pair = pair.ok_or_else(|| Disagreement::NoMirror(what.clone()))?;
    let ours = our_view(shape, value);
    let theirs = match verdict::their_verdict(&pair, &ours.encoding) {
        verdict::Theirs::Accepts(seen) => seen,
        verdict::Theirs::Refuses(error) => return Err(Disagreement::Refused { what, why: error.to_string() }),
        verdict::Theirs::Panics => return Err(Disagreement::Refused { what, why: "it panics".into() }),
    };
    if ours.encoding != theirs.encoding {
        let same = ours.encoding.iter().zip(&theirs.encoding).take_while(|(ours, theirs)| ours == theirs).count();
        return Err(Disagreement::Encoding { what, at: same });
    }
    if ours.root != theirs.root {
        return Err(Disagreement::Root { what, ours: ours.root.into(), theirs: theirs.root.into() });
    }
    Ok(ours.root.into())
}
