//! The one integration binary.

mod api;
mod chain;
mod client;
mod engine;
mod genesis;
mod image;
mod keystores;
mod layers;
mod net;
mod node;
mod oracle;
mod replay;
mod report;
mod rest;
mod run;
mod runtime;
mod scenario;
mod slashing;
mod ssz_mirror;
mod validator;
mod vectors;
