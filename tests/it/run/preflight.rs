//! Nodes that are not as planned are found before a slot is spent on them.

use super::{Case, Said, pair};
use std::fs;

const STEPS: &str = "  - wait: { finalized: 2, within: 6 epochs }";

/// A pair whose second node has a configuration of its own.
fn unequal(key: &str, value: &str) -> String {
    let own = format!("validators: 8, config: {{ {key}: {value} }} }}\nsteps");
    pair(STEPS).replace("validators: 8 }\nsteps", &own)
}

#[test]
fn a_node_with_another_configuration_fails_the_run_before_genesis() {
    for runtime in ["simulation", "process"] {
        let case = Case::new(&unequal("BASE_REWARD_FACTOR", "32"));
        let said = Said::of(case.run("out", &["--runtime", runtime]).output().unwrap());
        assert_eq!(said.code, Some(1), "{said}");
        let says = "b0 (lockin): BASE_REWARD_FACTOR is 32, planned 64";
        assert!(said.stdout.contains(&format!("fail  preflight  {says}")), "{said}");
        let journal = case.journal("out");
        assert!(!journal.contains(r#""event":"genesis""#), "it went on to genesis");
        assert!(journal.contains(r#""differs":[{"what":"BASE_REWARD_FACTOR","planned":"64","has":"32"}]"#));
        for report in ["report.json", "report.html", "junit.xml"] {
            assert!(fs::read_to_string(case.path("out").join(report)).unwrap().contains(says), "{report}");
        }
        case.leaves_nothing();
    }
}

#[test]
fn nodes_as_planned_pass_and_the_scenario_can_turn_it_off() {
    let case = Case::new(&pair(STEPS));
    let said = Said::of(case.run("out", &["--runtime", "simulation"]).output().unwrap());
    assert_eq!(said.code, Some(0), "{said}");
    assert!(said.stdout.contains("every node is as planned"), "{said}");

    let case = Case::new(&format!("{}preflight: false\n", pair(STEPS)));
    let said = Said::of(case.run("out", &["--runtime", "simulation"]).output().unwrap());
    assert_eq!(said.code, Some(0), "{said}");
    assert!(
        !said.stdout.contains("every node is as planned") && said.stdout.contains("turns pre-flight off"),
        "{said}"
    );
}

#[test]
fn a_value_that_is_none_ends_in_2_with_the_place() {
    for (key, value, says) in [("BASE_REWARD_FACTR", "32", "BASE_REWARD_FACTR"), ("BASE_REWARD_FACTOR", "x", "`x`")] {
        let case = Case::new(&unequal(key, value));
        let said = Said::of(case.run("out", &[]).output().unwrap());
        assert_eq!(said.code, Some(2), "{said}");
        assert!(said.stderr.contains(says) && said.stderr.contains("scenario.yaml:10:"), "{said}");
    }
}
