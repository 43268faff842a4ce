//! Gossip topic names and message ids.
//! Nothing here knows which topics a node wants: that is the service's.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::types::{ChainConfig, ForkName};

/// ATTESTATION_SUBNET_COUNT; configurations with another are refused.
pub const ATTESTATION_SUBNETS: u64 = 64;
/// SYNC_COMMITTEE_SUBNET_COUNT; configurations with another are refused.
pub const SYNC_SUBNETS: u64 = 4;
/// Subnets of sidecars that a topic's name may say; how many there are is the configuration's matter.
const MOST_SIDECAR_SUBNETS: u64 = 4096;

/// What a topic carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TopicKind {
    /// `beacon_block`
    BeaconBlock,
    /// `beacon_aggregate_and_proof`
    Aggregate,
    /// `beacon_attestation_N`
    Attestation(u64),
    /// `voluntary_exit`
    VoluntaryExit,
    /// `proposer_slashing`
    ProposerSlashing,
    /// `attester_slashing`
    AttesterSlashing,
    /// `sync_committee_contribution_and_proof`
    Contribution,
    /// `sync_committee_N`
    SyncCommittee(u64),
    /// `bls_to_execution_change`
    BlsToExecutionChange,
    /// `blob_sidecar_N`
    BlobSidecar(u64),
    /// `data_column_sidecar_N`
    DataColumnSidecar(u64),
}

impl TopicKind {
    /// Every kind of topic of the fork, every subnet included.
    pub fn all(cfg: &ChainConfig, fork: ForkName) -> Vec<TopicKind> {
        let mut kinds = vec![TopicKind::BeaconBlock, TopicKind::Aggregate];
        kinds.extend((0..ATTESTATION_SUBNETS).map(TopicKind::Attestation));
        kinds.extend([TopicKind::VoluntaryExit, TopicKind::ProposerSlashing, TopicKind::AttesterSlashing]);
        if fork >= ForkName::Altair {
            kinds.push(TopicKind::Contribution);
            kinds.extend((0..SYNC_SUBNETS).map(TopicKind::SyncCommittee));
        }
        if fork >= ForkName::Capella {
            kinds.push(TopicKind::BlsToExecutionChange);
        }
        match fork {
            ForkName::Phase0 | ForkName::Altair | ForkName::Bellatrix | ForkName::Capella => {}
            ForkName::Deneb => kinds.extend((0..cfg.blob_sidecar_subnet_count).map(TopicKind::BlobSidecar)),
            ForkName::Electra => kinds.extend((0..cfg.blob_sidecar_subnet_count_electra).map(TopicKind::BlobSidecar)),
            ForkName::Fulu => {
                kinds.extend((0..cfg.data_column_sidecar_subnet_count).map(TopicKind::DataColumnSidecar));
            }
        }
        kinds
    }
}

impl fmt::Display for TopicKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TopicKind::BeaconBlock => f.write_str("beacon_block"),
            TopicKind::Aggregate => f.write_str("beacon_aggregate_and_proof"),
            TopicKind::Attestation(subnet) => write!(f, "beacon_attestation_{subnet}"),
            TopicKind::VoluntaryExit => f.write_str("voluntary_exit"),
            TopicKind::ProposerSlashing => f.write_str("proposer_slashing"),
            TopicKind::AttesterSlashing => f.write_str("attester_slashing"),
            TopicKind::Contribution => f.write_str("sync_committee_contribution_and_proof"),
            TopicKind::SyncCommittee(subnet) => write!(f, "sync_committee_{subnet}"),
            TopicKind::BlsToExecutionChange => f.write_str("bls_to_execution_change"),
            TopicKind::BlobSidecar(subnet) => write!(f, "blob_sidecar_{subnet}"),
            TopicKind::DataColumnSidecar(subnet) => write!(f, "data_column_sidecar_{subnet}"),
        }
    }
}

/// A text that names no topic of ours.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no topic of this network: expected /eth2/DIGEST/NAME/ssz_snappy")]
pub struct UnknownTopic(String);

/// A topic: the fork it belongs to, and what it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic {
    /// The fork digest.
    pub digest: [u8; 4],
    /// What it carries.
    pub kind: TopicKind,
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/eth2/{}/{}/ssz_snappy", hex::encode(self.digest), self.kind)
    }
}

impl FromStr for Topic {
    type Err = UnknownTopic;

    fn from_str(text: &str) -> Result<Topic, UnknownTopic> {
        let unknown = || UnknownTopic(text.chars().take(100).collect());
        let (digest, name) = split(text).ok_or_else(unknown)?;
        Ok(Topic { digest, kind: kind_of(name).ok_or_else(unknown)? })
    }
}

/// The fork digest and the name in a topic, whether or not we know the name.
pub fn split(topic: &str) -> Option<([u8; 4], &str)> {
    let (digest, name) = topic.strip_prefix("/eth2/")?.strip_suffix("/ssz_snappy")?.split_once('/')?;
    if digest.bytes().any(|b| b.is_ascii_uppercase()) {
        return None;
    }
    let mut bytes = [0; 4];
    hex::decode_to_slice(digest, &mut bytes).ok()?;
    Some((bytes, name))
}

