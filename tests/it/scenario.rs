//! Scenario files: the shipped ones resolve, wrong ones are refused with what is needed to mend them.

use lockin::scenario::{Error, Options, Plan, load, parse};
use std::fmt::Write;
use std::path::{Path, PathBuf};

const GOOD: &str = "\
name: sample
network:
  preset: minimal
  genesis: { fork: phase0, validators: 64 }
  slot_time: 2s
roles: { A: lockin, B: lockin }
nodes:
  - { name: a0, role: A, validators: 32 }
  - { name: b0, role: B, validators: 32 }
links: full
steps:
  - wait: { finalized: 2, within: 6 epochs }
checks:
  - peered
  - finalized: { within: 6 epochs }
";

fn refuse(text: &str) -> String {
    match parse("sample.yaml", text, &Options::default()) {
        Ok(plan) => panic!("accepted: {plan:?}"),
        Err(error) => error.to_string(),
    }
}

/// The good file with one piece of text replaced.
fn wrong(good: &str, bad: &str) -> String {
    assert!(GOOD.contains(good), "{good}");
    refuse(&GOOD.replacen(good, bad, 1))
}

fn shipped() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut files = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ext| ext == "yaml") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

#[test]
fn shipped_scenarios_resolve_and_their_plans_survive_the_journal() {
    let files = shipped();
    assert!(files.len() >= 9, "{files:?}");
    for file in files {
        let plan = load(&file, &Options::default()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(file.file_stem().unwrap().to_str(), Some(plan.name.as_str()));
        let network = plan.network_plan().unwrap();
        assert_eq!(network.nodes.len(), plan.nodes.len());
        assert_eq!(network.edges.len(), plan.links.len());
        let json = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan, "{json}");
    }
}

