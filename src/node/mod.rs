//! One beacon node: chain, network protocol and Beacon API wired together.
//!
//! [`Core`] is the node without sockets, disk and clock; the simulation drives it in virtual time, and [`driver`] drives it
//! with libp2p, redb, HTTP and the wall clock. Rules of consensus NEVER live here: they are the chain's and the spec's.

mod core;
pub mod driver;
mod live;
mod metrics;
pub mod rest;

pub use self::core::{CallId, Core, Effects, Endpoint, Handled, Identity, LogLine, PeerView, ProcessFigures, SyncView};
