//! `lockin client`: what is known of every client, and the exact command lines, held to snapshots. Nothing is started.

use lockin::client::{ENGINE, Library, built_in_names, load};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn lockin(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lockin")).args(args).output().expect("runs")
}

fn said(args: &[&str]) -> String {
    let output = lockin(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// What it complains of, and with which exit code.
fn refused(args: &[&str]) -> (i32, String) {
    let output = lockin(args);
    (output.status.code().expect("an exit code"), String::from_utf8(output.stderr).expect("text"))
}

fn scenario(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name)
}

#[test]
fn the_command_lines_of_every_client() {
    for name in built_in_names() {
        insta::assert_snapshot!(format!("command_{name}"), said(&["client", "command", name]));
    }
}

#[test]
fn consensus_beside_an_execution_client() {
    insta::assert_snapshot!(said(&["client", "command", "prysm+geth", "--fork", "electra", "--slot-time", "2s"]));
}

#[test]
fn another_clients_validator() {
    let theirs = said(&["client", "command", "lockin/prysm", "--preset", "mainnet", "--fork", "altair"]);
    assert!(theirs.contains("--beacon-rest-api-provider=http://127.0.0.1:"), "{theirs}");
    assert!(!theirs.contains("lockin validator") && !theirs.contains("--beacon-rpc-provider"), "{theirs}");
    let ours = said(&["client", "command", "prysm/lockin", "--fork", "altair"]);
    assert!(ours.contains("# lockin, validator") && ours.contains("--interop=0..8"), "{ours}");
    // one process does both elsewhere: here it only follows
    let alone = said(&["client", "command", "teku/lockin"]);
    assert!(!alone.contains("--validator-keys") && alone.contains("--interop=0..8"), "{alone}");
    let (code, why) = refused(&["client", "command", "prysm/teku"]);
    assert_eq!((code, why.contains("client teku has no role `validator`")), (2, true), "{why}");
}

#[test]
fn a_follower_is_given_no_keys_and_several_ranges_come_as_keystores() {
    for name in built_in_names() {
        let def = load(name).expect(name);
        let Some(signing) = def.signing_role() else { continue };
        let follower = said(&["client", "command", name, "--validators", "0"]);
        let keys = def.roles[signing].keys.clone().expect("it signs");
        let flags = keys.interop_range.iter().chain(keys.keystores.iter().flat_map(|keystores| &keystores.args));
        for flag in flags.map(|arg| arg.split('=').next().expect("text")) {
            assert!(!follower.contains(flag), "{name}: {flag} in {follower}");
        }
        if let Some(keystores) = keys.keystores {
            let two = said(&["client", "command", name, "--validators", "0..4,8..12"]);
            assert!(two.contains("RUN/a0/keystores/keys"), "{name} ({:?}): {two}", keystores.layout);
            assert!(!keys.interop_range.iter().any(|arg| two.contains(arg.split('=').next().expect("text"))), "{two}");
        }
    }
}

#[test]
fn the_list_of_clients() {
    insta::assert_snapshot!(said(&["client", "list"]));
    let shown = said(&["client", "show", "geth"]);
    assert!(shown.contains("name: geth") && shown.contains("--authrpc.jwtsecret={{ engine.jwt }}"), "{shown}");
}

#[test]
fn an_image_a_program_and_arguments_take_a_clients_place() {
    let changed = said(&[
        "client",
        "command",
        "prysm",
        "--image=prysm=my/prysm:test",
        "--program=prysm.beacon=./my {{beacon}}",
        "--arg=prysm.beacon=--verbosity=debug",
        "--arg=prysm.beacon=--new-flag",
        "--arg=prysm.validator=--new-value=1",
    ]);
    assert_eq!(changed.matches("image my/prysm:test").count(), 2, "{changed}");
    assert!(changed.contains("\n./my {{beacon}} \\\n"), "{changed}");
    assert!(changed.contains("--verbosity=debug") && changed.contains("--new-flag"), "{changed}");
    // the validator's own flag of that name stays
    assert_eq!(changed.matches("--verbosity=info").count(), 1, "{changed}");
    assert!(changed.contains("--new-value=1"), "{changed}");
    for (wrong, says) in [
        ("--arg=prysm=--x", "`prysm=--x` is not CLIENT.ROLE=ARG"),
        ("--program=prysm.beacon=", "is not CLIENT.ROLE=FILE"),
        ("--image=geth=my/geth", "no `geth` takes part; there are lockin, prysm"),
        ("--arg=prysm.signer=--x", "client prysm has no role `signer`; it has beacon, validator"),
    ] {
        let (code, why) = refused(&["client", "command", "prysm", wrong]);
        assert!(code == 2 && why.contains(says), "{wrong}: {code} {why}");
    }
}

#[test]
fn a_users_own_definition_comes_first() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/geth.yaml")).expect("there");
    std::fs::write(dir.path().join("geth.yaml"), text.replace("--maxpeers=0", "--maxpeers=7")).expect("writes");
    std::fs::write(dir.path().join("mine.yaml"), text.replace("name: geth", "name: mine")).expect("writes");
    let folder = dir.path().to_str().expect("UTF-8");
    assert!(said(&["client", "command", "geth", "--clients", folder]).contains("--maxpeers=7"));
    assert!(said(&["client", "list", "--clients", folder]).contains("\nmine "));
    let path = dir.path().join("mine.yaml");
    let shown = said(&["client", "show", path.to_str().expect("UTF-8")]);
    assert!(shown.contains("name: mine"), "{shown}");
    assert!(said(&["client", "command", "lockin+mine", "--clients", folder]).contains("# mine, engine"));
}

