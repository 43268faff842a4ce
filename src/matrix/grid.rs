//! The grid as text.

use super::{CellReport, Matrix};
use crate::journal::Verdict;
use std::fmt::Write;

/// A row of the table: its cells as text, with their verdict where they have one.
type Row = Vec<(String, Option<Verdict>)>;

/// The grid, then every cell that did not pass with its reason. With `colour`, verdicts are coloured by ANSI sequences.
pub fn terminal(matrix: &Matrix, colour: bool) -> String {
    let head = &matrix.head;
    let shard = matrix.shard.map(|shard| format!(", shard {shard}")).unwrap_or_default();
    let mut out = format!("{} on {}{shard}, {}\n\n", head.scenario, head.runtime, head.roles.join(" / "));
    table(&mut out, &rows(matrix), colour);
    let told: Vec<&CellReport> = matrix.cells.iter().filter(|cell| cell.verdict != Verdict::Pass).collect();
    if !told.is_empty() {
        out.push('\n');
    }
    for cell in told {
        line(
            &mut out,
            &format!("{}  {}: {}", painted(cell.verdict, cell.verdict.name(), colour), cell.title, cell.says),
        );
        if let Some(known) = &cell.known {
            line(&mut out, &format!("  known until {}: {}", known.until, known.why));
        }
    }
    for known in &matrix.known_failures {
        line(&mut out, &format!("known failure of {}: {}", known.pair, known.says));
    }
    line(&mut out, "");
    line(&mut out, &format!("{}: {}", painted(matrix.verdict, matrix.verdict.name(), colour), matrix.says));
    out
}

/// Clients against clients; with a sweep, groups against values; groups of another size than two, one a line.
fn rows(matrix: &Matrix) -> Vec<Row> {
    let head = &matrix.head;
    let plain = |text: &str| (text.to_owned(), None);
    let cell = |found: Option<&CellReport>| found.map_or(plain(""), |cell| (word(cell), Some(cell.verdict)));
    if let Some(sweep) = &head.sweep {
        let mut rows =
            vec![std::iter::once(plain(&sweep.key)).chain(sweep.values.iter().map(|it| plain(it))).collect()];
        for cast in matrix.groups() {
            let mut row = vec![plain(&cast.join(" / "))];
            row.extend(sweep.values.iter().map(|value| cell(matrix.cell(cast, Some(value)))));
            rows.push(row);
        }
        return rows;
    }
    if head.roles.len() != 2 {
        return matrix.cells.iter().map(|found| vec![plain(&found.title), cell(Some(found))]).collect();
    }
    let corner = head.roles.join(" / ");
    let mut rows =
        vec![std::iter::once(plain(&corner)).chain(head.clients.iter().map(|it| plain(it))).collect::<Row>()];
    for a in &head.clients {
        let mut row = vec![plain(a)];
        row.extend(head.clients.iter().map(|b| cell(matrix.cell(&[a.clone(), b.clone()], None))));
        rows.push(row);
    }
    rows
}

/// What stands in a cell.
pub(super) fn word(cell: &CellReport) -> String {
    let word = match cell.verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "FAIL",
        Verdict::KnownFailure => "known",
        Verdict::Unknown => "unknown",
        Verdict::Unsupported => "unsupp",
    };
    if cell.made > 1 { format!("{word} {}/{}", cell.passed, cell.made) } else { word.to_owned() }
}

impl Matrix {
    /// The groups that play, in the order of the cells.
    pub(super) fn groups(&self) -> Vec<&[String]> {
        let mut groups: Vec<&[String]> = Vec::new();
        for cell in &self.cells {
            if groups.last() != Some(&cell.cell.cast.as_slice()) {
                groups.push(&cell.cell.cast);
            }
        }
        groups
    }

    /// The cell of a group and a value.
    pub(super) fn cell(&self, cast: &[String], value: Option<&String>) -> Option<&CellReport> {
        self.cells.iter().find(|cell| cell.cell.cast == cast && cell.cell.value.as_ref() == value)
    }
}

fn table(out: &mut String, rows: &[Row], colour: bool) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|(text, _)| text.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let mut text = String::new();
        for ((cell, verdict), width) in row.iter().zip(&widths) {
            let padding = " ".repeat(width - cell.chars().count());
            let shown = verdict.map_or(cell.clone(), |verdict| painted(verdict, cell, colour));
            // writing to a string can't fail
            let _ = write!(text, "{shown}{padding}  ");
        }
        line(out, &text);
    }
}

fn line(out: &mut String, text: &str) {
    out.push_str(text.trim_end());
    out.push('\n');
}

fn painted(verdict: Verdict, text: &str, colour: bool) -> String {
    let code = match verdict {
        _ if !colour => return text.to_owned(),
        Verdict::Pass => 32,
        Verdict::KnownFailure | Verdict::Unsupported => 36,
        Verdict::Unknown => 33,
        Verdict::Fail => 31,
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}
