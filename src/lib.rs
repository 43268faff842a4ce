//! lockin: multi-client Ethereum consensus testnets, and whether they reached finality.

// client side, lowest layer first
pub mod ssz;
pub mod time;
pub mod yaml;

pub mod crypto;
pub mod types;

pub mod api;
pub mod engine;
pub mod keystore;
pub mod spec;
pub mod witness;

pub mod chain;
pub mod validator;

pub mod net;

pub mod node;

// orchestrator side, lowest layer first
pub mod journal;

pub mod client;
pub mod genesis;
pub mod image;

pub mod topology;

pub mod runtime;

pub mod monitor;

pub mod scenario;

pub mod report;

pub mod matrix;

pub mod cli;
