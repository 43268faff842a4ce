//! The network: what peers hear from us and we from them.
//!
//! [`link`] is the seam. Below it, two implementations move bytes: [`libp2p`] over TCP, and [`memory`] inside one process
//! in virtual time. Above it, [`service`] speaks the consensus protocol and never sees which of the two it has.
//! [`discovery`] finds peers beside the first, where it is wanted.
//! Nothing here judges a block or a vote: that is the chain's; and only [`libp2p`] and [`discovery`] open sockets, read clocks or
//! spawn tasks.

pub mod codec;
pub mod discovery;
pub mod identity;
pub mod libp2p;
pub mod link;
pub mod memory;
mod peer_id;
mod protocol;
pub mod service;
pub mod topic;

pub use link::{Command, Link, LinkEvent, PeerId};
pub use service::{Action, Service};
