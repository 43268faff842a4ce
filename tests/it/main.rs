//! The one integration binary.

mod api;
mod chain;
mod genesis;
mod layers;
mod net;
mod node;
mod report;
mod rest;
mod scenario;
mod slashing;
mod validator;
mod vectors;
