//! Network identities that follow from a node's key, so that they are known before anything starts.

use crate::crypto::enr::{BadNodeKey, Record};
use crate::spec::compute_fork_digest;
use crate::ssz::{Bytes, Fork, Root, Shape, Ssz};
use crate::types::{ChainConfig, EnrForkId, FAR_FUTURE_EPOCH};
use base64::{Engine, engine::general_purpose::STANDARD};
use libp2p::identity::{Keypair, secp256k1};
use std::net::Ipv4Addr;

/// A node's identity, in the forms that clients take it in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// libp2p's peer id, base58.
    pub peer_id: String,
    /// The secret as libp2p encodes it, base64.
    pub secret: String,
    /// The public key as libp2p encodes it, base64.
    pub public: String,
}

impl Identity {
    /// Of a secp256k1 secret.
    ///
    /// # Errors
    /// Bytes that are no secret of that curve.
    pub fn of(secret: &Bytes<32>) -> Result<Self, String> {
        let secret = secp256k1::SecretKey::try_from_bytes(secret.0)
            .map_err(|error| format!("its node key is no secp256k1 secret: {error}"))?;
        let keypair = Keypair::from(secp256k1::Keypair::from(secret));
        let encoded = keypair.to_protobuf_encoding().map_err(|error| format!("its node key: {error}"))?;
        Ok(Self {
            peer_id: keypair.public().to_peer_id().to_base58(),
            secret: STANDARD.encode(encoded),
            public: STANDARD.encode(keypair.public().encode_protobuf()),
        })
    }
}

/// The signed record of a node that listens at an address, as others are told of it at genesis.
///
/// # Errors
/// Bytes that are no secret of that curve.
pub(super) fn record(
    secret: &Bytes<32>,
    eth2: &EnrForkId,
    ip: Ipv4Addr,
    tcp: u16,
    udp: Option<u16>,
) -> Result<String, BadNodeKey> {
    // The container is the same in all forks and presets.
    let shape = Shape::new(Fork::Phase0, crate::ssz::Preset::minimal());
    let eth2 = eth2.encode(shape).try_into().ok();
    let (attnets, syncnets) = (Some([0; 8]), Some(0));
    Record { seq: 1, ip: ip.into(), tcp: Some(tcp), udp, quic: None, eth2, attnets, syncnets, cgc: None, nfd: None }
        .sign(&secret.0)
}

/// The `eth2` entry of a record at genesis (phase0/p2p-interface.md, `ENRForkID`; its next epoch may be that of another
/// limit of blobs, fulu/p2p-interface.md).
pub(super) fn genesis_fork_id(cfg: &ChainConfig, validators_root: Root) -> EnrForkId {
    let now = cfg.genesis_fork();
    let scheduled = |fork: &Fork| *fork > now && cfg.fork_epoch(*fork) != FAR_FUTURE_EPOCH;
    let next = Fork::ALL.into_iter().find(scheduled);
    let forks = next.map(|fork| cfg.fork_epoch(fork));
    let limits = cfg.blob_schedule.iter().map(|entry| entry.epoch);
    let limits = limits.filter(|epoch| *epoch > 0 && *epoch > cfg.fulu_fork_epoch);
    EnrForkId {
        fork_digest: compute_fork_digest(cfg, validators_root, 0),
        next_fork_version: cfg.fork_version(next.unwrap_or(now)),
        next_fork_epoch: forks.into_iter().chain(limits).min().unwrap_or(FAR_FUTURE_EPOCH),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_secret_has_its_known_id_and_zero_has_none() {
        assert!(Identity::of(&Bytes::ZERO).is_err());
        let identity = Identity::of(&Bytes([1; 32])).unwrap();
        assert!(identity.peer_id.starts_with("16Uiu2HA"), "{identity:?}");
        // libp2p's encoding: key type 2 (secp256k1), then the key with its length
        let bytes = |text: &str| STANDARD.decode(text).unwrap();
        assert_eq!(bytes(&identity.secret), [&[8, 2, 18, 32][..], &[1; 32]].concat());
        assert_eq!((bytes(&identity.public).len(), &bytes(&identity.public)[..4]), (37, &[8, 2, 18, 33][..]));
    }

    #[test]
    fn a_record_names_the_next_fork_or_limit() {
        let mut cfg = ChainConfig::lockin(crate::ssz::Preset::minimal());
        let id = genesis_fork_id(&cfg, Root::ZERO);
        assert_eq!((id.next_fork_version, id.next_fork_epoch), (cfg.genesis_fork_version, FAR_FUTURE_EPOCH));
        cfg.set_fork_epoch(Fork::Altair, 3);
        let id = genesis_fork_id(&cfg, Root::ZERO);
        assert_eq!((id.next_fork_version, id.next_fork_epoch), (cfg.altair_fork_version, 3));
        cfg.start_at(Fork::Fulu);
        cfg.blob_schedule = vec![crate::types::config::BlobParameters { epoch: 7, max_blobs_per_block: 12 }];
        let id = genesis_fork_id(&cfg, Root::ZERO);
        assert_eq!((id.next_fork_version, id.next_fork_epoch), (cfg.fulu_fork_version, 7));
        let text = record(&Bytes([1; 32]), &id, Ipv4Addr::LOCALHOST, 9000, Some(9001)).unwrap();
        assert!(text.starts_with("enr:-"), "{text}");
    }
}
