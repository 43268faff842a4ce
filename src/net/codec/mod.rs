//! The wire's clothing of SSZ bytes: snappy blocks in gossip, length-prefixed snappy frames in requests and responses.
//! Nothing here allocates by what a peer declares before checking it against the protocol's limit and the bytes received,
//! and nothing here knows what the bytes mean.

mod frames;
mod gossip;
mod reqresp;

pub use gossip::{compress, decompress};
pub use reqresp::{encode_chunk, encode_request, expect_end, read_chunk, read_request};

/// Why bytes could not be read. Except for `Io` it is the sender's fault.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The stream broke.
    #[error("the stream broke: {0}")]
    Io(#[from] std::io::Error),
    /// The stream ended in the middle of a message.
    #[error("the stream ended in the middle of {0}")]
    Truncated(&'static str),
    /// The length prefix is longer than 10 bytes, too large for 64 bits, or not minimal.
    #[error("the length prefix is no minimal varint of 64 bits")]
    BadVarint,
    /// The declared size is not possible for this message.
    #[error("declared size {declared} outside {min}..={max}")]
    SizeOutOfBounds { declared: u64, min: usize, max: usize },
    /// More bytes than a payload of the declared size can need.
    #[error("{received} compressed bytes for a payload of {declared}")]
    TooLong { declared: usize, received: usize },
    /// Broken snappy.
    #[error("broken snappy: {0}")]
    Snappy(String),
    /// Bytes after the end of the message.
    #[error("bytes after the end of the message")]
    Trailing,
}

/// Largest snappy form of `n` bytes (phase0 p2p-interface, `max_compressed_len`).
pub fn max_compressed_len(n: usize) -> usize {
    32 + n + n / 6
}
