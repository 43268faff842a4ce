//! What `/eth/v1/config/spec` serves: preset, configuration and constants under the spec's names, values as decimal
//! strings or 0x-hex. (`BLOB_SCHEDULE` is a list, which this form can't hold: take the field.)

use super::ChainConfig;

/// Constants of the spec that no network changes, for readers of `/eth/v1/config/spec`.
pub(super) const CONSTANTS: &[(&str, &str)] = &[
    ("BASE_REWARDS_PER_EPOCH", "4"),
    ("BLS_WITHDRAWAL_PREFIX", "0x00"),
    ("BYTES_PER_FIELD_ELEMENT", "32"),
    ("COMPOUNDING_WITHDRAWAL_PREFIX", "0x02"),
    ("CONSOLIDATION_REQUEST_TYPE", "0x02"),
    ("DEPOSIT_CONTRACT_TREE_DEPTH", "32"),
    ("DEPOSIT_REQUEST_TYPE", "0x00"),
    ("DOMAIN_AGGREGATE_AND_PROOF", "0x06000000"),
    ("DOMAIN_APPLICATION_MASK", "0x00000001"),
    ("DOMAIN_BEACON_ATTESTER", "0x01000000"),
    ("DOMAIN_BEACON_PROPOSER", "0x00000000"),
    ("DOMAIN_BLS_TO_EXECUTION_CHANGE", "0x0a000000"),
    ("DOMAIN_CONTRIBUTION_AND_PROOF", "0x09000000"),
    ("DOMAIN_DEPOSIT", "0x03000000"),
    ("DOMAIN_RANDAO", "0x02000000"),
    ("DOMAIN_SELECTION_PROOF", "0x05000000"),
    ("DOMAIN_SYNC_COMMITTEE", "0x07000000"),
    ("DOMAIN_SYNC_COMMITTEE_SELECTION_PROOF", "0x08000000"),
    ("DOMAIN_VOLUNTARY_EXIT", "0x04000000"),
    ("ETH1_ADDRESS_WITHDRAWAL_PREFIX", "0x01"),
    ("FAR_FUTURE_EPOCH", "18446744073709551615"),
    ("FULL_EXIT_REQUEST_AMOUNT", "0"),
    ("GENESIS_EPOCH", "0"),
    ("GENESIS_SLOT", "0"),
    ("JUSTIFICATION_BITS_LENGTH", "4"),
    ("PROPOSER_WEIGHT", "8"),
    ("SYNC_COMMITTEE_SUBNET_COUNT", "4"),
    ("SYNC_REWARD_WEIGHT", "2"),
    ("TARGET_AGGREGATORS_PER_COMMITTEE", "16"),
    ("TARGET_AGGREGATORS_PER_SYNC_SUBCOMMITTEE", "16"),
    ("TIMELY_HEAD_FLAG_INDEX", "2"),
    ("TIMELY_HEAD_WEIGHT", "14"),
    ("TIMELY_SOURCE_FLAG_INDEX", "0"),
    ("TIMELY_SOURCE_WEIGHT", "14"),
    ("TIMELY_TARGET_FLAG_INDEX", "1"),
    ("TIMELY_TARGET_WEIGHT", "26"),
    ("UNSET_DEPOSIT_REQUESTS_START_INDEX", "18446744073709551615"),
    ("VERSIONED_HASH_VERSION_KZG", "0x01"),
    ("WEIGHT_DENOMINATOR", "64"),
    ("WITHDRAWAL_REQUEST_TYPE", "0x01"),
];

impl ChainConfig {
    /// Preset, configuration and constants: names in upper case, values as decimal strings or 0x-hex.
    pub fn entries(&self) -> Vec<(&'static str, String)> {
        let preset = self.preset.entries().into_iter().map(|(key, value)| (key, value.to_string()));
        let constants = CONSTANTS.iter().map(|(key, value)| (*key, (*value).to_string()));
        preset.chain(self.file_entries()).chain(constants).collect()
    }

    /// The plain values of `config.yaml`, in the order of the spec's files.
    pub(super) fn file_entries(&self) -> Vec<(&'static str, String)> {
        let mut entries =
            vec![("PRESET_BASE", self.preset.name.to_string()), ("CONFIG_NAME", self.config_name.clone())];
        for key in Self::KEYS {
            if *key == "SLOT_DURATION_MS" {
                entries.extend(self.seconds_per_slot().map(|seconds| ("SECONDS_PER_SLOT", seconds.to_string())));
            }
            entries.extend(self.get_value(key).map(|value| (*key, value)));
        }
        entries
    }
}
