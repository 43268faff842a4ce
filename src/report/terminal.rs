//! The report as a table of text.

use super::Report;
use crate::journal::{NodeState, Side, Verdict};
use std::fmt::Write;
use std::path::Path;

/// Verdict, checks and nodes as text. With `colour`, verdicts are coloured by ANSI sequences.
pub fn terminal(report: &Report, colour: bool) -> String {
    let mut out = String::new();
    let run = &report.run;
    let cast: Vec<_> = run.roles.iter().map(|(role, client)| format!("{role}={client}")).collect();
    line(&mut out, &format!("{} on {}, seed {}, {}", run.name, run.runtime, run.seed, cast.join(" ")));
    if let Some(slots) = report.timings.genesis_to_first_finality_slots {
        let epoch = report.timings.first_finalized_epoch.unwrap_or(0);
        line(&mut out, &format!("first finality: epoch {epoch}, {slots} slots after genesis"));
    }
    line(&mut out, "");

    let mut rows = vec![["node", "client", "validators", "head", "justified", "finalized", "state"].map(str::to_owned)];
    for node in &report.nodes {
        rows.push([
            node.name.clone(),
            node.client.clone(),
            node.validators.to_string(),
            node.last_head.as_ref().map_or("-".to_owned(), |head| head.slot.to_string()),
            node.justified.to_string(),
            node.finalized.to_string(),
            state(node.state).to_owned(),
        ]);
    }
    table(&mut out, &rows);
    line(&mut out, "");

    let name_width = report.checks.iter().map(|check| check.check.len()).max().unwrap_or(0);
    let verdict_width = report.checks.iter().map(|check| check.verdict.name().len()).max().unwrap_or(0);
    for check in &report.checks {
        let verdict = painted(check.verdict, verdict_width, colour);
        line(&mut out, &format!("{verdict}  {:name_width$}  {}", check.check, check.says));
    }
    usage(&mut out, report);
    referee(&mut out, report);
    for trouble in &report.troubles {
        line(&mut out, &format!("trouble: {trouble}"));
    }
    for note in &report.notes {
        line(&mut out, &format!("note: {note}"));
    }
    for quirk in &report.quirks {
        line(&mut out, &format!("known of {}: {} ({})", quirk.client, quirk.says, quirk.source));
    }
    for node in report.nodes.iter().filter(|node| !node.log.is_empty()) {
        line(&mut out, &format!("\nlast log lines of {}:", node.name));
        for text in &node.log {
            line(&mut out, &format!("  {}", plain(text)));
        }
    }
    line(&mut out, "");
    line(&mut out, &format!("{}: {}", painted(report.verdict, 0, colour), report.says));
    out
}

/// What the nodes have used, where that is known.
fn usage(out: &mut String, report: &Report) {
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    let programs =
        report.nodes.iter().flat_map(|node| node.memory.iter().map(move |(role, bytes)| (bytes, node, role)));
    let Some((most, node, role)) = programs.max_by_key(|(bytes, ..)| **bytes) else { return };
    let all: u64 = report.nodes.iter().flat_map(|node| node.memory.values()).sum();
    let disk: u64 = report.nodes.iter().filter_map(|node| node.disk).sum();
    let (most, all, disk) = (mib(*most), mib(all), mib(disk));
    line(
        out,
        &format!(
            "\nmemory: at most {most} MiB in one program ({} {role}), {all} MiB in all; disk: {disk} MiB",
            node.name
        ),
    );
}

/// What the referee found, in full.
fn referee(out: &mut String, report: &Report) {
    for disputed in &report.disputes {
        let (slot, block, proposer) = (disputed.block_slot, &disputed.block, disputed.proposer);
        line(out, &format!("\ndisputed block of slot {slot}, by validator {proposer}: {block}"));
        line(out, &format!("  {}", plain(&disputed.why)));
        let names = |names: &[String]| if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
        line(out, &format!("  taken by {}; refused by {}", names(&disputed.took), names(&disputed.refused)));
        for it in &disputed.fields {
            line(out, &format!("  {}: {} by the rules, {} there", it.field, plain(&it.ours), plain(&it.theirs)));
        }
        let more = disputed.differing.saturating_sub(disputed.fields.len() as u64);
        if more > 0 {
            line(out, &format!("  and {more} more values"));
        }
        if let Some(why) = &disputed.unseen {
            line(out, &format!("  the states could not be compared: {}", plain(why)));
        }
    }
    for split in &report.splits {
        let side = |side: &Side| format!("{} on slot {}", side.nodes.join(", "), side.block_slot);
        let sides: Vec<String> = split.sides.iter().map(side).collect();
        line(
            out,
            &format!("split: from slot {} on, nodes had different blocks: {}", split.from_slot, sides.join(" | ")),
        );
    }
}

/// The last line on stdout of a run: the verdict and the report's path.
pub fn last_line(report: &Report, page: &Path) -> String {
    format!("{} {}", report.verdict, page.display())
}

/// How a node's state is said.
pub(super) fn state(state: Option<NodeState>) -> &'static str {
    match state {
        None => "not started",
        Some(NodeState::Started) => "started",
        Some(NodeState::Ready) => "ready",
        Some(NodeState::Exited) => "crashed",
        Some(NodeState::Killed) => "killed",
        Some(NodeState::Stopped) => "stopped",
    }
}

fn line(out: &mut String, text: &str) {
    out.push_str(text.trim_end());
    out.push('\n');
}

fn table<const N: usize>(out: &mut String, rows: &[[String; N]]) {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..N).map(width).collect();
    for row in rows {
        let mut text = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            // writing to a string can't fail
            let _ = write!(text, "{cell:width$}  ");
        }
        line(out, &text);
    }
}

fn painted(verdict: Verdict, width: usize, colour: bool) -> String {
    let name = format!("{:width$}", verdict.name());
    let code = match verdict {
        _ if !colour => return name,
        Verdict::Pass => 32,
        Verdict::KnownFailure | Verdict::Unsupported => 36,
        Verdict::Unknown => 33,
        Verdict::Fail => 31,
    };
    format!("\x1b[{code}m{name}\x1b[0m")
}

/// A log line without what would move a cursor or change colours.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}
