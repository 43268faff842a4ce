//! The one integration binary.
mod net;
