//! `junit.xml` of a matrix: a test case per cell, as CI systems read it.

use super::{CellReport, Error, Matrix};
use crate::journal::Verdict;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use std::time::Duration;

/// Renders it. `fail` is a failure, `unknown` an error, `unsupported` and `known-failure` are skipped.
///
/// # Errors
/// [`Error::Render`], which would be a bug.
pub fn junit(matrix: &Matrix) -> Result<String, Error> {
    let head = &matrix.head;
    let mut suite = TestSuite::new(format!("matrix {}", head.scenario));
    suite.add_property(("runtime", head.runtime.as_str()));
    suite.add_property(("lockin", matrix.lockin.as_str()));
    suite.add_property(("clients", head.clients.join(",").as_str()));
    if let Some(shard) = matrix.shard {
        suite.add_property(("shard", shard.to_string().as_str()));
    }
    for cell in &matrix.cells {
        suite.add_test_case(case(&head.scenario, cell));
    }
    let mut all = Report::new("lockin matrix");
    all.add_test_suite(suite);
    all.to_string().map_err(|why| Error::Render { what: "junit.xml", why: why.to_string() })
}

fn case(scenario: &str, cell: &CellReport) -> TestCase {
    let mut status = match cell.verdict {
        Verdict::Pass => TestCaseStatus::success(),
        Verdict::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Verdict::Unknown => TestCaseStatus::non_success(NonSuccessKind::Error),
        Verdict::Unsupported | Verdict::KnownFailure => TestCaseStatus::skipped(),
    };
    if cell.verdict != Verdict::Pass {
        let why = cell.known.as_ref().map(|known| format!("known until {}: {}; ", known.until, known.why));
        status.set_message(why.unwrap_or_default() + &cell.says).set_type(cell.verdict.name());
    }
    let mut case = TestCase::new(cell.title.clone(), status);
    case.set_classname(format!("lockin.matrix.{scenario}"));
    case.set_time(Duration::from_millis(cell.runs.iter().map(|run| run.record.wall_ms).sum()));
    case.set_system_out(output(cell));
    case
}

/// The runs, their checks, and where to read on.
fn output(cell: &CellReport) -> String {
    let mut out = String::new();
    for run in &cell.runs {
        out.push_str(&format!("{}: {}: {}\n", run.folder, run.record.verdict, run.record.says));
        for check in run.record.checks.iter().filter(|check| check.verdict != Verdict::Pass) {
            out.push_str(&format!("  {} {}: {}\n", check.verdict, check.check, check.says));
        }
        for issue in &run.record.issues {
            out.push_str(&format!("  {issue}\n"));
        }
        let logs = run.record.nodes.iter().flat_map(|node| &node.logs);
        for path in run.record.report.iter().chain(&run.record.output).chain(logs) {
            out.push_str(&format!("  {}/{path}\n", run.folder));
        }
    }
    out
}
