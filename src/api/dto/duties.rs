//! Duties, and what a validator tells a node about them.

use crate::api::quoted;
use crate::ssz::Bytes;
use crate::types::BlsPubkey;
use serde::{Deserialize, Serialize};

/// One entry of POST `/eth/v1/validator/duties/attester/{epoch}`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttesterDuty {
    pub pubkey: BlsPubkey,
    #[serde(with = "quoted::string")]
    pub validator_index: u64,
    #[serde(with = "quoted::string")]
    pub committee_index: u64,
    #[serde(with = "quoted::string")]
    pub committee_length: u64,
    #[serde(with = "quoted::string")]
    pub committees_at_slot: u64,
    /// Position of the validator in its committee.
    #[serde(with = "quoted::string")]
    pub validator_committee_index: u64,
    #[serde(with = "quoted::string")]
    pub slot: u64,
}

/// One entry of `/eth/v1/validator/duties/proposer/{epoch}`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposerDuty {
    pub pubkey: BlsPubkey,
    #[serde(with = "quoted::string")]
    pub validator_index: u64,
    #[serde(with = "quoted::string")]
    pub slot: u64,
}

/// One entry of POST `/eth/v1/validator/duties/sync/{epoch}`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncDuty {
    pub pubkey: BlsPubkey,
    #[serde(with = "quoted::string")]
    pub validator_index: u64,
    /// Positions in the sync committee; a validator may have several.
    #[serde(with = "quoted::list")]
    pub validator_sync_committee_indices: Vec<u64>,
}

/// One entry of POST `/eth/v1/validator/beacon_committee_subscriptions`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitteeSubscription {
    #[serde(with = "quoted::string")]
    pub validator_index: u64,
    #[serde(with = "quoted::string")]
    pub committee_index: u64,
    #[serde(with = "quoted::string")]
    pub committees_at_slot: u64,
    #[serde(with = "quoted::string")]
    pub slot: u64,
    pub is_aggregator: bool,
}

/// One entry of POST `/eth/v1/validator/sync_committee_subscriptions`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncSubscription {
    #[serde(with = "quoted::string")]
    pub validator_index: u64,
    #[serde(with = "quoted::list")]
    pub sync_committee_indices: Vec<u64>,
    /// First epoch in which the subscription is no longer needed.
    #[serde(with = "quoted::string")]
    pub until_epoch: u64,
}

/// One entry of POST `/eth/v1/validator/prepare_beacon_proposer`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposerPreparation {
    #[serde(with = "quoted::string")]
    pub validator_index: u64,
    pub fee_recipient: Bytes<20>,
}
