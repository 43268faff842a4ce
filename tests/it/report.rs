//! Reports: rendered from journals, also from ones that were cut off.

use lockin::journal::{
    self, Disputed, Event, FieldDifference, Journal, Line, NodeEvent, NodeState, RunDir, Side, StepState, Verdict,
};
use lockin::report::{Report, exit, html, json, junit, terminal, write_all};
use lockin::scenario::{Options, judge, parse};

const SCENARIO: &str = "\
name: sample
about: Two nodes & one <crash>.
network: { slot_time: 1s, genesis: { validators: 64 }, forks: { altair: 2 } }
roles: { A: lockin, B: lockin }
nodes:
  - { name: a0, role: A, validators: 32 }
  - { name: b0, role: B, validators: 32 }
steps:
  - wait: { finalized: 2, within: 6 epochs }
checks:
  - peered
  - finalized
  - same_head
";

struct Story(Vec<Line>);

impl Story {
    fn at(&mut self, at_ms: u64, event: Event) {
        let slot = at_ms.checked_sub(3_000).map(|since| since / 1_000);
        self.0.push(Line::new(at_ms, slot, event));
    }

    fn head(&mut self, at_ms: u64, node: &str, head_slot: u64) {
        let epoch = head_slot / 8;
        self.at(
            at_ms,
            Event::Head {
                node: node.into(),
                head_slot,
                block: format!("0x{head_slot:064x}"),
                state: "0x00".into(),
                proposer: None,
                justified: epoch.saturating_sub(1),
                finalized: epoch.saturating_sub(2),
            },
        );
    }
}

/// A run of the sample: 33 slots, with a crash of b0 in slot 20 or without.
fn story(crash: bool) -> Vec<Line> {
    let plan = parse("sample.yaml", SCENARIO, &Options::default()).unwrap();
    let mut story = Story(Vec::new());
    story.at(
        0,
        Event::Run {
            id: plan.run_id(),
            name: plan.name.clone(),
            lockin: "0.1.0".into(),
            runtime: "simulation".into(),
            seed: plan.seed,
            plan: serde_json::to_value(&plan).unwrap(),
        },
    );
    story.at(
        0,
        Event::Quirk {
            client: "lockin".into(),
            id: "sample".into(),
            says: "it does <odd> things".into(),
            source: "made up".into(),
        },
    );
    for node in ["a0", "b0"] {
        story.at(100, Event::Node(NodeEvent::new(node, NodeState::Started)));
        let version = Some("lockin/0.1.0".to_owned());
        story.at(300, Event::Node(NodeEvent { version, ..NodeEvent::new(node, NodeState::Ready) }));
        let (node, nothing) = (node.to_owned(), Vec::new);
        let (differs, lacks, unknown, remarks) = (Vec::new(), nothing(), nothing(), nothing());
        story.at(400, Event::Preflight { node, differs, lacks, unknown, remarks });
    }
    story.at(3_000, Event::Genesis { time: None, root: "0xaa".into(), validators_root: "0xbb".into() });
    let step = |state, says: Option<&str>| Event::Step {
        step: 0,
        verb: "wait".into(),
        args: serde_json::json!({ "finalized": 2, "within": "6 epochs" }),
        state,
        says: says.map(str::to_owned),
    };
    story.at(3_000, step(StepState::Begin, None));
    for (node, peer) in [("a0", "b0"), ("b0", "a0")] {
        story.at(3_200, Event::Peers { node: node.into(), peers: vec![peer.into()], foreign: 0 });
    }
    for slot in 1..=33 {
        story.head(3_000 + slot * 1_000 + 40, "a0", slot);
        if crash && slot == 20 {
            let log = vec!["INFO slot 20".to_owned(), "thread 'main' panicked: <script>alert(1)</script>".to_owned()];
            let ended = NodeEvent { code: Some(101), log, ..NodeEvent::new("b0", NodeState::Exited) };
            story.at(23_500, Event::Node(ended));
        }
        if !crash || slot < 20 {
            story.head(3_000 + slot * 1_000 + 55, "b0", slot);
        }
        if slot == 32 && !crash {
            for node in ["a0", "b0"] {
                story.at(35_100, Event::Finalized { node: node.into(), epoch: 2, root: "0x02".into() });
            }
        }
    }
    let (state, says) = match crash {
        false => (StepState::End, "finalized epoch 2: reached in slot 33"),
        true => (StepState::Missed, "finalized epoch 2 was not reached within 6 epochs: finalized epoch 0 at b0"),
    };
    story.at(36_100, step(state, Some(says)));
    story.at(36_150, Event::Refereed { blocks: 33, unjudged: 0 });
    for event in judge(&plan, &story.0).events() {
        story.at(36_200, event);
    }
    for node in ["a0", "b0"] {
        story.at(36_300, Event::Node(NodeEvent::new(node, NodeState::Stopped)));
    }
    story.0
}

