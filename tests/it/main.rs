//! The one integration binary.
mod net;
mod node;
mod rest;
mod vectors;
