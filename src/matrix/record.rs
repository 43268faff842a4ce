//! The `A / B` record of a run: who played, with which version, image and command lines, how long it took, what was
//! wrong, and where the logs are. Read off the run's journal, kept as `pair.json` beside it, told as `pair.md`.

use super::{Identity, Pace};
use crate::journal::{Event, Journal, NodeState, Verdict, redact};
use crate::report::{CheckReport, Report, Timings};
use crate::scenario::Plan;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// One run, as the matrix keeps it. Paths are relative to the run's folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// What was run.
    pub identity: Identity,
    /// What came out.
    pub verdict: Verdict,
    /// The reason, as a sentence.
    pub says: String,
    /// Its checks, in the order of the report.
    pub checks: Vec<CheckReport>,
    /// Its nodes, in the order of the plan.
    pub nodes: Vec<NodeRecord>,
    /// How long things took, on the run's own clock.
    pub timings: Timings,
    /// How long the run took on the wall clock, milliseconds.
    pub wall_ms: u64,
    /// Trouble of the environment, disputes, complaints in logs: sentences.
    pub issues: Vec<String>,
    /// How the machine kept up; none in virtual time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pace: Option<Pace>,
    /// Run again, alone, because the machine was too busy at the first time: how it was then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starved_before: Option<String>,
    /// The run's page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
    /// What `lockin run` itself said, if it was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// The command line of `lockin run`; secrets are blotted out.
    pub command: Vec<String>,
}

/// One node of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRecord {
    /// Its name in the plan.
    pub name: String,
    /// The role that it played.
    pub role: String,
    /// Who played it: `prysm+geth`.
    pub client: String,
    /// What it says its version is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The slot of the last head that it was seen on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<u64>,
    /// The highest epoch that it finalized.
    pub finalized: u64,
    /// Its programs, in the order in which they were first started.
    pub programs: Vec<ProgramRecord>,
    /// Its logs.
    pub logs: Vec<String>,
}

/// A program of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramRecord {
    /// `beacon`, `validator`, `engine`.
    pub role: String,
    /// Its first command line; secrets are blotted out. None in the simulation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// The image that it ran in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// That image's digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

impl RunRecord {
    /// A record of something that was never a run: unsupported, or not started.
    pub fn without_run(identity: Identity, command: Vec<String>, verdict: Verdict, says: String) -> RunRecord {
        RunRecord {
            identity,
            verdict,
            says,
            checks: Vec::new(),
            nodes: Vec::new(),
            timings: Timings::default(),
            wall_ms: 0,
            issues: Vec::new(),
            pace: None,
            starved_before: None,
            report: None,
            output: None,
            command: redact(&command),
        }
    }

    /// Reads it off a run's journal; `folder` is the run's, for what lies beside the journal.
    pub fn of(identity: Identity, command: Vec<String>, journal: &Journal, folder: &Path) -> RunRecord {
        let report = Report::of(journal);
        let mut record = RunRecord::without_run(identity, command, report.verdict, report.says.clone());
        record.nodes = nodes(&report, journal, folder);
        record.issues = issues(&report);
        (record.checks, record.timings) = (report.checks, report.timings);
        let page = "report.html";
        record.report = folder.join(page).is_file().then(|| page.to_owned());
        record
    }

    /// The checks that failed.
    pub fn failed(&self) -> impl Iterator<Item = &CheckReport> {
        self.checks.iter().filter(|check| check.verdict == Verdict::Fail)
    }
}

fn issues(report: &Report) -> Vec<String> {
    let mut issues = report.troubles.clone();
    issues.extend(report.disputes.iter().map(|it| format!("disputed block of slot {}: {}", it.block_slot, it.why)));
    issues.extend(report.splits.iter().map(|split| format!("split from slot {} on", split.from_slot)));
    let crashed = report.nodes.iter().filter(|node| node.crashes > 0);
    issues.extend(crashed.map(|node| {
        let last = node.log.last().map_or(String::new(), |line| format!("; its last log line: {line}"));
        format!("{} ended by itself{last}", node.name)
    }));
    issues.extend(report.notes.iter().cloned());
    issues
}

