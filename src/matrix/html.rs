//! `matrix.html`: one page that needs nothing else. Links lead to the runs' folders beside it.

use super::grid::word;
use super::{CellReport, Error, Matrix, NodeRecord, RunReport};
use crate::journal::Verdict;
use serde::Serialize;
use std::fmt::Write as _;
use tera::{Context, Tera};

/// Escaped by its name's ending: everything from a run is.
const PAGE: &str = "page.html";

/// A line of the grid.
#[derive(Serialize)]
struct Row<'a> {
    name: String,
    cells: Vec<Option<Shown<'a>>>,
}

/// A cell as the page shows it.
#[derive(Serialize)]
struct Shown<'a> {
    id: String,
    title: &'a str,
    verdict: Verdict,
    word: String,
    says: &'a str,
    known: Option<String>,
    /// How long its runs took; empty if there was none.
    seconds: String,
    /// Of its first run that did not pass, or else its first.
    links: Vec<Link>,
    runs: Vec<ShownRun<'a>>,
}

#[derive(Serialize)]
struct Link {
    text: String,
    label: String,
    href: String,
}

/// A run of a cell.
#[derive(Serialize)]
struct ShownRun<'a> {
    name: String,
    verdict: Verdict,
    run: &'a RunReport,
    links: Vec<Link>,
    /// Command lines, one a program.
    commands: Vec<(String, String)>,
    seconds: String,
    has_images: bool,
    pace: Option<String>,
}

/// Renders the page.
///
/// # Errors
/// [`Error::Render`], which would be a bug.
pub fn html(matrix: &Matrix) -> Result<String, Error> {
    let (corner, columns, rows) = grid(matrix);
    let failed = |why: tera::Error| Error::Render { what: "matrix.html", why: why.to_string() };
    let details: Vec<Shown<'_>> = matrix.cells.iter().enumerate().map(|(n, cell)| shown(n, cell)).collect();
    let tally = matrix.tally;
    let tally = [
        (Verdict::Pass, tally.pass),
        (Verdict::Fail, tally.fail),
        (Verdict::KnownFailure, tally.known_failure),
        (Verdict::Unknown, tally.unknown),
        (Verdict::Unsupported, tally.unsupported),
    ];
    let tally: Vec<(Verdict, usize)> = tally.into_iter().filter(|(_, count)| *count > 0).collect();
    let mut context = Context::new();
    context.insert("matrix", matrix);
    context.insert("tally", &tally);
    context.insert("columns_play", &(matrix.head.sweep.is_none() && matrix.head.roles.len() == 2));
    context.insert("corner", &corner);
    context.insert("columns", &columns);
    context.insert("rows", &rows);
    context.insert("details", &details);
    context.insert("shard", &matrix.shard.map(|shard| shard.to_string()));
    let mut tera = Tera::new();
    tera.add_raw_template(PAGE, include_str!("page.html.tera")).map_err(failed)?;
    tera.render(PAGE, &context).map_err(failed)
}

/// The corner, the columns and the rows: clients against clients, groups against the sweep's values, or one group a line.
fn grid(matrix: &Matrix) -> (String, Vec<String>, Vec<Row<'_>>) {
    let head = &matrix.head;
    let place = |cast: &[String], value: Option<&String>| {
        let found = matrix.cells.iter().position(|it| it.cell.cast == cast && it.cell.value.as_ref() == value)?;
        Some(shown(found, &matrix.cells[found]))
    };
    let groups = |values: &[Option<&String>]| -> Vec<Row<'_>> {
        let row = |cast: &[String]| Row {
            name: cast.join(" / "),
            cells: values.iter().map(|value| place(cast, *value)).collect(),
        };
        matrix.groups().into_iter().map(row).collect()
    };
    let roles = head.roles.join(" / ");
    match &head.sweep {
        Some(sweep) => {
            let values: Vec<Option<&String>> = sweep.values.iter().map(Some).collect();
            let columns = sweep.values.iter().map(|value| format!("{} {value}", sweep.key)).collect();
            (roles, columns, groups(&values))
        }
        None if head.roles.len() != 2 => (roles, vec!["verdict".to_owned()], groups(&[None])),
        None => {
            let row = |a: &String| Row {
                name: a.clone(),
                cells: head.clients.iter().map(|b| place(&[a.clone(), b.clone()], None)).collect(),
            };
            (roles, head.clients.clone(), head.clients.iter().map(row).collect())
        }
    }
}

