//! discv5 beside the node, if it was asked for: tells others the node's record as it changes, and hands on what is found.

use std::future::pending;
use std::net::SocketAddr;

use tokio::sync::mpsc::Receiver;

use super::super::Core;
use crate::net::LinkEvent;
use crate::net::discovery::{Error, Handle, Socket, start};
use crate::net::identity::BadSecret;
use crate::time::{Clock, WallClock};

struct Running {
    handle: Handle,
    found: Receiver<LinkEvent>,
    secret: [u8; 32],
    /// Of the record that others were told last.
    seq: u64,
}

/// Discovery, or nothing.
pub(super) struct Discovery(Option<Running>);

impl Discovery {
    /// Binds the port: the node's record names it from the beginning.
    pub async fn bind(at: Option<SocketAddr>) -> Result<Option<Socket>, Error> {
        match at {
            Some(at) => Socket::bind(at).await.map(Some),
            None => Ok(None),
        }
    }

    /// Starts where there is a socket, with the record of `core`.
    pub async fn start(
        socket: Option<Socket>,
        core: &Core,
        secret: [u8; 32],
        bootnodes: &[String],
    ) -> Result<Discovery, Error> {
        let Some((socket, record)) = socket.zip(core.record(WallClock.now_ms())) else { return Ok(Discovery(None)) };
        let text = record.sign(&secret).map_err(|_| BadSecret)?;
        tracing::info!("discovery listens on {}; this node's record is {text}", socket.address());
        let (handle, found) = start(socket, &secret, &text, bootnodes).await?;
        Ok(Discovery(Some(Running { handle, found, secret, seq: record.seq })))
    }

    /// What is found next; `None` when the search has ended by itself.
    pub async fn next(&mut self) -> Option<LinkEvent> {
        match &mut self.0 {
            Some(running) => running.found.recv().await,
            None => pending().await,
        }
    }

    /// Tells others of the record as it is now, if it has changed.
    pub fn renew(&mut self, core: &Core, now_ms: u64) -> Result<(), Error> {
        let Some(running) = &mut self.0 else { return Ok(()) };
        if let Some(record) = core.record(now_ms).filter(|record| record.seq > running.seq) {
            running.seq = record.seq;
            running.handle.update(&record.sign(&running.secret).map_err(|_| BadSecret)?)?;
        }
        Ok(())
    }
}
