//! placeholder
mod owner;
mod ports;
mod program;
