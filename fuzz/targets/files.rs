//! Files that people or other programs write: scenarios, clients, configurations, engine scripts, journals, slashing
//! protection, keystores. Any text gives a value or an error with its place; what we read, we write so that it is read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use lockin::client::ClientDef;
use lockin::engine::{Script, Stub, StubConfig};
use lockin::keystore::{Kdf, Keystore, Salts};
use lockin::report::Report;
use lockin::scenario::{self, Options};
use lockin::ssz::{Bytes, Root};
use lockin::types::ChainConfig;
use lockin::validator::SlashingProtection;
use lockin::{journal, report};
use lockin_fuzz::memory::{Bound, bounded};
use lockin_fuzz::{Input, Scene, edit, scene};
use serde_json::Value;
use std::sync::OnceLock;

/// Whose signatures the interchange files of this target are.
const GENESIS_VALIDATORS_ROOT: Root = Bytes([0; 32]);

/// The tree that a parser makes of a text takes some hundred bytes for each of its own; a report repeats a journal several times.
const TEXT: Bound = Bound { base: 8 << 20, per_byte: 2048 };

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

/// A keystore made here, edited as text or as a document. What asks for scrypt is only read, not opened: that may take as
/// much memory as the parameters in the EIP's example, whatever the file's length.
fn keystore_of(input: &mut Input) {
    static MADE: OnceLock<String> = OnceLock::new();
    let made = MADE.get_or_init(|| Keystore::seal(&[7; 32], "password", Kdf::QUICK, Salts::default()).to_json());
    let mut text = made.clone().into_bytes();
    let mut value: Value = serde_json::from_str(made).expect("it was written");
    match input.byte() % 2 {
        0 => (0..=input.byte() % 4).for_each(|_| edit::text(&mut text, input)),
        _ => {
            (0..=input.byte() % 4).for_each(|_| edit::json(&mut value, input));
            text = value.to_string().into_bytes();
        }
    }
    let Ok(keystore) = Keystore::from_json(&String::from_utf8_lossy(&text)) else { return };
    let written = keystore.to_json();
    assert_eq!(Keystore::from_json(&written).as_ref(), Ok(&keystore), "what we write can be read");
    keystore.pubkey();
    if !written.contains("scrypt") {
        drop(keystore.open("password").and_then(|message| keystore.key_in(&message)));
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
    let kind = input.byte() % 7;
    network();
    bounded(data.len(), TEXT, || {
        if kind == 6 {
            return keystore_of(&mut input);
        }
        match std::str::from_utf8(input.0) {
            Ok(text) => read(kind, text),
            Err(_) => drop(ClientDef::from_bytes("client.yaml", input.0)),
        }
    });
});
