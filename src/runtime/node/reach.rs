//! How whoever runs a network reaches its nodes, and what it reads of their logs.

use super::{Node, Setting};
use crate::{
    api::{Client, HttpTransport, dto::Identity},
    engine,
    runtime::Error,
};
use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

/// How long a node may take to answer a request before it counts as not answering.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// No answer of a node is larger: a mainnet state of a million validators is 129 MB.
const LARGEST_ANSWER: usize = 256 << 20;
/// Between two questions to a node for its peer id.
const ASK_EVERY: Duration = Duration::from_millis(250);
/// Bytes of a log that are read for its last lines.
const MOST_READ: u64 = 64 * 1024;

impl Node {
    /// What it said of itself.
    pub fn said(&mut self, identity: Identity) {
        self.peer_id = Some(identity.peer_id);
        self.said_enr = Some(identity.enr).filter(|enr| !enr.is_empty());
    }

    /// Its Beacon API, at that address.
    ///
    /// # Errors
    /// Its client serves none.
    pub fn beacon(&self, at: Option<SocketAddr>, runtime: &'static str) -> Result<Client, Error> {
        let Some(at) = at else {
            let why = "its definition has no port called `rest`".to_owned();
            return Err(Error::Unsupported { client: self.plan.client.clone(), runtime, why });
        };
        let transport = HttpTransport::with_limits(&format!("http://{at}"), ANSWER_WITHIN, LARGEST_ANSWER)
            .map_err(|error| Error::Other(error.to_string()))?;
        Ok(Client::new(Arc::new(transport)))
    }

    /// The Engine API of its execution client, at that address.
    ///
    /// # Errors
    /// The secret that they share can't be read.
    pub fn engine(&self, at: SocketAddr, setting: &Setting) -> Result<engine::Client, Error> {
        let other = |error: &dyn std::fmt::Display| Error::Other(error.to_string());
        let secret = engine::Secret::read(&self.network().jwt()).map_err(|error| other(&error))?;
        let url = format!("http://{at}");
        engine::Client::new(&url, secret, setting.plan.config.preset).map_err(|error| other(&error))
    }
}

/// Asks a node for its identity until it says it, for those that can't be told one: whoever dials it needs it. No longer
/// than `within`, and not when its programs do not run any more: what follows will say so.
pub async fn identity_of(client: &Client, within: Duration, mut runs: impl FnMut() -> bool) -> Option<Identity> {
    let end = Instant::now() + within;
    while Instant::now() < end && runs() {
        if let Ok(identity) = client.identity().await {
            return Some(identity);
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
    None
}

/// A port of this machine.
pub fn here(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// The wall clock, Unix milliseconds.
pub fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}

/// The last `count` lines of a log; none of one that can't be read.
pub fn last_lines(log: &Path, count: usize) -> Vec<String> {
    let text = end_of(log).unwrap_or_default();
    let mut lines: Vec<String> = text.lines().rev().take(count).map(str::to_owned).collect();
    lines.reverse();
    lines
}

fn end_of(log: &Path) -> io::Result<String> {
    let mut file = File::open(log)?;
    let from = file.metadata()?.len().saturating_sub(MOST_READ);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
