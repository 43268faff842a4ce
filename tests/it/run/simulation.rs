//! Runs in virtual time replay exactly.

use super::{Case, Said, finish, pair, signal};

const STEPS: &str = "  - wait: { finalized: 2, within: 6 epochs }\n  - kill: { node: b0, restart_after: 4 slots }
  - wait: { finalized: +2, within: 8 epochs }";

#[test]
fn two_runs_of_a_seed_have_the_same_journal_and_two_seeds_do_not() {
    let case = Case::new(&pair(STEPS));
    let run = |out: &str, seed: &str| {
        let said = Said::of(case.run(out, &["--runtime", "simulation", "--seed", seed]).output().unwrap());
        assert_eq!(said.code, Some(0), "{said}");
        case.journal(out)
    };
    let (one, again, other) = (run("one", "7"), run("again", "7"), run("other", "8"));
    assert!(one == again, "journals of one seed differ");
    assert_ne!(one, other);
    // Nothing of this machine or this moment is in it.
    for foreign in [case.path("one").to_str().unwrap(), "\"pid\"", "\"command\"", "\"time\":"] {
        assert!(!one.contains(foreign), "`{foreign}` is in the journal");
    }
}

#[test]
fn the_four_files_of_a_report_are_there_and_agree() {
    let case = Case::new(&pair("  - wait: { finalized: 2, within: 6 epochs }"));
    let said = Said::of(case.run("out", &["--runtime", "simulation"]).output().unwrap());
    let page = case.path("out").join("report.html");
    assert_eq!(said.last_line(), format!("pass {}", page.display()), "{said}");
    let report: serde_json::Value =
        serde_json::from_slice(&std::fs::read(case.path("out").join("report.json")).unwrap()).unwrap();
    assert_eq!(report["verdict"], "pass");
    for file in ["journal.jsonl", "report.html", "junit.xml"] {
        assert!(std::fs::metadata(case.path("out").join(file)).unwrap().len() > 100, "{file}");
    }
    // A run's directory is not written over.
    let again = Said::of(case.run("out", &["--runtime", "simulation"]).output().unwrap());
    assert_eq!(again.code, Some(2), "{again}");
    assert!(again.stderr.contains("out"), "{again}");
}

#[test]
fn who_asks_twice_is_heard_whatever_is_being_computed() {
    // Genesis of so many validators takes minutes, in one piece.
    let case = Case::new(
        &pair("  - wait: 1 epoch")
            .replace("validators: 16", "validators: 1000000")
            .replace("validators: 8", "validators: 500000"),
    );
    let run = case.run("out", &["--runtime", "simulation"]).spawn().unwrap();
    case.wait_for("out", "\"event\":\"run\"");
    signal(&run, libc::SIGINT);
    std::thread::sleep(std::time::Duration::from_secs(4));
    signal(&run, libc::SIGTERM);
    let said = finish(run);
    assert_eq!(said.code, Some(130), "{said}");
    assert!(said.stderr.contains("SIGTERM again"), "{said}");
}
