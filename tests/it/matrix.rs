//! The grid as it is shown: text, JSON, JUnit, HTML.

use lockin::journal::Verdict;
use lockin::matrix::{
    Cell, CellReport, Choice, Head, Identity, KnownFailures, Matrix, NodeRecord, Pace, ProgramRecord, RunRecord,
    RunReport, Sweep, casts, cells, html, json, junit, record_page, terminal,
};
use lockin::report::CheckReport;

const KNOWN: &str = "
- pair: prysm@new / lodestar
  reason: irrelevant network
  why: Lodestar 1.5.1 refuses the status that Prysm has until the first finality
  until: 2027-06-30
- { pair: lockin / lockin, check: peered, why: it was so once, until: 2026-01-31 }
";

fn head(clients: &str, roles: &str, sweep: Option<&str>) -> Head {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect();
    Head {
        scenario: "sample".into(),
        about: "Two nodes & one <crash>.".into(),
        runtime: "process".into(),
        roles: words(roles),
        clients: words(clients),
        swap: false,
        with_self: true,
        repeat: 1,
        sweep: sweep.map(|text| Sweep::parse(text).unwrap()),
    }
}

fn record(cell: &Cell, verdict: Verdict, says: &str) -> RunRecord {
    let command = ["lockin", "run", "sample.yaml", "--quiet"].map(str::to_owned).to_vec();
    let mut record = RunRecord::without_run(Identity::of("p", "c", "a"), command, verdict, says.into());
    if matches!(verdict, Verdict::Unsupported) {
        return record;
    }
    let check = |check: &str, verdict, says: &str| CheckReport { check: check.into(), verdict, says: says.into() };
    record.checks = vec![
        check("processes", Verdict::Pass, "every process ran until it was told to end"),
        check("peered", verdict, says),
    ];
    let node = |(client, name): (&String, &str)| NodeRecord {
        name: name.into(),
        role: name[..1].to_uppercase(),
        client: client.clone(),
        version: Some(format!("{client}/v1.0")),
        head: Some(33),
        finalized: 2,
        programs: vec![ProgramRecord {
            role: "beacon".into(),
            command: vec![client.clone(), "--x=<y>".into()],
            image: Some(format!("peers/{client}:1")),
            digest: Some("sha256:0123".into()),
        }],
        logs: vec![format!("{name}/beacon.log"), format!("{name}/validator.log")],
    };
    record.nodes = cell.cast.iter().zip(["a0", "b0", "c0"]).map(node).collect();
    record.wall_ms = 83_400;
    record.timings.genesis_to_first_finality_slots = Some(32);
    record.timings.first_finalized_epoch = Some(2);
    record.report = Some("report.html".into());
    record.output = Some("lockin.log".into());
    if verdict == Verdict::Fail {
        record.issues.push("b0: its beacon logged, 3 times: <script>alert(1)</script> Irrelevant peer".into());
    }
    record.pace = Some(Pace { slots: 33, starved: 0, mean: 1.12, worst: 1.9, late_blocks: 1, no_blocks: 0 });
    record
}

/// A cell for every verdict, and one that was starved at first.
fn sample() -> Matrix {
    let head = head("lockin prysm@new lodestar", "A B", None);
    let choice = Choice { size: 2, swap: false, with_self: true };
    let cells = cells(&casts(&head.clients, choice), None);
    let outcomes = [
        (Verdict::Pass, "all 4 checks passed"),
        (Verdict::Pass, "all 4 checks passed"),
        (Verdict::Unsupported, "lodestar supports phase0..capella; deneb comes in epoch 4"),
        (Verdict::Unknown, "starting b0: the port 9000 is taken"),
        (Verdict::Fail, "irrelevant network: a0 and b0 never were peers"),
        (Verdict::Fail, "a0 finalized epoch 1, not 2 & <b>more</b>"),
    ];
    let report = |(cell, (verdict, says)): (Cell, (Verdict, &str))| {
        let mut record = record(&cell, verdict, says);
        if cell.folder == "lockin_prysm-new" {
            record.starved_before = Some("9 of 33 slots starved of processor time".into());
        }
        let folder = cell.folder.clone();
        CellReport::of(cell, vec![RunReport { folder, record }], 1)
    };
    let cells = cells.into_iter().zip(outcomes).map(report).collect();
    let known = KnownFailures::parse("known.yaml", KNOWN).unwrap();
    Matrix::of(head, None, cells, false, &known, "2026-11-22".parse().unwrap())
}

