//! The one integration binary.

mod net;
mod node;
mod rest;
mod scenario;
mod vectors;
