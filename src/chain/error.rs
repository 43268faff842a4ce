//! Why a read or a restore failed. Objects that fail validation are no errors: they get an [`Outcome`](super::Outcome).

use crate::ssz::Root;
use crate::types::{Epoch, Slot};

/// A request the chain can't serve.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing by that identifier: HTTP 404.
    #[error("{what} not found")]
    NotFound { what: String },
    /// The request is out of the range in which it makes sense: HTTP 400.
    #[error("{0}")]
    BadRequest(String),
    /// A committee or duty was asked for an epoch the node can't compute yet.
    #[error("epoch {asked} is too far ahead: the clock says epoch {now}, duties are known up to the next one")]
    TooEarly { asked: Epoch, now: Epoch },
    /// A state would have to be advanced over too many empty slots: HTTP 503.
    #[error(
        "slot {to} is {} slots after block {root} of slot {from}, and states are advanced over at most {} empty slots: \
         wait until the node has synced, or ask for an earlier slot",
        to.saturating_sub(*from),
        super::MOST_EMPTY_SLOTS
    )]
    TooFar { root: Root, from: Slot, to: Slot },
    /// A validator must not sign for a block whose payload the execution engine has not called valid: HTTP 503.
    #[error("the execution engine has not called the payload of block {root} valid: wait until it has")]
    Optimistic { root: Root },
    /// The execution engine failed.
    #[error("{doing}: {failure}")]
    Engine {
        doing: String,
        #[source]
        failure: crate::engine::Failure,
    },
    /// Producing a block failed.
    #[error("producing a block for slot {slot}: {why}")]
    Produce { slot: Slot, why: String },
    /// The spec's functions refused what should be sound: a bug or a broken database.
    #[error("{doing}: {source}")]
    Spec {
        doing: String,
        #[source]
        source: crate::spec::Error,
    },
    /// The database holds what it should not, or lacks what it should hold.
    #[error("database: {what} of {root}: {why}; remove the data directory to sync from genesis")]
    Database { what: &'static str, root: Root, why: String },
    /// The database could not be read.
    #[error("reading the database: {0}")]
    Rows(#[from] super::rows::RowsError),
}
