//! Keystores that other clients wrote: of the first interop keys, by Prysm 7.0.0 (`validator accounts import`) and by the
//! keystore library of Lodestar 1.5.1. The other direction was tried by hand: both read ours.

use std::fs;
use std::path::{Path, PathBuf};

use lockin::genesis::interop_key;
use lockin::keystore;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/keystores").join(name)
}

#[test]
fn other_clients_keystores_are_read() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let password = dir.path().join("password.txt");
    for (name, protected_by, indices) in
        [("lodestar-1.5.1.json", "pass wörd", 0..1), ("prysm-7.0.0-wallet.json", "Lockin-interop-1\n", 0..3)]
    {
        fs::write(&password, protected_by).expect("writes");
        let keys = keystore::read(&golden(name), &password).expect(name);
        let mut expected: Vec<_> = indices.map(|index| interop_key(index).pubkey).collect();
        expected.sort();
        let found: Vec<_> = keys.iter().map(|key| key.public_key()).collect();
        assert_eq!(found, expected, "{name}");
    }
    fs::write(&password, "pass word").expect("writes");
    let error = keystore::read(&golden("lodestar-1.5.1.json"), &password).expect_err("another password");
    assert!(error.to_string().contains("the password does not open it"), "{error}");
}
