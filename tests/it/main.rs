//! The one integration binary.

mod api;
mod chain;
mod genesis;
mod layers;
mod replay;
mod scenario;
mod slashing;
mod validator;
mod vectors;
