//! The one integration binary.

mod api;
mod chain;
mod client;
mod doctor;
mod engine;
mod genesis;
mod image;
mod keystores;
mod layers;
mod matrix;
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
