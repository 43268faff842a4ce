//! Presets: the constants that give containers their lengths. They are data, because they drift over the years and a
//! network may override one; a [`Shape`](super::Shape) refers to the values.

use std::{fmt, sync::Mutex};

macro_rules! preset {
    ($($(#[$doc:meta])* $field:ident = $key:literal: $minimal:expr, $mainnet:expr;)*) => {
        /// The preset constants of the consensus specs (`presets/*/`), by the spec's names in lower case.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Preset {
            /// `minimal` or `mainnet`: which preset the values started from (`PRESET_BASE`).
            pub name: &'static str,
            $($(#[$doc])* pub $field: u64,)*
        }

        static MINIMAL: Preset = Preset { name: "minimal", $($field: $minimal,)* };
        static MAINNET: Preset = Preset { name: "mainnet", $($field: $mainnet,)* };

        impl Preset {
            /// Every constant with the spec's name, in the order of the spec's files.
            pub fn entries(&self) -> Vec<(&'static str, u64)> {
                vec![$(($key, self.$field),)*]
            }

            /// Overrides the constant that the spec calls `key`.
            pub fn set(&mut self, key: &str, value: u64) -> Result<(), UnknownPresetKey> {
                match key {
                    $($key => self.$field = value,)*
                    _ => return Err(UnknownPresetKey(key.to_owned())),
                }
                Ok(())
            }
        }
    };
}

preset! {
    /// Committees in a slot, at most.
    max_committees_per_slot = "MAX_COMMITTEES_PER_SLOT": 4, 64;
    /// Validators a committee aims at.
    target_committee_size = "TARGET_COMMITTEE_SIZE": 4, 128;
    /// Validators in a committee, at most.
    max_validators_per_committee = "MAX_VALIDATORS_PER_COMMITTEE": 2048, 2048;
    /// Rounds of the swap-or-not shuffle.
    shuffle_round_count = "SHUFFLE_ROUND_COUNT": 10, 90;
    /// Effective balance hysteresis: divisor.
    hysteresis_quotient = "HYSTERESIS_QUOTIENT": 4, 4;
    /// Effective balance hysteresis: downward threshold factor.
    hysteresis_downward_multiplier = "HYSTERESIS_DOWNWARD_MULTIPLIER": 1, 1;
    /// Effective balance hysteresis: upward threshold factor.
    hysteresis_upward_multiplier = "HYSTERESIS_UPWARD_MULTIPLIER": 5, 5;
    /// Gwei.
    min_deposit_amount = "MIN_DEPOSIT_AMOUNT": 1_000_000_000, 1_000_000_000;
    /// Gwei.
    max_effective_balance = "MAX_EFFECTIVE_BALANCE": 32_000_000_000, 32_000_000_000;
    /// Gwei.
    effective_balance_increment = "EFFECTIVE_BALANCE_INCREMENT": 1_000_000_000, 1_000_000_000;
    /// Slots.
    min_attestation_inclusion_delay = "MIN_ATTESTATION_INCLUSION_DELAY": 1, 1;
    /// Slots.
    slots_per_epoch = "SLOTS_PER_EPOCH": 8, 32;
    /// Epochs.
    min_seed_lookahead = "MIN_SEED_LOOKAHEAD": 1, 1;
    /// Epochs.
    max_seed_lookahead = "MAX_SEED_LOOKAHEAD": 4, 4;
    /// Epochs.
    epochs_per_eth1_voting_period = "EPOCHS_PER_ETH1_VOTING_PERIOD": 4, 64;
    /// Slots.
    slots_per_historical_root = "SLOTS_PER_HISTORICAL_ROOT": 64, 8192;
    /// Epochs.
    min_epochs_to_inactivity_penalty = "MIN_EPOCHS_TO_INACTIVITY_PENALTY": 4, 4;
    /// Epochs.
    epochs_per_historical_vector = "EPOCHS_PER_HISTORICAL_VECTOR": 64, 65_536;
    /// Epochs.
    epochs_per_slashings_vector = "EPOCHS_PER_SLASHINGS_VECTOR": 64, 8192;
    /// Roots.
    historical_roots_limit = "HISTORICAL_ROOTS_LIMIT": 1 << 24, 1 << 24;
    /// Validators.
    validator_registry_limit = "VALIDATOR_REGISTRY_LIMIT": 1 << 40, 1 << 40;
    /// Factor.
    base_reward_factor = "BASE_REWARD_FACTOR": 64, 64;
    /// Divisor.
    whistleblower_reward_quotient = "WHISTLEBLOWER_REWARD_QUOTIENT": 512, 512;
    /// Divisor.
    proposer_reward_quotient = "PROPOSER_REWARD_QUOTIENT": 8, 8;
    /// Divisor.
    inactivity_penalty_quotient = "INACTIVITY_PENALTY_QUOTIENT": 1 << 25, 1 << 26;
    /// Divisor.
    min_slashing_penalty_quotient = "MIN_SLASHING_PENALTY_QUOTIENT": 64, 128;
    /// Factor.
    proportional_slashing_multiplier = "PROPORTIONAL_SLASHING_MULTIPLIER": 2, 1;
    /// In a block, at most.
    max_proposer_slashings = "MAX_PROPOSER_SLASHINGS": 16, 16;
    /// In a block, at most.
    max_attester_slashings = "MAX_ATTESTER_SLASHINGS": 2, 2;
    /// In a block, at most.
    max_attestations = "MAX_ATTESTATIONS": 128, 128;
    /// In a block, at most.
    max_deposits = "MAX_DEPOSITS": 16, 16;
    /// In a block, at most.
    max_voluntary_exits = "MAX_VOLUNTARY_EXITS": 16, 16;
    /// Divisor.
    inactivity_penalty_quotient_altair = "INACTIVITY_PENALTY_QUOTIENT_ALTAIR": 50_331_648, 50_331_648;
    /// Divisor.
    min_slashing_penalty_quotient_altair = "MIN_SLASHING_PENALTY_QUOTIENT_ALTAIR": 64, 64;
    /// Factor.
    proportional_slashing_multiplier_altair = "PROPORTIONAL_SLASHING_MULTIPLIER_ALTAIR": 2, 2;
    /// Validators.
    sync_committee_size = "SYNC_COMMITTEE_SIZE": 32, 512;
    /// Epochs.
    epochs_per_sync_committee_period = "EPOCHS_PER_SYNC_COMMITTEE_PERIOD": 8, 256;
    /// Light client: participants, at least.
    min_sync_committee_participants = "MIN_SYNC_COMMITTEE_PARTICIPANTS": 1, 1;
    /// Light client: slots.
    update_timeout = "UPDATE_TIMEOUT": 64, 8192;
    /// Divisor.
    inactivity_penalty_quotient_bellatrix = "INACTIVITY_PENALTY_QUOTIENT_BELLATRIX": 1 << 24, 1 << 24;
    /// Divisor.
    min_slashing_penalty_quotient_bellatrix = "MIN_SLASHING_PENALTY_QUOTIENT_BELLATRIX": 32, 32;
    /// Factor.
    proportional_slashing_multiplier_bellatrix = "PROPORTIONAL_SLASHING_MULTIPLIER_BELLATRIX": 3, 3;
    /// Bytes.
    max_bytes_per_transaction = "MAX_BYTES_PER_TRANSACTION": 1 << 30, 1 << 30;
    /// In a payload, at most.
    max_transactions_per_payload = "MAX_TRANSACTIONS_PER_PAYLOAD": 1 << 20, 1 << 20;
    /// Bytes; built in.
    bytes_per_logs_bloom = "BYTES_PER_LOGS_BLOOM": 256, 256;
    /// Bytes.
    max_extra_data_bytes = "MAX_EXTRA_DATA_BYTES": 32, 32;
    /// In a block, at most.
    max_bls_to_execution_changes = "MAX_BLS_TO_EXECUTION_CHANGES": 16, 16;
    /// In a payload, at most.
    max_withdrawals_per_payload = "MAX_WITHDRAWALS_PER_PAYLOAD": 4, 16;
    /// Validators looked at for withdrawals in a slot.
    max_validators_per_withdrawals_sweep = "MAX_VALIDATORS_PER_WITHDRAWALS_SWEEP": 16, 16_384;
    /// The length of a block's list of commitments, not of its blobs.
    max_blob_commitments_per_block = "MAX_BLOB_COMMITMENTS_PER_BLOCK": 4096, 4096;
    /// Levels between a commitment and the body's root.
    kzg_commitment_inclusion_proof_depth = "KZG_COMMITMENT_INCLUSION_PROOF_DEPTH": 17, 17;
    /// Field elements.
    field_elements_per_blob = "FIELD_ELEMENTS_PER_BLOB": 4096, 4096;
    /// Gwei.
    min_activation_balance = "MIN_ACTIVATION_BALANCE": 32_000_000_000, 32_000_000_000;
    /// Gwei.
    max_effective_balance_electra = "MAX_EFFECTIVE_BALANCE_ELECTRA": 2_048_000_000_000, 2_048_000_000_000;
    /// Divisor.
    min_slashing_penalty_quotient_electra = "MIN_SLASHING_PENALTY_QUOTIENT_ELECTRA": 4096, 4096;
    /// Divisor.
    whistleblower_reward_quotient_electra = "WHISTLEBLOWER_REWARD_QUOTIENT_ELECTRA": 4096, 4096;
    /// In a state, at most.
    pending_deposits_limit = "PENDING_DEPOSITS_LIMIT": 1 << 27, 1 << 27;
    /// In a state, at most.
    pending_partial_withdrawals_limit = "PENDING_PARTIAL_WITHDRAWALS_LIMIT": 64, 1 << 27;
    /// In a state, at most.
    pending_consolidations_limit = "PENDING_CONSOLIDATIONS_LIMIT": 64, 1 << 18;
    /// In a block, at most.
    max_attester_slashings_electra = "MAX_ATTESTER_SLASHINGS_ELECTRA": 1, 1;
    /// In a block, at most.
    max_attestations_electra = "MAX_ATTESTATIONS_ELECTRA": 8, 8;
    /// In a payload, at most.
    max_deposit_requests_per_payload = "MAX_DEPOSIT_REQUESTS_PER_PAYLOAD": 8192, 8192;
    /// In a payload, at most.
    max_withdrawal_requests_per_payload = "MAX_WITHDRAWAL_REQUESTS_PER_PAYLOAD": 16, 16;
    /// In a payload, at most.
    max_consolidation_requests_per_payload = "MAX_CONSOLIDATION_REQUESTS_PER_PAYLOAD": 2, 2;
    /// Partial withdrawals in a payload, at most.
    max_pending_partials_per_withdrawals_sweep = "MAX_PENDING_PARTIALS_PER_WITHDRAWALS_SWEEP": 2, 8;
    /// Deposits applied in an epoch, at most.
    max_pending_deposits_per_epoch = "MAX_PENDING_DEPOSITS_PER_EPOCH": 16, 16;
    /// Levels between the list of commitments and the body's root.
    kzg_commitments_inclusion_proof_depth = "KZG_COMMITMENTS_INCLUSION_PROOF_DEPTH": 4, 4;
    /// Field elements.
    field_elements_per_cell = "FIELD_ELEMENTS_PER_CELL": 64, 64;
    /// Field elements.
    field_elements_per_ext_blob = "FIELD_ELEMENTS_PER_EXT_BLOB": 8192, 8192;
    /// Cells.
    cells_per_ext_blob = "CELLS_PER_EXT_BLOB": 128, 128;
    /// Columns.
    number_of_columns = "NUMBER_OF_COLUMNS": 128, 128;
}

impl Preset {
    /// The minimal preset.
    pub fn minimal() -> &'static Self {
        &MINIMAL
    }

    /// The mainnet preset.
    pub fn mainnet() -> &'static Self {
        &MAINNET
    }

    /// The preset called `name`.
    pub fn by_name(name: &str) -> Result<&'static Self, UnknownPreset> {
        [Self::minimal(), Self::mainnet()]
            .into_iter()
            .find(|preset| preset.name == name)
            .ok_or_else(|| UnknownPreset(name.to_owned()))
    }

    /// A lasting reference to these values, for a [`Shape`](super::Shape). Equal values share one: a process holds as
    /// many as it meets different presets, and keeps them to its end.
    pub fn intern(self) -> &'static Self {
        static SEEN: Mutex<Vec<&'static Preset>> = Mutex::new(Vec::new());
        for known in [Self::minimal(), Self::mainnet()] {
            if *known == self {
                return known;
            }
        }
        let mut seen = SEEN.lock().expect("no code panics while it holds this lock");
        if let Some(known) = seen.iter().find(|known| ***known == self) {
            return known;
        }
        let kept: &'static Self = Box::leak(Box::new(self));
        seen.push(kept);
        kept
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// A name that is no preset's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a preset; known presets: minimal, mainnet")]
pub struct UnknownPreset(pub String);

/// A key that is no preset constant's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a preset constant")]
pub struct UnknownPresetKey(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn override_makes_a_preset_of_its_own_once() {
        let mut one = Preset::minimal().clone();
        one.set("MAX_DEPOSITS", 4).unwrap();
        let two = one.clone();
        let (one, two) = (one.intern(), two.intern());
        assert!(std::ptr::eq(one, two));
        assert_eq!(one.max_deposits, 4);
        assert!(std::ptr::eq(Preset::minimal().clone().intern(), Preset::minimal()));
        assert!(Preset::minimal().clone().set("NO_SUCH", 1).is_err());
    }
}
