use super::*;
use crate::ssz::Bytes;

#[test]
fn the_spec_values_are_those_of_the_presets() {
    let minimal = ChainConfig::minimal();
    assert_eq!(minimal.preset.slots_per_epoch, 8);
    assert_eq!(minimal.slot_duration_ms, 6000);
    assert_eq!(minimal.genesis_fork_version, Bytes([0, 0, 0, 1]));
    assert_eq!(minimal.fork_at_epoch(u64::MAX - 1), ForkName::Phase0);
    let mainnet = ChainConfig::mainnet();
    assert_eq!(mainnet.seconds_per_slot(), Some(12));
    assert_eq!(mainnet.fork_at_epoch(74_239), ForkName::Phase0);
    assert_eq!(mainnet.fork_at_epoch(74_240), ForkName::Altair);
    assert_eq!(mainnet.fork_at_slot(411_392 * 32 - 1), ForkName::Electra);
    assert_eq!(mainnet.fork_at_slot(411_392 * 32), ForkName::Fulu);
    assert_eq!(mainnet.epoch_of(65), 2);
    assert_eq!(mainnet.start_slot(2), 64);
    assert_eq!(mainnet.start_slot(u64::MAX), u64::MAX);
}

#[test]
fn our_fork_versions_belong_to_nobody_else() {
    for preset in [Preset::minimal(), Preset::mainnet()] {
        let ours = ChainConfig::lockin(preset);
        let versions: Vec<String> =
            ours.file_entries().into_iter().filter(|(key, _)| key.ends_with("_VERSION")).map(|(_, v)| v).collect();
        assert_eq!(versions.len(), 9);
        // Last bytes of: mainnet 00, minimal 01, sepolia 69-75, holesky 00, hoodi 10, goerli 20, gnosis 64/6f, chiado 6f.
        assert!(versions.iter().all(|v| v.ends_with("0010c1")), "{versions:?}");
        assert_eq!(ours.genesis_fork(), ForkName::Phase0);
        assert_eq!(ours.fork_at_epoch(1 << 40), ForkName::Phase0);
    }
}

#[test]
fn yaml_round_trip() {
    let mut odd = ChainConfig::lockin(Preset::minimal());
    odd.set("SLOT_DURATION_MS", "1500").expect("fits");
    odd.set("EPOCHS_PER_SLASHINGS_VECTOR", "0x80").expect("fits");
    odd.set("CONFIG_NAME", "a name: with # everything").expect("fits");
    odd.set_fork_epoch(ForkName::Altair, 2);
    assert!(!odd.to_yaml().contains("SECONDS_PER_SLOT"));
    for config in [ChainConfig::minimal(), ChainConfig::mainnet(), odd] {
        let (read, warnings) = ChainConfig::from_yaml(&config.to_yaml()).expect("our own file");
        assert_eq!(read, config);
        assert!(warnings.is_empty(), "{warnings:?}");
        let json = serde_json::to_string(&config).expect("serializes");
        assert_eq!(serde_json::from_str::<ChainConfig>(&json).expect("deserializes"), config);
        let yaml = yaml::to_string(&config).expect("serializes");
        assert_eq!(yaml::from_str::<ChainConfig>("f", &yaml).expect("deserializes"), config);
    }
}

#[test]
fn both_slot_times_are_written_and_milliseconds_win() {
    let text = ChainConfig::minimal().to_yaml();
    assert!(text.contains("\nSECONDS_PER_SLOT: 6\nSLOT_DURATION_MS: 6000\n"), "{text}");
    let (config, warnings) =
        ChainConfig::from_yaml("PRESET_BASE: minimal\nSLOT_DURATION_MS: 500\nSECONDS_PER_SLOT: 3\n").expect("reads");
    assert_eq!(config.slot_duration_ms, 500);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let (config, _) = ChainConfig::from_yaml("PRESET_BASE: minimal\nSECONDS_PER_SLOT: '3'\n").expect("reads");
    assert_eq!(config.slot_duration_ms, 3000);
}

#[test]
fn quoted_and_unquoted_decimal_and_hex() {
    let text = "PRESET_BASE: 'mainnet'\nALTAIR_FORK_EPOCH: \"0x10\"\nGENESIS_FORK_VERSION: \"0x000000fF\"\n\
                ALTAIR_FORK_VERSION: 0x01000001\nGENESIS_DELAY: 0x0A # ten\nMAX_ATTESTATIONS: '64'\nSLOTS_PER_EPOCH: 6\n";
    let (config, warnings) = ChainConfig::from_yaml(text).expect("reads");
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(config.altair_fork_epoch, 16);
    assert_eq!(config.genesis_fork_version, Bytes([0, 0, 0, 0xff]));
    assert_eq!(config.altair_fork_version, Bytes([1, 0, 0, 1]));
    assert_eq!(config.genesis_delay, 10);
    assert_eq!(config.preset.max_attestations, 64);
    assert_eq!(config.preset.slots_per_epoch, 6);
    assert_eq!(config.preset.name, "mainnet");
    assert_eq!(config.capella_fork_epoch, 194_048, "missing keys take the preset's values");
}

