//! The one integration binary.

mod chain;
mod net;
mod node;
mod rest;
mod scenario;
mod vectors;
