//! How the signatures of a block are checked: now, later in one batch, or not at all.

use super::Error;
use crate::crypto::{self, SignatureSet};

/// What to do with each signature that a block carries. Deposits are outside of this: a deposit whose signature is
/// wrong is skipped, not refused, so it is always checked in place.
pub enum Signatures<'a> {
    /// Check each one where the spec does.
    Verify,
    /// Put them here, in the spec's order; the caller checks them all with [`crypto::verify_sets`].
    Collect(&'a mut Vec<SignatureSet>),
    /// Take them as valid: they were checked before, or are not there yet.
    Trust,
}

impl Signatures<'_> {
    /// Treats the signature that `set` makes, named `what` in errors.
    ///
    /// # Errors
    /// [`Error::InvalidSignature`] when it is checked here and is wrong; whatever `set` returns.
    pub(crate) fn check(
        &mut self,
        what: &'static str,
        set: impl FnOnce() -> Result<SignatureSet, Error>,
    ) -> Result<(), Error> {
        match self {
            Signatures::Trust => Ok(()),
            Signatures::Collect(sets) => {
                sets.push(set()?);
                Ok(())
            }
            Signatures::Verify if crypto::verify_sets(&[set()?]) => Ok(()),
            Signatures::Verify => Err(Error::InvalidSignature { what }),
        }
    }
}
