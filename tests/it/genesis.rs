//! Genesis states against goldens made by the executable specification and an independent client, and what
//! `lockin genesis` prints and writes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lockin::engine::{header::Header, json, ordered_trie_root};
use lockin::genesis::{Convention, genesis_state};
use lockin::ssz::{Fork, Json, Ssz};
use lockin::types::{BeaconState, ChainConfig};
use serde_json::Value;

/// The folder of interop states, where there is one: `LOCKIN_VECTORS`, or beside the repository.
fn interop_folder() -> Option<PathBuf> {
    let vectors = std::env::var_os("LOCKIN_VECTORS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors"), PathBuf::from);
    Some(vectors.join("interop")).filter(|folder| folder.join("roots.json").exists())
}

struct Golden {
    name: String,
    cfg: ChainConfig,
    fork: Fork,
    validators: u64,
    entry: Value,
}

/// The goldens of the forks that are built, from the folder, else from the copy in the repository.
fn goldens() -> (u64, Vec<Golden>) {
    let text = match interop_folder() {
        Some(folder) => fs::read_to_string(folder.join("roots.json")).expect("roots.json is readable"),
        None => include_str!("../golden/interop-roots.json").to_string(),
    };
    let file: Value = serde_json::from_str(&text).expect("roots.json is JSON");
    let states = file["states"].as_object().expect("states by name");
    let golden = |(name, entry): (&String, &Value)| {
        let mut parts = name.split('-');
        let cfg = match parts.next()? {
            "minimal" => ChainConfig::minimal(),
            _ => ChainConfig::mainnet(),
        };
        let fork: Fork = parts.next()?.parse().ok()?;
        let validators = parts.next()?.parse().expect("a number of validators");
        fork.is_built().then(|| Golden { name: name.clone(), cfg, fork, validators, entry: entry.clone() })
    };
    (file["genesis_time"].as_u64().expect("a genesis time"), states.iter().filter_map(golden).collect())
}

