//! The one integration binary.

mod genesis;
mod layers;
mod scenario;
