//! The one integration binary.

mod net;
mod report;

mod scenario;