fn journal(lines: Vec<Line>) -> Journal {
    Journal { lines, torn: None }
}

#[test]
fn a_run_that_passed() {
    let journal = journal(story(false));
    let report = Report::of(&journal);
    assert_eq!((report.verdict, report.exit_code, report.complete), (Verdict::Pass, exit::PASS, true));
    insta::assert_snapshot!("passed_terminal", terminal(&report, false));
    insta::assert_snapshot!("passed_json", json(&report).unwrap());
    insta::assert_snapshot!("passed_junit", junit(&report).unwrap());
    insta::assert_snapshot!("passed_html", html(&report, &journal).unwrap());
}

#[test]
fn a_run_with_a_crash() {
    let journal = journal(story(true));
    let report = Report::of(&journal);
    assert_eq!((report.verdict, report.exit_code), (Verdict::Fail, exit::FAIL));
    insta::assert_snapshot!("crashed_terminal", terminal(&report, false));
    insta::assert_snapshot!("crashed_junit", junit(&report).unwrap());
    let page = html(&report, &journal).unwrap();
    assert!(!page.contains("<script"), "what a node logs is text, never markup");
    assert!(page.contains("&lt;script&gt;"), "the last log lines are on the page");
    assert!(page.contains("lockin: it does &lt;odd&gt; things"));
    let told: serde_json::Value = serde_json::from_str(&json(&report).unwrap()).unwrap();
    assert_eq!((&told["quirks"][0]["client"], &told["quirks"][0]["id"]), (&"lockin".into(), &"sample".into()));
    assert!(terminal(&report, true).contains("\x1b[31mfail"));
}

#[test]
fn the_page_needs_nothing_but_itself() {
    let journal = journal(story(false));
    let page = html(&Report::of(&journal), &journal).unwrap();
    for asset in ["http:", "https:", "src=", "href=", "url(", "@import", "<link", "<script"] {
        assert!(!page.contains(asset), "{asset}");
    }
    assert!(page.contains("Two nodes &amp; one &lt;crash&gt;."));
    assert_eq!(page.matches("<svg").count(), 2);
}

#[test]
fn all_files_are_written_from_the_journal_alone_wherever_it_ends() {
    let text: Vec<String> = story(true).iter().map(|line| serde_json::to_string(line).unwrap() + "\n").collect();
    let whole = text.concat();
    let cut_mid_line = whole.len() - 150;
    for (end, complete) in
        [(whole.len(), true), (cut_mid_line, true), (whole.len() / 2, false), (30, false), (0, false)]
    {
        let root = tempfile::tempdir().unwrap();
        let dir = RunDir::at(root.path()).unwrap();
        std::fs::write(dir.journal(), &whole[..end]).unwrap();
        let report = write_all(&dir).unwrap();
        assert_eq!(report.complete, complete, "{end}: {}", report.says);
        if !complete {
            assert_eq!((report.verdict, report.exit_code), (Verdict::Unknown, exit::UNKNOWN));
            assert!(report.says.contains("the run was cut off"), "{}", report.says);
            assert!(std::fs::read_to_string(dir.junit()).unwrap().contains("errors=\"1\""));
        }
        let told: serde_json::Value = serde_json::from_slice(&std::fs::read(dir.report_json()).unwrap()).unwrap();
        assert_eq!(told["verdict"], report.verdict.name());
        assert!(std::fs::read_to_string(dir.report_html()).unwrap().ends_with("</html>\n"));
    }
}