#[test]
fn a_grid_with_every_verdict() {
    let matrix = sample();
    assert_eq!((matrix.verdict, matrix.exit_code), (Verdict::Fail, 1));
    insta::assert_snapshot!("grid_terminal", terminal(&matrix, false));
    let text = json(&matrix).unwrap();
    insta::assert_snapshot!("grid_json", text);
    assert_eq!(serde_json::from_str::<Matrix>(&text).unwrap(), matrix, "it can be read back, for merging");
    let text = junit(&matrix).unwrap();
    let uuid = regex::Regex::new(r#" (uuid|timestamp)="[^"]*""#).unwrap();
    insta::assert_snapshot!("grid_junit", uuid.replace_all(&text, ""));
    let page = html(&matrix).unwrap();
    assert!(!page.contains("<script>") && !page.contains("<b>more"), "texts of runs are escaped");
    for outside in ["http://", "https://", "src=", "@import", "url("] {
        assert!(!page.contains(outside), "the page needs `{outside}`");
    }
    insta::assert_snapshot!("grid_html", page);
    assert!(terminal(&matrix, true).contains("\x1b[31mFAIL\x1b[0m"));
}

#[test]
fn the_record_of_a_pair_follows_the_template_of_the_lock_in() {
    let matrix = sample();
    let failed = &matrix.cells[5];
    insta::assert_snapshot!("pair_record", record_page(&failed.title, &failed.runs[0].record));
}

#[test]
fn a_sweep_is_a_table_of_pairs_by_values() {
    let head = head("lockin", "A B", Some("slot_time=6s,2s,1s"));
    let choice = Choice { size: 2, swap: false, with_self: true };
    let verdicts = [Verdict::Pass, Verdict::Pass, Verdict::Fail];
    let cells = cells(&casts(&head.clients, choice), head.sweep.as_ref());
    let report = |(cell, verdict): (Cell, Verdict)| {
        let record = record(&cell, verdict, "so");
        CellReport::of(cell.clone(), vec![RunReport { folder: cell.folder, record }], 1)
    };
    let cells = cells.into_iter().zip(verdicts).map(report).collect();
    let matrix = Matrix::of(head, None, cells, false, &KnownFailures::default(), Default::default());
    insta::assert_snapshot!("sweep_terminal", terminal(&matrix, false));
    assert!(html(&matrix).unwrap().contains("<th scope=\"col\">slot_time 2s</th>"));
}

#[test]
fn groups_of_three_and_repeated_runs_have_a_line_each_with_their_rate() {
    let mut head = head("lockin prysm lodestar", "A B C", None);
    (head.with_self, head.repeat) = (false, 3);
    let cell = cells(&[head.clients.clone()], None).remove(0);
    let run = |n: u32, verdict| {
        let folder = cell.run_folder(n, 3);
        RunReport { folder, record: record(&cell, verdict, "so") }
    };
    let runs = vec![run(1, Verdict::Pass), run(2, Verdict::Fail), run(3, Verdict::Pass)];
    let cells = vec![CellReport::of(cell.clone(), runs, 3)];
    let matrix = Matrix::of(head.clone(), None, cells, false, &KnownFailures::default(), Default::default());
    insta::assert_snapshot!("three_terminal", terminal(&matrix, false));
    assert!(html(&matrix).unwrap().contains("lockin_prysm_lodestar/run-2/report.html"));
    let cut = vec![CellReport::of(cell.clone(), vec![run(1, Verdict::Pass)], 3)];
    let matrix = Matrix::of(head, None, cut, true, &KnownFailures::default(), Default::default());
    assert_eq!((matrix.verdict, matrix.exit_code), (Verdict::Unknown, 130));
    assert!(matrix.cells[0].says.starts_with("1 of 3 runs were made"), "{}", matrix.cells[0].says);
}
