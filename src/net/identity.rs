//! Node keys and the peer ids that follow from them, so that every address is known before any node runs.
//! Never generates randomness and never touches a file.

use libp2p::identity::{Keypair, secp256k1};

use super::PeerId;

/// A secret that is no secp256k1 key.
#[derive(Debug, thiserror::Error)]
#[error("the node key is no secp256k1 secret (zero, or not below the curve's order): take other 32 bytes")]
pub struct BadSecret;

/// The libp2p key pair of a node's 32-byte secret.
pub fn keypair(secret: &[u8; 32]) -> Result<Keypair, BadSecret> {
    let secret = secp256k1::SecretKey::try_from_bytes(secret.to_vec()).map_err(|_| BadSecret)?;
    Ok(secp256k1::Keypair::from(secret).into())
}

/// The peer id of a node with this secret.
pub fn peer_id_of(secret: &[u8; 32]) -> Result<PeerId, BadSecret> {
    Ok(PeerId::new(keypair(secret)?.public().to_peer_id().to_base58()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_identity_of_the_secret_one() {
        // the peer id is the identity multihash of the protobuf of the compressed generator point
        let point = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
        let multihash = hex::decode(format!("002508021221{point}")).unwrap();
        let mut secret = [0; 32];
        secret[31] = 1;
        let expected = libp2p::PeerId::from_bytes(&multihash).unwrap().to_base58();
        assert_eq!(peer_id_of(&secret).unwrap().as_str(), expected);
        assert!(expected.starts_with("16Uiu2HA"));
    }

    #[test]
    fn zero_is_no_key() {
        assert!(peer_id_of(&[0; 32]).is_err());
        assert!(peer_id_of(&[0xff; 32]).is_err());
    }
}
