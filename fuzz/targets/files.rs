//! Files that people or other programs write: scenarios, clients, configurations, engine scripts, journals, slashing
//! protection. Any text gives a value or an error with its place; what we read, we write so that it is read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use lockin::client::ClientDef;
use lockin::engine::{Script, Stub, StubConfig};
use lockin::report::Report;
use lockin::scenario::{self, Options};
use lockin::ssz::{Bytes, Root};
use lockin::types::ChainConfig;
use lockin::validator::SlashingProtection;
use lockin::{journal, report};
use lockin_fuzz::memory::{Bound, bounded};
use lockin_fuzz::{Input, Scene, scene};

/// Whose signatures the interchange files of this target are.
const GENESIS_VALIDATORS_ROOT: Root = Bytes([0; 32]);

/// A scenario of at most 4,096 nodes and a million validators is planned, which takes their names and keys; the rest of
/// each bound is the tree that a parser makes of a text, some hundred bytes for each of its own.
const SCENARIO: Bound = Bound { base: 256 << 20, per_byte: 4096 };
const TEXT: Bound = Bound { base: 16 << 20, per_byte: 4096 };

fn journal_of(text: &str) {
    let Ok(journal) = journal::parse(text) else { return };
    let report = Report::of(&journal);
    let json = report::json(&report).expect("a report can be rendered");
    assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok());
    report::junit(&report).expect("a report can be rendered");
    report::html(&report, &journal).expect("a report can be rendered");
    report::terminal(&report, false);
}

fn protection_of(text: &str) {
    let mut protection = SlashingProtection::in_memory(GENESIS_VALIDATORS_ROOT);
    if protection.import(text).is_ok() {
        let written = protection.export();
        let mut again = SlashingProtection::in_memory(GENESIS_VALIDATORS_ROOT);
        again.import(&written).expect("what we write can be read");
        assert_eq!(again.export(), written);
    }
}

/// What a stub needs to start.
fn network() -> &'static Scene {
    scene(4)
}

fn script_of(text: &str) {
    if let Ok(script) = Script::from_yaml("script.yaml", text) {
        let scene = network();
        drop(Stub::new(StubConfig::of_network(scene.cfg.clone(), &scene.genesis).with_script(script)));
    }
}

fn read(kind: u8, text: &str) {
    match kind {
        0 => {
            if let Ok(plan) = scenario::parse("scenario.yaml", text, &Options::default()) {
                let _ = format!("{plan:?}");
            }
        }
        1 => drop(ClientDef::from_bytes("client.yaml", text.as_bytes())),
        2 => {
            if let Ok((config, _)) = ChainConfig::from_yaml(text) {
                let (again, _) = ChainConfig::from_yaml(&config.to_yaml()).expect("what we write can be read");
                assert_eq!(again, config);
            }
        }
        3 => journal_of(text),
        4 => script_of(text),
        _ => protection_of(text),
    }
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let kind = input.byte() % 6;
    let bound = if kind == 0 { SCENARIO } else { TEXT };
    network();
    bounded(data.len(), bound, || match std::str::from_utf8(input.0) {
        Ok(text) => read(kind, text),
        Err(_) => drop(ClientDef::from_bytes("client.yaml", input.0)),
    });
});
