//! `lockin doctor`: what is missing, how to mend it, and the exit code that CI goes by.

use std::process::Command;

/// Exit code and lines, with a PATH that has nothing and no container engine.
fn doctor(args: &[&str]) -> (Option<i32>, Vec<String>) {
    let empty = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockin"));
    let said = command
        .arg("doctor")
        .args(args)
        .env("PATH", empty.path())
        .env("DOCKER_HOST", "unix:///nowhere.sock")
        .output()
        .unwrap();
    assert!(said.stderr.is_empty(), "{}", String::from_utf8_lossy(&said.stderr));
    (said.status.code(), String::from_utf8(said.stdout).unwrap().lines().map(str::to_owned).collect())
}

/// The line on `what`, and the one that says how to mend it, if any.
fn about<'a>(lines: &'a [String], what: &str) -> (&'a str, &'a str) {
    let at = lines.iter().position(|line| line.split_once("  ").is_some_and(|(_, rest)| rest.trim().starts_with(what)));
    let at = at.unwrap_or_else(|| panic!("nothing on {what}: {lines:?}"));
    let mend = lines.get(at + 1).map(|line| line.trim()).filter(|line| line.starts_with("-> ")).unwrap_or_default();
    (&lines[at], mend)
}

#[test]
fn embedded_nodes_on_loopback_need_no_engine_and_no_other_program() {
    let (code, lines) = doctor(&[]);
    assert_eq!(code, Some(0), "{lines:?}");
    for what in ["cores", "memory", "disk", "clock", "ports"] {
        about(&lines, what);
    }
    let (line, mend) = about(&lines, "container engine");
    assert!(line.starts_with("lacking") && line.contains("/nowhere.sock") && mend.contains("DOCKER_HOST"), "{line}");
    let (line, mend) = about(&lines, "programs of prysm");
    assert!(line.starts_with("lacking") && mend.contains("--program prysm.beacon=FILE"), "{line} {mend}");
}

#[test]
fn what_a_run_needs_and_is_not_there_is_missing() {
    let (code, lines) = doctor(&["--runtime", "docker"]);
    assert!(code == Some(3) && lines.last().unwrap() == "1 missing", "{lines:?}");
    assert!(about(&lines, "container engine").0.starts_with("missing"));
    let (code, lines) = doctor(&["--clients", "prysm"]);
    assert!(code == Some(3) && lines.last().unwrap() == "1 missing", "{lines:?}");
    let (line, _) = about(&lines, "programs of prysm");
    assert!(line.starts_with("missing") && line.contains("beacon: beacon-chain"), "{line}");
    assert!(!lines.iter().any(|line| line.contains("lodestar")), "only the clients that were named: {lines:?}");
    // In virtual time there are no programs.
    assert_eq!(doctor(&["--clients", "prysm", "--runtime", "simulation"]).0, Some(0));
}

#[test]
fn an_unknown_client_is_bad_usage() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockin"));
    let said = command.args(["doctor", "--clients", "prism"]).output().unwrap();
    assert_eq!(said.status.code(), Some(2));
    assert!(String::from_utf8(said.stderr).unwrap().contains("`prism` is no known client"));
}