fn shown(place: usize, cell: &CellReport) -> Shown<'_> {
    let runs: Vec<ShownRun<'_>> = cell.runs.iter().map(|run| shown_run(cell, run)).collect();
    let first = cell.runs.iter().find(|run| run.record.verdict != Verdict::Pass).or(cell.runs.first());
    Shown {
        id: format!("cell-{}", place + 1),
        title: &cell.title,
        verdict: cell.verdict,
        word: if cell.made > 1 { word(cell) } else { cell.verdict.name().to_owned() },
        says: &cell.says,
        seconds: match cell.runs.iter().map(|run| run.record.wall_ms).sum::<u64>() {
            0 => String::new(),
            ms => seconds(ms),
        },
        known: cell.known.as_ref().map(|known| format!("known until {}: {}", known.until, known.why)),
        links: first.map(|run| links(run, false)).unwrap_or_default(),
        runs,
    }
}

fn shown_run<'a>(cell: &CellReport, run: &'a RunReport) -> ShownRun<'a> {
    let record = &run.record;
    let number = cell.runs.iter().position(|it| std::ptr::eq(it, run)).unwrap_or(0) + 1;
    let command = |node: &NodeRecord| -> Vec<(String, String)> {
        let programs = node.programs.iter().filter(|program| !program.command.is_empty());
        programs.map(|program| (format!("{} {}", node.name, program.role), program.command.join(" "))).collect()
    };
    let mut commands: Vec<(String, String)> = record.nodes.iter().flat_map(command).collect();
    if !record.command.is_empty() {
        commands.push(("the run".to_owned(), record.command.join(" ")));
    }
    ShownRun {
        name: if cell.runs.len() > 1 { format!("run {number}") } else { "run".to_owned() },
        verdict: record.verdict,
        run,
        links: links(run, true),
        commands,
        seconds: seconds(record.wall_ms),
        has_images: record.nodes.iter().flat_map(|node| &node.programs).any(|program| program.image.is_some()),
        pace: record.pace.as_ref().map(ToString::to_string),
    }
}

fn seconds(ms: u64) -> String {
    format!("{}.{} s", ms / 1000, ms % 1000 / 100)
}

/// Links to a run's page and logs: `all` of them, or the first log of each node.
fn links(run: &RunReport, all: bool) -> Vec<Link> {
    let href = |path: &str| escaped(&format!("{}/{path}", run.folder));
    let mut links = Vec::new();
    if let Some(report) = &run.record.report {
        links.push(Link { text: "report".into(), label: "report of the run".into(), href: href(report) });
    }
    for node in &run.record.nodes {
        let logs = if all { node.logs.as_slice() } else { &node.logs[..node.logs.len().min(1)] };
        for log in logs {
            let text = if all { log.clone() } else { format!("{} log", node.name) };
            links.push(Link { text, label: format!("log {log} of {}", node.client), href: href(log) });
        }
    }
    if let Some(output) = run.record.output.as_ref().filter(|_| all || links.is_empty()) {
        links.push(Link { text: output.clone(), label: "what lockin run said".into(), href: href(output) });
    }
    links
}

/// A path as a link: what has a meaning of its own in a URL is escaped.
fn escaped(path: &str) -> String {
    let mut out = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => out.push(byte as char),
            // writing to a string can't fail
            _ => drop(write!(out, "%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_survive_odd_paths() {
        assert_eq!(escaped("a b/c#d?e.log"), "a%20b/c%23d%3Fe.log");
        assert_eq!(escaped("../shard-1/lockin_prysm/a0/beacon.log"), "../shard-1/lockin_prysm/a0/beacon.log");
        assert_eq!(escaped("javascript:alert(1)"), "javascript%3Aalert%281%29");
    }
}