#[test]
fn the_plan_has_every_default_filled_in() {
    let mut shown = String::new();
    for file in ["scenarios/pairwise.yaml", "scenarios/late-joiner.yaml"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let plan = load(&path, &Options::default()).unwrap();
        writeln!(shown, "# {file}\n{}", lockin::yaml::to_string(&plan).unwrap()).unwrap();
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn the_command_line_casts_roles_and_seeds() {
    let options = Options { roles: vec![("B".into(), "prysm".into())], seed: Some(7), ..Options::default() };
    let plan = parse("sample.yaml", GOOD, &options).unwrap();
    assert_eq!(plan.seed, 7);
    assert_eq!(plan.roles["B"], "prysm");
    assert_eq!((plan.nodes[0].client.as_str(), plan.nodes[1].client.as_str()), ("lockin", "prysm"));

    let said = |options| parse("sample.yaml", GOOD, &options).unwrap_err().to_string();
    let undeclared = Options { roles: vec![("X".into(), "lockin".into())], ..Options::default() };
    insta::assert_snapshot!(said(undeclared), @"--role X=lockin: sample.yaml has the roles A, B");
    let unknown = Options { clients: Some(vec!["lockin".into(), "teku".into()]), ..options };
    insta::assert_snapshot!(said(unknown), @"--role B=prysm: no client is named `prysm`; accepted: lockin, teku");
}

#[test]
fn validators_are_dealt_around_the_ranges_that_are_written() {
    let text = GOOD
        .replace("validators: 32 }\n  - { name: b0", "validators: [4..8, 20..21] }\n  - { name: b0")
        .replace("role: B, validators: 32", "role: B, validators: 20");
    let plan = parse("sample.yaml", &text, &Options::default()).unwrap();
    let shown = |n: usize| plan.nodes[n].validators.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(shown(0), ["4..8", "20..21"]);
    assert_eq!(shown(1), ["0..4", "8..20", "21..25"]);
    assert_eq!(plan.nodes[1].validator_count(), 20);
}

#[test]
fn shapes_of_links() {
    let links = |shape: &str| {
        let nodes = "  - { name: c0, role: B }\n  - { name: d0, role: B }\nlinks: ";
        let text = GOOD.replace("links: full", &format!("{nodes}{shape}"));
        let plan = parse("sample.yaml", &text, &Options::default()).unwrap();
        plan.links.iter().map(|(a, b)| format!("{a}-{b}")).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(links("full"), "b0-a0 c0-a0 c0-b0 d0-a0 d0-b0 d0-c0");
    assert_eq!(links("ring"), "b0-a0 c0-b0 d0-c0 d0-a0");
    assert_eq!(links("{ star: b0 }"), "a0-b0 c0-b0 d0-b0");
    assert_eq!(links("[[a0, b0], [c0, a0]]"), "a0-b0 c0-a0");
}

#[test]
fn what_is_not_built_is_unsupported_before_anything_starts() {
    let unsupported =
        |good: &str, bad: &str| match parse("sample.yaml", &GOOD.replacen(good, bad, 1), &Options::default()) {
            Err(error @ Error::Unsupported(_)) => error.to_string(),
            other => panic!("{other:?}"),
        };
    insta::assert_snapshot!(
        [
            unsupported("checks:", "  - limit: { node: a0, memory: 1 GB }\nchecks:"),
            unsupported("  - peered", "  - no_slashable: all"),
            unsupported("  - peered", "  - no_slashable"),
        ]
        .join("\n")
    );
}

/// Each mistake, and what is said about it.
const MISTAKES: &[(&str, &str)] = &[
    // keys and shapes
    ("name: sample\n", ""),
    ("name: sample", "name: [1, 2]"),
    ("name: sample", "name: a b/c"),
    ("links: full", "link: full"),
    ("links: full", "name: again"),
    ("checks:\n", "checks:\n  : [\n"),
    ("steps:\n  - wait: { finalized: 2, within: 6 epochs }\n", "steps: { wait: 3 }\n"),
    // network
    ("preset: minimal", "preset: tiny"),
    ("slot_time: 2s", "slot_time: 2"),
    ("slot_time: 2s", "slot_time: 2 epochs"),
    ("slot_time: 2s", "slot_time: 2ms"),
    ("fork: phase0", "fork: phase1"),
    ("  slot_time", "  forks: { altair: soon }\n  slot_time"),
    ("  slot_time", "  forks: { altair: 0 }\n  slot_time"),
    ("  slot_time", "  forks: { phase0: 3 }\n  slot_time"),
    ("  slot_time", "  constants: { MAX_ATESTATIONS: 4 }\n  slot_time"),
    ("  slot_time", "  constants: { MAX_ATTESTATIONS: many }\n  slot_time"),
    ("  slot_time", "  constants: { SECONDS_PER_SLOT: 4 }\n  slot_time"),
    ("  slot_time", "  forks: { altair: 2, capella: 3 }\n  slot_time"),
    ("  slot_time", "  forks: { altair: 2, bellatrix: 1 }\n  slot_time"),
    ("  slot_time", "  merge: total_difficulty\n  slot_time"),
    ("  slot_time", "  forks: { altair: 1, bellatrix: 1 }\n  merge: soon\n  slot_time"),
    ("  slot_time: 2s", "  forks: { altair: 1, bellatrix: 1 }\n  slot_time: 500ms"),
    ("  slot_time", "  blobs: { every: 1, per_block: 1 }\n  slot_time"),
    ("  slot_time", "  blob_schedule: { 4: 12 }\n  slot_time"),
    ("phase0, validators: 64 }", "fulu, validators: 64 }\n  blobs: { every: 0, per_block: 1 }"),
    ("phase0, validators: 64 }", "electra, validators: 64 }\n  forks: { fulu: 4 }\n  blob_schedule: { 3: 12 }"),
    ("role: B, validators: 32", "role: B, validators: 32, engine: { verdicts: [{ slots: 3, answer: SYNCING }] }"),
    ("validators: 64", "validators: 60"),
    // roles and nodes
    ("role: B,", "role: C,"),
    ("name: b0", "name: a0"),
    ("name: b0", "name: ../b0"),
    (
        "  - { name: b0, role: B, validators: 32 }",
        "  - { name: b0, role: B, validators: 31..40 }\n  - { name: c0, role: B, validators: [41..42, 0..2, 38..45] }",
    ),
    ("role: B, validators: 32", "role: B, validators: some"),
    ("role: B, validators: 32", "role: B, validators: -1"),
    ("role: B, validators: 32", "role: B, start: later"),
    ("role: B, validators: 32", "role: B, start: now"),
    // links
    ("links: full", "links: mesh"),
    ("links: full", "links: { star: c0 }"),
    ("links: full", "links: [[a0, c0]]"),
    ("links: full", "links: [[a0, b0], [b0, a0]]"),
    ("links: full", "links: [[a0]]"),
    ("links: full", "links: { moon: a0 }"),
    // steps
    ("wait:", "await:"),
    ("wait: { finalized: 2, within: 6 epochs }", "wait"),
    (", within: 6 epochs }\nchecks", " }\nchecks"),
    ("finalized: 2, within", "finalized: two, within"),
    ("finalized: 2, within", "within"),
    ("finalized: 2, within", "finalized: 2, head_slot: 3, within"),
    ("within: 6 epochs }\nchecks", "within: 6 }\nchecks"),
    ("within: 6 epochs }\nchecks", "within: 6 epochs, nodes: [a0, c0] }\nchecks"),
    ("checks:", "  - wait: 4\nchecks:"),
    ("checks:", "  - start: a0\nchecks:"),
    ("checks:", "  - kill: { node: c0 }\nchecks:"),
    ("checks:", "  - kill: { node: b0, restart_after: soon }\nchecks:"),
    ("checks:", "  - stop: b0\n    start: b0\nchecks:"),
    ("checks:", "  - partition: { sides: [[a0, b0]] }\nchecks:"),
    ("checks:", "  - partition: { sides: [a0, [b0, a0]] }\nchecks:"),
    ("checks:", "  - partition: { sides: [a0, c0] }\nchecks:"),
    ("links: full\nsteps:", "  - { name: c0, role: B }\nsteps:\n  - partition: { sides: [a0, b0] }"),
    ("checks:", "  - partition: { sides: [a0, b0] }\n  - partition: { sides: [a0, b0] }\nchecks:"),
    ("checks:", "  - partition: { sides: [a0, b0], for: 1 epoch }\n  - heal\nchecks:"),
    ("checks:", "  - stop: b0\n  - pause: { node: b0 }\nchecks:"),
    ("checks:", "  - pause: { node: b0 }\n  - pause: { node: all }\nchecks:"),
    ("checks:", "  - pause: { node: b0 }\n  - stop: b0\n  - start: b0\n  - resume: b0\nchecks:"),
    ("checks:", "  - loss: { node: b0, share: 100% }\nchecks:"),
    ("checks:", "  - loss: { node: b0, share: 5% }\n  - loss: { node: all, share: 1%, for: 2 slots }\nchecks:"),
    ("checks:", "  - latency: { node: b0, by: 50ms, jitter: 60ms }\nchecks:"),
    ("checks:", "  - latency: { node: b0, by: 2 slots }\nchecks:"),
    ("checks:", "  - bandwidth: { node: b0, at_most: 0 kbit/s }\nchecks:"),
    ("checks:", "  - bandwidth: { node: b0, at_most: fast }\nchecks:"),
    ("checks:", "  - skew: { node: b0, by: -2h }\nchecks:"),
    ("checks:", "  - skew: { node: b0, by: soon }\nchecks:"),
    ("checks:", "  - engine: { node: b0, answer: SYNCING }\nchecks:"),
    ("checks:", "  - engine: { node: b0, answer: maybe }\nchecks:"),
    // checks
    ("  - peered", "  - peerd"),
    ("  - peered", "  - peered: { within: 30 }"),
    ("  - peered", "  - participation: { at_least: 0.9 }"),
    ("  - peered", "  - participation: { from: last epoch }"),
    ("  - peered", "  - finalized: { after: kill }"),
    ("  - peered", "  - no_finality"),
    ("  - peered", "  - synced: c0"),
    ("  - peered\n  - finalized: { within: 6 epochs }\n", "  []\n"),
];

#[test]
fn mistakes_are_shown_with_place_and_what_is_accepted() {
    let shown: Vec<_> = MISTAKES.iter().map(|(good, bad)| wrong(good, bad)).collect();
    insta::assert_snapshot!(shown.join("\n\n"));
}

#[test]
fn what_is_no_scenario_file_at_all_is_refused_with_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let noise: Vec<u8> = (0..4096u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for (name, content) in [("empty.yaml", Vec::new()), ("noise.yaml", noise), ("list.yaml", b"- 1\n".to_vec())] {
        let path = dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        let said = load(&path, &Options::default()).unwrap_err().to_string();
        assert!(said.contains(name), "{said}");
    }
    let said = load(&dir.path().join("absent.yaml"), &Options::default()).unwrap_err().to_string();
    assert!(said.contains("absent.yaml") && said.contains("No such file"), "{said}");
}