#[test]
fn an_interrupted_run_says_so() {
    let mut lines = story(false);
    let end = lines.iter().position(|line| matches!(line.event, Event::Check { .. })).unwrap();
    lines.truncate(end - 2);
    lines.push(Line::new(36_150, Some(33), Event::Interrupted { by: "SIGINT".into() }));
    let plan = parse("sample.yaml", SCENARIO, &Options::default()).unwrap();
    let judgement = judge(&plan, &lines);
    assert_eq!(judgement.verdict, Verdict::Unknown);
    lines.extend(judgement.events().into_iter().map(|event| Line::new(36_200, Some(33), event)));
    let report = Report::of(&journal(lines));
    assert_eq!(report.exit_code, exit::INTERRUPTED);
    insta::assert_snapshot!(terminal(&report, false));
}

#[test]
fn what_the_referee_found_is_told_in_every_report() {
    let mut lines = story(false);
    let end = lines.iter().position(|line| matches!(line.event, Event::Check { .. })).unwrap();
    lines.truncate(end);
    let balance = FieldDifference { field: "balances[3]".into(), ours: "32".into(), theirs: "31 <b>".into() };
    let disputed = Disputed {
        block_slot: 17,
        block: format!("0x{:064x}", 17),
        proposer: 40,
        why: "it says that its state root is 0x01; by the rules it is 0x02".into(),
        took: vec!["b0".into()],
        refused: vec!["a0".into()],
        fields: vec![balance],
        differing: 16,
        unseen: None,
    };
    let side = |node: &str, block_slot| Side { block: "0x".into(), block_slot, nodes: vec![node.into()] };
    let split = Event::Split { from_slot: 17, common: "0x".into(), sides: vec![side("a0", 20), side("b0", 19)] };
    lines.push(Line::new(36_150, Some(33), Event::Disputed(Box::new(disputed))));
    lines.push(Line::new(36_150, Some(33), split));
    let plan = parse("sample.yaml", SCENARIO, &Options::default()).unwrap();
    let events = judge(&plan, &lines).events();
    lines.extend(events.into_iter().map(|event| Line::new(36_200, Some(33), event)));
    let text: String = lines.iter().map(|line| serde_json::to_string(line).unwrap() + "\n").collect();
    let journal = journal::parse(&text).unwrap();
    let report = Report::of(&journal);
    assert_eq!(report.verdict, Verdict::Fail);
    let shown = terminal(&report, false);
    for part in [
        "referee    slot 17, block 0x0000000000 of b0 (lockin): it says",
        "balances[3] is 31 <b> there, 32 by the rules (and 15 more values); taken by b0 (lockin), refused by a0 (lockin)",
        "disputed block of slot 17, by validator 40: 0x00",
        "  balances[3]: 32 by the rules, 31 <b> there",
        "  and 15 more values",
        "split: from slot 17 on, nodes had different blocks: a0 on slot 20 | b0 on slot 19",
    ] {
        assert!(shown.contains(part), "`{part}` in\n{shown}");
    }
    let told: serde_json::Value = serde_json::from_str(&json(&report).unwrap()).unwrap();
    assert_eq!(told["disputes"][0]["fields"][0]["field"], "balances[3]");
    assert_eq!(told["splits"][0]["sides"][1]["nodes"][0], "b0");
    let page = html(&report, &journal).unwrap();
    assert!(
        page.contains("<code>balances[3]</code>") && page.contains("31 &lt;b&gt;") && page.contains("Splits"),
        "{page}"
    );
    assert!(junit(&report).unwrap().contains("balances[3]"));
}

#[test]
fn a_journal_that_is_damaged_is_trouble_and_not_a_verdict() {
    let root = tempfile::tempdir().unwrap();
    let dir = RunDir::at(root.path()).unwrap();
    let error = write_all(&dir).unwrap_err().to_string();
    assert!(error.contains("journal.jsonl"), "{error}");
    std::fs::write(dir.journal(), "nonsense\n{}\n{}\n").unwrap();
    assert!(write_all(&dir).unwrap_err().to_string().starts_with("line 1 of the journal"));
    assert!(matches!(journal::parse("x\ny\n"), Err(journal::Error::Damaged { line: 1, .. })));
}
