//! What an honest validator computes: its assignments, its votes, its signatures, its subnets.
//!
//! Functions that sign take the secret key; nothing here remembers what was signed, so slashing protection is the
//! caller's.

mod aggregation;
mod assignments;
mod eth1_vote;
mod proposal;
mod subnets;
mod sync_committees;

pub use aggregation::*;
pub use assignments::*;
pub use eth1_vote::*;
pub use proposal::*;
pub use subnets::*;
pub use sync_committees::*;