#[test]
fn what_can_not_run_is_unsupported_before_anything_starts() {
    let pairwise = scenario("pairwise.yaml");
    let pairwise = pairwise.to_str().expect("UTF-8");
    for gone in ["harmony", "trinity", "shasper"] {
        let (code, why) = refused(&["plan", pairwise, "--role", &format!("B={gone}")]);
        assert!(code == 4 && why.contains(&format!("unsupported: {gone} can't be had any more: ")), "{code} {why}");
    }
    let (code, why) = refused(&["plan", pairwise, "--role", "B=nimbus"]);
    assert_eq!(code, 4, "{why}");
    let phase0 = scenario("all-forks.yaml");
    let (code, why) = refused(&["plan", phase0.to_str().expect("UTF-8"), "--role", "A=lockin+geth"]);
    assert_eq!(
        (code, why.trim()),
        (4, "error: unsupported: geth supports bellatrix..fulu; the network starts in phase0")
    );
    let merged = scenario("../tests/peers/scenarios/deneb.yaml");
    let merged = merged.to_str().expect("UTF-8");
    let (code, why) = refused(&["plan", merged, "--role", "A=lockin+geth"]);
    assert!(code == 4 && why.contains("b0 would build payloads with the embedded engine"), "{code} {why}");
    said(&["plan", merged, "--role", "A=lockin+geth", "--role", "B=prysm+geth"]);
}

#[test]
fn a_missing_program_is_named_before_anything_starts() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let out = dir.path().join("run");
    let (file, out_text) = (scenario("lockin/L4.yaml"), out.to_str().expect("UTF-8"));
    let args = ["--role=B=lodestar", "--program=lodestar.beacon=/nowhere/lodestar", "--out", out_text];
    let (code, why) = refused(&[&["run", file.to_str().expect("UTF-8")], &args[..]].concat());
    assert_eq!(code, 3, "{why}");
    assert!(
        why.contains("`/nowhere/lodestar` was not found") && why.contains("--program lodestar.beacon=FILE"),
        "{why}"
    );
    assert!(!out.exists());
}

#[test]
fn every_definition_says_what_the_others_say_of_themselves() {
    let library = Library::default();
    for name in built_in_names() {
        let def = library.load(name).expect(name);
        if def.gone.is_some() {
            continue;
        }
        for (role, process) in &def.roles {
            let at = format!("{name}.{role}");
            assert!(process.program.is_some(), "{at}: the process runtime starts a program");
            if !def.embedded {
                assert!(process.image.is_some() || def.versions.image.is_some() || name == "ethereumjs", "{at}: image");
            }
            let serves = role == ENGINE || process.ports.contains_key("rest");
            assert!(!serves || (process.ready.is_some() && process.starts_in.is_some()), "{at}: ready, starts_in");
            assert!(role != "beacon" || process.ports.contains_key("p2p"), "{at}: p2p");
        }
        assert!(!def.logs.bad.is_empty(), "{name}: what is trouble in its log");
    }
}
