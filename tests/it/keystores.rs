//! Keystores that other clients wrote: of the first interop keys, by Prysm 7.0.0 (`validator accounts import`) and by the
//! keystore library of Lodestar 1.5.1. The other direction was tried by hand: both read ours.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lockin::genesis::{Convention, NetworkDirectory, Peers, genesis_state, interop_key};
use lockin::keystore;
use lockin::types::ForkName;

use super::node::lab::config;

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

#[test]
fn the_validator_takes_what_the_command_writes_beside_interop_keys() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let lockin = || Command::new(env!("CARGO_BIN_EXE_lockin"));
    let (keys, net) = (dir.path().join("keystores"), dir.path().join("net"));
    let written = lockin().args(["keys", "0..3", "--keystores", "prysm", "--out"]).arg(&keys).status();
    assert!(written.expect("the binary starts").success());
    let cfg = config(None);
    let genesis =
        genesis_state(&cfg, ForkName::Phase0, Convention::Genesis, 4_000_000_000, 16).expect("a genesis state");
    NetworkDirectory::at(&net).write(&cfg, &genesis, &Peers::default()).expect("writes");

    let mut command = lockin();
    command.args(["validator", "--beacon", "http://127.0.0.1:1", "--interop", "2..4"]);
    command.arg("--network-dir").arg(&net).arg("--data-dir").arg(dir.path().join("data"));
    command.arg("--keystores").arg(keys.join("keys")).arg("--passwords").arg(keys.join("secrets"));
    let mut child = command.stderr(Stdio::piped()).spawn().expect("the binary starts");
    let lines = BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok);
    let mut told = Vec::new();
    for line in lines {
        let ready = line.contains("validators ready");
        told.push(line);
        if ready {
            break;
        }
    }
    child.kill().expect("it still waits for its node");
    child.wait().expect("it ends");
    assert!(told.last().is_some_and(|line| line.contains("keys=4")), "each key once: {told:?}");
}
