//! What is wrong with a node's line: latency, loss, bandwidth.
//!
//! Connections are reliable and keep their order, as TCP's are, so a lost packet costs time: it is sent again after a
//! timeout that doubles, and when it was lost too often the connection breaks. That loss makes a sender slower, too, is
//! left out. Nothing is drawn from the generator for lines that are whole.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{Cargo, MemoryNetwork, NodeIndex};

/// Bytes of a packet.
const PACKET: usize = 1400;
/// How long a sender waits for the first time until it sends a packet again, milliseconds.
const FIRST_TIMEOUT_MS: u64 = 200;
/// It never waits longer, milliseconds.
const LONGEST_TIMEOUT_MS: u64 = 120_000;
/// A packet that was lost so often ends its connection.
const MOST_TRIES: u32 = 15;

/// A node's line to all others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// What the node sends takes so much longer, and up to so much more or less, milliseconds.
    pub latency_ms: (u64, u64),
    /// Of 100 packets that it sends or receives, so many are lost.
    pub loss_percent: u8,
    /// Thousands of bits in a second that it can send; `None`: any.
    pub kbit_per_s: Option<u64>,
}

/// A connection that broke: a packet did not get through.
pub(super) struct Broken;

impl MemoryNetwork {
    /// A node's line, to be impaired or mended. What is under way is not touched.
    pub fn line_mut(&mut self, node: NodeIndex) -> &mut Line {
        &mut self.lines[node].0
    }

    /// How much longer than otherwise so many bytes take from node to node.
    pub(super) fn delay(&mut self, from: NodeIndex, to: NodeIndex, bytes: usize) -> Result<u64, Broken> {
        let (line, busy_until_us) = &mut self.lines[from];
        let mut delay = 0;
        if let Some(kbit_per_s) = line.kbit_per_s {
            let (now_us, takes_us) = (self.now_ms * 1000, bytes as u64 * 8 * 1000 / kbit_per_s.max(1));
            *busy_until_us = now_us.max(*busy_until_us) + takes_us;
            delay += (*busy_until_us - now_us).div_ceil(1000);
        }
        let (latency, jitter) = line.latency_ms;
        if jitter > 0 {
            delay += self.rng.random_range(latency.saturating_sub(jitter)..=latency.saturating_add(jitter));
        } else {
            delay += latency;
        }
        let loss = [line.loss_percent, self.lines[to].0.loss_percent];
        if loss == [0, 0] {
            return Ok(delay);
        }
        // packets are under way side by side: the slowest counts
        let mut resent = 0;
        for _ in 0..bytes.div_ceil(PACKET).max(1) {
            resent = resent.max(resent_after(&mut self.rng, loss)?);
        }
        Ok(delay + resent)
    }
}

/// How late the try is that gets a packet through.
fn resent_after(rng: &mut ChaCha8Rng, loss: [u8; 2]) -> Result<u64, Broken> {
    let (mut after, mut timeout) = (0, FIRST_TIMEOUT_MS);
    for _ in 0..MOST_TRIES {
        if loss.into_iter().all(|percent| rng.random_range(0..100) >= percent) {
            return Ok(after);
        }
        after += timeout;
        timeout = (timeout * 2).min(LONGEST_TIMEOUT_MS);
    }
    Err(Broken)
}

impl Cargo {
    /// Its size on the line, without what packets add.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Cargo::Gossip(message) => message.data.len(),
            Cargo::Request { body, .. } => body.len(),
            Cargo::Chunk { chunk, .. } => chunk.body.len(),
            Cargo::Open | Cargo::End { .. } | Cargo::Closed { .. } | Cargo::HangUp => 0,
        }
    }
}
