//! `junit.xml`: a test case per check, as CI systems read it.

use super::{Error, Report};
use crate::journal::Verdict;
use quick_junit::{NonSuccessKind, Report as Junit, TestCase, TestCaseStatus, TestSuite};
use std::time::Duration;

/// Renders it. `fail` is a failure, `unknown` an error, `unsupported` and `known-failure` are skipped.
///
/// # Errors
/// [`Error::Render`], which would be a bug.
pub fn junit(report: &Report) -> Result<String, Error> {
    let name = if report.run.name.is_empty() { "lockin" } else { &report.run.name };
    let mut suite = TestSuite::new(name);
    suite.set_time(Duration::from_millis(report.timings.run_ms));
    for (key, value) in [("runtime", &report.run.runtime), ("lockin", &report.run.lockin), ("run", &report.run.id)] {
        suite.add_property((key, value.as_str()));
    }
    suite.add_property(("seed", report.run.seed.to_string().as_str()));
    for (role, client) in &report.run.roles {
        suite.add_property((format!("role {role}").as_str(), client.as_str()));
    }
    for check in &report.checks {
        let mut case = case(name, &check.check, check.verdict, &check.says);
        if check.check == "processes" && check.verdict != Verdict::Pass {
            case.set_system_err(logs(report));
        }
        suite.add_test_case(case);
    }
    // a verdict that no check explains: a run that was cut off before it was judged
    if !report.checks.iter().any(|check| check.verdict == report.verdict) {
        suite.add_test_case(case(name, "run", report.verdict, &report.says));
    }
    let mut all = Junit::new("lockin");
    all.add_test_suite(suite);
    all.to_string().map_err(|why| Error::Render { what: "junit.xml", why: why.to_string() })
}

fn case(suite: &str, name: &str, verdict: Verdict, says: &str) -> TestCase {
    let mut status = match verdict {
        Verdict::Pass => TestCaseStatus::success(),
        Verdict::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Verdict::Unknown => TestCaseStatus::non_success(NonSuccessKind::Error),
        Verdict::Unsupported | Verdict::KnownFailure => TestCaseStatus::skipped(),
    };
    if verdict != Verdict::Pass {
        status.set_message(says).set_type(verdict.name());
    }
    let mut case = TestCase::new(name, status);
    case.set_classname(format!("lockin.{suite}"));
    if verdict == Verdict::Pass {
        case.set_system_out(says);
    }
    case
}

/// The last log lines of the nodes that crashed.
fn logs(report: &Report) -> String {
    let crashed = report.nodes.iter().filter(|node| !node.log.is_empty());
    crashed.map(|node| format!("{}:\n{}\n", node.name, node.log.join("\n"))).collect()
}
