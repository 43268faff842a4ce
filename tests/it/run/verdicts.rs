//! What the exit code says: a bad file, trouble of the environment, a crash, a finality that does not come.

use super::{Case, Said, finish, pair};
use std::fs;

const LONG: &str = "  - wait: { finalized: 20, within: 40 epochs }";

/// A client whose beacon program is this shell script.
fn scripted(script: &str) -> String {
    format!(
        "name: scripted
about: A client that is a shell script.
supports: {{ presets: [minimal], forks: phase0..altair, slot_time: at least 100ms }}
roles:
  beacon:
    program: sh
    ports: {{ p2p: tcp, rest: tcp }}
    args: [-c, '{script}']
    environment_exits: [3]
"
    )
}

#[test]
fn broken_files_end_in_2_with_the_place() {
    let good = pair(LONG);
    let broken = [
        (good.replace("about:", "abuot:"), "abuot"),
        (good.replace("validators: 8 }\nsteps", "validators: 0..9 }\nsteps"), "a0"),
        (good.replace("within: 40 epochs", "within: 40 parsecs"), "40 parsecs"),
        (format!("{good}name: again\n"), "name"),
        (good.replace("slot_time: 500ms", "slot_time: [1]"), "slot_time"),
        ("\u{0}\u{1}\u{2}".to_owned(), "scenario.yaml"),
    ];
    for (text, mentions) in broken {
        let case = Case::new(&text);
        let said = Said::of(case.run("out", &[]).output().unwrap());
        assert_eq!(said.code, Some(2), "{said}");
        assert!(said.stderr.contains("scenario.yaml") && said.stderr.contains(mentions), "`{mentions}` in {said}");
        assert!(!case.path("out").exists(), "something was started");
    }
}

#[test]
fn an_unknown_client_or_role_ends_in_2() {
    let case = Case::new(&pair(LONG));
    for (role, mentions) in [("B=nobody", "nobody"), ("X=lockin", "X"), ("B", "ROLE=CLIENT")] {
        let said = Said::of(case.run("out", &["--role", role]).output().unwrap());
        assert_eq!(said.code, Some(2), "{said}");
        assert!(said.stderr.contains(mentions), "{said}");
    }
}

#[test]
fn what_a_client_does_not_support_ends_in_4_before_anything_starts() {
    let case = Case::new(&pair(LONG).replace("500ms", "60ms"));
    let said = Said::of(case.run("out", &[]).output().unwrap());
    assert_eq!(said.code, Some(4), "{said}");
    assert!(!case.path("out").exists());
}

#[test]
fn a_missing_program_is_trouble_not_failure() {
    let case = Case::new(&pair(LONG));
    fs::write(case.path("absent.yaml"), scripted("true").replace("program: sh", "program: no-such-program")).unwrap();
    let client = format!("B={}", case.path("absent.yaml").display());
    let said = Said::of(case.run("out", &["--role", &client]).output().unwrap());
    assert_eq!(said.code, Some(3), "{said}");
    assert!(said.stderr.contains("`no-such-program` was not found"), "before anything starts: {said}");
    case.leaves_nothing();
}

#[test]
fn a_client_that_blames_its_environment_is_trouble_not_failure() {
    let case = Case::new(&pair(LONG));
    fs::write(case.path("taken.yaml"), scripted("echo port 9000 is taken; exit 3")).unwrap();
    let client = format!("B={}", case.path("taken.yaml").display());
    let said = Said::of(case.run("out", &["--role", &client]).output().unwrap());
    assert_eq!(said.code, Some(3), "{said}");
    assert!(said.stdout.contains("port 9000 is taken"), "{said}");
    case.leaves_nothing();
}

#[test]
fn a_crash_is_a_failure_with_the_node_and_its_last_words() {
    let case = Case::new(&pair(LONG));
    fs::write(case.path("crash.yaml"), scripted("echo what a pity; exit 7")).unwrap();
    let client = format!("B={}", case.path("crash.yaml").display());
    let said = Said::of(case.run("out", &["--role", &client]).output().unwrap());
    assert_eq!(said.code, Some(1), "{said}");
    assert!(said.stdout.contains("b0 (beacon) exited with code 7"), "{said}");
    for report in ["report.json", "report.html"] {
        let text = fs::read_to_string(case.path("out").join(report)).unwrap();
        assert!(text.contains("what a pity"), "{report} lacks the last log line");
    }
    case.leaves_nothing();
}

#[test]
fn a_finality_that_does_not_come_is_a_failure() {
    // Half of the validators are gone from the start.
    let scenario = pair("  - stop: b0\n  - wait: { finalized: 2, within: 36 slots }");
    let case = Case::new(&scenario);
    let said = Said::of(case.run("out", &["--runtime", "simulation"]).output().unwrap());
    assert_eq!(said.code, Some(1), "{said}");
    assert!(said.last_line().starts_with("fail "), "{said}");
}

#[test]
fn a_journal_that_can_not_be_written_is_trouble_not_failure() {
    // A file may grow to 4 blocks: what a full disk looks like to whoever writes.
    let case = Case::new(&pair("  - wait: { finalized: 2, within: 6 epochs }"));
    let run = case.run("out", &["--runtime", "simulation"]);
    let line: Vec<String> =
        std::iter::once(run.get_program()).chain(run.get_args()).map(|arg| arg.to_str().unwrap().to_owned()).collect();
    let mut limited = std::process::Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 4; exec \"$@\"", "sh"]).args(line);
    let said = Said::of(limited.output().unwrap());
    assert_eq!(said.code, Some(3), "{said}");
    assert!(said.stderr.contains("journal"), "{said}");
    super::is_readable(&case.path("out").join("journal.jsonl"));
}

#[test]
fn two_runs_at_once_do_not_disturb_each_other() {
    let case = Case::new(&pair("  - wait: { finalized: 2, within: 6 epochs }"));
    let one = case.run("one", &[]).spawn().unwrap();
    let two = case.run("two", &[]).spawn().unwrap();
    for said in [finish(one), finish(two)] {
        assert_eq!(said.code, Some(0), "{said}");
    }
    case.leaves_nothing();
}
