//! Signed node records (EIP-778, identity scheme v4), for clients that want one to be told of us.
//! Writes only, and the same record each time: what reads the records of others is discovery's.

use std::net::IpAddr;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use k256::ecdsa::signature::hazmat::PrehashSigner;
use k256::ecdsa::{Signature, SigningKey};

use super::keccak256;
use super::rlp::{self, List};

/// A secret that is no secp256k1 key.
#[derive(Debug, thiserror::Error)]
#[error("the node key is no secp256k1 secret (zero, or not below the curve's order): take other 32 bytes")]
pub struct BadNodeKey;

/// What a record says beside the key.
#[derive(Clone, Debug)]
pub struct Record {
    /// Grows with every change of the record.
    pub seq: u64,
    /// Where we are.
    pub ip: IpAddr,
    /// libp2p's port.
    pub tcp: Option<u16>,
    /// discv5's port.
    pub udp: Option<u16>,
    /// libp2p's port for QUIC.
    pub quic: Option<u16>,
    /// SSZ of the `ENRForkID`.
    pub eth2: Option<[u8; 16]>,
    /// Attestation subnets, as in the metadata.
    pub attnets: Option<[u8; 8]>,
    /// Sync committee subnets, as in the metadata.
    pub syncnets: Option<u8>,
    /// Custody groups, as in the metadata (fulu p2p-interface, "Custody group count").
    pub cgc: Option<u64>,
    /// Digest of the next fork, zero if there is none (fulu p2p-interface, "Next fork digest").
    pub nfd: Option<[u8; 4]>,
}

impl Record {
    /// The record in its text form, `enr:...`, signed with a node's secret.
    ///
    /// # Errors
    /// Bytes that are no secret of that curve.
    pub fn sign(&self, secret: &[u8; 32]) -> Result<String, BadNodeKey> {
        let key = SigningKey::from_slice(secret).map_err(|_| BadNodeKey)?;
        let content = self.content(&key);
        let digest = keccak256(&List::default().item(&content).finish());
        let signature: Signature = key.sign_prehash(&digest.0).map_err(|_| BadNodeKey)?;
        let record = List::default().bytes(&signature.to_bytes()).item(&content).finish();
        Ok(format!("enr:{}", BASE64_URL_SAFE_NO_PAD.encode(record)))
    }

    /// The sequence number and the pairs, sorted by key, each RLP-encoded.
    fn content(&self, key: &SigningKey) -> Vec<u8> {
        let point = key.verifying_key().to_sec1_point(true);
        let mut pairs = vec![("id", rlp::bytes(b"v4")), ("secp256k1", rlp::bytes(point.as_bytes()))];
        let six = match self.ip {
            IpAddr::V4(ip) => {
                pairs.push(("ip", rlp::bytes(&ip.octets())));
                false
            }
            IpAddr::V6(ip) => {
                pairs.push(("ip6", rlp::bytes(&ip.octets())));
                true
            }
        };
        pairs.extend(self.tcp.map(|port| (if six { "tcp6" } else { "tcp" }, rlp::number(port.into()))));
        pairs.extend(self.udp.map(|port| (if six { "udp6" } else { "udp" }, rlp::number(port.into()))));
        pairs.extend(self.quic.map(|port| (if six { "quic6" } else { "quic" }, rlp::number(port.into()))));
        pairs.extend(self.eth2.map(|eth2| ("eth2", rlp::bytes(&eth2))));
        pairs.extend(self.attnets.map(|nets| ("attnets", rlp::bytes(&nets))));
        pairs.extend(self.syncnets.map(|nets| ("syncnets", rlp::bytes(&[nets]))));
        pairs.extend(self.cgc.map(|count| ("cgc", rlp::number(count))));
        pairs.extend(self.nfd.map(|digest| ("nfd", rlp::bytes(&digest))));
        pairs.sort();
        let mut content = rlp::number(self.seq);
        for (name, value) in pairs {
            content.extend(rlp::bytes(name.as_bytes()));
            content.extend(value);
        }
        content
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_eip_778() {
        let mut secret = [0; 32];
        hex::decode_to_slice("b71c71a67e1177ad4e901695e1b4b9ee17ae16c6668d313eac2f96dbcda3f291", &mut secret).unwrap();
        let record = Record {
            seq: 1,
            ip: [127, 0, 0, 1].into(),
            tcp: None,
            udp: Some(30303),
            quic: None,
            eth2: None,
            attnets: None,
            syncnets: None,
            cgc: None,
            nfd: None,
        };
        assert_eq!(
            record.sign(&secret).unwrap(),
            "enr:-IS4QHCYrYZbAKWCBRlAy5zzaDZXJBGkcnh4MHcBFZntXNFrdvJjX04jRzjzCBOonrkTfj499SZuOh8R33Ls8RRcy5wBgmlkgnY0gmlwhH8AAAGJc2VjcDI1NmsxoQPKY0yuDUmstAHYpMa2_oxVtw0RW_QAdpzBQA8yWM0xOIN1ZHCCdl8"
        );
    }

    #[test]
    fn a_full_record_stays_below_the_limit() {
        let record = Record {
            seq: u64::MAX,
            ip: "::1".parse().unwrap(),
            tcp: Some(9000),
            udp: Some(9000),
            quic: Some(9001),
            eth2: Some([7; 16]),
            attnets: Some([0xff; 8]),
            syncnets: Some(0x0f),
            cgc: Some(128),
            nfd: Some([9; 4]),
        };
        let text = record.sign(&[1; 32]).unwrap();
        assert!(text.len() <= 4 + 400, "300 bytes are allowed, in base64: {}", text.len());
        assert!(record.sign(&[0; 32]).is_err());
    }
}
