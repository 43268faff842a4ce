//! The one integration binary.

mod chain;
mod net;
mod scenario;
