//! Tests of the service, by subject. None opens a socket or reads a clock.

mod defence;
mod excess;
mod peering;
mod serving;
mod sidecars;
mod syncing;
mod world;
mod wrong_chains;
mod wrong_sidecars;