#[test]
fn interop_states_have_the_golden_roots() {
    let (time, goldens) = goldens();
    let (mut checked, mut wrong) = (0, Vec::new());
    for Golden { name, cfg, fork, validators, entry } in goldens {
        for convention in Convention::ALL {
            let Some(expected) = entry[format!("{convention}_root")].as_str() else { continue };
            let state = genesis_state(&cfg, fork, convention, time, validators).expect("a golden state");
            let shape = cfg.shape(fork);
            assert_eq!(hex::encode(state.genesis_validators_root.0), entry["genesis_validators_root"], "{name}");
            checked += 1;
            if hex::encode(state.hash_tree_root(shape).0) != expected {
                wrong.push(format!("{name} {convention}{}", differing_field(&cfg, &name, convention, &state)));
                continue;
            }
            let encoded = state.encode(shape);
            assert_eq!(encoded.len() as u64, entry["bytes"].as_u64().expect("a length"), "{name} {convention}");
            if let Some(golden) = golden_state(&name, convention) {
                assert!(golden == encoded, "{name} {convention}: the encodings differ");
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {checked} differ: {wrong:#?}", wrong.len());
    // As many as the file has of phase0 to fulu: four sizes of three conventions, but two before bellatrix.
    assert_eq!(checked, 4 * (2 * 2 + 5 * 3), "every fork, both presets, every convention");
}

/// The golden state itself, where it is at hand.
fn golden_state(name: &str, convention: Convention) -> Option<Vec<u8>> {
    let path = interop_folder()?.join(format!("{name}.{convention}.ssz_snappy"));
    Some(snap::raw::Decoder::new().decompress_vec(&fs::read(path).ok()?).expect("raw snappy"))
}

/// The first field in which a state departs from its golden.
fn differing_field(cfg: &ChainConfig, name: &str, convention: Convention, state: &BeaconState) -> String {
    let Some(golden) = golden_state(name, convention) else { return String::new() };
    let shape = cfg.shape(name.split('-').nth(1).and_then(|fork| fork.parse().ok()).expect("a fork"));
    let (golden, ours) = (BeaconState::decode(shape, &golden).expect("a state").to_json(shape), state.to_json(shape));
    let fields = golden.as_object().expect("fields");
    let differing = fields.iter().find(|(field, value)| ours[field.as_str()] != **value);
    differing
        .map_or_else(String::new, |(field, value)| format!(": {field}: {} but golden {value}", ours[field.as_str()]))
}

fn lockin() -> Command {
    Command::new(env!("CARGO_BIN_EXE_lockin"))
}

#[test]
fn the_command_prints_the_root_and_writes_the_directory() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let out = dir.path().join("net");
    let output = lockin()
        .args(["genesis", "--preset", "minimal", "--fork", "altair", "--validators", "16"])
        .args(["--genesis-time", "1567777777", "--convention", "upgraded", "--out"])
        .arg(&out)
        .output()
        .expect("runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let root = "0xbd18818ac909ff53346b80483cb8786d128df25a1b218f903e714d3eef2b815e";
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("genesis_state_root {root}\n"));
    let config = fs::read_to_string(out.join("config.yaml")).expect("written");
    let (cfg, warnings) = ChainConfig::from_yaml(&config).expect("our own file");
    assert!(warnings.is_empty() && cfg.altair_fork_epoch == 0, "{config}");
    let state = cfg.decode_state(&fs::read(out.join("genesis.ssz")).expect("written")).expect("our own file");
    assert_eq!(state.hash_tree_root(cfg.shape(Fork::Altair)).to_string(), root);
    for file in [
        "deposit_contract_block.txt",
        "deploy_block.txt",
        "deposit_contract.txt",
        "deposit_contract_block_hash.txt",
        "genesis_validators_root.txt",
        "bootstrap_nodes.txt",
        "bootstrap_nodes.yaml",
        "boot_enr.yaml",
        "jwt.hex",
    ] {
        assert!(out.join(file).exists(), "{file}");
    }
}

#[test]
fn warnings_and_refusals_go_to_standard_error() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let config = dir.path().join("c.yaml");
    fs::write(&config, "PRESET_BASE: minimal\nSOME_FUTURE_KEY: 7\n").expect("writes");
    let run = |extra: &[&str]| {
        lockin()
            .args(["genesis", "--fork", "phase0", "--validators", "8", "--genesis-time", "1567777777", "--config"])
            .arg(&config)
            .arg("--out")
            .arg(dir.path().join("net"))
            .args(extra)
            .output()
            .expect("runs")
    };
    let output = run(&[]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stderr).contains(":2: unknown key `SOME_FUTURE_KEY` is ignored"));
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "genesis_state_root 0x34d3f0c56e4c232f6d1e316d105fd20c3502ecf18619918cc2c762cce6fe5e4f\n"
    );
    let output = run(&["--convention", "merged"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("not applicable to phase0"));
}

#[test]
fn the_configurations_in_genesis_are_those_of_scenarios() {
    for preset in [lockin::ssz::Preset::minimal(), lockin::ssz::Preset::mainnet()] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("genesis/{}.yaml", preset.name));
        let (config, warnings) = ChainConfig::from_yaml(&fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(config, ChainConfig::lockin(preset));
        assert_eq!(warnings, Vec::<String>::new());
    }
}

/// `lockin genesis` of 8 validators on the minimal preset into `net`.
fn genesis(dir: &Path, more: &[&str]) -> std::process::Output {
    let fixed = ["genesis", "--preset", "minimal", "--validators", "8", "--genesis-time", "1700000000", "--out"];
    lockin().args(fixed).arg(dir.join("net")).args(more).output().expect("runs")
}

fn written(dir: &Path) -> (ChainConfig, BeaconState) {
    let config = fs::read_to_string(dir.join("net/config.yaml")).expect("written");
    let (cfg, _) = ChainConfig::from_yaml(&config).expect("our own file");
    let state = cfg.decode_state(&fs::read(dir.join("net/genesis.ssz")).expect("written")).expect("our own file");
    (cfg, state)
}

