//! Signed node records (EIP-778, identity scheme v4), for clients that want one to be told of us.
//! Writes only, and the same record each time: what reads the records of others is discovery's.

use std::net::IpAddr;

use k256::ecdsa::signature::hazmat::PrehashSigner;
use k256::ecdsa::{Signature, SigningKey};
use sha3::{Digest, Keccak256};

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
        let digest = Keccak256::digest(list(&content));
        let signature: Signature = key.sign_prehash(&digest).map_err(|_| BadNodeKey)?;
        let mut record = bytes(&signature.to_bytes());
        record.extend_from_slice(&content);
        Ok(format!("enr:{}", base64url(&list(&record))))
    }

    /// The sequence number and the pairs, sorted by key, each RLP-encoded.
    fn content(&self, key: &SigningKey) -> Vec<u8> {
        let mut pairs: Vec<(&str, Vec<u8>)> =
            vec![("id", b"v4".to_vec()), ("secp256k1", key.verifying_key().to_sec1_point(true).as_bytes().to_vec())];
        let six = match self.ip {
            IpAddr::V4(ip) => {
                pairs.push(("ip", ip.octets().to_vec()));
                false
            }
            IpAddr::V6(ip) => {
                pairs.push(("ip6", ip.octets().to_vec()));
                true
            }
        };
        pairs.extend(self.tcp.map(|port| (if six { "tcp6" } else { "tcp" }, integer(port.into()))));
        pairs.extend(self.udp.map(|port| (if six { "udp6" } else { "udp" }, integer(port.into()))));
        pairs.extend(self.eth2.map(|eth2| ("eth2", eth2.to_vec())));
        pairs.extend(self.attnets.map(|nets| ("attnets", nets.to_vec())));
        pairs.extend(self.syncnets.map(|nets| ("syncnets", vec![nets])));
        pairs.extend(self.cgc.map(|count| ("cgc", integer(count))));
        pairs.extend(self.nfd.map(|digest| ("nfd", digest.to_vec())));
        pairs.sort();
        let mut content = bytes(&integer(self.seq));
        for (name, value) in pairs {
            content.extend(bytes(name.as_bytes()));
            content.extend(bytes(&value));
        }
        content
    }
}

/// A number as RLP has it: big-endian, no leading zeros.
fn integer(n: u64) -> Vec<u8> {
    n.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect()
}

/// RLP of a byte string.
fn bytes(data: &[u8]) -> Vec<u8> {
    match data {
        [byte] if *byte < 0x80 => vec![*byte],
        _ => with_length(0x80, data),
    }
}

/// RLP of a list whose items are encoded already.
fn list(items: &[u8]) -> Vec<u8> {
    with_length(0xc0, items)
}

fn with_length(base: u8, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len() + 9);
    if data.len() < 56 {
        out.push(base + data.len() as u8);
    } else {
        let length = integer(data.len() as u64);
        out.push(base + 55 + length.len() as u8);
        out.extend_from_slice(&length);
    }
    out.extend_from_slice(data);
    out
}

/// RFC 4648 section 5, without padding.
fn base64url(data: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::with_capacity(data.len().div_ceil(3) * 4);
    for group in data.chunks(3) {
        let word = group.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for i in 0..=group.len() {
            out.push(char::from(DIGITS[(word >> (18 - 6 * i)) as usize & 63]));
        }
    }
    out
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
