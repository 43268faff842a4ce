//! What can be read out of a state, and the computations behind it: the spec's "predicates", "misc" and "beacon state
//! accessors". Nothing here changes a state (its cache apart).

mod attestations;
mod balances;
mod blobs;
mod churn;
mod committees;
mod domains;
mod epochs;
mod history;
mod merge;
mod participation;
mod proposers;
mod shuffling;
mod sync_committees;
mod validators;
mod withdrawals;

pub use attestations::*;
pub use balances::*;
pub use blobs::*;
pub use churn::*;
pub use committees::*;
pub use domains::*;
pub use epochs::*;
pub use history::*;
pub use merge::*;
pub use participation::*;
pub use proposers::*;
pub use shuffling::*;
pub use sync_committees::*;
pub use validators::*;
pub use withdrawals::*;
