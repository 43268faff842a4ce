//! libp2p