#[test]
fn a_live_genesis_stands_on_the_block_that_our_engine_begins_with() {
    let dir = tempfile::tempdir().expect("temporary folder");
    for fork in Fork::ALL.into_iter().filter(|fork| *fork >= Fork::Bellatrix) {
        let output = genesis(dir.path(), &["--fork", fork.name(), "--convention", "live"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let (cfg, state) = written(dir.path());
        let header = lockin::engine::genesis::execution_genesis(cfg.shape(fork), 1_700_000_000);
        assert_eq!(state.latest_execution_payload_header, header, "{fork}");
        assert_eq!((header.timestamp, state.eth1_data.block_hash), (1_700_000_000, header.block_hash));
        let file = fs::read_to_string(dir.path().join("net/deposit_contract_block_hash.txt")).expect("written");
        assert_eq!(file.trim(), header.block_hash.to_string());
    }
    let output = genesis(dir.path(), &["--fork", "altair", "--convention", "live"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn an_execution_clients_genesis_block_can_be_the_beginning() {
    let dir = tempfile::tempdir().expect("temporary folder");
    // A later block as geth gives it, made one that a chain can begin with.
    let blocks: Value = serde_json::from_str(include_str!("../execution-apis/blocks.json")).expect("JSON");
    let (mut of_geth, _) = json::header_from(&blocks["get-block-merge-fork"]).expect("a block");
    of_geth.transactions_root = ordered_trie_root::<&[u8]>([]);
    let block = &json::header_to(&of_geth, &of_geth.hash());
    let file = dir.path().join("geth.json");
    let begin = |block: &Value, fork: &str, more: &[&str]| {
        fs::write(&file, block.to_string()).expect("writes");
        let header = ["--fork", fork, "--execution-header", file.to_str().expect("UTF-8")];
        genesis(dir.path(), &[&header, more].concat())
    };
    let output = begin(block, "bellatrix", &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (_, state) = written(dir.path());
    let header = &state.latest_execution_payload_header;
    assert_eq!(block["hash"], header.block_hash.to_string());
    assert_eq!((state.eth1_data.block_hash, state.randao_mixes[3]), (header.block_hash, header.block_hash));
    assert_eq!((header.timestamp, header.block_number), (0x168, 0x24));

    let refused = |output: std::process::Output, why: &str| {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && said.contains(why), "{said}");
    };
    refused(begin(block, "capella", &[]), "not of capella");
    refused(begin(block, "bellatrix", &["--convention", "merged"]), "makes a `live` state");
    refused(begin(&serde_json::json!({ "hash": 5 }), "bellatrix", &[]), "geth.json: ");
    refused(begin(block, "altair", &[]), "altair");
    let late = Header { timestamp: 1_700_000_001, ..of_geth };
    refused(begin(&json::header_to(&late, &late.hash()), "bellatrix", &[]), "after the genesis time");
}

#[test]
fn forks_out_of_order_are_refused_with_their_line() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let config = dir.path().join("c.yaml");
    for (forks, why) in [
        ("ALTAIR_FORK_EPOCH: 4\nBELLATRIX_FORK_EPOCH: 2\n", "c.yaml:3: bellatrix comes in epoch 2, but altair"),
        ("CAPELLA_FORK_EPOCH: 0\n", "c.yaml:2: capella is scheduled at epoch 0, but the genesis state is of phase0"),
        ("ALTAIR_FORK_EPOCH: 1\nCAPELLA_FORK_EPOCH: 9\n", "which it builds on, never comes"),
    ] {
        fs::write(&config, format!("PRESET_BASE: minimal\n{forks}")).expect("writes");
        let output = genesis(dir.path(), &["--fork", "phase0", "--config", config.to_str().expect("UTF-8")]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(why), "{said}");
        assert!(!dir.path().join("net").exists());
    }
}
