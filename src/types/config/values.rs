//! The table of configuration values: one line each, with the spec's key and its value in the minimal and in the
//! mainnet configuration (one number where both agree). Struct field, default, parsing, printing and the list of
//! keys all come from that line.

use crate::ssz::{Bytes, Preset, Uint256};

/// The epoch of forks that never come.
const FAR_FUTURE_EPOCH: u64 = u64::MAX;

/// A value that a configuration file can hold.
pub(super) trait ConfigValue: Sized {
    /// How the table below writes it.
    type Literal;
    fn literal(literal: Self::Literal) -> Self;
    /// Reads it as people write it; the error says what was expected.
    fn parse(text: &str) -> Result<Self, String>;
    /// Writes it as the spec's files do.
    fn show(&self) -> String;
}

impl ConfigValue for u64 {
    type Literal = u64;
    fn literal(literal: u64) -> u64 {
        literal
    }
    fn parse(text: &str) -> Result<u64, String> {
        let number = match text.strip_prefix("0x") {
            Some(digits) if !digits.starts_with('+') => u64::from_str_radix(digits, 16).ok(),
            None if !text.starts_with('+') => text.parse().ok(),
            _ => None,
        };
        number.ok_or_else(|| "a whole number from 0 to 2^64-1, decimal or 0x-hex".into())
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

impl<const N: usize> ConfigValue for Bytes<N> {
    type Literal = &'static str;
    fn literal(literal: &'static str) -> Self {
        Self::parse(literal).expect("the table of configuration values holds well-formed hex")
    }
    fn parse(text: &str) -> Result<Self, String> {
        let mut bytes = [0u8; N];
        let digits = text.strip_prefix("0x").unwrap_or("");
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| format!("0x and {} hex digits", N * 2))?;
        Ok(Bytes(bytes))
    }
    fn show(&self) -> String {
        format!("0x{}", hex::encode(self.0))
    }
}

impl ConfigValue for Uint256 {
    type Literal = &'static str;
    fn literal(literal: &'static str) -> Self {
        <Self as ConfigValue>::parse(literal).expect("the table of configuration values holds well-formed numbers")
    }
    fn parse(text: &str) -> Result<Self, String> {
        let decimal = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let number = Uint256::from_str_radix(text, 10).ok().filter(|_| decimal);
        number.ok_or_else(|| "a decimal number below 2^256".into())
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

/// One entry of `BLOB_SCHEDULE`: from `epoch` on, a block holds at most so many blobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "SCREAMING_SNAKE_CASE")]
pub struct BlobParameters {
    /// First epoch of this limit.
    pub epoch: u64,
    /// The limit.
    pub max_blobs_per_block: u64,
}

macro_rules! config_values {
    (@literal $ty:ty, $network:expr, $same:expr) => { <$ty as ConfigValue>::literal($same) };
    (@literal $ty:ty, $network:expr, $minimal:expr, $mainnet:expr) => {
        <$ty as ConfigValue>::literal(if $network == "minimal" { $minimal } else { $mainnet })
    };
    ($($field:ident: $ty:ty = $key:ident, $value:expr $(, $mainnet:expr)?;)*) => {
        /// The configuration of one network: its preset and every value of a `config.yaml`.
        ///
        /// Field names are the spec's keys in lower case. Cheap enough to clone once per node; shared by reference.
        #[derive(Clone, Debug, PartialEq)]
        pub struct ChainConfig {
            /// The preset's constants, which the shapes of containers refer to (`PRESET_BASE`, with overrides).
            pub preset: &'static Preset,
            /// `CONFIG_NAME`.
            pub config_name: String,
            /// `BLOB_SCHEDULE`, by ascending epoch.
            pub blob_schedule: Vec<BlobParameters>,
            $(
                #[doc = concat!("`", stringify!($key), "`.")]
                pub $field: $ty,
            )*
        }

        impl ChainConfig {
            /// The keys of the plain values, in the order of the spec's files.
            pub(super) const KEYS: &'static [&'static str] = &[$(stringify!($key)),*];

            /// The spec's own values of the network `network` ("minimal", else mainnet).
            pub(super) fn of_spec(preset: &'static Preset, network: &str) -> Self {
                ChainConfig {
                    preset,
                    config_name: network.into(),
                    blob_schedule: Vec::new(),
                    $($field: config_values!(@literal $ty, network, $value $(, $mainnet)?),)*
                }
            }

            /// The value of a key of [`Self::KEYS`] as text.
            pub(super) fn get_value(&self, key: &str) -> Option<String> {
                match key {
                    $(stringify!($key) => Some(self.$field.show()),)*
                    _ => None,
                }
            }

            /// Sets the value of a key of [`Self::KEYS`]; `None` if there is no such key.
            pub(super) fn set_value(&mut self, key: &str, text: &str) -> Option<Result<(), String>> {
                match key {
                    $(stringify!($key) => Some(<$ty as ConfigValue>::parse(text).map(|value| self.$field = value)),)*
                    _ => None,
                }
            }
        }
    };
}

config_values! {
    // transition
    terminal_total_difficulty: Uint256 = TERMINAL_TOTAL_DIFFICULTY,
        "115792089237316195423570985008687907853269984665640564039457584007913129638912", "58750000000000000000000";
    terminal_block_hash: Bytes<32> = TERMINAL_BLOCK_HASH,
        "0x0000000000000000000000000000000000000000000000000000000000000000";
    terminal_block_hash_activation_epoch: u64 = TERMINAL_BLOCK_HASH_ACTIVATION_EPOCH, FAR_FUTURE_EPOCH;
    // genesis
    min_genesis_active_validator_count: u64 = MIN_GENESIS_ACTIVE_VALIDATOR_COUNT, 64, 16_384;
    min_genesis_time: u64 = MIN_GENESIS_TIME, 1_578_009_600, 1_606_824_000;
    genesis_fork_version: Bytes<4> = GENESIS_FORK_VERSION, "0x00000001", "0x00000000";
    genesis_delay: u64 = GENESIS_DELAY, 300, 604_800;
    // forking
    altair_fork_version: Bytes<4> = ALTAIR_FORK_VERSION, "0x01000001", "0x01000000";
    altair_fork_epoch: u64 = ALTAIR_FORK_EPOCH, FAR_FUTURE_EPOCH, 74_240;
    bellatrix_fork_version: Bytes<4> = BELLATRIX_FORK_VERSION, "0x02000001", "0x02000000";
    bellatrix_fork_epoch: u64 = BELLATRIX_FORK_EPOCH, FAR_FUTURE_EPOCH, 144_896;
    capella_fork_version: Bytes<4> = CAPELLA_FORK_VERSION, "0x03000001", "0x03000000";
    capella_fork_epoch: u64 = CAPELLA_FORK_EPOCH, FAR_FUTURE_EPOCH, 194_048;
    deneb_fork_version: Bytes<4> = DENEB_FORK_VERSION, "0x04000001", "0x04000000";
    deneb_fork_epoch: u64 = DENEB_FORK_EPOCH, FAR_FUTURE_EPOCH, 269_568;
    electra_fork_version: Bytes<4> = ELECTRA_FORK_VERSION, "0x05000001", "0x05000000";
    electra_fork_epoch: u64 = ELECTRA_FORK_EPOCH, FAR_FUTURE_EPOCH, 364_032;
    fulu_fork_version: Bytes<4> = FULU_FORK_VERSION, "0x06000001", "0x06000000";
    fulu_fork_epoch: u64 = FULU_FORK_EPOCH, FAR_FUTURE_EPOCH, 411_392;
    gloas_fork_version: Bytes<4> = GLOAS_FORK_VERSION, "0x07000001", "0x07000000";
    gloas_fork_epoch: u64 = GLOAS_FORK_EPOCH, FAR_FUTURE_EPOCH;
    heze_fork_version: Bytes<4> = HEZE_FORK_VERSION, "0x08000001", "0x08000000";
    heze_fork_epoch: u64 = HEZE_FORK_EPOCH, FAR_FUTURE_EPOCH;
    // time parameters
    slot_duration_ms: u64 = SLOT_DURATION_MS, 6_000, 12_000;
    seconds_per_eth1_block: u64 = SECONDS_PER_ETH1_BLOCK, 14;
    min_validator_withdrawability_delay: u64 = MIN_VALIDATOR_WITHDRAWABILITY_DELAY, 256;
    shard_committee_period: u64 = SHARD_COMMITTEE_PERIOD, 64, 256;
    eth1_follow_distance: u64 = ETH1_FOLLOW_DISTANCE, 16, 2_048;
    proposer_reorg_cutoff_bps: u64 = PROPOSER_REORG_CUTOFF_BPS, 1_667;
    attestation_due_bps: u64 = ATTESTATION_DUE_BPS, 3_333;
    aggregate_due_bps: u64 = AGGREGATE_DUE_BPS, 6_667;
    // altair
    sync_message_due_bps: u64 = SYNC_MESSAGE_DUE_BPS, 3_333;
    contribution_due_bps: u64 = CONTRIBUTION_DUE_BPS, 6_667;
    // gloas
    min_builder_withdrawability_delay: u64 = MIN_BUILDER_WITHDRAWABILITY_DELAY, 2, 64;
    attestation_due_bps_gloas: u64 = ATTESTATION_DUE_BPS_GLOAS, 2_500;
    aggregate_due_bps_gloas: u64 = AGGREGATE_DUE_BPS_GLOAS, 5_000;
    sync_message_due_bps_gloas: u64 = SYNC_MESSAGE_DUE_BPS_GLOAS, 2_500;
    contribution_due_bps_gloas: u64 = CONTRIBUTION_DUE_BPS_GLOAS, 5_000;
    payload_due_bps: u64 = PAYLOAD_DUE_BPS, 5_000;
    payload_attestation_due_bps: u64 = PAYLOAD_ATTESTATION_DUE_BPS, 7_500;
    // heze
    inclusion_list_due_bps: u64 = INCLUSION_LIST_DUE_BPS, 6_667;
    // validator cycle
    inactivity_score_bias: u64 = INACTIVITY_SCORE_BIAS, 4;
    inactivity_score_recovery_rate: u64 = INACTIVITY_SCORE_RECOVERY_RATE, 16;
    ejection_balance: u64 = EJECTION_BALANCE, 16_000_000_000;
    min_per_epoch_churn_limit: u64 = MIN_PER_EPOCH_CHURN_LIMIT, 2, 4;
    churn_limit_quotient: u64 = CHURN_LIMIT_QUOTIENT, 32, 65_536;
    // deneb
    max_per_epoch_activation_churn_limit: u64 = MAX_PER_EPOCH_ACTIVATION_CHURN_LIMIT, 4, 8;
    // electra
    min_per_epoch_churn_limit_electra: u64 = MIN_PER_EPOCH_CHURN_LIMIT_ELECTRA, 64_000_000_000, 128_000_000_000;
    max_per_epoch_activation_exit_churn_limit: u64 = MAX_PER_EPOCH_ACTIVATION_EXIT_CHURN_LIMIT, 128_000_000_000, 256_000_000_000;
    // gloas
    churn_limit_quotient_gloas: u64 = CHURN_LIMIT_QUOTIENT_GLOAS, 16, 32_768;
    consolidation_churn_limit_quotient: u64 = CONSOLIDATION_CHURN_LIMIT_QUOTIENT, 32, 65_536;
    max_per_epoch_activation_churn_limit_gloas: u64 = MAX_PER_EPOCH_ACTIVATION_CHURN_LIMIT_GLOAS, 128_000_000_000, 256_000_000_000;
    // fork choice
    proposer_score_boost: u64 = PROPOSER_SCORE_BOOST, 40;
    reorg_head_weight_threshold: u64 = REORG_HEAD_WEIGHT_THRESHOLD, 20;
    reorg_parent_weight_threshold: u64 = REORG_PARENT_WEIGHT_THRESHOLD, 160;
    reorg_max_epochs_since_finalization: u64 = REORG_MAX_EPOCHS_SINCE_FINALIZATION, 2;
    // deposit contract
    deposit_chain_id: u64 = DEPOSIT_CHAIN_ID, 5, 1;
    deposit_network_id: u64 = DEPOSIT_NETWORK_ID, 5, 1;
    deposit_contract_address: Bytes<20> = DEPOSIT_CONTRACT_ADDRESS,
        "0x1234567890123456789012345678901234567890",
        "0x00000000219ab540356cBB839Cbe05303d7705Fa";
    // networking
    max_payload_size: u64 = MAX_PAYLOAD_SIZE, 10_485_760;
    max_request_blocks: u64 = MAX_REQUEST_BLOCKS, 1_024;
    epochs_per_subnet_subscription: u64 = EPOCHS_PER_SUBNET_SUBSCRIPTION, 256;
    attestation_propagation_slot_range: u64 = ATTESTATION_PROPAGATION_SLOT_RANGE, 32;
    maximum_gossip_clock_disparity: u64 = MAXIMUM_GOSSIP_CLOCK_DISPARITY, 500;
    message_domain_invalid_snappy: Bytes<4> = MESSAGE_DOMAIN_INVALID_SNAPPY, "0x00000000";
    message_domain_valid_snappy: Bytes<4> = MESSAGE_DOMAIN_VALID_SNAPPY, "0x01000000";
    subnets_per_node: u64 = SUBNETS_PER_NODE, 2;
    attestation_subnet_count: u64 = ATTESTATION_SUBNET_COUNT, 64;
    attestation_subnet_extra_bits: u64 = ATTESTATION_SUBNET_EXTRA_BITS, 0;
    // deneb
    max_request_blocks_deneb: u64 = MAX_REQUEST_BLOCKS_DENEB, 128;
    min_epochs_for_blob_sidecars_requests: u64 = MIN_EPOCHS_FOR_BLOB_SIDECARS_REQUESTS, 4_096;
    blob_sidecar_subnet_count: u64 = BLOB_SIDECAR_SUBNET_COUNT, 6;
    max_blobs_per_block: u64 = MAX_BLOBS_PER_BLOCK, 6;
    // electra
    blob_sidecar_subnet_count_electra: u64 = BLOB_SIDECAR_SUBNET_COUNT_ELECTRA, 9;
    max_blobs_per_block_electra: u64 = MAX_BLOBS_PER_BLOCK_ELECTRA, 9;
    // fulu
    number_of_custody_groups: u64 = NUMBER_OF_CUSTODY_GROUPS, 128;
    data_column_sidecar_subnet_count: u64 = DATA_COLUMN_SIDECAR_SUBNET_COUNT, 128;
    samples_per_slot: u64 = SAMPLES_PER_SLOT, 8;
    custody_requirement: u64 = CUSTODY_REQUIREMENT, 4;
    validator_custody_requirement: u64 = VALIDATOR_CUSTODY_REQUIREMENT, 8;
    balance_per_additional_custody_group: u64 = BALANCE_PER_ADDITIONAL_CUSTODY_GROUP, 32_000_000_000;
    min_epochs_for_data_column_sidecars_requests: u64 = MIN_EPOCHS_FOR_DATA_COLUMN_SIDECARS_REQUESTS, 4_096;
    // gloas
    max_request_payloads: u64 = MAX_REQUEST_PAYLOADS, 128;
    // heze
    max_request_inclusion_list: u64 = MAX_REQUEST_INCLUSION_LIST, 16;
    min_slots_for_inclusion_lists_requests: u64 = MIN_SLOTS_FOR_INCLUSION_LISTS_REQUESTS, 1;
    max_transactions_bytes_per_inclusion_list: u64 = MAX_TRANSACTIONS_BYTES_PER_INCLUSION_LIST, 8_192;
    // fast confirmation rule
    confirmation_byzantine_threshold: u64 = CONFIRMATION_BYZANTINE_THRESHOLD, 25;
}