#[test]
fn unknown_keys_are_warned_about_whatever_they_hold() {
    let text = "PRESET_BASE: minimal\nTTFB_TIMEOUT: 5\nNESTED: { a: [1, {b: 2}] }\n";
    let (_, warnings) = ChainConfig::from_yaml(text).expect("reads");
    assert_eq!(warnings[0], "config.yaml:2: unknown key `TTFB_TIMEOUT` is ignored");
    assert_eq!(warnings.len(), 2);
    let (_, warnings) =
        ChainConfig::from_yaml("PRESET_BASE: minimal\nBELLATRIX_FORK_EPOCH: 3\nALTAIR_FORK_EPOCH: 4\n").expect("reads");
    assert!(warnings[0].contains("bellatrix is scheduled before altair"), "{warnings:?}");
}

#[test]
fn bad_values_show_their_place() {
    let error = |text: &str| ChainConfig::from_yaml(text).expect_err("must fail").to_string();
    insta::assert_snapshot!(error("PRESET_BASE: minimal\nGENESIS_FORK_VERSION: 0x01\n"), @r"
    config.yaml:2:23: GENESIS_FORK_VERSION: `0x01` is not accepted; expected 0x and 8 hex digits
      |
    2 | GENESIS_FORK_VERSION: 0x01
      |                       ^
    ");
    assert!(error("PRESET_BASE: small\n").contains("minimal or mainnet"));
    assert!(error("MAX_DEPOSITS: -1\n").contains(":1:15: MAX_DEPOSITS"), "{}", error("MAX_DEPOSITS: -1\n"));
    assert!(error("BLOB_SCHEDULE: 4\n").contains("config.yaml:1:16"), "{}", error("BLOB_SCHEDULE: 4\n"));
    assert!(error("GENESIS_DELAY: 1\nGENESIS_DELAY: 2\n").contains("given twice"));
    assert!(error("GENESIS_DELAY: [1]\n").contains("config.yaml:1:16"));
    assert!(error("- 1\n").contains("config.yaml:1:1"), "{}", error("- 1\n"));
    let mut minimal = Preset::minimal().clone();
    minimal.max_deposits = 1;
    assert!(ChainConfig::from_yaml_file("f", "PRESET_BASE: mainnet\n", Some(minimal.intern())).is_err());
}

#[test]
fn values_that_would_divide_by_zero_or_fill_memory_are_refused() {
    let mut config = ChainConfig::minimal();
    for key in
        ["SLOT_DURATION_MS", "CHURN_LIMIT_QUOTIENT", "SLOTS_PER_EPOCH", "SECONDS_PER_SLOT", "HYSTERESIS_QUOTIENT"]
    {
        assert!(config.set(key, "0").is_err(), "{key}");
    }
    assert!(config.set("EPOCHS_PER_HISTORICAL_VECTOR", "18446744073709551615").is_err());
    assert!(config.set("SECONDS_PER_SLOT", "18446744073709551615").is_err());
    assert!(config.set("TERMINAL_TOTAL_DIFFICULTY", &"9".repeat(78)).is_err());
    assert!(config.set("TERMINAL_TOTAL_DIFFICULTY", &"9".repeat(77)).is_ok());
    assert!(matches!(config.set("SLOTS_PER_EPOC", "8"), Err(ConfigError::UnknownKey(_))));
    config.set("MAX_DEPOSITS", "0").expect("a block without deposits is a rule one can have");
}

#[test]
fn what_this_program_has_built_in_cannot_be_overridden() {
    let error = |text: &str| ChainConfig::from_yaml(text).expect_err("must fail").to_string();
    insta::assert_snapshot!(error("PRESET_BASE: minimal\nATTESTATION_SUBNET_COUNT: 32\n"), @r"
    config.yaml:2:27: ATTESTATION_SUBNET_COUNT: `32` is not accepted; expected 64: this program has ATTESTATION_SUBNET_COUNT built in and can't take part in a network with another
      |
    2 | ATTESTATION_SUBNET_COUNT: 32
      |                           ^
    ");
    assert!(error("PRESET_BASE: minimal\nSYNC_COMMITTEE_SUBNET_COUNT: 8\n").contains("expected 4"));
    for (key, ours) in BUILT_IN {
        for mut config in [ChainConfig::minimal(), ChainConfig::mainnet()] {
            let own = config.entries().into_iter().find(|(name, _)| name == key).map(|(_, value)| value);
            assert_eq!(own.as_deref(), Some(*ours), "{key}");
            config.set(key, ours).expect("the value it has");
            let before = config.clone();
            assert!(matches!(config.set(key, "0x00000007"), Err(ConfigError::BadValue { .. })), "{key}");
            assert_eq!(config, before);
        }
    }
    let text = "PRESET_BASE: minimal\nMAX_REQUEST_BLOCKS: '0x400'\nSYNC_COMMITTEE_SUBNET_COUNT: 4\n";
    assert!(ChainConfig::from_yaml(text).expect("the same values").1.is_empty());
}

#[test]
fn entries_serve_preset_configuration_and_constants() {
    let entries = ChainConfig::minimal().entries();
    let get = |key: &str| entries.iter().find(|(name, _)| *name == key).map(|(_, value)| value.as_str());
    assert_eq!(get("SLOTS_PER_EPOCH"), Some("8"));
    assert_eq!(get("GENESIS_FORK_VERSION"), Some("0x00000001"));
    assert_eq!(get("SECONDS_PER_SLOT"), Some("6"));
    assert_eq!(get("CONFIG_NAME"), Some("minimal"));
    assert_eq!(get("DOMAIN_DEPOSIT"), Some("0x03000000"));
    assert_eq!(get("ALTAIR_FORK_EPOCH"), Some("18446744073709551615"));
    let mut names: Vec<_> = entries.iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), entries.len(), "no name twice");
}
