//! Network identities that follow from a node's key, so that they are known before anything starts.

use crate::ssz::Bytes;
use libp2p::identity::{Keypair, secp256k1};

/// The libp2p peer id of a secp256k1 secret, base58.
///
/// # Errors
/// Bytes that are no secret of that curve.
pub(super) fn peer_id(secret: &Bytes<32>) -> Result<String, String> {
    let secret = secp256k1::SecretKey::try_from_bytes(secret.0)
        .map_err(|error| format!("its node key is no secp256k1 secret: {error}"))?;
    Ok(Keypair::from(secp256k1::Keypair::from(secret)).public().to_peer_id().to_base58())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_secret_has_its_known_id_and_zero_has_none() {
        assert!(peer_id(&Bytes::ZERO).is_err());
        let id = peer_id(&Bytes([1; 32])).unwrap();
        assert!(id.starts_with("16Uiu2HA"), "{id}");
        assert_eq!(id, peer_id(&Bytes([1; 32])).unwrap());
    }
}