fn kind_of(name: &str) -> Option<TopicKind> {
    Some(match name {
        "beacon_block" => TopicKind::BeaconBlock,
        "beacon_aggregate_and_proof" => TopicKind::Aggregate,
        "voluntary_exit" => TopicKind::VoluntaryExit,
        "proposer_slashing" => TopicKind::ProposerSlashing,
        "attester_slashing" => TopicKind::AttesterSlashing,
        "sync_committee_contribution_and_proof" => TopicKind::Contribution,
        "bls_to_execution_change" => TopicKind::BlsToExecutionChange,
        _ => {
            let (kind, number) = name.rsplit_once('_')?;
            match kind {
                "beacon_attestation" => TopicKind::Attestation(subnet(number, ATTESTATION_SUBNETS)?),
                "sync_committee" => TopicKind::SyncCommittee(subnet(number, SYNC_SUBNETS)?),
                "blob_sidecar" => TopicKind::BlobSidecar(subnet(number, MOST_SIDECAR_SUBNETS)?),
                "data_column_sidecar" => TopicKind::DataColumnSidecar(subnet(number, MOST_SIDECAR_SUBNETS)?),
                _ => return None,
            }
        }
    })
}

/// A decimal number below `count`, in its only spelling.
fn subnet(text: &str, count: u64) -> Option<u64> {
    let n: u64 = text.parse().ok()?;
    (n < count && n.to_string() == text).then_some(n)
}

/// A gossip payload as it counts for the message id.
#[derive(Clone, Copy, Debug)]
pub enum IdInput<'a> {
    /// The decompressed bytes.
    Valid(&'a [u8]),
    /// The raw bytes, which could not be decompressed.
    Invalid(&'a [u8]),
}

/// The consensus message id. Topics of the phase0 digest hash the payload alone; since altair the topic's length and text
/// come before it (altair p2p-interface, "The gossip domain").
pub fn message_id(phase0: bool, topic: &str, input: IdInput<'_>) -> [u8; 20] {
    let (domain, data) = match input {
        IdInput::Valid(data) => ([1, 0, 0, 0], data),
        IdInput::Invalid(data) => ([0, 0, 0, 0], data),
    };
    let mut hash = Sha256::new();
    hash.update(domain);
    if !phase0 {
        hash.update((topic.len() as u64).to_le_bytes());
        hash.update(topic.as_bytes());
    }
    hash.update(data);
    let mut id = [0; 20];
    id.copy_from_slice(&hash.finalize()[..20]);
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_is_read_back() {
        let cfg = ChainConfig::minimal();
        for kind in ForkName::ALL.into_iter().flat_map(|fork| TopicKind::all(&cfg, fork)) {
            let topic = Topic { digest: [0xab, 1, 2, 3], kind };
            assert_eq!(topic.to_string().parse(), Ok(topic));
        }
        let count = ForkName::ALL.map(|fork| TopicKind::all(&cfg, fork).len());
        assert_eq!(count, [69, 74, 74, 75, 75 + 6, 75 + 9, 75 + 128]);
    }

    #[test]
    fn what_is_built_in_here_is_what_a_configuration_is_held_to() {
        let cfg = crate::types::ChainConfig::minimal();
        assert_eq!(cfg.attestation_subnet_count, ATTESTATION_SUBNETS);
        assert_eq!(crate::types::constants::SYNC_COMMITTEE_SUBNET_COUNT, SYNC_SUBNETS);
        assert_eq!(cfg.max_request_blocks, crate::net::link::MAX_REQUEST_BLOCKS);
        assert_eq!(cfg.max_payload_size, crate::net::link::MAX_PAYLOAD_SIZE as u64);
        assert_eq!(cfg.preset.number_of_columns, crate::net::link::NUMBER_OF_COLUMNS);
    }

    #[test]
    fn what_is_not_quite_a_topic_is_unknown() {
        for text in [
            "",
            "/eth2/",
            "/eth2/abcd/beacon_block/ssz_snappy",
            "/eth2/ABCDEF01/beacon_block/ssz_snappy",
            "/eth2/abcdef01/beacon_block/ssz",
            "/eth2/abcdef01/beacon_attestation_64/ssz_snappy",
            "/eth2/abcdef01/beacon_attestation_07/ssz_snappy",
            "/eth2/abcdef01/beacon_attestation_+7/ssz_snappy",
            "/eth2/abcdef01/sync_committee_4/ssz_snappy",
            "/eth2/abcdef01/sync_committee/ssz_snappy",
            "/eth2/abcdef01/blob_sidecar_/ssz_snappy",
            "/eth2/abcdef01/data_column_sidecar_00/ssz_snappy",
            "/eth2/abcdef01/data_column_sidecar_99999/ssz_snappy",
            "/eth2/abcdef01//ssz_snappy",
        ] {
            assert!(text.parse::<Topic>().is_err(), "{text}");
        }
    }

    #[test]
    fn ids_depend_on_domain_and_since_altair_on_topic() {
        let topic = "/eth2/abcdef01/beacon_block/ssz_snappy";
        let mut preimage = vec![1, 0, 0, 0];
        preimage.extend_from_slice(b"data");
        assert_eq!(message_id(true, topic, IdInput::Valid(b"data"))[..], Sha256::digest(&preimage)[..20]);

        let mut preimage = vec![1, 0, 0, 0, topic.len() as u8, 0, 0, 0, 0, 0, 0, 0];
        preimage.extend_from_slice(topic.as_bytes());
        preimage.extend_from_slice(b"data");
        assert_eq!(message_id(false, topic, IdInput::Valid(b"data"))[..], Sha256::digest(&preimage)[..20]);

        assert_ne!(
            message_id(true, topic, IdInput::Valid(b"data")),
            message_id(true, topic, IdInput::Invalid(b"data"))
        );
    }
}
