//! The one integration binary.

mod net;

mod genesis;
mod layers;
mod replay;
mod scenario;
