//! The one integration binary.

mod net;

mod scenario;
