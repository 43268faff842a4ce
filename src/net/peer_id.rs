//! Peer ids as the rest of the node sees them: text, read from the end of a multiaddr. Never checks that the text is a key's.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A libp2p peer id in its base58 text. Cheap to clone; ordered by its text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(Arc<str>);

impl PeerId {
    /// Wraps the text form. It is not checked: ids come from libp2p or from the simulation's own numbering.
    pub fn new(text: impl Into<Arc<str>>) -> PeerId {
        PeerId(text.into())
    }

    /// The base58 text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is no multiaddr with a peer id at its end.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no address of a peer: expected a multiaddr that ends in /p2p/PEER_ID")]
pub struct NotAPeerAddress(String);

impl FromStr for PeerId {
    type Err = NotAPeerAddress;

    /// Takes the peer id from the end of a multiaddr (`/ip4/127.0.0.1/tcp/9000/p2p/16Uiu2...`).
    fn from_str(addr: &str) -> Result<PeerId, NotAPeerAddress> {
        match addr.rsplit_once("/p2p/") {
            Some((_, id)) if !id.is_empty() && !id.contains('/') => Ok(PeerId::new(id)),
            _ => Err(NotAPeerAddress(addr.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_id_is_read_from_an_address() {
        assert_eq!(
            "/ip4/127.0.0.1/tcp/1/p2p/16Uiu2".parse::<PeerId>().map(|p| p.to_string()).ok(),
            Some("16Uiu2".into())
        );
        assert!("/ip4/127.0.0.1/tcp/1".parse::<PeerId>().is_err());
    }
}
