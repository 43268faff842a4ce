//! The one integration binary.

mod net;

mod genesis;
mod layers;
mod scenario;