fn nodes(report: &Report, journal: &Journal, folder: &Path) -> Vec<NodeRecord> {
    let plan = journal.lines.iter().find_map(|line| match &line.event {
        Event::Run { plan, .. } => serde_json::from_value::<Plan>(plan.clone()).ok(),
        _ => None,
    });
    let mut programs = programs(journal);
    let record = |node: &crate::report::NodeReport| {
        let planned = plan.as_ref().and_then(|plan| plan.node(&node.name));
        let role = planned.map_or(String::new(), |planned| planned.role.clone());
        let player = plan.as_ref().and_then(|plan| plan.roles.get(&role).cloned());
        NodeRecord {
            name: node.name.clone(),
            client: player.unwrap_or_else(|| node.client.clone()),
            role,
            version: node.version.clone(),
            head: node.last_head.as_ref().map(|head| head.slot),
            finalized: node.finalized,
            programs: programs.remove(&node.name).unwrap_or_default(),
            logs: logs(folder, &node.name),
        }
    };
    report.nodes.iter().map(record).collect()
}

/// By node: each program as it was first started.
fn programs(journal: &Journal) -> BTreeMap<String, Vec<ProgramRecord>> {
    let mut found: BTreeMap<String, Vec<ProgramRecord>> = BTreeMap::new();
    for line in &journal.lines {
        let Event::Node(event) = &line.event else { continue };
        let (NodeState::Started, Some(role)) = (event.state, &event.role) else { continue };
        let programs = found.entry(event.node.clone()).or_default();
        if programs.iter().all(|program| program.role != *role) {
            programs.push(ProgramRecord {
                role: role.clone(),
                command: event.command.clone().unwrap_or_default(),
                image: event.image.clone(),
                digest: event.digest.clone(),
            });
        }
    }
    found
}

/// Paths of a node's logs, that of its beacon node first.
fn logs(folder: &Path, node: &str) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder.join(node)) else { return Vec::new() };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".log")).collect();
    names.sort_by_key(|name| (name != "beacon.log", name.clone()));
    names.into_iter().map(|name| format!("{node}/{name}")).collect()
}

/// `pair.md`: the record for a person, after the per-pair template of the 2019 lock-in.
pub fn record_page(title: &str, record: &RunRecord) -> String {
    let mut out = format!("# {title}\n\n**{}**: {}\n", record.verdict, record.says);
    let line = |out: &mut String, text: &str| {
        out.push_str(text);
        out.push('\n');
    };
    line(&mut out, "\n## Clients\n\n| node | role | client | version | head | finalized |\n|---|---|---|---|---|---|");
    for node in &record.nodes {
        let version = node.version.as_deref().unwrap_or("-");
        let head = node.head.map_or("-".to_owned(), |slot| slot.to_string());
        let cells = [&node.name, &node.role, &node.client, version, &head, &node.finalized.to_string()];
        line(&mut out, &format!("| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | ")));
    }
    line(&mut out, "\n## Flags\n");
    let programs = record.nodes.iter().flat_map(|node| node.programs.iter().map(move |it| (node, it)));
    for (node, program) in programs.filter(|(_, program)| !program.command.is_empty()) {
        let image = program.image.as_ref().map_or(String::new(), |image| format!(", image `{image}`"));
        let digest = program.digest.as_ref().map_or(String::new(), |digest| format!(" `{digest}`"));
        line(&mut out, &format!("{} {}{image}{digest}:\n", node.name, program.role));
        line(&mut out, &format!("    {}\n", program.command.join(" ")));
    }
    line(&mut out, &format!("The run itself:\n\n    {}", record.command.join(" ")));
    line(&mut out, "\n## Timings\n");
    let _ = writeln!(out, "- run: {} ms on its clock, {} ms in all", record.timings.run_ms, record.wall_ms);
    if let (Some(slots), Some(epoch)) =
        (record.timings.genesis_to_first_finality_slots, record.timings.first_finalized_epoch)
    {
        let _ = writeln!(out, "- first finality: epoch {epoch}, {slots} slots after genesis");
    }
    if let Some(pace) = &record.pace {
        let _ = writeln!(out, "- machine: {pace}");
    }
    if let Some(before) = &record.starved_before {
        let _ = writeln!(out, "- run again, alone; before: {before}");
    }
    line(&mut out, "\n## Checks\n\n| verdict | check | reason |\n|---|---|---|");
    for check in &record.checks {
        line(&mut out, &format!("| {} | {} | {} |", check.verdict, check.check, check.says.replace('|', "\\|")));
    }
    line(&mut out, "\n## Issues\n");
    if record.issues.is_empty() {
        line(&mut out, "None.");
    }
    for issue in &record.issues {
        line(&mut out, &format!("- {}", issue.replace('\n', " ")));
    }
    line(&mut out, "\n## Artefacts\n");
    let logs = record.nodes.iter().flat_map(|node| &node.logs);
    for path in record.report.iter().chain(&record.output).chain(logs) {
        line(&mut out, &format!("- [{path}]({path})"));
    }
    out
}
