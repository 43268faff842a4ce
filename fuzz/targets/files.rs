//! Files that people write: scenarios, clients, configurations. Any text gives a value or an error with its place.

#![no_main]

use libfuzzer_sys::fuzz_target;
use lockin::client::ClientDef;
use lockin::scenario::{self, Options};
use lockin::types::ChainConfig;
use lockin_fuzz::Input;

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let kind = input.byte() % 3;
    let Ok(text) = std::str::from_utf8(input.0) else {
        let _ = ClientDef::from_bytes("client.yaml", input.0);
        return;
    };
    match kind {
        0 => {
            if let Ok(plan) = scenario::parse("scenario.yaml", text, &Options::default()) {
                let _ = format!("{plan:?}");
            }
        }
        1 => drop(ClientDef::from_bytes("client.yaml", text.as_bytes())),
        _ => {
            if let Ok((config, _)) = ChainConfig::from_yaml(text) {
                let (again, _) = ChainConfig::from_yaml(&config.to_yaml()).expect("what we write can be read");
                assert_eq!(again, config);
            }
        }
    }
});
