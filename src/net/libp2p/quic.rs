//! QUIC beside TCP, in builds with the feature `quic`. It brings its own encryption and multiplexing, so nothing is negotiated
//! on it. A build with it can dial QUIC addresses even where it listens on none.
//!
//! Never there without the feature: it takes a second TLS stack, with cryptography in C that costs minutes to build.

use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::Boxed;
use libp2p::identity::Keypair;
use libp2p::multiaddr::{Multiaddr, Protocol};

/// What a connection is when it is ready.
type Wire = Boxed<(libp2p::PeerId, StreamMuxerBox)>;

/// QUIC was asked for, and this build does not have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this build has no QUIC: build it with `--features quic`, or use TCP addresses and no --quic-port")]
pub struct NoQuic;

/// Whether this build can do what is asked.
pub(super) fn check(wanted: bool) -> Result<(), NoQuic> {
    if wanted && !cfg!(feature = "quic") { Err(NoQuic) } else { Ok(()) }
}

/// Whether this build can dial an address; one that is no multiaddr is not judged here.
///
/// # Errors
/// [`NoQuic`] for a QUIC address in a build without it.
pub fn check_address(addr: &str) -> Result<(), NoQuic> {
    check(addr.parse::<Multiaddr>().is_ok_and(|addr| addr.iter().any(|part| part == Protocol::QuicV1)))
}

#[cfg(feature = "quic")]
pub(super) fn beside(tcp: Wire, key: &Keypair) -> Wire {
    use futures::future::Either;
    use libp2p::{Transport, quic};
    let quic = quic::tokio::Transport::new(quic::Config::new(key));
    let both = tcp.or_transport(quic).map(|ready, _| match ready {
        Either::Left(ready) => ready,
        Either::Right((peer, connection)) => (peer, StreamMuxerBox::new(connection)),
    });
    both.boxed()
}

#[cfg(not(feature = "quic"))]
pub(super) fn beside(tcp: Wire, _: &Keypair) -> Wire {
    tcp
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quic_addresses_are_dialled_by_builds_that_have_it_only() {
        let has_it = cfg!(feature = "quic");
        let peer = "16Uiu2HAmPCDqkTjrTzD9ASqDFgEWVx4BeWzAAczsYqDtpHrBpgQT";
        for (addr, fine) in [
            (format!("/ip4/127.0.0.1/udp/9001/quic-v1/p2p/{peer}"), has_it),
            (format!("/ip4/127.0.0.1/tcp/9000/p2p/{peer}"), true),
            ("quic-v1".into(), true),
        ] {
            assert_eq!(check_address(&addr).is_ok(), fine, "{addr}");
        }
        assert!(NoQuic.to_string().contains("--features quic"));
    }
}
