//! The values of `/eth/v1/config/spec` that change consensus, each with the forks under which it does.
//!
//! What is not listed is no difference: wire limits, names, what an execution chain counts by, and values of forks that
//! the network never reaches or has left behind at genesis. Clients of other years serve those with other numbers and
//! still agree on every block.

use crate::types::{
    ChainConfig, FAR_FUTURE_EPOCH,
    ForkName::{self, Altair, Bellatrix, Capella, Deneb, Electra, Fulu, Phase0},
};

/// A value, the first fork whose rules use it, and the first after it whose rules no longer do.
type Rule = (&'static str, ForkName, Option<ForkName>);

const RULES: &[Rule] = &[
    ("MAX_COMMITTEES_PER_SLOT", Phase0, None),
    ("TARGET_COMMITTEE_SIZE", Phase0, None),
    ("MAX_VALIDATORS_PER_COMMITTEE", Phase0, None),
    ("SHUFFLE_ROUND_COUNT", Phase0, None),
    ("HYSTERESIS_QUOTIENT", Phase0, None),
    ("HYSTERESIS_DOWNWARD_MULTIPLIER", Phase0, None),
    ("HYSTERESIS_UPWARD_MULTIPLIER", Phase0, None),
    ("MIN_DEPOSIT_AMOUNT", Phase0, None),
    ("MAX_EFFECTIVE_BALANCE", Phase0, Some(Electra)),
    ("EFFECTIVE_BALANCE_INCREMENT", Phase0, None),
    ("MIN_ATTESTATION_INCLUSION_DELAY", Phase0, None),
    ("SLOTS_PER_EPOCH", Phase0, None),
    ("MIN_SEED_LOOKAHEAD", Phase0, None),
    ("MAX_SEED_LOOKAHEAD", Phase0, None),
    ("EPOCHS_PER_ETH1_VOTING_PERIOD", Phase0, None),
    ("SLOTS_PER_HISTORICAL_ROOT", Phase0, None),
    ("MIN_EPOCHS_TO_INACTIVITY_PENALTY", Phase0, None),
    ("EPOCHS_PER_HISTORICAL_VECTOR", Phase0, None),
    ("EPOCHS_PER_SLASHINGS_VECTOR", Phase0, None),
    ("HISTORICAL_ROOTS_LIMIT", Phase0, None),
    ("VALIDATOR_REGISTRY_LIMIT", Phase0, None),
    ("BASE_REWARD_FACTOR", Phase0, None),
    ("WHISTLEBLOWER_REWARD_QUOTIENT", Phase0, Some(Electra)),
    ("PROPOSER_REWARD_QUOTIENT", Phase0, Some(Altair)),
    ("INACTIVITY_PENALTY_QUOTIENT", Phase0, Some(Altair)),
    ("MIN_SLASHING_PENALTY_QUOTIENT", Phase0, Some(Altair)),
    ("PROPORTIONAL_SLASHING_MULTIPLIER", Phase0, Some(Altair)),
    ("MAX_PROPOSER_SLASHINGS", Phase0, None),
    ("MAX_ATTESTER_SLASHINGS", Phase0, Some(Electra)),
    ("MAX_ATTESTATIONS", Phase0, Some(Electra)),
    ("MAX_DEPOSITS", Phase0, None),
    ("MAX_VOLUNTARY_EXITS", Phase0, None),
    ("GENESIS_FORK_VERSION", Phase0, None),
    ("MIN_VALIDATOR_WITHDRAWABILITY_DELAY", Phase0, None),
    ("SHARD_COMMITTEE_PERIOD", Phase0, None),
    ("EJECTION_BALANCE", Phase0, None),
    ("MIN_PER_EPOCH_CHURN_LIMIT", Phase0, Some(Electra)),
    ("CHURN_LIMIT_QUOTIENT", Phase0, None),
    ("PROPOSER_SCORE_BOOST", Phase0, None),
    ("INACTIVITY_PENALTY_QUOTIENT_ALTAIR", Altair, Some(Bellatrix)),
    ("MIN_SLASHING_PENALTY_QUOTIENT_ALTAIR", Altair, Some(Bellatrix)),
    ("PROPORTIONAL_SLASHING_MULTIPLIER_ALTAIR", Altair, Some(Bellatrix)),
    ("SYNC_COMMITTEE_SIZE", Altair, None),
    ("EPOCHS_PER_SYNC_COMMITTEE_PERIOD", Altair, None),
    ("INACTIVITY_SCORE_BIAS", Altair, None),
    ("INACTIVITY_SCORE_RECOVERY_RATE", Altair, None),
    ("INACTIVITY_PENALTY_QUOTIENT_BELLATRIX", Bellatrix, None),
    ("MIN_SLASHING_PENALTY_QUOTIENT_BELLATRIX", Bellatrix, Some(Electra)),
    ("PROPORTIONAL_SLASHING_MULTIPLIER_BELLATRIX", Bellatrix, None),
    ("MAX_BYTES_PER_TRANSACTION", Bellatrix, None),
    ("MAX_TRANSACTIONS_PER_PAYLOAD", Bellatrix, None),
    ("BYTES_PER_LOGS_BLOOM", Bellatrix, None),
    ("MAX_EXTRA_DATA_BYTES", Bellatrix, None),
    ("MAX_BLS_TO_EXECUTION_CHANGES", Capella, None),
    ("MAX_WITHDRAWALS_PER_PAYLOAD", Capella, None),
    ("MAX_VALIDATORS_PER_WITHDRAWALS_SWEEP", Capella, None),
    ("MAX_BLOB_COMMITMENTS_PER_BLOCK", Deneb, None),
    ("FIELD_ELEMENTS_PER_BLOB", Deneb, None),
    ("MAX_PER_EPOCH_ACTIVATION_CHURN_LIMIT", Deneb, Some(Electra)),
    ("MAX_BLOBS_PER_BLOCK", Deneb, Some(Electra)),
    ("MIN_ACTIVATION_BALANCE", Electra, None),
    ("MAX_EFFECTIVE_BALANCE_ELECTRA", Electra, None),
    ("MIN_SLASHING_PENALTY_QUOTIENT_ELECTRA", Electra, None),
    ("WHISTLEBLOWER_REWARD_QUOTIENT_ELECTRA", Electra, None),
    ("PENDING_DEPOSITS_LIMIT", Electra, None),
    ("PENDING_PARTIAL_WITHDRAWALS_LIMIT", Electra, None),
    ("PENDING_CONSOLIDATIONS_LIMIT", Electra, None),
    ("MAX_ATTESTER_SLASHINGS_ELECTRA", Electra, None),
    ("MAX_ATTESTATIONS_ELECTRA", Electra, None),
    ("MAX_DEPOSIT_REQUESTS_PER_PAYLOAD", Electra, None),
    ("MAX_WITHDRAWAL_REQUESTS_PER_PAYLOAD", Electra, None),
    ("MAX_CONSOLIDATION_REQUESTS_PER_PAYLOAD", Electra, None),
    ("MAX_PENDING_PARTIALS_PER_WITHDRAWALS_SWEEP", Electra, None),
    ("MAX_PENDING_DEPOSITS_PER_EPOCH", Electra, None),
    ("MIN_PER_EPOCH_CHURN_LIMIT_ELECTRA", Electra, None),
    ("MAX_PER_EPOCH_ACTIVATION_EXIT_CHURN_LIMIT", Electra, None),
    ("MAX_BLOBS_PER_BLOCK_ELECTRA", Electra, None),
    ("FIELD_ELEMENTS_PER_CELL", Fulu, None),
    ("NUMBER_OF_COLUMNS", Fulu, None),
];

/// Used by a chain that crosses the merge, and by no other.
const MERGE: [&str; 3] = ["TERMINAL_TOTAL_DIFFICULTY", "TERMINAL_BLOCK_HASH", "TERMINAL_BLOCK_HASH_ACTIVATION_EPOCH"];

/// The forks whose rules some epoch of the network has, oldest first: a fork that comes together with a later one has
/// none.
pub(super) fn lived(cfg: &ChainConfig) -> Vec<ForkName> {
    let begins = |fork: &ForkName| cfg.fork_epoch(*fork);
    let never = |fork: &ForkName| begins(fork) == FAR_FUTURE_EPOCH;
    let passed_over = |fork: &ForkName| ForkName::ALL.iter().any(|later| later > fork && begins(later) <= begins(fork));
    ForkName::ALL.into_iter().filter(|fork| !never(fork) && !passed_over(fork)).collect()
}

/// The values that matter to this network, by their names, with what the plan has for each.
pub(super) fn that_matter(cfg: &ChainConfig) -> Vec<(String, String)> {
    let lived = lived(cfg);
    let used =
        |(_, from, until): &&Rule| lived.iter().any(|fork| fork >= from && until.is_none_or(|until| *fork < until));
    let mut names: Vec<String> = RULES.iter().filter(used).map(|(name, ..)| (*name).to_owned()).collect();
    for fork in ForkName::ALL.into_iter().filter(|fork| *fork > Phase0) {
        let upper = fork.name().to_ascii_uppercase();
        names.push(format!("{upper}_FORK_EPOCH"));
        if cfg.fork_epoch(fork) != FAR_FUTURE_EPOCH {
            names.push(format!("{upper}_FORK_VERSION"));
        }
    }
    if cfg.genesis_fork() < Bellatrix && lived.iter().any(|fork| *fork >= Bellatrix) {
        names.extend(MERGE.map(str::to_owned));
    }
    let planned = cfg.entries();
    let value = |name: &str| planned.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
    names.into_iter().filter_map(|name| value(&name).map(|value| (name, value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssz::Preset;

    #[test]
    fn every_listed_value_exists() {
        let cfg = ChainConfig::lockin(Preset::minimal());
        let entries = cfg.entries();
        for name in RULES.iter().map(|(name, ..)| name).chain(&MERGE) {
            assert!(entries.iter().any(|(key, _)| key == name), "{name}");
        }
    }

    #[test]
    fn values_of_forks_that_never_come_or_are_left_behind_do_not_matter() {
        let mut cfg = ChainConfig::lockin(Preset::minimal());
        let matters = |cfg: &ChainConfig, name: &str| that_matter(cfg).iter().any(|(key, _)| key == name);
        assert!(matters(&cfg, "PROPOSER_REWARD_QUOTIENT") && !matters(&cfg, "SYNC_COMMITTEE_SIZE"));
        assert!(matters(&cfg, "ALTAIR_FORK_EPOCH") && !matters(&cfg, "ALTAIR_FORK_VERSION"));
        cfg.start_at(Electra);
        assert_eq!(lived(&cfg), [Electra]);
        assert!(!matters(&cfg, "PROPOSER_REWARD_QUOTIENT") && matters(&cfg, "SYNC_COMMITTEE_SIZE"));
        assert!(!matters(&cfg, "MAX_BLOBS_PER_BLOCK") && !matters(&cfg, "TERMINAL_TOTAL_DIFFICULTY"));
        let mut merging = ChainConfig::lockin(Preset::minimal());
        merging.set_fork_epoch(Altair, 1);
        merging.set_fork_epoch(Bellatrix, 2);
        assert!(matters(&merging, "TERMINAL_TOTAL_DIFFICULTY"));
        assert_eq!(lived(&merging), [Phase0, Altair, Bellatrix]);
    }
}
