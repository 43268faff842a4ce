//! Genesis waits for nodes: once, and then no more.

use super::{Case, Said, pair};
use std::fs;

/// The embedded client, whose beacon node starts as this shell script does; `$0` is the file `marker`, the arguments are
/// its command line.
fn reluctant(case: &Case, script: &str) -> String {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/clients/lockin.yaml")).unwrap();
    let beacon = "    program: \"{{ lockin }}\"\n    ports: { p2p: tcp, rest: tcp }\n    args:\n";
    assert!(text.contains(beacon) && text.contains("within: 30s"));
    let marker = case.path("marker");
    let shell = format!(
        "    program: sh\n    ports: {{ p2p: tcp, rest: tcp }}\n    args:\n      - -c\n      - '{script}'\n      - {}\n      \
         - \"{{{{ lockin }}}}\"\n",
        marker.display()
    );
    let text =
        text.replace(beacon, &shell).replace("within: 30s", "within: 8s").replace("name: lockin", "name: reluctant");
    fs::write(case.path("reluctant.yaml"), text.replace("embedded: true", "embedded: false")).unwrap();
    format!("B={}", case.path("reluctant.yaml").display())
}

#[test]
fn a_node_that_is_late_once_gets_a_later_genesis() {
    let case = Case::new(&pair("  - wait: { finalized: 2, within: 6 epochs }"));
    let role = reluctant(&case, r#"if [ -e "$0" ]; then exec "$@"; fi; touch "$0"; exec sleep 60"#);
    let said = Said::of(case.run("out", &["--role", &role]).output().unwrap());
    assert_eq!(said.code, Some(0), "{said}");
    assert!(said.stdout.contains("note: b0 did not answer until genesis"), "{said}");
    let journal = case.journal("out");
    assert_eq!(journal.matches(r#""event":"genesis""#).count(), 1, "{journal}");
    let again = journal.find(r#""event":"again""#).unwrap();
    assert!(!journal[..again].contains(r#""slot":"#), "a slot was counted before genesis was certain");
    // What was measured is there for the next run.
    let cache = fs::read_to_string(case.path("cache").join("lockin/start-times.json")).unwrap();
    assert!(cache.contains("ready_ms"), "{cache}");
    case.leaves_nothing();
}

#[test]
fn a_node_that_is_never_ready_makes_the_run_unknown() {
    let case = Case::new(&pair("  - wait: { finalized: 2, within: 6 epochs }"));
    let role = reluctant(&case, "exec sleep 60");
    let said = Said::of(case.run("out", &["--role", &role]).output().unwrap());
    assert_eq!(said.code, Some(3), "{said}");
    assert!(said.stdout.contains("waiting for every node to be ready: b0 did not answer until genesis"), "{said}");
    assert!(!case.journal("out").contains(r#""event":"genesis""#));
    case.leaves_nothing();
}
