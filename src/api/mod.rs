//! The Beacon API seam: everything that wants something from a beacon node asks it here, over HTTP in a real network
//! and by a function call in the simulation. The validator, the monitor and the checks use the same typed [`Client`];
//! only the [`Transport`] under it differs.
//!
//! This module never looks at a clock, never retries and never panics on what a node answers: it asks once, and says
//! what came back. The field names are the beacon-APIs standard's; what the standard leaves optional may be missing.

pub mod blinded;
pub mod client;
pub mod contents;
pub mod dto;
pub mod events;
pub mod gzip;
pub mod http;
pub mod quoted;
pub mod reqwest;

pub use blinded::{BlindedBeaconBlock, SignedBlindedBeaconBlock};
pub use client::{ApiError, Client, Health, Versioned};
pub use contents::{BlockContents, SignedBlockContents};
pub use events::{Event, EventError};
pub use http::{
    Accept, Body, ContentType, ErrorBody, IndexedFailure, Method, Request, Response, Transport, TransportError,
    TransportErrorKind,
};
pub use reqwest::HttpTransport;
